package order

import (
	"maps"
	"slices"
	"strings"
	"time"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Funds are an order's sums in one currency, in minor units.
//
// A payment provider's own reports and the shop's are two accounts of the same money: each is added up by itself and
// the larger one counts. So nothing is counted twice when both tell of it, and a shop's word alone is enough.
type Funds struct {
	Currency   string
	Total      int64 // due for the order; 0 while the order is unknown
	Authorized int64 // open authorisations, not yet captured
	Captured   int64
	Refunded   int64 // settled
	Pending    int64 // refunds on their way
	Disputed   int64 // open disputes
	ChargedBy  int64 // lost disputes: money that is gone
	Granted    int64 // our own decisions to give back, whether done or not
}

// Given is what went back or will: the larger of what happened and what we decided, since the one leads to the other.
func (f Funds) Given() int64 { return max(add(f.Refunded, f.Pending), f.Granted) }

// Net is what is ours of the captured money after refunds, grants and disputes.
func (f Funds) Net() int64 {
	return add(f.Captured, -f.Given(), -f.Disputed, -f.ChargedBy)
}

// GivenBack says that everything that was captured went back, or will.
func (f Funds) GivenBack() bool { return f.Captured > 0 && f.Given() >= f.Captured }

// Due is what is still missing before the order may be shipped; negative if more was paid than is due. A partial
// refund is the shop's generosity and asks the customer for nothing; a full one means that nothing is paid.
func (f Funds) Due() int64 {
	if f.GivenBack() {
		return f.Total
	}
	return add(f.Total, -f.Captured, f.Disputed, f.ChargedBy)
}

// SinglePayment is one payment under all of its names, in one currency.
type SinglePayment struct {
	Names      []string // sorted
	Provider   string
	Currency   string
	Authorized int64
	Captured   int64
	Voided     bool
	Failed     bool
	// Refunded is what went back of this payment or is on its way, Granted what we decided to give back of it.
	Refunded int64
	Granted  int64
	// Last is the newest of its reports, by the provider's clock.
	Last time.Time
	// ByProvider says that the payment provider itself told of it, not only the shop.
	ByProvider bool
	// Told is what each witness says was captured.
	told [3]int64
}

// Funds sums the payment facet in the order's currency; in the only currency told while the order is unknown.
func (s *State) Funds() Funds {
	f := Funds{Currency: s.currency()}
	if s.Order.Description != nil {
		f.Total = s.Order.Description.GetTotals().GetTotal().GetMinorUnits()
	}
	payments := s.Payment.Payments()
	f.Captured = max(captured(payments, f.Currency, intakev1.Witness_WITNESS_PROVIDER),
		captured(payments, f.Currency, intakev1.Witness_WITNESS_SHOP), s.Payment.claimed(f.Currency))
	for _, p := range payments {
		if p.Currency == f.Currency && !p.Voided {
			f.Authorized = add(f.Authorized, max(0, add(p.Authorized, -p.Captured)))
		}
	}
	f.Refunded, f.Pending = s.Payment.refunded(f.Currency)
	for _, d := range s.Payment.Disputes {
		switch {
		case d.Amount.GetCurrency() != f.Currency:
		case d.Step == intakev1.DisputeStep_DISPUTE_STEP_OPENED:
			f.Disputed = add(f.Disputed, d.Amount.GetMinorUnits())
		case d.Step == intakev1.DisputeStep_DISPUTE_STEP_LOST:
			f.ChargedBy = add(f.ChargedBy, d.Amount.GetMinorUnits())
		}
	}
	for _, g := range s.Payment.Grants {
		if g.Amount.GetCurrency() == f.Currency && g.Failed == "" {
			f.Granted = add(f.Granted, g.Amount.GetMinorUnits())
		}
	}
	return f
}

// ForeignFunds says that money came in a currency that is not the order's: never added, always a question.
func (s *State) ForeignFunds() bool {
	currency := s.currency()
	for _, p := range s.Payment.Payments() {
		if p.Captured > 0 && p.Currency != currency {
			return true
		}
	}
	return false
}

func (s *State) currency() string {
	if s.Order.Description != nil {
		return s.Order.Description.GetCurrency()
	}
	for _, r := range s.Payment.Reports {
		return r.Amount.GetCurrency()
	}
	for _, c := range s.Payment.Claims {
		return c.Amount.GetCurrency()
	}
	for _, r := range s.Payment.Refunds {
		return r.Amount.GetCurrency()
	}
	return ""
}

// Payments joins reports that share a name, directly or through others, and sums each payment. Sorted by first name.
func (p *Payment) Payments() []SinglePayment {
	var out []SinglePayment
	for _, group := range p.joined() {
		out = append(out, single(group)...)
	}
	for i := range out {
		p.giveBack(&out[i])
	}
	slices.SortFunc(out, func(a, b SinglePayment) int {
		return strings.Compare(a.Currency+"\x00"+strings.Join(a.Names, "\x00"), b.Currency+"\x00"+strings.Join(b.Names, "\x00"))
	})
	return out
}

// giveBack fills in what went back of one payment, by either witness, and what we decided to give back.
func (p *Payment) giveBack(s *SinglePayment) {
	for _, w := range []intakev1.Witness{intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP} {
		a := p.refundAccounts(s.Currency, w)[p.roots().of(s.Names)]
		s.Refunded = max(s.Refunded, add(a.settled, a.pending))
	}
	for _, g := range p.Grants {
		if g.Failed == "" && g.Amount.GetCurrency() == s.Currency && shareName(g.Names, s.Names) {
			s.Granted = add(s.Granted, g.Amount.GetMinorUnits())
		}
	}
}

// Left is what is still ours of this payment.
func (s SinglePayment) Left() int64 { return max(0, add(s.Captured, -max(s.Refunded, s.Granted))) }

// Is says that a name is one of this payment's.
func (s SinglePayment) Is(names []string) bool { return shareName(s.Names, names) }

// joined groups the reports of one payment.
func (p *Payment) joined() [][]Report {
	roots := p.roots()
	byRoot := map[string][]Report{}
	for _, r := range p.Reports {
		root := roots.of(r.Names)
		byRoot[root] = append(byRoot[root], r)
	}
	groups := make([][]Report, 0, len(byRoot))
	for _, root := range slices.Sorted(maps.Keys(byRoot)) {
		groups = append(groups, byRoot[root])
	}
	return groups
}

// roots leads every name of a payment to the smallest of all its names.
type roots map[string]string

// roots joins names that were told together, of payments and of refunds alike. Orders have few reports, so going over
// them until nothing changes is cheap.
func (p *Payment) roots() roots {
	var told [][]string
	for _, r := range p.Reports {
		told = append(told, r.Names)
	}
	for _, r := range p.Refunds {
		told = append(told, r.Names)
	}
	known := roots{}
	for changed := true; changed; {
		changed = false
		for _, names := range told {
			root := known.of(names)
			for _, n := range names {
				if have, ok := known[n]; !ok || have != root {
					known[n], changed = root, true
				}
			}
		}
	}
	return known
}

// of is the smallest name that any of the names leads to so far; empty without names.
func (r roots) of(names []string) string {
	root := ""
	for _, n := range names {
		if have, ok := r[n]; ok && have < n {
			n = have
		}
		if root == "" || n < root {
			root = n
		}
	}
	return root
}

func shareName(a, b []string) bool {
	return slices.ContainsFunc(a, func(n string) bool { return slices.Contains(b, n) })
}

// single sums one payment, once per currency that was told of it.
func single(group []Report) []SinglePayment {
	var currencies, names []string
	for _, r := range group {
		names = append(names, r.Names...)
		currencies = append(currencies, r.Amount.GetCurrency())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	slices.Sort(currencies)
	var out []SinglePayment
	for _, currency := range slices.Compact(currencies) {
		s := SinglePayment{Names: names, Currency: currency}
		for _, w := range []intakev1.Witness{intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP} {
			s.told[w] = movements(group, currency, w, intakev1.PaymentStep_PAYMENT_STEP_CAPTURED)
			s.Captured = max(s.Captured, s.told[w])
			s.Authorized = max(s.Authorized, movements(group, currency, w, intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED))
		}
		for _, r := range group {
			s.ByProvider = s.ByProvider || r.Witness == intakev1.Witness_WITNESS_PROVIDER
			s.Voided = s.Voided || r.Step == intakev1.PaymentStep_PAYMENT_STEP_VOIDED
			if r.At.After(s.Last) {
				s.Last = r.At
			}
			s.Failed = s.Failed || r.Step == intakev1.PaymentStep_PAYMENT_STEP_FAILED
			if s.Provider == "" || r.Provider < s.Provider {
				s.Provider = r.Provider
			}
		}
		out = append(out, s)
	}
	return out
}

// movements is what one witness says of one step: the larger of the total so far and the sum of single movements.
func movements(group []Report, currency string, w intakev1.Witness, step intakev1.PaymentStep) int64 {
	var cumulative int64
	byID := map[string]int64{}
	for _, r := range group {
		if r.Step != step || r.Witness != w || r.Amount.GetCurrency() != currency {
			continue
		}
		if r.ID == "" {
			cumulative = max(cumulative, r.Amount.GetMinorUnits())
		} else {
			byID[r.ID] = max(byID[r.ID], r.Amount.GetMinorUnits())
		}
	}
	return max(cumulative, sum(byID))
}

func captured(payments []SinglePayment, currency string, w intakev1.Witness) int64 {
	var total int64
	for _, p := range payments {
		if p.Currency == currency {
			total = add(total, p.told[w])
		}
	}
	return total
}

// claimed is the shop's newest word; ties of its clock go to the larger amount.
func (p *Payment) claimed(currency string) int64 {
	var best Claim
	for _, c := range p.Claims {
		if c.Amount.GetCurrency() != currency {
			continue
		}
		if c.At.After(best.At) || c.At.Equal(best.At) && c.Amount.GetMinorUnits() > best.Amount.GetMinorUnits() {
			best = c
		}
	}
	return best.Amount.GetMinorUnits()
}

// refunded is what went back and what is on its way: per witness, payment by payment, the larger of the total so far
// and the sum by refund id; then the larger account of the two.
func (p *Payment) refunded(currency string) (settled, pending int64) {
	for _, w := range []intakev1.Witness{intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP} {
		s, open := p.refundedBy(currency, w)
		settled, pending = max(settled, s), max(pending, open)
	}
	return settled, pending
}

func (p *Payment) refundedBy(currency string, w intakev1.Witness) (settled, pending int64) {
	for _, a := range p.refundAccounts(currency, w) {
		settled, pending = add(settled, a.settled), add(pending, a.pending)
	}
	return settled, pending
}

// refundAccount is what one witness says of one payment's refunds.
type refundAccount struct{ settled, pending int64 }

func (p *Payment) refundAccounts(currency string, w intakev1.Witness) map[string]refundAccount {
	roots := p.roots()
	cumulative, byID := map[string]int64{}, map[string]map[string]Refund{}
	for _, r := range p.Refunds {
		if r.Witness != w || r.Amount.GetCurrency() != currency {
			continue
		}
		root := roots.of(r.Names)
		if byID[root] == nil {
			byID[root] = map[string]Refund{}
		}
		if r.ID == "" {
			cumulative[root] = max(cumulative[root], r.Amount.GetMinorUnits())
		} else if have, ok := byID[root][r.ID]; !ok || further(r, have) {
			byID[root][r.ID] = r
		}
	}
	accounts := map[string]refundAccount{}
	for root, refunds := range byID {
		var done, open int64
		for _, r := range refunds {
			switch r.Step {
			case intakev1.RefundStep_REFUND_STEP_SETTLED:
				done = add(done, r.Amount.GetMinorUnits())
			case intakev1.RefundStep_REFUND_STEP_PENDING:
				open = add(open, r.Amount.GetMinorUnits())
			}
		}
		settled := max(cumulative[root], done)
		accounts[root] = refundAccount{settled, max(0, add(done, open, -settled))}
	}
	return accounts
}

// further says that a refund report is the later one of the same refund: failed after settled after pending.
func further(a, b Refund) bool {
	if a.Step != b.Step {
		return a.Step > b.Step
	}
	return a.Amount.GetMinorUnits() > b.Amount.GetMinorUnits()
}

// Money is an amount in the order's currency as it stands in events.
func (f Funds) Money(minor int64) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: f.Currency}
}
