// Package fedex reads the webhooks of FedEx's Advanced Integrated Visibility
// (https://developer.fedex.com/api/en-us/catalog/shipment-visibility-webhook/docs.html).
//
//	fdx-signature: <base64 or hex>
//
// That is HMAC-SHA256 over the body under the project's security token. FedEx's pages say base64 in one sentence and
// hex in the next, so both are taken: they are told apart by their length. No time is signed; what is sent again does
// no harm, since a scan that was told is known (source.Parcel).
//
// The body has trackResults, as FedEx's Track API answers them, at its top or in output and completeTrackResults:
//
//	{"trackingNumberInfo": {"trackingNumber": "…"}, "latestStatusDetail": {…}, "scanEvents": [{…}], "error": {…}}
//
// Each of scanEvents is one scan; they come in any order. What latestStatusDetail says is one more if no scan says so.
// A result that has an error and nothing else is quarantined; the others of the same body are used. Times have their zone,
// except those of dateAndTimes, which are read as UTC.
//
// FedEx takes 200 and 202 alone for success.
package fedex

import "github.com/orderflow/orderflow/services/ingress/source"

const name = "fedex"

// Source is FedEx.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Carrier }

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error { return source.CheckKey(secret) }
