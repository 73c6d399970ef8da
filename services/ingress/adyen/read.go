package adyen

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// reading is one webhook on its way to facts.
type reading struct {
	account  source.Account
	received *timestamppb.Timestamp
	trouble  source.Trouble
	facts    []*intakev1.Fact
}

// codes are the event codes that we know. Those without a function tell nothing that an order has to know.
var codes = map[string]func(*reading, *item){
	"AUTHORISATION":            (*reading).authorised,
	"AUTHORISATION_ADJUSTMENT": (*reading).adjusted,
	"CAPTURE":                  (*reading).captured,
	"CAPTURE_FAILED":           (*reading).captureFailed,
	"CANCELLATION":             (*reading).cancelled,
	"TECHNICAL_CANCEL":         (*reading).cancelled,
	"EXPIRE":                   (*reading).cancelled,
	"OFFER_CLOSED":             (*reading).offerClosed,
	"CANCEL_OR_REFUND":         (*reading).cancelledOrRefunded,
	"REFUND":                   (*reading).refunded,
	"REFUND_WITH_DATA":         (*reading).refunded,
	"POSTPONED_REFUND":         (*reading).postponedRefund,
	"REFUND_FAILED":            (*reading).refundFailed,
	"REFUNDED_REVERSED":        (*reading).refundFailed,

	"REQUEST_FOR_INFORMATION":           disputed(warning),
	"NOTIFICATION_OF_CHARGEBACK":        disputed(warning),
	"CHARGEBACK":                        disputed(opened),
	"CHARGEBACK_REVERSED":               disputed(won),
	"SECOND_CHARGEBACK":                 disputed(lost),
	"PREARBITRATION_WON":                disputed(won),
	"PREARBITRATION_LOST":               disputed(lost),
	"ISSUER_RESPONSE_TIMEFRAME_EXPIRED": nil, // what it means for the money is told by the others
	"DISPUTE_DEFENSE_PERIOD_ENDED":      nil,
	"ISSUER_COMMENTS":                   nil,
	"INFORMATION_SUPPLIED":              nil,
	"NOTIFICATION_OF_FRAUD":             nil,
	"PENDING":                           nil,
	"MANUAL_REVIEW_ACCEPT":              nil,
	"MANUAL_REVIEW_REJECT":              nil, // the cancellation that follows is told by itself
	"AUTHENTICATION":                    nil,
	"AUTORESCUE":                        nil,
	"CANCEL_AUTORESCUE":                 nil,
	"ORDER_OPENED":                      nil, // of parts of a payment, each of which is told by itself
	"ORDER_CLOSED":                      nil,
	"DONATION":                          nil,
	"RECURRING_CONTRACT":                nil,
	"REPORT_AVAILABLE":                  nil,
	"PAYOUT_THIRDPARTY":                 nil,
	"PAYOUT_DECLINE":                    nil,
	"PAYOUT_EXPIRE":                     nil,
	"PROCESS_RETRY":                     nil,
	"PAIDOUT_REVERSED":                  nil,
	"HANDLED_EXTERNALLY":                nil,
}

// Read says what a verified webhook tells: of each of its items, in order.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	x := &reading{account: a, received: source.Moment(r.ReceivedAt)}
	n, readable := unpack(r.Body, &x.trouble)
	out := source.Reading{
		Topic: n.topic(), DeliveryID: n.id(r.Body), Test: n.Live == "false" || n.Environment == "test",
		Headers: source.Keep(r.Header, "User-Agent", "Content-Type"),
	}
	switch {
	case !readable:
	case len(n.Items) > mostItems:
		x.trouble.Bad("notificationItems", "are more than Adyen sends; none of them was read")
	case len(n.Items) > 0:
		for i := range n.Items {
			x.read(&n.Items[i], len(n.Items) == 1)
		}
	case out.Topic == "":
		x.trouble.Missing("notificationItems or type")
	}
	out.Facts, out.Quarantine = x.facts, x.trouble.Quarantine()
	return out
}

// topic is what happened: the event codes of the items, each once, or the type of a platform's webhook.
func (n *notification) topic() string {
	var all []string
	for i := range n.Items {
		if code := n.Items[i].EventCode.String(); !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	if len(all) == 0 {
		return first(n.Type, n.EventType).String()
	}
	return strings.Join(all, ",")
}

// id is what stays the same when something is told again. Adyen gives deliveries no id; an item is the same if it is
// about the same, of the same code and with the same outcome.
func (n *notification) id(body []byte) string {
	if len(n.Items) == 0 {
		return source.BodyID(body)
	}
	var all []string
	for i := range n.Items {
		it := &n.Items[i]
		all = append(all, join(source.Scalar(it.PSPReference.String()), source.Scalar(it.EventCode.String()), source.Scalar(it.Success.String())))
	}
	if len(all) == 1 {
		return all[0]
	}
	return source.BodyID([]byte(strings.Join(all, "\n")))
}

func (x *reading) read(i *item, alone bool) {
	code, success := i.EventCode.String(), i.Success.String()
	tell, known := codes[code]
	switch {
	case code == "":
		x.trouble.Missing("eventCode")
	case !known && alone:
		x.trouble.Add(source.UnknownTopic, "no event code that we read")
	case !known:
		x.trouble.Bad("the eventCode of an item", "is none that we read")
	case tell == nil:
	case i.PSPReference.String() == "":
		x.trouble.Missing("pspReference")
	case success != "true" && success != "false":
		x.trouble.Bad("success", "is neither true nor false")
	default:
		tell(x, i)
	}
}

// ok says that what the item tells of was done; otherwise it was tried.
func (i *item) ok() bool { return i.Success.String() == "true" }

// payment is the name of the payment that the item is about: its own, or the one that it modifies.
func (i *item) payment() source.Scalar { return first(i.OriginalReference, i.PSPReference) }

// began adds a fact about a payment that begins: about the order that it names.
func (x *reading) began(i *item, names []string, f *intakev1.Fact) {
	if number := x.number(i); number != "" {
		f.References = append(f.References, source.NumberRef(x.account.Shop, number))
		if x.account.Shop.Source == "checkout" {
			f.Order = source.Key(x.account.Shop, number)
		}
	}
	f.References = append(f.References, names...)
	x.add(i, f)
}

// went adds a fact about what became of a payment: about the order to which its name leads. The number may be that of
// the modification, so it comes last.
func (x *reading) went(i *item, names []string, f *intakev1.Fact) {
	f.References = append(f.References, names...)
	if number := x.number(i); number != "" {
		f.References = append(f.References, source.NumberRef(x.account.Shop, number))
	}
	x.add(i, f)
}

func (x *reading) add(i *item, f *intakev1.Fact) {
	if len(f.References) == 0 {
		x.trouble.Add(source.NoReference, "neither a payment nor an order is named")
		return
	}
	f.OccurredAt = x.received
	if at := source.Time(i.EventDate.String()); at != nil {
		f.OccurredAt = at
	}
	x.facts = append(x.facts, f)
}

// number is the number of the order, without the # that people write before it.
func (x *reading) number(i *item) string {
	number := strings.TrimSpace(strings.TrimPrefix(i.MerchantReference.String(), "#"))
	if number != "" && !source.IsName(number) {
		x.trouble.Bad("merchantReference", "is too long for a number")
		return ""
	}
	return number
}

// named is an id as a name; none if it is too long.
func (x *reading) named(id source.Scalar) []string {
	n := name + ":" + id.String()
	if !source.IsName(n) {
		x.trouble.Bad("pspReference or originalReference", "is too long")
		return nil
	}
	return []string{n}
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
