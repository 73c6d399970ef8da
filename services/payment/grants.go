package payment

import (
	"slices"
	"strings"

	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// A grant is our decision to give money back. What became of it is read from what the provider tells of the payment: the
// money went back, came back again, or the customer's bank took it first. A grant that failed is not decided again for
// the same reason: it would fail again, and whoever looks at the order sees that it was paid too much.

// What a grant is for, as its id begins.
const (
	forDuplicate = "duplicate:"
	forEnd       = "closed:"
)

// reasonDisputed is why a grant is not carried out whose money the customer's bank is taking: it would leave twice. It is
// the one failure that passes: if the bank gives the money back, it is decided anew.
const reasonDisputed = "disputed"

// settle says what became of grants, by whomever they were carried out.
func (d *draft) settle() {
	for _, p := range d.state.Payment.Payments() {
		for _, g := range d.state.Payment.Grants {
			if !p.Is(g.Names) || g.Amount.GetCurrency() != p.Currency {
				continue
			}
			taken := d.taken(p)
			switch there := p.Settled >= g.Until; {
			case !g.Settled && d.state.CarriedOut(g, p) && !d.replaced(g):
				d.emit(&paymentv1.RefundSettled{GrantId: g.ID})
			case !there && g.Settled:
				d.emit(&paymentv1.RefundFailed{GrantId: g.ID, Reason: "returned"})
			case !there && g.Failed == "" && taken > 0 && order.Add(g.Until, taken) > p.Captured:
				d.emit(&paymentv1.RefundFailed{GrantId: g.ID, Reason: reasonDisputed})
			}
		}
	}
}

// replaced says that a grant failed and that the same money was decided about anew: what goes back is the later one's
// doing, and is counted once.
func (d *draft) replaced(g order.Grant) bool {
	grants := d.state.Payment.Grants
	at := slices.IndexFunc(grants, func(other order.Grant) bool { return other.ID == g.ID })
	return g.Failed != "" && slices.ContainsFunc(grants[at+1:], func(later order.Grant) bool {
		return later.Failed == "" && d.samePayment(later, g) && order.Add(later.Until, -later.Amount.GetMinorUnits()) < g.Until
	})
}

func (d *draft) samePayment(a, b order.Grant) bool {
	return a.Amount.GetCurrency() == b.Amount.GetCurrency() && slices.ContainsFunc(d.state.Payment.Payments(), func(p order.SinglePayment) bool {
		return p.Is(a.Names) && p.Is(b.Names)
	})
}

// taken is what the customer's bank is taking of a payment, or has taken.
func (d *draft) taken(p order.SinglePayment) (minor int64) {
	for _, told := range d.state.Payment.Disputes() {
		open := told.Step == intakev1.DisputeStep_DISPUTE_STEP_OPENED || told.Step == intakev1.DisputeStep_DISPUTE_STEP_LOST
		if open && p.Is(told.Names) && told.Amount.GetCurrency() == p.Currency {
			minor = order.Add(minor, max(0, told.Amount.GetMinorUnits()))
		}
	}
	return minor
}

// refused says that a payment was to be given back for a reason, and could not be.
func (d *draft) refused(p order.SinglePayment, reason string) bool {
	return slices.ContainsFunc(d.state.Payment.Grants, func(g order.Grant) bool {
		return g.Failed != "" && g.Failed != reasonDisputed && p.Is(g.Names) && strings.HasPrefix(g.ID, reason)
	})
}

// grantID names a grant by its payment; a further one for the same payment (more was captured later, or a dispute was
// won) by its count.
func grantID(o *order.State, reason string, p order.SinglePayment) string {
	id := reason + p.Names[0]
	for o.Payment.Grant(id) != nil {
		id += "+"
	}
	return id
}
