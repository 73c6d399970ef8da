package orders

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// timerLook is the one timer of an order: when to look at it again, at the latest, while it waits.
const timerLook = "look"

// lookEvery is how often an order that waits is looked at, whatever it waits for: often enough that a lost doorbell or
// a deadline of hours is noticed in time, rare enough to cost nothing.
const lookEvery = time.Hour

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
	default: // look at the order
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

func (d *draft) look(at time.Time) {
	if len(d.decision.Events) > 0 || d.trigger.Kind == reactor.TimerRing || d.state.Order.LatestRelease() != nil {
		d.decision.Timers = []reactor.Timer{{Kind: timerLook, At: at}}
	} // else an earlier decision has written it
}

func (d *draft) clear() { d.decision.Timers, d.decision.Clear = nil, []string{timerLook} }

// life looks at the order as a whole. Every part of it does nothing if there is nothing to do, so it may be looked at
// as often as a doorbell rings.
func (r Rules) life(d *draft) {
	switch o := &d.state.Order; {
	case o.Ended():
	case o.Historic:
		if o.Cancelling() { // asked before it was known to be imported: nothing was ever begun
			d.emit(&orderv1.OrderCancelled{Reason: o.Cancellation.Reason})
		}
	case o.Cancelling():
		r.converse(d)
	case !o.Placed:
	case d.state.Completed():
		if d.state.Fulfillment.Shipped() { // the parcel overtook whatever held it
			r.holds(d)
		}
	case r.mustStop(d):
		d.look(r.nextLook(d))
	default:
		r.holds(d)
		r.release(d)
		r.complete(d)
		r.deadlines(d)
	}
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
	d.emit(&orderv1.FulfillmentReleased{Lines: wanted, Priority: r.priority(d.state), Number: int32(number)})
	d.clear()
}

// releaseIsNews says that there was no release yet, that the latest one's label was voided, or that the order was
// edited since and there is no label, nor an attempt that may yet lead to one.
func (r Rules) releaseIsNews(o *order.State, wanted []*orderv1.LineQuantity) bool {
	latest := o.Order.LatestRelease()
	if latest == nil || o.Fulfillment.Shipped() {
		return latest == nil && !o.Fulfillment.Shipped()
	}
	switch parcel := o.Shipment(latest.Number); {
	case parcel != nil && parcel.Voided:
		return true
	case parcel != nil && parcel.Active():
		return false
	}
	return !order.SameLines(latest.Lines, wanted)
}

// priority compares in major units, so that the limit means the same in every currency's own exponent.
func (r Rules) priority(o *order.State) bool {
	currency := o.Order.Description.GetCurrency()
	exponent, err := money.Exponent(currency)
	if err != nil {
		return false // a currency without a table entry has no major unit to compare in
	}
	limit, err := money.Parse(cut(r.PriorityAbove, exponent), currency)
	if err != nil {
		return false // more than any order comes to
	}
	return o.Order.Description.GetTotals().GetTotal().GetMinorUnits() > limit.Minor
}

// complete ends an order that has nothing to ship and nothing to wait for. That everything was delivered follows from
// the carrier's scans (order.State.Completed); nobody has to record it.
func (r Rules) complete(d *draft) {
	if len(d.state.Wanted()) == 0 && d.state.Releasable() {
		d.emit(&orderv1.OrderCompleted{})
		d.clear()
	}
}

// deadlines keeps every closed gate from waiting for ever: while one is closed, there is a time at which the order is
// looked at again. What an expired deadline means is said where the gate is: an unpaid order expires, everything else
// becomes a question for a person.
func (r Rules) deadlines(d *draft) {
	o := d.state
	if o.Completed() || o.Fulfillment.Shipped() || o.Order.LatestRelease() != nil && o.Releasable() {
		return
	}
	d.look(r.nextLook(d))
}
