package order

import (
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Funds are an order's sums in one currency, in minor units.
//
// What a payment provider told of and what only the shop told of are two accounts of the same money: each is added up
// by itself and the larger one counts. So nothing is counted twice when both tell of it, and a shop's word alone is
// enough. Where a name joins what both say of one payment, the larger word on that payment counts.
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

	given    int64
	returned int64
	came     int64
}

// Given is what went back or will: of each payment the larger of what happened and of what will have happened once our
// decisions are carried out.
func (f Funds) Given() int64 { return f.given }

// Returned is what was captured by payments that went back whole, or will: they pay for nothing.
func (f Funds) Returned() int64 { return f.returned }

// Net is what is ours of the captured money after refunds, grants and disputes.
func (f Funds) Net() int64 { return Add(f.Captured, -f.given, -f.Disputed, -f.ChargedBy) }

// GivenBack says that everything that was captured went back, or will. What went back of a payment whose capture is
// still to be told came, too: it is not taken for the money of another payment.
func (f Funds) GivenBack() bool { return f.Captured > 0 && f.given >= f.came }

// Ahead says that more went back, or is on its way, than was told to have come: news of a payment is late.
func (f Funds) Ahead() bool { return Add(f.Refunded, f.Pending) > f.Captured }

// Due is what is still missing before the order may be shipped; negative if more was paid than is due. A partial
// refund is the shop's generosity and asks the customer for nothing; a payment that went back whole pays for nothing.
func (f Funds) Due() int64 {
	if f.GivenBack() {
		return f.Total
	}
	return Add(f.Total, -f.Captured, f.returned, f.Disputed, f.ChargedBy)
}

// Money is an amount in the currency of the sums as it stands in events.
func (f Funds) Money(minor int64) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: f.Currency}
}

// Funds sums the payment facet in the order's currency; while the order is unknown, in the one that was told.
func (s *State) Funds() Funds { return s.FundsIn(s.currency()) }

// FundsIn sums the payment facet in one currency. The total is the order's, if that is its currency.
func (s *State) FundsIn(currency string) Funds {
	f := Funds{Currency: currency}
	if total := s.Order.Description.GetTotals().GetTotal(); currency == s.Order.Description.GetCurrency() {
		f.Total = total.GetMinorUnits()
	}
	known, told := s.Payment.sides(currency)
	f.Captured = max(known.captured, told.captured, s.Payment.claimed(currency))
	f.came = max(f.Captured, known.came)
	f.Authorized = max(known.authorized, told.authorized)
	f.Refunded = max(known.settled, told.settled)
	f.Pending = max(0, max(known.open, told.open)-f.Refunded)
	f.given = s.Payment.givenBeside(known, told, currency)
	f.returned = min(f.Captured, max(known.returned, told.returned))
	for _, d := range s.Payment.Disputes() {
		switch amount := max(0, d.Amount.GetMinorUnits()); {
		case d.Amount.GetCurrency() != currency:
		case d.Step == intakev1.DisputeStep_DISPUTE_STEP_OPENED:
			f.Disputed = Add(f.Disputed, amount)
		case d.Step == intakev1.DisputeStep_DISPUTE_STEP_LOST:
			f.ChargedBy = Add(f.ChargedBy, amount)
		}
	}
	for _, g := range s.Payment.Grants {
		if g.Amount.GetCurrency() == currency && g.Failed == "" {
			f.Granted = Add(f.Granted, g.Amount.GetMinorUnits())
		}
	}
	return f
}

// side is one account of the money: of what providers told of, or of what shops told.
type side struct{ authorized, captured, came, settled, open, given, returned int64 }

func (s *side) add(authorized, captured, settled, open, given int64) {
	s.authorized = Add(s.authorized, max(0, authorized-captured))
	s.captured = Add(s.captured, captured)
	s.came = Add(s.came, max(captured, open))
	s.settled = Add(s.settled, settled)
	s.open = Add(s.open, open)
	s.given = Add(s.given, given)
	if captured > 0 && given >= captured {
		s.returned = Add(s.returned, captured)
	}
}

// sides adds up both accounts. Known is everything about payments that a provider told of, by whoever told more; told
// is what shops say of whatever payment.
func (p *Payment) sides(currency string) (known, told side) {
	const shop = intakev1.Witness_WITNESS_SHOP
	if len(p.Reports) == 0 && len(p.Refunds) == 0 && len(p.Grants) == 0 {
		return known, told
	}
	for _, b := range p.books(currency) {
		if b.known {
			known.add(b.most(b.authorized), b.most(b.captured), b.most(b.settled), b.most(b.open), b.given())
		}
		told.add(b.authorized[shop], b.captured[shop], b.settled[shop], b.open[shop], b.open[shop])
	}
	return known, told
}

// given is what went back of all payments or will.
func (p *Payment) given(currency string) int64 {
	known, told := p.sides(currency)
	return p.givenBeside(known, told, currency)
}

// givenBeside is given where both accounts are added up already.
func (p *Payment) givenBeside(known, told side, currency string) int64 {
	given := max(known.given, told.given)
	for i := range p.Grants {
		if g := &p.Grants[i]; g.Failed == "" && g.Amount.GetCurrency() == currency {
			given = max(given, p.totalOf(g))
		}
	}
	return given
}

// toldGiven is what shops say went back of all payments.
func (p *Payment) toldGiven(currency string) int64 {
	_, told := p.sides(currency)
	return told.given
}

// ForeignFunds says that money came in a currency that is not the order's: never added, always a question until it went
// back.
func (s *State) ForeignFunds() bool {
	currency := s.currency()
	for _, p := range s.Payment.Payments() {
		if p.Captured > p.Refunded && p.Currency != currency {
			return true
		}
	}
	return false
}

// currency is the order's; while the order is unknown, the first one by name of those that were told.
func (s *State) currency() string {
	if s.Order.Description != nil {
		return s.Order.Description.GetCurrency()
	}
	first := ""
	see := func(m *typev1.Money) {
		if c := m.GetCurrency(); c != "" && (first == "" || c < first) {
			first = c
		}
	}
	for _, r := range s.Payment.Reports {
		see(r.Amount)
	}
	for _, c := range s.Payment.Claims {
		see(c.Amount)
	}
	for _, r := range s.Payment.Refunds {
		see(r.Amount)
	}
	return first
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
	return max(0, best.Amount.GetMinorUnits())
}
