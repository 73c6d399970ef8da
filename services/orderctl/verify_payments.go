package orderctl

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/projector"
)

// paymentCheck looks for payments that count at two orders. The second order that is told of a payment remarks it and
// waits for a person; where two have the same payment and neither remarked it, both may be shipped for one's money.
type paymentCheck struct {
	// counts is where a payment counts without a remark, by each of its names.
	counts   map[string]ident.Entity
	findings []projector.Finding
}

func newPaymentCheck() *paymentCheck { return &paymentCheck{counts: map[string]ident.Entity{}} }

func (p *paymentCheck) check() projector.Check {
	return projector.Check{Visit: p.visit, Finish: p.finish}
}

func (p *paymentCheck) visit(o *order.State) {
	if o.Payment.Elsewhere {
		return
	}
	for _, payment := range o.Payment.Payments() {
		if payment.Captured > 0 {
			p.count(o.ID, payment.Names)
		}
	}
}

// count finds a payment once, however many names the two orders share. One that is told in several currencies is still
// one of the same order.
func (p *paymentCheck) count(id ident.Entity, names []string) {
	found := false
	for _, name := range names {
		first, ok := p.counts[name]
		switch {
		case !ok:
			p.counts[name] = id
		case first != id && !found:
			found = true
			p.findings = append(p.findings, projector.Finding{
				Kind: "payment", Entity: id.String(), What: "payment " + name + " counts at order " + first.String() + " as well",
			})
		}
	}
}

func (p *paymentCheck) finish(context.Context, pgx.Tx) ([]projector.Finding, error) {
	return p.findings, nil
}
