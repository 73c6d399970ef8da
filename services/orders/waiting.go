package orders

import (
	"time"

	"github.com/orderflow/orderflow/pkg/order"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Holds that ask a person to look after one of our own services, which did not answer within its time.
var (
	holdService      = question{kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, reason: order.HoldServiceOverdue}
	holdCancellation = question{kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, reason: order.HoldCancellationOverdue}
)

// overdue says that a hold of that kind is to stand: a service has not answered in time, or the hold stands already,
// which is itself something that happened.
func (r Rules) overdue(d *draft, q question) bool {
	if d.state.Order.Held(q.kind, q.reason) {
		return true
	}
	due, ok := r.Patience().ServiceDue(d.state, d.now)
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
	sooner(r.Patience().ServiceDue(d.state, d.now))
	if o.Order.Cancelling() {
		return next
	}
	due, ok := r.Patience().PaymentDue(o)
	if o.Order.RecordedAt.IsZero() { // placed by this very decision
		due, ok = d.now.Add(r.PaymentDeadline), r.PaymentDeadline > 0
	}
	sooner(due, ok && !o.FundsCover())
	sooner(o.Inventory.Deadline, len(o.Inventory.Shortages) > 0)
	return next
}
