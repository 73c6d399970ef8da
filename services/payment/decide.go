package payment

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// Decide records what was told, then says what follows from where the sums now stand.
func Decide(o *order.State, t reactor.Trigger, now time.Time) (reactor.Decision, error) {
	lead, _ := t.Extra.(*names)
	d := &draft{state: o, trigger: t, now: now, names: lead}
	switch t.Kind {
	case reactor.Fact:
		if m, links := record(o, t); m != nil {
			d.emitAt(m, t.Fact.GetOccurredAt().AsTime())
			d.link(links)
		}
	case reactor.Command:
		d.emit(&paymentv1.CommandRefused{Command: "unknown", Reason: "payment takes no commands yet; is this an older version?"})
	default: // look at the order
	}
	d.elsewhere()
	d.follow()
	return d.decision, nil
}

// draft collects a decision and keeps the state as it would be with it.
type draft struct {
	state    *order.State
	trigger  reactor.Trigger
	now      time.Time
	names    *names
	decision reactor.Decision
}

func (d *draft) emit(m proto.Message) { d.emitAt(m, d.now) }

func (d *draft) emitAt(m proto.Message, at time.Time) {
	e := event.New{Message: m, Cause: d.trigger.Cause, OccurredAt: at}
	d.decision.Events = append(d.decision.Events, e)
	d.state = d.state.With(event.Payment, e)
}

// follow says what the sums mean for the order. Each part does nothing if it was said before.
func (d *draft) follow() {
	if d.state.Order.Historic || d.unsure() {
		return
	}
	d.settle()
	if d.state.Order.Ended() {
		d.giveBackAll("paid after the order had ended")
		return
	}
	if d.state.Order.Cancelling() {
		d.close()
		return
	}
	if d.state.Order.Placed {
		d.duplicates()
		d.compare()
	}
}

// duplicates finds payments that pay once more what the others already cover, newest first, and gives them back. Only
// what the provider itself reported under names of its own counts, on both sides of the comparison; what a bank disputes
// covers nothing.
func (d *draft) duplicates() {
	f := d.state.Funds()
	if f.Total <= 0 {
		return
	}
	candidates := d.ours(f.Currency, forDuplicate)
	kept := order.Add(-f.Disputed, -f.ChargedBy)
	for _, p := range candidates {
		kept = order.Add(kept, p.SurelyLeft())
	}
	slices.SortFunc(candidates, func(a, b order.SinglePayment) int {
		return cmp.Or(b.Since.Compare(a.Since), strings.Compare(b.Names[0], a.Names[0]))
	})
	for _, p := range candidates {
		without := order.Add(min(kept, d.state.Funds().Net()), -p.SurelyLeft())
		if without < f.Total || p.Refunded > 0 || d.taken(p) > 0 || !again(p, candidates, f.Total) {
			continue
		}
		kept = order.Add(kept, -p.SurelyLeft())
		amount := f.Money(p.SurelyLeft())
		d.emit(&paymentv1.DuplicatePaymentDetected{Names: p.Names, Amount: amount})
		d.emit(&paymentv1.RefundGranted{GrantId: grantID(d.state, forDuplicate, p), Names: p.Names, Amount: amount, Reason: "duplicate"})
	}
}

// again says that a payment pays what was paid before: the whole order, or a part of the amount of another payment. Any
// other amount may be meant for an edit of which the shop has not told us yet, and stays.
func again(p order.SinglePayment, all []order.SinglePayment, total int64) bool {
	return p.SurelyLeft() >= total || slices.ContainsFunc(all, func(o order.SinglePayment) bool {
		return !o.Is(p.Names) && o.SurelyLeft() == p.SurelyLeft()
	})
}

// ours are the payments that we may give back: the provider itself reported them under a name, just now and not from
// an import, it was told for no other order before, some of it is left, and it was not refused for that reason before.
// An empty currency means any.
func (d *draft) ours(currency, reason string) []order.SinglePayment {
	return slices.DeleteFunc(d.state.Payment.Payments(), func(p order.SinglePayment) bool {
		return len(p.Names) == 0 || p.Historic || p.SurelyLeft() == 0 || d.names.away(p.Names) || d.refused(p, reason) ||
			currency != "" && p.Currency != currency
	})
}

// compare remarks a mismatch once per kind, and that the funds are there after all, once.
func (d *draft) compare() {
	p, f := &d.state.Payment, d.state.Funds()
	kind := mismatch(d.state, f)
	if kind != "" && kind != p.Mismatched {
		d.emit(&paymentv1.AmountMismatched{Due: f.Money(f.Total), Captured: f.Money(f.Captured), Kind: kind})
		return
	}
	if kind == "" && p.Mismatched != "" && !p.Covered && d.state.FundsCover() {
		d.emit(&paymentv1.FundsCovered{Total: f.Money(f.Total), Captured: f.Money(f.Captured)})
	}
}

func mismatch(o *order.State, f order.Funds) string {
	switch {
	case o.ForeignFunds():
		return "currency"
	case f.Captured == 0 || f.GivenBack():
		return ""
	case f.Captured-f.Returned() < f.Total:
		return "under"
	case f.Net() > f.Total:
		return "over"
	}
	return ""
}

// close answers a cancellation, once fulfillment has said that nothing left the building.
func (d *draft) close() {
	o := d.state
	if o.Answered(o.Payment.Closed) || !o.Answered(o.Fulfillment.Closed) || o.Fulfillment.Closed.Refused != "" {
		return
	}
	before := o.Funds()
	granted := d.giveBackAll("cancelled")
	number := int32(o.Order.Cancellation.Number) //nolint:gosec // counts cancellations of one order
	d.emit(&paymentv1.PaymentClosed{Outcome: outcome(before, granted), Cancellation: number})
}

func outcome(f order.Funds, granted bool) string {
	switch {
	case granted:
		return "refund_granted"
	case f.Captured == 0:
		return "nothing_paid"
	case f.GivenBack():
		return "refunded"
	}
	return "left_to_shop" // only the shop told of the money, so the shop gives it back
}

// giveBackAll grants what is left of every payment that the provider itself reported, and never more than is left of
// all of them: what a shop gave back by itself or a bank took back is gone already. It says whether there was any.
func (d *draft) giveBackAll(reason string) bool {
	var granted bool
	for _, p := range d.ours("", forEnd) {
		f := d.state.FundsIn(p.Currency)
		amount := min(order.Add(p.SurelyLeft(), -d.taken(p)), f.Net())
		if amount <= 0 {
			continue
		}
		d.emit(&paymentv1.RefundGranted{GrantId: grantID(d.state, forEnd, p), Names: p.Names, Amount: f.Money(amount), Reason: reason})
		granted = true
	}
	return granted
}
