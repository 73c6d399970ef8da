// Package payload reads what shops of one's own tell, in a JSON format of ours: about one order, its payments, refunds,
// disputes and shipments, about a product or about stock. The sources checkout and b2b speak it; what is around it (the
// signature, the envelope, how an order is named, how many come in one body) is theirs.
//
// Amounts are in major units, as strings or numbers, and are read digit by digit. Times are RFC 3339. What each kind
// needs, optional parts in brackets:
//
//	order.created, order.placed, order.updated
//	                 currency, items [, subtotal, discount, shipping, tax, tax_included, total, customer,
//	                 shipping_address, billing_address, placed_at, updated_at, paid, payments, refunds]: the whole order
//	                 every time
//	order.cancelled  [reason]
//	order.paid       [amount or total, currency, payment {provider, id}, and items as above]: with the name of a payment
//	                 it is a payment, without one the shop's word
//	payment.authorized, payment.captured, payment.failed, payment.voided
//	                 payment {provider, id}, amount, currency [, movement_id, failure_code, risk_level, country]; without
//	                 movement_id the amount is the payment's total so far
//	refund.created, refund.updated, refund.failed
//	                 amount, currency [, refund {id, status, reason}, payment {provider, id}]; status is pending, settled
//	                 or failed, and settled if it is not told; without refund.id the amount is all that went back so far
//	dispute.warning, dispute.opened, dispute.won, dispute.lost
//	                 dispute {id, reason}, amount, currency [, payment {provider, id}]; a warning moves no money yet
//	shipment.created, shipment.updated, shipment.cancelled
//	                 shipment {id [, carrier, tracking_number or tracking_numbers, items]}: what somebody else than we
//	                 hands over, as it now stands; an item is {line_id or sku, quantity}
//	product.created, product.updated
//	                 product {id, sku [, title]}: which SKU the shop's own id stands for
//	stock.updated    sku or product_id, on_hand [, location]
//
// An item is {sku, quantity, price} and may have id, title, tax and discount (of the whole line), and fulfilled_by: us
// (the default), channel, or nobody for what needs no parcel. Where a price is for more than one piece, or finer than
// the currency, as contracts have it, there are price_per (pieces: 100) and amount (what the line comes to before its
// discount; needed where price × quantity / price_per is no whole amount). Such a line is told with the price of one
// rounded up, and what that is too much as a discount: it comes to exactly its amount. An item's currency, where it is
// told, has to be the order's.
//
// "paid" is what the shop's books say was paid so far. "payments" lists payments as {provider, id, amount [, status,
// movement_id, failure_code, risk_level, country, at]} with status authorized, captured (if it is not told), failed or
// voided; "refunds" lists refunds as {id, amount [, status, reason, provider, payment_id, at]}.
//
// "historic": true imports something from the past, "test": true is test data.
package payload

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Name is how an order is named.
type Name struct {
	// ID is the shop's immutable id, Number what people call the order; empty where they are not told.
	ID, Number string
	// Field is where the id stands, for whoever forgot it.
	Field string
}

// Reader reads one thing that a shop tells. Facts and what is wrong are collected in it.
type Reader struct {
	Shop source.ShopKey
	// Path is what stands before the names of fields, with a point at its end: data.
	Path  string
	Name  Name
	Data  *Data
	At    *timestamppb.Timestamp
	Facts []*intakev1.Fact

	Trouble source.Trouble

	kind string
}

// kinds are what can be told.
var kinds = map[string]func(*Reader){
	"order.created":      (*Reader).described,
	"order.placed":       (*Reader).described,
	"order.updated":      (*Reader).described,
	"order.cancelled":    (*Reader).cancelled,
	"order.paid":         (*Reader).paid,
	"payment.authorized": func(x *Reader) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED) },
	"payment.captured":   func(x *Reader) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_CAPTURED) },
	"payment.failed":     func(x *Reader) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_FAILED) },
	"payment.voided":     func(x *Reader) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_VOIDED) },
	"refund.created":     func(x *Reader) { x.refund(x.Data.Refund.Status) },
	"refund.updated":     func(x *Reader) { x.refund(x.Data.Refund.Status) },
	"refund.failed":      func(x *Reader) { x.refund("failed") },
	"dispute.warning":    func(x *Reader) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_WARNING) },
	"dispute.opened":     func(x *Reader) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_OPENED) },
	"dispute.won":        func(x *Reader) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_WON) },
	"dispute.lost":       func(x *Reader) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST) },
	"shipment.created":   func(x *Reader) { x.shipment(intakev1.ShipmentStep_SHIPMENT_STEP_CREATED) },
	"shipment.updated":   func(x *Reader) { x.shipment(intakev1.ShipmentStep_SHIPMENT_STEP_CREATED) },
	"shipment.cancelled": func(x *Reader) { x.shipment(intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED) },
	"product.created":    (*Reader).product,
	"product.updated":    (*Reader).product,
	"stock.updated":      (*Reader).stock,
}

// Knows says that there is such a kind.
func Knows(kind string) bool { return kinds[kind] != nil }

// Read tells of the data what it says, if it is of a kind that there is.
func (x *Reader) Read(kind string) {
	if tell := kinds[kind]; tell != nil {
		x.kind = kind
		tell(x)
	}
}

// Number is an order's number without the # that people write before it.
func Number(s source.Scalar) string {
	return strings.TrimSpace(strings.TrimPrefix(s.String(), "#"))
}

func (x *Reader) missing(field string)  { x.Trouble.Missing(x.Path + field) }
func (x *Reader) bad(field, why string) { x.Trouble.Bad(x.Path+field, why) }

// id is the order's id; empty, and noted, if it is too long.
func (x *Reader) id() string {
	for _, name := range []string{x.Name.ID, x.Name.Number} {
		if name != "" && !source.IsName(name) {
			x.bad(x.Name.Field, "is too long")
			return ""
		}
	}
	return x.Name.ID
}

// fact adds a fact about the order that is named, or to which one of the payment's names leads.
func (x *Reader) fact(at *timestamppb.Timestamp, names []string, f *intakev1.Fact) {
	if id := x.id(); id != "" {
		f.Order = source.Key(x.Shop, id)
		number := x.Name.Number
		if number == "" {
			number = id
		}
		f.References = append(f.References, source.NumberRef(x.Shop, number))
	}
	f.References = append(f.References, names...)
	if len(f.References) == 0 {
		x.Trouble.Add(source.NoReference, "neither "+x.Path+x.Name.Field+" nor "+x.Path+"payment names anything")
		return
	}
	x.add(at, f)
}

func (x *Reader) add(at *timestamppb.Timestamp, f *intakev1.Fact) {
	if at == nil {
		at = x.At
	}
	f.OccurredAt, f.Historic = at, x.Data.Historic == "true"
	x.Facts = append(x.Facts, f)
}

// Time reads an optional time.
func (x *Reader) Time(field string, s source.Scalar) *timestamppb.Timestamp {
	if s.String() == "" {
		return nil
	}
	at := source.Time(s.String())
	if at == nil {
		x.bad(field, "is not a time like 2026-03-01T12:00:00Z")
	}
	return at
}

// currency is the code of all amounts; empty, and noted, if there is none.
func (x *Reader) currency() string {
	code := source.Currency(x.Data.Currency.String())
	switch {
	case code != "":
	case x.Data.Currency.String() == "":
		x.missing("currency")
	default:
		x.bad("currency", "is no code of three letters")
	}
	return code
}

// amount reads an amount that has to be there.
func (x *Reader) amount(field string, s source.Scalar, currency string) (*typev1.Money, bool) {
	if s.String() == "" {
		x.missing(field)
		return nil, false
	}
	return x.optional(field, s, currency)
}

// optional reads an amount that may be missing: then it is nil, and all is well.
func (x *Reader) optional(field string, s source.Scalar, currency string) (*typev1.Money, bool) {
	if s.String() == "" {
		return nil, true
	}
	amount, err := source.Money(s, currency)
	if err != nil {
		x.bad(field, source.Why(err))
		return nil, false
	}
	return amount, true
}
