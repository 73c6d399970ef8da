package order

import (
	"maps"
	"slices"
	"strings"
	"time"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// SinglePayment is one payment under all of its names, in one currency.
type SinglePayment struct {
	Names      []string // sorted
	Provider   string
	Currency   string
	Authorized int64
	Captured   int64
	Voided     bool
	Failed     bool
	// Refunded is what went back of this payment or is on its way, Granted what we decided to give back of it; Given is
	// what went or will have gone back when both are done, since the one leads to the other. Settled is what of Refunded
	// has arrived.
	Refunded int64
	Settled  int64
	Granted  int64
	Given    int64
	// Since is the earliest of its reports, by the provider's clock; Last the newest that is recorded (what is told
	// again is not).
	Since, Last time.Time
	// ByProvider says that the payment provider itself told of it, not only the shop; Sure is what the provider itself
	// says was captured.
	ByProvider bool
	Sure       int64
	// Historic says that all of it was told by an import.
	Historic bool
}

// Payments joins reports that share a name, directly or through others, and sums each payment. Sorted by first name.
func (p *Payment) Payments() []SinglePayment {
	var out []SinglePayment
	books := map[string]map[string]*book{}
	for root, group := range p.joined() {
		for _, s := range single(group) {
			if books[s.Currency] == nil {
				books[s.Currency] = p.books(s.Currency)
			}
			b := books[s.Currency][root]
			s.Authorized, s.Captured, s.Sure = b.most(b.authorized), b.most(b.captured), b.captured[intakev1.Witness_WITNESS_PROVIDER]
			s.Refunded, s.Settled, s.Granted, s.Given = b.most(b.open), b.most(b.settled), b.granted, b.given()
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b SinglePayment) int {
		return strings.Compare(a.Currency+"\x00"+strings.Join(a.Names, "\x00"), b.Currency+"\x00"+strings.Join(b.Names, "\x00"))
	})
	return out
}

// Left is what is still ours of this payment.
func (s SinglePayment) Left() int64 { return max(0, Add(s.Captured, -s.Given)) }

// SurelyLeft is what is still ours of what the provider itself says was captured.
func (s SinglePayment) SurelyLeft() int64 { return max(0, Add(s.Sure, -s.Given)) }

// Is says that a name is one of this payment's.
func (s SinglePayment) Is(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(s.Names, n) })
}

// single is one payment's names and marks, once per currency that was told of it.
func single(group []Report) []SinglePayment {
	var currencies, names []string
	all := SinglePayment{Historic: true}
	for _, r := range group {
		names = append(names, r.Names...)
		currencies = append(currencies, r.Amount.GetCurrency())
		all.ByProvider = all.ByProvider || r.Witness == intakev1.Witness_WITNESS_PROVIDER
		all.Historic = all.Historic && r.Historic
		all.Voided = all.Voided || r.Step == intakev1.PaymentStep_PAYMENT_STEP_VOIDED
		all.Failed = all.Failed || r.Step == intakev1.PaymentStep_PAYMENT_STEP_FAILED
		if all.Since.IsZero() || r.At.Before(all.Since) {
			all.Since = r.At
		}
		if r.At.After(all.Last) {
			all.Last = r.At
		}
		if all.Provider == "" || r.Provider != "" && r.Provider < all.Provider {
			all.Provider = r.Provider
		}
	}
	slices.Sort(names)
	all.Names = slices.Compact(names)
	slices.Sort(currencies)
	var out []SinglePayment
	for _, currency := range slices.Compact(currencies) {
		all.Currency = currency
		out = append(out, all)
	}
	return out
}

// joined groups the reports of one payment under the smallest of its names.
func (p *Payment) joined() map[string][]Report {
	roots := p.roots()
	byRoot := map[string][]Report{}
	for _, r := range p.Reports {
		root := roots.of(r.Names)
		byRoot[root] = append(byRoot[root], r)
	}
	return byRoot
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
	for _, g := range p.Grants {
		told = append(told, g.Names)
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

// byWitness is what each witness says.
type byWitness [3]int64

// book is what was told of one payment in one currency.
type book struct {
	authorized, captured byWitness
	settled              byWitness // went back
	open                 byWitness // went back or is on its way
	granted              int64
	until                int64 // what will have gone back once our decisions are carried out
	known                bool  // the provider told of it, or we decided about it
}

func (b *book) given() int64 { return max(b.most(b.open), b.until) }

func (b *book) most(w byWitness) int64 { return slices.Max(w[:]) }

// books are the books of all payments by their smallest name. Refunds that name no payment have one of their own.
func (p *Payment) books(currency string) map[string]*book {
	books := map[string]*book{}
	at := func(root string) *book {
		if books[root] == nil {
			books[root] = &book{}
		}
		return books[root]
	}
	roots := p.roots()
	for root, group := range p.joined() {
		b := at(root)
		voided := slices.ContainsFunc(group, func(r Report) bool { return r.Step == intakev1.PaymentStep_PAYMENT_STEP_VOIDED })
		for _, w := range witnesses {
			b.captured[w] = movements(group, currency, w, intakev1.PaymentStep_PAYMENT_STEP_CAPTURED)
			if !voided {
				b.authorized[w] = movements(group, currency, w, intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED)
			}
		}
		b.known = slices.ContainsFunc(group, func(r Report) bool { return r.Witness == intakev1.Witness_WITNESS_PROVIDER })
	}
	for _, w := range witnesses {
		for root, back := range p.refunds(currency, w) {
			b := at(root)
			b.settled[w], b.open[w] = back.settled, back.open
			b.known = b.known || w == intakev1.Witness_WITNESS_PROVIDER
		}
	}
	for _, g := range p.Grants {
		if g.Failed == "" && g.Amount.GetCurrency() == currency {
			b := at(roots.of(g.Names))
			b.granted, b.until, b.known = Add(b.granted, g.Amount.GetMinorUnits()), max(b.until, g.Until), true
		}
	}
	return books
}

var witnesses = [...]intakev1.Witness{intakev1.Witness_WITNESS_UNSPECIFIED, intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP}

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
	return max(cumulative, sum(maps.Values(byID)))
}

// back is what one witness says went back of one payment, and what went back or is on its way.
type back struct{ settled, open int64 }

// refunds are one witness's words by payment: of each, the larger of the total so far and the sum by refund id. The
// latest step of each refund counts.
func (p *Payment) refunds(currency string, w intakev1.Witness) map[string]back {
	cumulative, byID := map[string]int64{}, map[string]map[string]Refund{}
	of := p.paymentOf()
	for _, r := range p.Refunds {
		if r.Witness != w || r.Amount.GetCurrency() != currency {
			continue
		}
		root := of(r)
		if byID[root] == nil {
			byID[root] = map[string]Refund{}
		}
		if r.ID == "" {
			cumulative[root] = max(cumulative[root], r.Amount.GetMinorUnits())
		} else if have, ok := byID[root][r.ID]; !ok || further(r, have) {
			byID[root][r.ID] = r
		}
	}
	out := map[string]back{}
	for root, refunds := range byID {
		var done, open int64
		for _, r := range refunds {
			switch amount := max(0, r.Amount.GetMinorUnits()); r.Step {
			case intakev1.RefundStep_REFUND_STEP_SETTLED:
				done = Add(done, amount)
			case intakev1.RefundStep_REFUND_STEP_PENDING:
				open = Add(open, amount)
			default: // failed: nothing went back
			}
		}
		settled := max(cumulative[root], done)
		out[root] = back{settled, max(settled, Add(done, open))}
	}
	return out
}

// paymentOf finds the payment of a refund; one that names none may have been told with its payment's name before or
// after, under the same id.
func (p *Payment) paymentOf() func(Refund) string {
	roots := p.roots()
	byID := map[string]string{}
	for _, r := range p.Refunds {
		if root := roots.of(r.Names); r.ID != "" && root != "" && (byID[r.ID] == "" || root < byID[r.ID]) {
			byID[r.ID] = root
		}
	}
	return func(r Refund) string {
		if len(r.Names) == 0 && r.ID != "" {
			return byID[r.ID]
		}
		return roots.of(r.Names)
	}
}

// further says that a refund report is the later one of the same refund: failed after settled after pending.
func further(a, b Refund) bool {
	if a.Step != b.Step {
		return a.Step > b.Step
	}
	return a.Amount.GetMinorUnits() > b.Amount.GetMinorUnits()
}
