package payment

import (
	"context"
	"slices"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// A payment pays for one order. A payment's names lead to the order that was the first to link them; another order of
// which the same payment is told records that, since somebody who may say so said it, and remarks that the payment was
// told elsewhere before. A person then says whether it counts.
//
// Two orders that are told of a payment at the same moment both find that its names lead nowhere. So nothing follows
// from a payment with new names until it is stored: its doorbell has the order looked at again, when every name leads
// somewhere, and the one that came second finds out before anything is given back.

// names is where the payment names of an order lead. Nil says that all of them are the order's own.
type names struct {
	elsewhere map[string]bool
	// nowhere are names in the news of this batch that nobody has linked yet.
	nowhere map[string]bool
}

// away says that one of a payment's names leads to another order.
func (n *names) away(payment []string) bool {
	return n != nil && slices.ContainsFunc(payment, func(name string) bool { return n.elsewhere[name] })
}

// fresh says that none of a payment's names leads anywhere yet.
func (n *names) fresh(payment []string) bool {
	return n != nil && len(payment) > 0 && !slices.ContainsFunc(payment, func(name string) bool { return !n.nowhere[name] })
}

// Resolver knows where names lead: the event store.
type Resolver interface {
	Resolve(ctx context.Context, refs []string) (map[string]ident.Entity, error)
}

// lookup finds out where names lead.
type lookup struct{ store Resolver }

func (l lookup) enrich(ctx context.Context, works []*reactor.Work) error {
	var all []string
	for _, w := range works {
		all = append(append(all, recorded(w)...), reported(w)...)
	}
	if len(all) == 0 {
		return nil
	}
	known, err := l.store.Resolve(ctx, all)
	if err != nil {
		return err
	}
	for _, w := range works {
		w.Extra = namesOf(w, known)
	}
	return nil
}

func namesOf(w *reactor.Work, known map[string]ident.Entity) *names {
	n := &names{elsewhere: map[string]bool{}, nowhere: map[string]bool{}}
	for _, name := range append(recorded(w), reported(w)...) {
		if id, ok := known[name]; ok && id != w.Entity {
			n.elsewhere[name] = true
		}
	}
	for _, name := range reported(w) {
		if _, ok := known[name]; !ok {
			n.nowhere[name] = true
		}
	}
	return n
}

// recorded are the names of the payments that the order has.
func recorded(w *reactor.Work) (all []string) {
	for _, r := range w.State.Payment.Reports {
		all = append(all, r.Names...)
	}
	return all
}

// reported are the names of the payments in the news. Refunds and disputes are of a payment that somebody else told of.
func reported(w *reactor.Work) (all []string) {
	for _, t := range w.Triggers {
		all = append(all, t.Fact.GetPaymentReported().GetNames()...)
	}
	return all
}

// link has names lead here from now on, unless they are of a payment that another order was told of: what else it is
// called is for that order to link.
func (d *draft) link(links []string) {
	if !d.names.away(links) {
		d.decision.Links = links
	}
}

// elsewhere remarks, once, that money of this order was told for another one before.
func (d *draft) elsewhere() {
	if d.state.Payment.Elsewhere {
		return
	}
	for _, p := range d.state.Payment.Payments() {
		if amount := max(p.Captured, p.Authorized); amount > 0 && d.names.away(p.Names) {
			f := d.state.FundsIn(p.Currency)
			d.emit(&paymentv1.AmountMismatched{Due: f.Money(f.Total), Captured: f.Money(amount), Kind: order.MismatchElsewhere})
			return
		}
	}
}

// unsure says that it shows only once this is stored whether all of the money is this order's.
func (d *draft) unsure() bool {
	return slices.ContainsFunc(d.state.Payment.Payments(), func(p order.SinglePayment) bool {
		return max(p.Captured, p.Authorized) > 0 && d.names.fresh(p.Names)
	})
}
