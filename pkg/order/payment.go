package order

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Payment is everything that providers and shops said about the order's money, kept as reports. Sums are worked out
// from them when asked for, so that they depend on what was said and not on when it came.
type Payment struct {
	Reports []Report
	Refunds []Refund
	Claims  []Claim
	Grants  []Grant
	// disputed is everything that was said of disputes; Disputes is what it comes to.
	disputed []Dispute

	// Covered, Mismatched and Duplicates are our own remarks: made once, never relied upon by a gate. Mismatched is the
	// latest of under, over and currency.
	Covered    bool
	Mismatched string
	Duplicates [][]string
	// Elsewhere says that a payment of this order was told for another one before. The one remark that a gate reads:
	// where a name leads is not to be seen in the order's own events. ElsewhereAmount is what was told of that payment.
	Elsewhere       bool
	ElsewhereAmount *typev1.Money
	Closed          *Closed
}

// MismatchElsewhere is the kind of an AmountMismatched that says: this payment was told for another order before. Its
// captured is what was told of that payment.
const MismatchElsewhere = "elsewhere"

// HoldElsewhere is the reason of the hold, of kind payment, that asks about it. Whoever waives it says that the payment
// is this order's.
const HoldElsewhere = "payment_of_another_order"

// Report is one thing said about one payment.
type Report struct {
	Step    intakev1.PaymentStep
	Names   []string
	Amount  *typev1.Money
	ID      string // of a single movement; empty where the amount is the total so far
	Witness intakev1.Witness
	// Provider is who moved the money: stripe, shopify_payments, paypal …
	Provider  string
	Country   string
	RiskLevel string
	Code      string
	Historic  bool
	At        time.Time // the provider's clock
	key       string
	revision  uint32
}

// Refund is one thing said about money going back.
type Refund struct {
	Step     intakev1.RefundStep
	Names    []string
	Amount   *typev1.Money
	ID       string // empty where the amount is the total so far
	Witness  intakev1.Witness
	Provider string
	Reason   string
	At       time.Time
	key      string
	revision uint32
}

// Dispute is what was said of one dispute.
type Dispute struct {
	ID       string
	Names    []string
	Amount   *typev1.Money
	Step     intakev1.DisputeStep
	Reason   string
	At       time.Time
	key      string
	revision uint32
}

// Claim is a shop's word that so much is paid, without a name.
type Claim struct {
	Amount   *typev1.Money
	Provider string
	At       time.Time
	key      string
	revision uint32
}

// Grant is money that we decided to give back.
type Grant struct {
	ID     string
	Names  []string
	Amount *typev1.Money
	Reason string
	// Until is what will have gone back of the payment once this is carried out: what had gone back when it was
	// decided, and this.
	Until int64
	// total is what will have gone back of all payments then: what a shop gave back under names of its own counts
	// beside this, and not as this. It stands while the grants of beside do, and never falls below least.
	total, least int64
	beside       []string
	// knew is how much was told of refunds when it was decided.
	knew int
	// Settled and Failed are what became of it last; neither while it is open.
	Settled bool
	Failed  string
	At      time.Time
}

func (p *Payment) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *paymentv1.PaymentAuthorized:
		p.report(e, intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED, m.GetMovement(), "")
	case *paymentv1.PaymentCaptured:
		p.report(e, intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, m.GetMovement(), "")
	case *paymentv1.PaymentFailed:
		p.report(e, intakev1.PaymentStep_PAYMENT_STEP_FAILED, m.GetMovement(), m.GetCode())
	case *paymentv1.PaymentVoided:
		p.report(e, intakev1.PaymentStep_PAYMENT_STEP_VOIDED, m.GetMovement(), "")
	case *paymentv1.PaymentClaimed:
		p.claim(e, m)
	case *paymentv1.PaymentRefunded:
		p.refund(e, m)
	case *paymentv1.PaymentDisputed:
		p.dispute(e, m)
	case *paymentv1.FundsCovered:
		p.Covered = true
	case *paymentv1.AmountMismatched:
		p.mismatch(m)
	case *paymentv1.DuplicatePaymentDetected:
		p.Duplicates = append(p.Duplicates, m.GetNames())
	case *paymentv1.PaymentClosed:
		p.Closed = &Closed{
			Outcome: m.GetOutcome(), Refused: m.GetRefused(), Cancellation: int(m.GetCancellation()), At: e.RecordedAt,
		}
	default:
		p.applyGrant(e)
	}
}

// mismatch keeps a payment of another order apart from sums that do not fit, so that neither hides the other.
func (p *Payment) mismatch(m *paymentv1.AmountMismatched) {
	if m.GetKind() == MismatchElsewhere {
		p.Elsewhere, p.ElsewhereAmount = true, m.GetCaptured()
	} else {
		p.Mismatched = m.GetKind()
	}
}

func (p *Payment) applyGrant(e event.Recorded) {
	switch m := e.Message.(type) {
	case *paymentv1.RefundGranted:
		if p.Grant(m.GetGrantId()) == nil {
			currency, amount := m.GetAmount().GetCurrency(), m.GetAmount().GetMinorUnits()
			p.Grants = append(p.Grants, Grant{
				ID: m.GetGrantId(), Names: m.GetNames(), Amount: m.GetAmount(), Reason: m.GetReason(), At: e.RecordedAt,
				Until: Add(p.givenOf(m.GetNames(), currency), amount), total: Add(p.given(currency), amount),
				least: Add(p.toldGiven(currency), amount), beside: p.standing(currency), knew: len(p.Refunds),
			})
		}
	case *paymentv1.RefundSettled:
		if g := p.Grant(m.GetGrantId()); g != nil {
			g.Settled, g.Failed = true, ""
		}
	case *paymentv1.RefundFailed:
		if g := p.Grant(m.GetGrantId()); g != nil {
			g.Settled, g.Failed = false, cmp.Or(m.GetReason(), m.GetCode(), "failed")
		}
	}
}

// standing are the grants of a currency that did not fail.
func (p *Payment) standing(currency string) (ids []string) {
	for _, g := range p.Grants {
		if g.Failed == "" && g.Amount.GetCurrency() == currency {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// CarriedOut says that a grant was carried out: as much has gone back of its payment as will have then, and more in all
// than the shop had told of before. The shop's refunds under names of its own, told later by the provider under the
// payment's name, are not taken for it.
func (s *State) CarriedOut(g Grant, p SinglePayment) bool {
	return p.Settled >= g.Until && s.FundsIn(p.Currency).Refunded >= g.least
}

// totalOf is what will have gone back of all payments once a grant is carried out, as it is known by now: other grants
// that stood when it was decided may have failed since.
func (p *Payment) totalOf(g *Grant) int64 {
	total := g.total
	for _, id := range g.beside {
		if other := p.Grant(id); other != nil && other.Failed != "" {
			total = Add(total, -other.Amount.GetMinorUnits())
		}
	}
	return max(total, g.least)
}

func (p *Payment) givenOf(names []string, currency string) int64 {
	if b := p.books(currency)[p.roots().of(names)]; b != nil {
		return b.given()
	}
	return 0
}

// Grant finds our decision to give money back; nil if there was none.
func (p *Payment) Grant(id string) *Grant {
	for i := range p.Grants {
		if p.Grants[i].ID == id {
			return &p.Grants[i]
		}
	}
	return nil
}

func (p *Payment) report(e event.Recorded, step intakev1.PaymentStep, m *paymentv1.Movement, code string) {
	r := Report{
		Step: step, Names: m.GetNames(), Amount: m.GetAmount(), ID: m.GetMovementId(), Witness: m.GetWitness(),
		Provider: m.GetProvider(), Country: m.GetCountry(), RiskLevel: m.GetRiskLevel(), Code: code, Historic: m.GetHistoric(),
		At: e.OccurredAt, key: string(m.GetReportId()), revision: m.GetRevision(),
	}
	if p.admit(r) {
		p.Reports = supersede(p.Reports, r)
	}
}

func (p *Payment) claim(e event.Recorded, m *paymentv1.PaymentClaimed) {
	c := Claim{Amount: m.GetAmount(), Provider: m.GetProvider(), At: e.OccurredAt, key: string(m.GetReportId()), revision: m.GetRevision()}
	if p.admit(c) {
		p.Claims = supersede(p.Claims, c)
	}
}

func (p *Payment) refund(e event.Recorded, m *paymentv1.PaymentRefunded) {
	r := Refund{
		Step: m.GetStep(), Names: m.GetNames(), Amount: m.GetAmount(), ID: m.GetRefundId(), Witness: m.GetWitness(),
		Provider: m.GetProvider(), Reason: m.GetReason(), At: e.OccurredAt, key: string(m.GetReportId()), revision: m.GetRevision(),
	}
	if !p.admit(r) {
		return
	}
	if len(p.Grants) == 0 {
		p.Refunds = supersede(p.Refunds, r)
		return
	}
	before := p.backOf(r)
	p.Refunds = supersede(p.Refunds, r)
	if lapsed := Add(before, -p.backOf(r)); lapsed > 0 {
		p.lapse(r, lapsed)
	}
}

// lapse takes a refund that failed out of what grants reckon with: they were decided about what was left beside it.
func (p *Payment) lapse(r Refund, minor int64) {
	first := slices.IndexFunc(p.Refunds, func(told Refund) bool { return told.ID == r.ID && told.Witness == r.Witness })
	roots := p.roots()
	for i := range p.Grants {
		g := &p.Grants[i]
		if first >= g.knew || g.Amount.GetCurrency() != r.Amount.GetCurrency() {
			continue
		}
		if root := roots.of(r.Names); root == "" || root == roots.of(g.Names) {
			g.Until = max(Add(g.Until, -minor), g.Amount.GetMinorUnits())
		}
		g.total = max(Add(g.total, -minor), g.Amount.GetMinorUnits())
		if r.Witness == intakev1.Witness_WITNESS_SHOP {
			g.least = max(Add(g.least, -minor), g.Amount.GetMinorUnits())
		}
	}
}

// backOf is what went back, or is on its way, of the payment that a refund is of.
func (p *Payment) backOf(r Refund) int64 {
	if b := p.books(r.Amount.GetCurrency())[p.paymentOf()(r)]; b != nil {
		return b.most(b.open)
	}
	return 0
}

func (p *Payment) dispute(e event.Recorded, m *paymentv1.PaymentDisputed) {
	d := Dispute{
		ID: m.GetDisputeId(), Names: m.GetNames(), Amount: m.GetAmount(), Step: m.GetStep(), Reason: m.GetReason(), At: e.OccurredAt,
		key: string(m.GetReportId()), revision: m.GetRevision(),
	}
	if p.admit(d) {
		p.disputed = supersede(p.disputed, d)
	}
}

// Disputes is the word that stands on each dispute, sorted by id: a late "opened" after "won" changes nothing.
func (p *Payment) Disputes() []Dispute {
	latest := map[string]Dispute{}
	for _, d := range p.disputed {
		if have, ok := latest[d.ID]; !ok || outdates(d, have) {
			latest[d.ID] = d
		}
	}
	disputes := slices.Collect(maps.Values(latest))
	slices.SortFunc(disputes, func(a, b Dispute) int { return compare(a.ID, b.ID) })
	return disputes
}

// outdates says that a word on a dispute is the later one: an end comes after its beginning, whatever the clocks say;
// else the bank's clock decides (a lost dispute may be won in the end), then the step, then the amount, so that there is
// never a tie.
func outdates(a, b Dispute) bool {
	if x, y := ended(a.Step), ended(b.Step); x != y {
		return x
	}
	if !ended(a.Step) && a.Step != b.Step {
		return a.Step > b.Step
	}
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	if a.Step != b.Step {
		return a.Step > b.Step
	}
	if x, y := a.Amount.GetMinorUnits(), b.Amount.GetMinorUnits(); x != y {
		return x > y
	}
	return a.Amount.GetCurrency() > b.Amount.GetCurrency()
}

func ended(s intakev1.DisputeStep) bool {
	return s == intakev1.DisputeStep_DISPUTE_STEP_WON || s == intakev1.DisputeStep_DISPUTE_STEP_LOST
}

// Disputed says that exactly this was said of a dispute before.
func (p *Payment) Disputed(id string, step intakev1.DisputeStep, amount *typev1.Money, at time.Time) bool {
	return slices.ContainsFunc(p.disputed, func(d Dispute) bool {
		return d.ID == id && d.Step == step && proto.Equal(d.Amount, amount) && !at.After(d.At)
	})
}
