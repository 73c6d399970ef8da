// Package usps reads the notifications of USPS Subscriptions - Tracking (https://developers.usps.com/subscriptions-trackingv3).
//
//	X-HMAC: <base64>          or hmac-header
//
//	{"subscriptionId": "…", "subscriptionType": "TRACKING", "timestamp": "2026-07-23T14:32:00Z", "payload": "{…}", "links": []}
//
// Signed is timestamp + payload, both as decoded: HMAC-SHA256 under the subscription's secret. The envelope has to be
// read before it is known whose it is, so nothing else of it is believed, ever. A subscription made without a secret
// sends no header; it is refused. Where the timestamp ends and the payload begins is not signed, but at no other place
// does JSON begin that ends where the payload ends.
//
// The timestamp is signed but says when the notification was made, and nobody says when USPS gives up sending it: an old
// one is taken. What is sent again does no harm, since a scan that was told is known (source.Parcel).
//
// The payload is a text that holds JSON, as USPS's Tracking API answers it: each of trackingEvents is one scan, and what
// statusCategory or status says is one more if no event says so. Truth values are texts there, and mailClass holds HTML;
// neither is needed. Times are those of GMTTimestamp; else eventTimestamp with GMTOffset; else eventTimestamp as it
// stands, which is local. The payload by itself is read too.
package usps

import "github.com/orderflow/orderflow/services/ingress/source"

const name = "usps"

// Source is USPS.
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
