package orders

import (
	"github.com/orderflow/orderflow/pkg/order"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Who asks for a cancellation.
const (
	byShop    = "shop"
	byPayment = "payment"
	byFraud   = "fraud"
	byExpiry  = "expiry"
)

// cancelReported takes the shop's word that the order is cancelled. It may come before the order itself; it is asked
// once: a cancellation that was refused because the parcel had left is not asked again by the same news.
func (r Rules) cancelReported(d *draft, reason string) {
	o := &d.state.Order
	if o.Ended() || o.Cancelling() || refusedBefore(o, byShop) {
		return
	}
	r.ask(d, byShop, reason)
}

func refusedBefore(o *order.Order, by string) bool {
	return o.Cancellation != nil && o.Cancellation.Refused != "" && o.Cancellation.By == by
}

func (r Rules) ask(d *draft, by, reason string) {
	number := int32(1)
	if c := d.state.Order.Cancellation; c != nil {
		number = int32(c.Number) + 1 //nolint:gosec // counts cancellations of one order
	}
	d.emit(&orderv1.OrderCancelling{Reason: reason, By: by, Number: number})
}

// mustStop starts the same conversation by itself: fraud rejected the order, all its money went back, the bank took it
// back after the release, or nobody paid in time. It does nothing once a parcel has left.
func (r Rules) mustStop(d *draft) bool {
	o := d.state
	if o.Fulfillment.Shipped() {
		return false
	}
	by, reason := r.reasonToStop(d)
	if by == "" || refusedBefore(&o.Order, by) {
		return false
	}
	r.ask(d, by, reason)
	return true
}

func (r Rules) reasonToStop(d *draft) (by, reason string) {
	o := d.state
	f := o.Funds()
	switch {
	case o.Fraud.Rejected():
		return byFraud, "rejected"
	case f.GivenBack() && f.Refunded >= f.Captured:
		return byPayment, "refunded"
	case o.Order.LatestRelease() != nil && (f.Disputed > 0 || f.ChargedBy > 0):
		return byPayment, "disputed"
	case r.unpaid(d):
		return byExpiry, "not paid in time"
	}
	return "", ""
}

func (r Rules) unpaid(d *draft) bool {
	f := d.state.Funds()
	return r.PaymentDeadline > 0 && f.Due() > 0 && f.Captured == 0 && f.Authorized == 0 &&
		!d.state.Order.RecordedAt.IsZero() && !d.now.Before(d.paymentDue(r.PaymentDeadline))
}

// converse ends a cancellation when its answers are there: refused as soon as one could not close, done when all have.
func (r Rules) converse(d *draft) {
	o := d.state
	c := o.Order.Cancellation
	for _, part := range []struct {
		name   string
		closed *order.Closed
	}{{"fulfillment", o.Fulfillment.Closed}, {"inventory", o.Inventory.Closed}, {"payment", o.Payment.Closed}} {
		if o.Answered(part.closed) && part.closed.Refused != "" {
			d.emit(&orderv1.CancellationRefused{By: part.name, Reason: part.closed.Refused, Number: int32(c.Number)}) //nolint:gosec // small
			r.life(d)                                                                                                 // the order goes on from where it stood
			return
		}
	}
	if len(o.Unanswered()) > 0 {
		return
	}
	if c.By == byExpiry {
		d.emit(&orderv1.OrderExpired{Reason: c.Reason})
	} else {
		d.emit(&orderv1.OrderCancelled{Reason: c.Reason})
	}
	d.decision.Clear = append(d.decision.Clear, timerPayment, timerStock)
}
