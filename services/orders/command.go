package orders

import (
	"strings"

	"github.com/orderflow/orderflow/pkg/order"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// reasonOperator is the reason of holds that a person placed; only a person takes them away.
const reasonOperator = "operator"

// command carries out what an operator asks, or answers with CommandRefused: a command always leaves an event.
func (r Rules) command(d *draft) {
	c := d.trigger.Command
	switch body := c.GetBody().(type) {
	case *commandv1.Command_CancelOrder:
		r.commandCancel(d, c)
	case *commandv1.Command_HoldOrder:
		r.commandHold(d, c)
	case *commandv1.Command_ReleaseHold:
		r.commandRelease(d, c, body.ReleaseHold.GetKind())
	default:
		d.refuse("unknown", "orders knows no such command; is this an older version?")
	}
}

func (d *draft) refuse(command, reason string) {
	d.emit(&orderv1.CommandRefused{Command: command, Reason: reason})
}

func (r Rules) commandCancel(d *draft, c *commandv1.Command) {
	switch o := &d.state.Order; {
	case !o.Placed:
		d.refuse("cancel", "no such order was placed")
	case o.Historic:
		d.refuse("cancel", "the order was imported from the past and is only shown")
	case o.Ended():
		d.refuse("cancel", "the order has ended already")
	case o.Cancelling():
		d.refuse("cancel", "a cancellation is under way already")
	case d.state.Fulfillment.Shipped():
		d.refuse("cancel", "the parcel has left already")
	default:
		r.ask(d, operator(c.GetBy()), c.GetReason())
	}
}

func (r Rules) commandHold(d *draft, c *commandv1.Command) {
	switch o := &d.state.Order; {
	case !o.Placed:
		d.refuse("hold", "no such order was placed")
	case o.Historic:
		d.refuse("hold", "the order was imported from the past and is only shown")
	case o.Ended() || d.state.Completed():
		d.refuse("hold", "the order has ended already")
	case d.state.Fulfillment.Shipped():
		d.refuse("hold", "the parcel has left already")
	case o.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, reasonOperator):
		d.refuse("hold", "an operator holds it already")
	default:
		d.hold(question{orderv1.HoldKind_HOLD_KIND_OPERATOR, reasonOperator, c.GetReason()}, r.HoldDeadline)
	}
}

// commandRelease takes every hold of a kind away. A fraud hold is answered by a review instead, which stays on record.
func (r Rules) commandRelease(d *draft, c *commandv1.Command, kind string) {
	if kind == order.HoldName(orderv1.HoldKind_HOLD_KIND_FRAUD) {
		d.refuse("release", "a fraud hold ends with a review: decide it with clear or reject")
		return
	}
	var released bool
	for _, h := range d.state.Order.Holds {
		if order.HoldName(h.Kind) == strings.ToLower(kind) {
			d.emit(&orderv1.HoldReleased{Kind: h.Kind, By: operator(c.GetBy()), Reason: c.GetReason(), HoldReason: h.Reason})
			released = true
		}
	}
	if !released {
		d.refuse("release", "no hold of that kind stands")
	}
}

// operator never is a word that stands for a rule or a service, whatever a person calls himself: who asked decides
// whether a cancellation ends in expiry, and whether it is asked again.
func operator(by string) string {
	switch by {
	case "", order.ByRule, byShop, byPayment, byFraud, byExpiry:
		return "operator"
	}
	return by
}
