package paypal

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// reading is one event on its way to facts.
type reading struct {
	shop    source.ShopKey
	event   event
	at      *timestamppb.Timestamp
	trouble source.Trouble
	facts   []*intakev1.Fact
}

// types are the events that we know. Those without a function tell nothing that an order has to know: that a customer
// approved an order, for one, moves no money and reserves none.
var types = map[string]func(*reading){
	"CHECKOUT.ORDER.APPROVED":            nil,
	"CHECKOUT.ORDER.SAVED":               nil,
	"CHECKOUT.ORDER.VOIDED":              nil, // its authorizations are told by themselves
	"CHECKOUT.ORDER.PROCESSED":           nil,
	"CHECKOUT.PAYMENT-APPROVAL.REVERSED": nil,
	"CHECKOUT.ORDER.COMPLETED":           (*reading).completed,

	"PAYMENT.AUTHORIZATION.CREATED": (*reading).authorized,
	"PAYMENT.AUTHORIZATION.VOIDED":  (*reading).voided,

	"PAYMENT.CAPTURE.PENDING":   nil,
	"PAYMENT.CAPTURE.COMPLETED": (*reading).captured,
	"PAYMENT.CAPTURE.DENIED":    (*reading).denied,
	"PAYMENT.CAPTURE.DECLINED":  (*reading).denied,
	"PAYMENT.CAPTURE.REFUNDED":  (*reading).refunded,
	"PAYMENT.CAPTURE.REVERSED":  (*reading).reversed,

	"PAYMENT.REFUND.PENDING":   (*reading).refunded,
	"PAYMENT.REFUND.COMPLETED": (*reading).refunded,
	"PAYMENT.REFUND.FAILED":    (*reading).refunded,

	"PAYMENT.SALE.PENDING":   nil,
	"PAYMENT.SALE.COMPLETED": (*reading).captured,
	"PAYMENT.SALE.DENIED":    (*reading).denied,
	"PAYMENT.SALE.REFUNDED":  (*reading).refunded,
	"PAYMENT.SALE.REVERSED":  (*reading).reversed,

	"CUSTOMER.DISPUTE.CREATED":  (*reading).disputed,
	"CUSTOMER.DISPUTE.UPDATED":  (*reading).disputed,
	"CUSTOMER.DISPUTE.RESOLVED": (*reading).disputed,
}

// Read says what a verified event tells.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &reading{shop: a.Shop}
	readable := x.trouble.Unreadable(source.Decode(r.Body, &x.event))
	out := source.Reading{
		Topic: x.event.Type.String(), DeliveryID: x.event.ID.String(), Test: x.test(r),
		Headers: source.Keep(r.Header, headerCert, headerTime, "User-Agent", "Content-Type"),
	}
	if out.DeliveryID == "" {
		out.DeliveryID = source.BodyID(r.Body)
	}
	if readable {
		x.at = source.Time(x.event.CreateTime.String())
		if x.at == nil {
			x.at = source.Moment(r.ReceivedAt)
		}
		x.read(out.Topic)
	}
	out.Facts, out.Quarantine = x.facts, x.trouble.Quarantine()
	return out
}

// test says that the sandbox sent it: as its certificate says, and where there is none as its links do.
func (x *reading) test(r source.Request) bool {
	if r.Header.Get(headerCert) != "" {
		return sandbox(r.Header)
	}
	return test(x.event.Links)
}

func (x *reading) read(topic string) {
	if topic == "" {
		x.trouble.Missing("event_type")
		return
	}
	tell, known := types[topic]
	switch {
	case !known:
		x.trouble.Add(source.UnknownTopic, "no type of events that we read")
	case tell != nil:
		tell(x)
	}
}

// object fills the event's resource; false if there is none.
func (x *reading) object(into any) bool {
	if len(x.event.Resource) == 0 || string(x.event.Resource) == "null" {
		x.trouble.Missing("resource")
		return false
	}
	return x.trouble.Unreadable(source.Decode(x.event.Resource, into))
}

// began adds a fact about a payment that begins: about the order that it names.
func (x *reading) began(number source.Scalar, names []string, f *intakev1.Fact) {
	if n := x.number(number); n != "" {
		f.References = append(f.References, source.NumberRef(x.shop, n))
		if x.shop.Source == "checkout" {
			f.Order = source.Key(x.shop, n)
		}
	}
	f.References = append(f.References, names...)
	x.add(f)
}

// went adds a fact about what became of a payment: about the order to which its names lead. The number may be that of
// the refund, so it comes last.
func (x *reading) went(number source.Scalar, names []string, f *intakev1.Fact) {
	f.References = append(f.References, names...)
	if n := x.number(number); n != "" {
		f.References = append(f.References, source.NumberRef(x.shop, n))
	}
	x.add(f)
}

func (x *reading) add(f *intakev1.Fact) {
	if len(f.References) == 0 {
		x.trouble.Add(source.NoReference, "neither a payment nor an order is named")
		return
	}
	if f.GetOccurredAt() == nil {
		f.OccurredAt = x.at
	}
	x.facts = append(x.facts, f)
}

// number is the number of the order, without the # that people write before it.
func (x *reading) number(told source.Scalar) string {
	n := strings.TrimSpace(strings.TrimPrefix(told.String(), "#"))
	if n != "" && !source.IsName(n) {
		x.trouble.Bad("custom_id or invoice_id", "is too long for a number")
		return ""
	}
	return n
}

// named are PayPal's ids as names, those that are there, each once.
func (x *reading) named(ids ...source.Scalar) []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, s := range ids {
		id := s.String()
		if seen[id] {
			continue
		}
		seen[id] = true
		if !source.IsName(name + ":" + id) {
			x.trouble.Bad("an id", "is too long")
			continue
		}
		names = append(names, name+":"+id)
	}
	return names
}

// money reads an amount of either version of the API.
func (x *reading) money(field string, a amount) (*typev1.Money, bool) {
	code, value := source.Currency(first(a.CurrencyCode, a.Currency).String()), first(a.Value, a.Total)
	switch {
	case code == "":
		x.trouble.Missing(field + ".currency_code")
		return nil, false
	case value == "":
		x.trouble.Missing(field + ".value")
		return nil, false
	}
	exact, err := source.Money(value, code)
	if err != nil {
		x.trouble.Bad(field+".value", source.Why(err))
		return nil, false
	}
	return exact, true
}
