package projector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// payment is one payment under all of its names, with the time of its latest report.
type payment struct {
	order.SinglePayment
	last time.Time
}

// payments is one row per payment.
var payments = children("payments", "order_id", orderOf, (*facts).payments,
	one("payment", text, func(p payment) any { return some(first(p.Names)) }),
	one("names", list, func(p payment) any { return cleanAll(p.Names) }),
	one("provider", text, func(p payment) any { return some(p.Provider) }),
	one("status", text, func(p payment) any { return paymentStatus(p.SinglePayment) }),
	one("currency", text, func(p payment) any { return some(p.Currency) }),
	amount("authorized", func(p payment) money.Amount { return p.amount(p.Authorized) }),
	amount("captured", func(p payment) money.Amount { return p.amount(p.Captured) }),
	amount("refunded", func(p payment) money.Amount { return p.amount(p.Refunded) }),
	amount("granted", func(p payment) money.Amount { return p.amount(p.Granted) }),
	one("told_by_provider", flag, func(p payment) any { return p.ByProvider }),
	one("last_reported_at", instant, func(p payment) any { return when(p.last) }),
)

func (p payment) amount(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: p.Currency}
}

func (f *facts) payments() []payment {
	singles := f.state.Payment.Payments()
	all := make([]payment, len(singles))
	for i, p := range singles {
		all[i].SinglePayment = p
		for _, r := range f.state.Payment.Reports {
			if p.Is(r.Names) && r.At.After(all[i].last) {
				all[i].last = r.At
			}
		}
	}
	return all
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// paymentStatus is the word for one payment, by its sums: an attempt that failed does not undo one that succeeded.
func paymentStatus(p order.SinglePayment) string {
	switch {
	case p.Captured > 0 && p.Refunded >= p.Captured:
		return "refunded"
	case p.Captured > 0 && p.Refunded > 0:
		return "partially_refunded"
	case p.Captured > 0:
		return "captured"
	case p.Voided:
		return "voided"
	case p.Authorized > 0:
		return "authorized"
	case p.Failed:
		return "failed"
	}
	return "reported"
}

// refund is what one witness says of one refund, or a decision of ours.
type refund struct {
	toldBy, id, status string
	names              []string
	provider, reason   string
	amount             money.Amount
	at                 time.Time
	step               intakev1.RefundStep
}

// refunds is one row per refund and witness, and per decision of ours.
var refunds = children("refunds", "order_id", orderOf, (*facts).refunds,
	one("told_by", text, func(r refund) any { return r.toldBy }),
	one("refund", text, func(r refund) any { return some(r.id) }),
	one("status", text, func(r refund) any { return r.status }),
	one("names", list, func(r refund) any { return cleanAll(r.names) }),
	one("provider", text, func(r refund) any { return some(r.provider) }),
	one("currency", text, func(r refund) any { return some(r.amount.Currency) }),
	amount("amount", func(r refund) money.Amount { return r.amount }),
	one("is_total", flag, func(r refund) any { return r.id == "" }),
	one("reason", text, func(r refund) any { return some(r.reason) }),
	one("refunded_at", instant, func(r refund) any { return when(r.at) }),
)

// refunds keeps the furthest word on each refund, sorted by content so that arrival decides nothing.
func (f *facts) refunds() []refund {
	furthest := map[string]refund{}
	for _, r := range f.state.Payment.Refunds {
		told := refund{
			toldBy: word(r.Witness.String(), "WITNESS_"), id: r.ID, status: word(r.Step.String(), "REFUND_STEP_"),
			names: r.Names, provider: r.Provider, reason: r.Reason, amount: money.FromProto(r.Amount), at: r.At, step: r.Step,
		}
		key := told.toldBy + "\x00" + told.amount.Currency + "\x00" + told.id
		if told.id == "" {
			key += "\x00" + strings.Join(slices.Sorted(slices.Values(told.names)), "\x00")
		}
		if have, ok := furthest[key]; !ok || compareRefunds(told, have) > 0 {
			furthest[key] = told
		}
	}
	all := make([]refund, 0, len(furthest)+len(f.state.Payment.Grants))
	for _, r := range furthest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b refund) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.toldBy, b.toldBy), cmp.Compare(a.id, b.id), compareRefunds(a, b))
	})
	for _, g := range f.state.Payment.Grants {
		all = append(all, refund{
			toldBy: "us", id: g.ID, status: grantStatus(g), names: g.Names, reason: g.Reason, amount: money.FromProto(g.Amount), at: g.At,
		})
	}
	return all
}

// compareRefunds puts the later word on a refund last: failed after settled after pending, then by amount and content.
func compareRefunds(a, b refund) int {
	return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.amount.Minor, b.amount.Minor), a.at.Compare(b.at),
		slices.Compare(a.names, b.names), cmp.Compare(a.provider, b.provider), cmp.Compare(a.reason, b.reason),
		cmp.Compare(a.amount.Currency, b.amount.Currency))
}

func grantStatus(g order.Grant) string {
	switch {
	case g.Settled:
		return "settled"
	case g.Failed != "":
		return "failed"
	}
	return "granted"
}
