// Package easypost reads EasyPost's webhooks (https://docs.easypost.com/guides/webhooks-guide): what became of a parcel,
// whoever carries it.
//
//	X-Hmac-Signature: hmac-sha256-hex=<hex>
//
// That is HMAC-SHA256 over the body under the webhook's secret, whose text is brought to Unicode's form NFKD first: one
// that was typed with "é" is the same key however the keyboard wrote it. No time is signed; what is sent again does no
// harm, since a scan that was told is known (source.Parcel). Beside it comes X-Hmac-Signature-V2, which signs a time and the
// path as well; EasyPost's libraries do not look at it, and neither does this. EasyPost can send Basic auth in the URL
// instead; that is not taken.
//
//	{"id": "evt_…", "object": "Event", "description": "tracker.updated", "mode": "test", "result": {…}}
//
//	tracker.created, .updated                                  the parcel and all its scans so far, in any order, each time
//	batch, scan_form, insurance, refund, payment, report, …    nothing that an order needs
//
// Each of tracking_details is one scan. Their times are the carrier's local ones though they end in Z, or have no zone;
// they are taken as they stand. A tracker's own status is told as a scan if no detail says so. A Tracker without its
// event, as the API answers it, is read too.
package easypost

import (
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const name = "easypost"

// Source is EasyPost.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Carrier }

// Habits are of who sends: EasyPost waits about 7 s.
func (Source) Habits() source.Habits { return source.Habits{Answer: 5500 * time.Millisecond} }

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error { return source.CheckKey(secret) }
