package checkout

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// reading is one delivery on its way to facts.
type reading struct {
	shop    source.ShopKey
	topic   string
	data    *data
	at      *timestamppb.Timestamp
	trouble source.Trouble
	facts   []*intakev1.Fact
}

// types are the types that we know.
var types = map[string]func(*reading){
	"order.created":      (*reading).described,
	"order.updated":      (*reading).described,
	"order.cancelled":    (*reading).cancelled,
	"order.paid":         (*reading).paid,
	"payment.authorized": func(x *reading) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED) },
	"payment.captured":   func(x *reading) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_CAPTURED) },
	"payment.failed":     func(x *reading) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_FAILED) },
	"payment.voided":     func(x *reading) { x.payment(intakev1.PaymentStep_PAYMENT_STEP_VOIDED) },
	"refund.created":     (*reading).refund,
	"dispute.opened":     func(x *reading) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_OPENED) },
	"dispute.won":        func(x *reading) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_WON) },
	"dispute.lost":       func(x *reading) { x.dispute(intakev1.DisputeStep_DISPUTE_STEP_LOST) },
	"stock.updated":      (*reading).stock,
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &reading{shop: source.ShopKey{Source: name, Account: a.Name}, at: source.Moment(r.ReceivedAt)}
	var e event
	out := source.Reading{DeliveryID: standard.DeliveryID(r), Headers: source.Keep(r.Header, standard.HeaderTimestamp, "User-Agent", "Content-Type")}
	readable := x.trouble.Unreadable(source.Decode(r.Body, &e))
	x.topic, x.data = e.Type.String(), e.Data
	out.Topic = x.topic
	if readable {
		x.read(e)
	}
	out.Test = x.data != nil && x.data.Test == "true"
	out.Facts, out.Quarantine = x.facts, x.trouble.Quarantine()
	return out
}

func (x *reading) read(e event) {
	tell, known := types[x.topic]
	switch {
	case x.topic == "":
		x.trouble.Missing("type")
		return
	case !known:
		x.trouble.Add(source.UnknownTopic, "no type that we read")
		return
	case e.Data == nil:
		x.trouble.Missing("data")
		return
	}
	if at := x.time("timestamp", e.Timestamp); at != nil {
		x.at = at
	}
	tell(x)
}

// number is the order's number and id, without the # that people write before it.
func (x *reading) number() string {
	number := strings.TrimSpace(strings.TrimPrefix(x.data.OrderNumber.String(), "#"))
	if number != "" && !source.IsName(number) {
		x.trouble.Bad("data.order_number", "is too long")
		return ""
	}
	return number
}

// fact adds a fact about the order that is named, or to which one of the payment's names leads.
func (x *reading) fact(names []string, f *intakev1.Fact) {
	if number := x.number(); number != "" {
		f.Order = source.Key(x.shop, number)
		f.References = append(f.References, source.NumberRef(x.shop, number))
	}
	f.References = append(f.References, names...)
	if len(f.References) == 0 {
		x.trouble.Add(source.NoReference, "neither data.order_number nor data.payment names anything")
		return
	}
	f.OccurredAt, f.Historic = x.at, x.data.Historic == "true"
	x.facts = append(x.facts, f)
}

// time reads an optional time.
func (x *reading) time(field string, s source.Scalar) *timestamppb.Timestamp {
	if s.String() == "" {
		return nil
	}
	at := source.Time(s.String())
	if at == nil {
		x.trouble.Bad(field, "is not a time like 2026-03-01T12:00:00Z")
	}
	return at
}

// currency is the code of all amounts; empty, and noted, if there is none.
func (x *reading) currency() string {
	code := source.Currency(x.data.Currency.String())
	switch {
	case code != "":
	case x.data.Currency.String() == "":
		x.trouble.Missing("data.currency")
	default:
		x.trouble.Bad("data.currency", "is no code of three letters")
	}
	return code
}

// amount reads an amount that has to be there.
func (x *reading) amount(field string, s source.Scalar, currency string) (*typev1.Money, bool) {
	if s.String() == "" {
		x.trouble.Missing(field)
		return nil, false
	}
	return x.optional(field, s, currency)
}

// optional reads an amount that may be missing: then it is nil, and all is well.
func (x *reading) optional(field string, s source.Scalar, currency string) (*typev1.Money, bool) {
	if s.String() == "" {
		return nil, true
	}
	amount, err := source.Money(s, currency)
	if err != nil {
		x.trouble.Bad(field, source.Why(err))
		return nil, false
	}
	return amount, true
}

// stock tells of what is on hand.
func (x *reading) stock() {
	sku, location := x.data.SKU.String(), x.data.Location.String()
	onHand, ok := x.data.OnHand.Int()
	switch {
	case sku == "":
		x.trouble.Missing("data.sku")
	case !source.IsName(sku) || location != "" && !source.IsName(location):
		x.trouble.Bad("data.sku or data.location", "is too long")
	case x.data.OnHand.String() == "":
		x.trouble.Missing("data.on_hand")
	case !ok:
		x.trouble.Bad("data.on_hand", "is not a whole number of 64 bits")
	default:
		x.facts = append(x.facts, &intakev1.Fact{
			OccurredAt: x.at, Historic: x.data.Historic == "true",
			Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Sku: sku, Location: location, OnHand: onHand}},
		})
	}
}
