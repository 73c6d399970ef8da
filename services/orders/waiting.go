package orders

import (
	"time"

	"github.com/orderflow/orderflow/pkg/order"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Holds that ask a person to look after one of our own services, which did not answer within its time.
var (
	holdService      = question{kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, reason: "service_overdue"}
	holdCancellation = question{kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, reason: "cancellation_overdue"}
)

// awaitedServices are our own services that keep a gate closed and that nothing keeps from opening it.
func awaitedServices(o *order.State) []string {
	var awaited []string
	if f := o.Funds(); !o.Fraud.Scored && (f.Captured > 0 || f.Authorized > 0 || f.Total <= 0) {
		awaited = append(awaited, "fraud")
	}
	if !o.FullyAllocated() && len(o.Inventory.Shortages) == 0 && !o.Fulfillment.Labelled() {
		awaited = append(awaited, "inventory")
	}
	return awaited
}

// serviceDue is until when a service of ours has to answer: some time after the last thing that happened to the order.
// False if none is awaited, or if it may take for ever.
func (r Rules) serviceDue(d *draft) (time.Time, bool) {
	since := d.state.LastRecorded
	if since.IsZero() {
		since = d.now
	}
	return since.Add(r.ServiceDeadline), r.ServiceDeadline > 0 && (d.state.Order.Cancelling() || len(awaitedServices(d.state)) > 0)
}

// overdue says that a hold of that kind is to stand: a service has not answered in time, or the hold stands already,
// which is itself something that happened.
func (r Rules) overdue(d *draft, q question) bool {
	if d.state.Order.Held(q.kind, q.reason) {
		return true
	}
	due, ok := r.serviceDue(d)
	return ok && !d.state.LastRecorded.IsZero() && !d.now.Before(due)
}

// nextLook is when an order that waits is looked at again at the latest: at the next deadline of a closed gate, or when
// it is time to look at every waiting order.
func (r Rules) nextLook(d *draft) time.Time {
	o := d.state
	next := d.now.Add(lookEvery)
	sooner := func(at time.Time, ok bool) {
		if ok && at.After(d.now) && at.Before(next) {
			next = at
		}
	}
	sooner(r.serviceDue(d))
	if o.Order.Cancelling() {
		return next
	}
	due, ok := r.paymentDue(d)
	if o.Order.RecordedAt.IsZero() { // placed by this very decision
		due, ok = d.now.Add(r.PaymentDeadline), r.PaymentDeadline > 0
	}
	sooner(due, ok && !o.FundsCover())
	sooner(o.Inventory.Deadline, len(o.Inventory.Shortages) > 0)
	return next
}
