// Package paypal reads webhooks of PayPal (https://developer.paypal.com/api/rest/webhooks).
//
// PayPal signs with its private key; the certificate stands at a URL that each request names, and the account is told
// apart by the id of its webhook:
//
//	PAYPAL-TRANSMISSION-ID     69cd13f0-d67a-11e5-baa3-778b53f4ae55
//	PAYPAL-TRANSMISSION-TIME   2026-03-01T12:00:00Z
//	PAYPAL-TRANSMISSION-SIG    base64 of RSA with SHA-256 over id|time|webhook id|CRC-32 of the body, in decimal
//	PAYPAL-CERT-URL            https://api.paypal.com/v1/notifications/certs/CERT-…
//	PAYPAL-AUTH-ALGO           SHA256withRSA
//
// Of the body only a CRC-32 is signed, which anybody can make another body for: whoever has seen a signed delivery could
// send it with other words. TLS keeps deliveries from being seen; the time bounds how long one that was seen is of use.
// PayPal comes again for three days and does not say whether with a new time, so that this is how old a time may be.
//
// What PayPal's simulator sends is signed, too, but for a webhook whose id is the word WEBHOOK_ID: anybody can have it sent
// to any address, so that it is refused. Payments in PayPal's sandbox send what is signed for the webhook's own id.
//
// PayPal has payments and no orders of ours. The order's number at the shop that this account is bound to stands in
// custom_id of the purchase unit, or where that is empty in invoice_id; where that shop is a checkout of one's own, it is
// the order's immutable id. Refunds may have numbers of their own, which only lead to an order if the payment is not
// known. A payment's names are PayPal's ids of its order, its authorization and its captures.
//
//	paypal.go    the source
//	verify.go    signatures
//	wire.go      the parts of PayPal's resources that we need
//	read.go      from an event to facts: the table of types
//	payment.go   orders, authorizations, captures and refunds    dispute.go  disputes and reversals
package paypal

import (
	"errors"
	"regexp"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that PayPal gives a name.
const name = "paypal"

// Source is PayPal.
type Source struct{}

var (
	_ source.Source    = Source{}
	_ source.Certified = Source{}
	_ source.Keyed     = Source{}
)

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Payments }

// Setting is the name of the setting that holds the webhook's id.
func (Source) Setting() string { return "PAYPAL_WEBHOOK_ID" }

var webhookID = regexp.MustCompile(`^[A-Za-z0-9]{8,64}$`)

// CheckSecret says what is wrong with the id of a webhook. A private key may follow it, for Sign.
func (Source) CheckSecret(secret string) error {
	id, key := source.NameAndKey(secret)
	if !webhookID.MatchString(id) {
		return errors.New("it has to be the id of the webhook as PayPal shows it: letters and digits")
	}
	if key == "" {
		return nil
	}
	_, err := source.PrivateKey(key)
	return err
}
