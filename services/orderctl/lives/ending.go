package lives

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

// Ending is what an order came to, as lines of words: all of it has to be equal, however a life was told.
//
// What is not in it may differ: the timeline and versions; labels that were void before anything left; which of two
// payments goes back (that one does, and how much, is in it); the score of a risk (the verdict is in it), since it is
// taken once, with what is known by then, and not at all of an order that has ended or
// for which there is no money; how many mails told of refunds (the sum that they told is in it), and whether
// an order that ended was confirmed, or told to be held, before that.
type Ending []string

func (e Ending) String() string { return strings.Join(e, "\n") }

func (m *Memory) ending(l Life) Ending {
	o := m.State(l.Order)
	var e Ending
	say := func(format string, args ...any) { e = append(e, fmt.Sprintf(format, args...)) }
	say("status %s, payment %s", o.Status(), o.PaymentStatus())
	say("described as %x, %d facts without an order", o.Order.Description.GetContentHash(), m.Parked())
	if f := o.Funds(); !o.Order.Ended() && (f.Captured > 0 || f.Authorized > 0) {
		say("fraud %s", o.Fraud.Verdict)
	}
	for _, h := range sorted(o.Order.Holds, func(h order.Hold) string { return order.HoldName(h.Kind) + ":" + h.Reason }) {
		say("held %s", h)
	}
	for _, currency := range []string{"USD", "JPY", "EUR"} {
		f := o.FundsIn(currency)
		say("%s: total %d, authorised %d, paid %d, refunded %d, pending %d, disputed %d, charged back %d, given %d, net %d, due %d", currency, f.Total,
			f.Authorized, f.Captured, f.Refunded, f.Pending, f.Disputed, f.ChargedBy, f.Given(), f.Net(), f.Due())
	}
	for _, p := range o.Payment.Payments() {
		if l.Twice {
			continue // whichever went back has more names, from its refund
		}
		say("payment %v: authorised %d, captured %d, refunded %d, voided %t, failed %t, since %s", p.Names, p.Authorized, p.Captured, p.Refunded, p.Voided, p.Failed, p.Since)
	}
	for _, line := range o.Lines() {
		say("line %s %s: ordered %d, cancelled %d, allocated %d, backordered %d, released %d, shipped %d, delivered %d, returned %d", line.ID, line.SKU,
			line.Ordered, line.Cancelled, line.Allocated, line.Backordered, line.Released, line.Shipped, line.Delivered, line.Returned)
	}
	say("%d labels that are not void", len(m.Carrier.Live()))
	for _, s := range sorted(o.Fulfillment.Scans, func(s order.Scan) string { return fmt.Sprintf("%s %s %s", s.ID, s.Step, s.At) }) {
		say("scan %s", s)
	}
	for _, sku := range l.SKUs {
		say("stock of %s: %s, shipped %d", sku, levelsOf(m, sku), m.shelves.shipped[sku])
	}
	for _, mail := range mails(o) {
		say("mail %s", mail)
	}
	return e
}

func levelsOf(m *Memory, sku string) string {
	var all []string
	for _, l := range m.shelves.rows[ident.SKU(sku)].Levels.GetLevels() {
		all = append(all, fmt.Sprintf("%s %d, reserved %d", l.GetLocation(), l.GetOnHand(), l.GetReserved()))
	}
	return strings.Join(all, "; ")
}

// mails are what the customer was told, by kind.
func mails(o *order.State) []string {
	counts := map[notificationv1.Kind]int{}
	refunded := ""
	for _, n := range o.Notification.Sent {
		counts[n.Kind]++
		if n.Kind == notificationv1.Kind_KIND_REFUNDED && (len(n.Subject) > len(refunded) || len(n.Subject) == len(refunded) && n.Subject > refunded) {
			refunded = n.Subject
		}
	}
	kinds := []notificationv1.Kind{notificationv1.Kind_KIND_SHIPPED, notificationv1.Kind_KIND_DELIVERED, notificationv1.Kind_KIND_CANCELLED}
	if !o.Order.Ended() && len(o.Order.Holds) == 0 && o.FundsCover() {
		kinds = append(kinds, notificationv1.Kind_KIND_CONFIRMED)
	}
	var all []string
	for _, k := range kinds {
		all = append(all, fmt.Sprintf("%s %d", k, counts[k]))
	}
	return append(all, "refunded up to "+refunded)
}

func sorted[T any](values []T, word func(T) string) []string {
	var words []string
	for _, v := range values {
		words = append(words, word(v))
	}
	slices.SortFunc(words, cmp.Compare)
	return words
}

// Differences are the lines that are not in both.
func (e Ending) Differences(other Ending) []string {
	var all []string
	for _, l := range e {
		if !slices.Contains(other, l) {
			all = append(all, "- "+l)
		}
	}
	for _, l := range other {
		if !slices.Contains(e, l) {
			all = append(all, "+ "+l)
		}
	}
	return all
}
