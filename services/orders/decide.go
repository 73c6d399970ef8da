package orders

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Timers of an order.
const (
	timerPayment = "payment_deadline"
	timerStock   = "stock_deadline"
)

// Rules decide about orders. They are pure: state, trigger and time in, a decision out.
type Rules struct {
	Config
	// Digest is a keyed hash, so that a description's content can be compared without storing what a person's name
	// or address would hash to.
	Digest func(content []byte) []byte
}

// Decide is the one entrance: the news itself first, then whatever follows from where the order now stands.
func (r Rules) Decide(o *order.State, t reactor.Trigger, now time.Time) (reactor.Decision, error) {
	d := &draft{state: o, trigger: t, now: now}
	switch t.Kind {
	case reactor.Fact:
		r.fact(d)
	case reactor.Command:
		r.command(d)
	}
	r.life(d)
	return d.decision, nil
}

// draft collects a decision and keeps the state as it would be with it.
type draft struct {
	state    *order.State
	trigger  reactor.Trigger
	now      time.Time
	decision reactor.Decision
}

func (d *draft) emit(m proto.Message) { d.emitAt(event.New{Message: m, OccurredAt: d.now}) }

func (d *draft) emitAt(e event.New) {
	e.Cause = d.trigger.Cause
	d.decision.Events = append(d.decision.Events, e)
	d.state = d.state.With(event.Order, e)
}

// life looks at the order as a whole. Every part of it does nothing if there is nothing to do, so it may be looked at
// as often as a doorbell rings.
func (r Rules) life(d *draft) {
	o := d.state
	if o.Order.Historic || o.Order.Ended() || o.Order.Completed {
		return
	}
	if o.Order.Cancelling() {
		r.converse(d)
		return
	}
	if !o.Order.Placed {
		return
	}
	if r.mustStop(d) {
		return
	}
	r.holds(d)
	r.release(d)
	r.complete(d)
	r.deadlines(d)
}

// release lets the order go once every gate is open and what may go is not what already went.
func (r Rules) release(d *draft) {
	wanted := d.state.Wanted()
	if len(wanted) == 0 || !d.state.Releasable() || !r.releaseIsNews(d.state, wanted) {
		return
	}
	number := 1
	if latest := d.state.Order.LatestRelease(); latest != nil {
		number = latest.Number + 1
	}
	d.emit(&orderv1.FulfillmentReleased{Lines: wanted, Priority: r.priority(d.state), Number: int32(number)}) //nolint:gosec // counts releases of one order
	d.decision.Clear = append(d.decision.Clear, timerPayment, timerStock)
}

// releaseIsNews says that there was no release yet, that the latest one's label was voided, or that the order was
// edited since and no label was asked for.
func (r Rules) releaseIsNews(o *order.State, wanted []*orderv1.LineQuantity) bool {
	latest := o.Order.LatestRelease()
	if latest == nil {
		return true
	}
	parcel := o.Shipment(latest.Number)
	if parcel != nil {
		return parcel.Voided && !o.Fulfillment.Shipped()
	}
	return !sameLines(latest.Lines, wanted)
}

func sameLines(a, b []*orderv1.LineQuantity) bool {
	return slices.EqualFunc(a, b, func(x, y *orderv1.LineQuantity) bool { return proto.Equal(x, y) })
}

// priority compares in major units, so that the limit means the same in every currency's own exponent.
func (r Rules) priority(o *order.State) bool {
	limit, err := money.Parse(r.PriorityAbove, o.Order.Description.GetCurrency())
	if err != nil {
		return false // a currency without a table entry has no major unit to compare in
	}
	return o.Order.Description.GetTotals().GetTotal().GetMinorUnits() > limit.Minor
}

// complete ends an order of which everything was delivered, or that has nothing to ship and nothing to wait for.
func (r Rules) complete(d *draft) {
	o := d.state
	if len(o.Wanted()) == 0 {
		if o.Releasable() {
			d.emit(&orderv1.OrderCompleted{})
		}
		return
	}
	for _, l := range o.Lines() {
		if order.Ours(l.Described) && l.Delivered < l.Ordered {
			return
		}
	}
	d.emit(&orderv1.OrderCompleted{})
}

// deadlines keeps every closed gate from waiting for ever: an unpaid order expires, a back-order becomes a question.
func (r Rules) deadlines(d *draft) {
	o := d.state
	if o.Order.LatestRelease() != nil || o.Order.Completed {
		return
	}
	if r.PaymentDeadline > 0 && len(d.decision.Events) > 0 && o.Order.Edits == 0 && !o.FundsCover() {
		d.wake(timerPayment, d.paymentDue(r.PaymentDeadline))
	}
	if !o.Inventory.Deadline.IsZero() && len(o.Inventory.Shortages) > 0 && d.now.Before(o.Inventory.Deadline) {
		d.wake(timerStock, o.Inventory.Deadline)
	}
}

func (d *draft) paymentDue(after time.Duration) time.Time {
	since := d.state.Order.RecordedAt
	if since.IsZero() {
		since = d.now
	}
	return since.Add(after)
}

func (d *draft) wake(kind string, at time.Time) {
	d.decision.Timers = append(d.decision.Timers, reactor.Timer{Kind: kind, At: at})
}
