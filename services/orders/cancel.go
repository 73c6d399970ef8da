package orders

import (
	"slices"
	"strings"

	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
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
// once: a cancellation that was refused because the parcel had left is not asked again by the same news. Of an imported
// order nothing was ever begun, so there is nobody to ask.
func (r Rules) cancelReported(d *draft, f *intakev1.Fact, reason string) {
	switch o := &d.state.Order; {
	case o.Ended():
	case o.Historic, f.GetHistoric() && !o.Placed:
		d.emit(&orderv1.OrderCancelled{Reason: reason})
	case o.Cancelling(), refusedBefore(o, byShop):
	default:
		r.ask(d, byShop, reason)
	}
}

func refusedBefore(o *order.Order, by string) bool {
	return slices.ContainsFunc(o.Refusals, func(c order.Cancellation) bool { return c.By == by })
}

func (r Rules) ask(d *draft, by, reason string) {
	number := int32(1)
	if c := d.state.Order.Cancellation; c != nil {
		number = int32(c.Number) + 1 //nolint:gosec // counts cancellations of one order
	}
	d.emit(&orderv1.OrderCancelling{Reason: reason, By: by, Number: number})
}

// mustStop starts the same conversation by itself: fraud rejected the order, all its money went back, the bank took it
// back for good, or nobody paid in time. It does nothing once a parcel has left, ours or somebody else's. A dispute that is still open closes the
// gate of the payment, which voids the label, and no more: whether it is told before or after the release, and before or
// after its end, must not decide what becomes of the order.
func (r Rules) mustStop(d *draft) bool {
	if d.state.Fulfillment.Shipped() || d.state.ShippedElsewhere() {
		return false
	}
	for _, why := range r.reasonsToStop(d) {
		if !refusedBefore(&d.state.Order, why.by) {
			r.ask(d, why.by, why.reason)
			return true
		}
	}
	return false
}

type reasonToStop struct{ by, reason string }

func (r Rules) reasonsToStop(d *draft) []reasonToStop {
	o := d.state
	f := o.Funds()
	var reasons []reasonToStop
	if o.Fraud.Rejected() {
		reasons = append(reasons, reasonToStop{byFraud, "rejected"})
	}
	switch {
	case f.GivenBack() && f.Refunded >= f.Captured && !f.Ahead(): // else a payment is still to be told
		reasons = append(reasons, reasonToStop{byPayment, "refunded"})
	case f.ChargedBy > 0 && f.Due() > 0:
		reasons = append(reasons, reasonToStop{byPayment, "charged back"})
	}
	if r.paymentOverdue(d) && !o.MoneyHeard() {
		reasons = append(reasons, reasonToStop{byExpiry, "not paid in time"})
	}
	return reasons
}

// paymentOverdue says that the time to pay is over and the funds do not cover the order.
func (r Rules) paymentOverdue(d *draft) bool {
	due, ok := r.Patience().PaymentDue(d.state)
	return ok && !d.state.FundsCover() && !d.now.Before(due)
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
	if missing := o.Unanswered(); len(missing) > 0 {
		r.remind(d, missing)
		return
	}
	if c.By == byExpiry {
		d.emit(&orderv1.OrderExpired{Reason: c.Reason})
	} else {
		d.emit(&orderv1.OrderCancelled{Reason: c.Reason})
	}
	d.clear()
}

// remind makes a cancellation that is not answered in time visible to a person. It goes on by itself once it is.
func (r Rules) remind(d *draft, missing []string) {
	if r.overdue(d, holdCancellation) && !d.state.Order.Held(holdCancellation.kind, holdCancellation.reason) {
		d.hold(question{holdCancellation.kind, holdCancellation.reason, strings.Join(missing, ", ") + " has not answered its cancellation"}, r.HoldDeadline)
	}
	d.look(r.nextLook(d))
}
