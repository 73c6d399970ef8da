// Package adyen reads webhooks of Adyen in JSON (https://docs.adyen.com/development-resources/webhooks).
//
// The standard webhook holds notification items, each signed by itself in additionalData.hmacSignature. The signature
// covers eight fields of the item and nothing else: pspReference, originalReference, merchantAccountCode,
// merchantReference, value, currency, eventCode and success. What we take from elsewhere (the time, the reason, whether a
// cancel-or-refund was the one or the other, live or test) Adyen does not sign; it travels under TLS alone. Webhooks of
// Adyen's platforms are signed as a whole in the header hmacsignature; they say nothing about orders.
//
// Adyen has payments and no orders. merchantReference of an AUTHORISATION is the order's number at the shop that this
// account is bound to; where that shop is a checkout of one's own, the number is the order's immutable id. Modifications
// (captures, refunds …) and disputes name the payment as originalReference; their merchantReference may be a reference of
// their own, so that it only leads to an order if the payment is not known.
//
// An AUTHORISATION says that money may be taken, a CAPTURE that it was. Adyen captures by itself unless it was told
// otherwise, and then tells of no CAPTURE: an account that does so has its capture set to automatic, and an AUTHORISATION
// counts as captured.
//
//	adyen.go     the source
//	verify.go    signatures
//	wire.go      the parts of an item that we need
//	read.go      from items to facts: the table of event codes
//	payment.go   payments and refunds    dispute.go  disputes
package adyen

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that Adyen gives a name.
const name = "adyen"

// Source is Adyen.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Payments }

// Habits are of who sends: Adyen waits 10 s.
func (Source) Habits() source.Habits { return source.Habits{Answer: 8 * time.Second} }

// shortestKey is half of what Adyen makes: shorter ones are none of its.
const shortestKey = 16

// CheckSecret says what is wrong with an HMAC key.
func (Source) CheckSecret(secret string) error {
	_, err := key(secret)
	return err
}

func key(secret string) ([]byte, error) {
	k, err := hex.DecodeString(secret)
	if err != nil || len(k) < shortestKey {
		return nil, errors.New("it has to be the HMAC key as Adyen shows it: at least 32 hexadecimal digits")
	}
	return k, nil
}
