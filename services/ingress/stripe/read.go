package stripe

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// reading is one event on its way to facts.
type reading struct {
	account string
	shop    source.ShopKey
	event   event
	at      *timestamppb.Timestamp
	trouble source.Trouble
	facts   []*intakev1.Fact
}

// types are the events that we know. Those without a function tell nothing that an order has to know.
var types = map[string]func(*reading){
	"payment_intent.created":                   nil,
	"payment_intent.processing":                nil,
	"payment_intent.requires_action":           nil,
	"payment_intent.partially_funded":          nil,
	"payment_intent.succeeded":                 (*reading).intentSucceeded,
	"payment_intent.amount_capturable_updated": (*reading).intentAuthorized,
	"payment_intent.payment_failed":            (*reading).intentFailed,
	"payment_intent.canceled":                  (*reading).intentCanceled,

	"charge.pending":   nil,
	"charge.succeeded": (*reading).charged,
	"charge.captured":  (*reading).charged,
	"charge.updated":   (*reading).charged,
	"charge.failed":    (*reading).chargeFailed,
	"charge.expired":   (*reading).chargeExpired,
	"charge.refunded":  (*reading).chargeRefunded,

	"charge.refund.updated": (*reading).refund,
	"refund.created":        (*reading).refund,
	"refund.updated":        (*reading).refund,
	"refund.failed":         (*reading).refund,

	"charge.dispute.created":          (*reading).dispute,
	"charge.dispute.updated":          (*reading).dispute,
	"charge.dispute.closed":           (*reading).dispute,
	"charge.dispute.funds_withdrawn":  (*reading).dispute,
	"charge.dispute.funds_reinstated": (*reading).dispute,

	"checkout.session.completed":               (*reading).sessionPaid,
	"checkout.session.async_payment_succeeded": (*reading).sessionPaid,
	"checkout.session.async_payment_failed":    (*reading).sessionFailed,
	"checkout.session.expired":                 nil,
}

// Read says what a verified event tells. Its version is not looked at: what counts is whether the fields are there.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &reading{account: a.Name, shop: a.Shop}
	readable := x.trouble.Unreadable(source.Decode(r.Body, &x.event))
	out := source.Reading{
		Topic: x.event.Type.String(), DeliveryID: x.event.ID.String(), Test: x.event.Livemode == "false",
		Headers: source.Keep(r.Header, "User-Agent", "Content-Type"),
	}
	if out.DeliveryID == "" {
		out.DeliveryID = source.BodyID(r.Body)
	}
	if readable {
		x.at = source.Moment(r.ReceivedAt)
		if seconds, ok := x.event.Created.Int(); ok && source.Unix(seconds) != nil {
			x.at = source.Unix(seconds)
		}
		x.read(out.Topic)
	}
	out.Facts, out.Quarantine = x.facts, x.trouble.Quarantine()
	return out
}

func (x *reading) read(topic string) {
	if topic == "" {
		x.trouble.Missing("type")
		return
	}
	tell, known := types[topic]
	switch {
	case strings.HasPrefix(x.event.Object.String(), "v2."):
		x.trouble.Add(source.UnknownTopic, "a thin event, which names its object and does not hold it: have the endpoint send snapshots")
	case x.event.Account.String() != "" && !strings.EqualFold(x.event.Account.String(), x.account):
		x.trouble.Add(source.AccountMismatch, "it happened in a connected account, whose events are read at the path that ends in its id")
	case !known:
		x.trouble.Add(source.UnknownTopic, "no type of events that we read")
	case tell != nil:
		tell(x)
	}
}

// object fills the event's object; false if there is none.
func (x *reading) object(into any) bool {
	if len(x.event.Data.Object) == 0 || string(x.event.Data.Object) == "null" {
		x.trouble.Missing("data.object")
		return false
	}
	return x.trouble.Unreadable(source.Decode(x.event.Data.Object, into))
}

// fact adds a fact about the order that the metadata names, or to which one of the names leads.
func (x *reading) fact(m metadata, names []string, f *intakev1.Fact) {
	number := m.orderNumber()
	if number != "" && !source.IsName(number) {
		x.trouble.Bad("data.object.metadata.order_number", "is too long for a number")
		number = ""
	}
	if number != "" {
		f.References = append(f.References, source.NumberRef(x.shop, number))
		if x.shop.Source == checkout {
			f.Order = source.Key(x.shop, number)
		}
	}
	f.References = append(f.References, names...)
	if len(f.References) == 0 {
		x.trouble.Add(source.NoReference, "neither a payment nor an order is named")
		return
	}
	f.OccurredAt = x.at
	x.facts = append(x.facts, f)
}

// named are Stripe's ids as names, those that are there, each once.
func (x *reading) named(ids ...string) []string {
	var names []string
	seen := map[string]bool{"": true}
	for _, id := range ids {
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

// number reads an amount; false, and noted, if it is missing or none.
func (x *reading) number(field string, s source.Scalar) (int64, bool) {
	if s.String() == "" {
		x.trouble.Missing("data.object." + field)
		return 0, false
	}
	n, ok := s.Int()
	if !ok {
		x.trouble.Bad("data.object."+field, "is not a whole number of 64 bits")
	}
	return n, ok
}

// first is the first scalar that tells something.
func first(scalars ...source.Scalar) source.Scalar {
	for _, s := range scalars {
		if s.String() != "" {
			return s
		}
	}
	return ""
}

func decimal(n int64) source.Scalar { return source.Scalar(strconv.FormatInt(n, 10)) }
