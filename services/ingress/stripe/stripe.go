// Package stripe reads webhooks of Stripe (https://docs.stripe.com/webhooks).
//
// Stripe has payments and no orders. The order that a payment is for stands in the metadata of the payment intent (or
// the checkout session), under the order number of the shop that this Stripe account is bound to:
//
//	order_number   1001 (a leading # is passed over)
//	items          [{"sku":"MUG","quantity":2,"price":"12.50","title":"Mug"}], prices in major units; as a value of
//	               metadata holds 500 characters, it may go on in items_1, items_2 …
//	shipping, tax, discount, customer_email    optional; amounts in major units
//
// Where that shop is a checkout of one's own, the number is the order's immutable id, and items describe the order: as
// a draft, which the checkout's own description replaces. Of any other shop the number only leads to the order.
//
// Events of accounts that are connected to ours (Connect) name theirs. They are read only at the path whose account is
// that id in small letters, /webhooks/stripe/acct_1nv0fgdwgorrzo4y, with a shop of its own: order numbers of several
// shops under one account would be taken for each other's. Elsewhere they are quarantined.
//
//	stripe.go    the source
//	verify.go    signatures
//	wire.go      the parts of Stripe's objects that we need, in old and new shapes
//	read.go      from an event to facts: the table of types
//	events/      asks Stripe what it has sent
//	payment.go   intents, charges and sessions    back.go  refunds and disputes    order.go  metadata
package stripe

import (
	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that Stripe gives a name.
const name = "stripe"

// Source is Stripe.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Payments }

// CheckSecret says what is wrong with an endpoint's secret.
func (Source) CheckSecret(secret string) error { return source.CheckKey(secret) }
