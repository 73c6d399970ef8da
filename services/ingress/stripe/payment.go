package stripe

import (
	"errors"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// The steps, under shorter names.
const (
	authorized = intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED
	captured   = intakev1.PaymentStep_PAYMENT_STEP_CAPTURED
	failed     = intakev1.PaymentStep_PAYMENT_STEP_FAILED
	voided     = intakev1.PaymentStep_PAYMENT_STEP_VOIDED
)

// intentSucceeded tells of the money, and of the order if it stands in the metadata.
func (x *reading) intentSucceeded() {
	var i intent
	if x.object(&i) {
		x.intentPaid(&i, captured, first(i.AmountReceived, i.Amount))
		x.draft(intentOrder(&i))
	}
}

// intentAuthorized tells of money that may be taken. What was taken already counts towards what was authorised.
func (x *reading) intentAuthorized() {
	var i intent
	if !x.object(&i) {
		return
	}
	open := first(i.AmountCapturable, i.Amount)
	if capturable, ok := i.AmountCapturable.Int(); ok {
		if received, ok := i.AmountReceived.Int(); ok && received > 0 && capturable+received > capturable {
			open = decimal(capturable + received)
		}
	}
	x.intentPaid(&i, authorized, open)
	x.draft(intentOrder(&i))
}

func (x *reading) intentFailed() {
	var i intent
	if x.object(&i) {
		x.intentPaid(&i, failed, i.Amount)
	}
}

func (x *reading) intentCanceled() {
	var i intent
	if x.object(&i) {
		x.intentPaid(&i, voided, i.Amount)
	}
}

func (x *reading) intentPaid(i *intent, step intakev1.PaymentStep, amount source.Scalar) {
	ids := []string{i.ID.String(), string(i.LatestCharge.ID)}
	last := i.LatestCharge.Full
	for _, c := range i.Charges.Data { // newest first
		ids = append(ids, c.ID.String())
	}
	if len(i.Charges.Data) > 0 && i.LatestCharge.ID == "" {
		last = i.Charges.Data[0]
	}
	p := &intakev1.PaymentReported{Step: step, RiskLevel: last.risk(), Country: last.country()}
	if e := i.LastPaymentError; e != nil {
		ids = append(ids, string(e.Charge))
		if step == failed {
			p.FailureCode = source.Clean(first(e.DeclineCode, e.Code).String(), keep)
		}
	}
	if i.ID.String() == "" {
		x.trouble.Missing("data.object.id")
	}
	x.payment(p, ids, i.Metadata, "amount", amount, i.Currency)
}

// charged tells of a charge that went through: taken, or authorised to be taken later.
func (x *reading) charged() {
	var c charge
	if !x.object(&c) {
		return
	}
	if c.Status != "" && c.Status != "succeeded" {
		return // pending or failed: other events tell of it
	}
	if c.Captured == "false" {
		x.chargePaid(&c, authorized, c.Amount)
		return
	}
	x.chargePaid(&c, captured, first(c.AmountCaptured, c.taken()))
}

// taken is what versions of the API from before amount_captured say was taken: the rest of a partial capture was given
// back.
func (c *charge) taken() source.Scalar {
	amount, ok := c.Amount.Int()
	back, known := c.AmountRefunded.Int()
	if !ok || !known || back <= 0 || back > amount || len(c.Refunds.Data) > 0 {
		return c.Amount
	}
	return decimal(amount - back)
}

func (x *reading) chargeFailed() {
	var c charge
	if x.object(&c) {
		x.chargePaid(&c, failed, c.Amount)
	}
}

// chargeExpired tells of an authorisation that ran out.
func (x *reading) chargeExpired() {
	var c charge
	if x.object(&c) {
		x.chargePaid(&c, voided, c.Amount)
	}
}

func (x *reading) chargePaid(c *charge, step intakev1.PaymentStep, amount source.Scalar) {
	if c.ID.String() == "" {
		x.trouble.Missing("data.object.id")
	}
	p := &intakev1.PaymentReported{Step: step, RiskLevel: c.risk(), Country: c.country()}
	if step == failed {
		p.FailureCode = source.Clean(c.FailureCode.String(), keep)
	}
	x.payment(p, []string{string(c.PaymentIntent), c.ID.String()}, c.Metadata, "amount", amount, c.Currency)
}

// sessionPaid tells of a session whose payment is done. A session that is complete and not yet paid says nothing: a
// later event does.
func (x *reading) sessionPaid() {
	var s session
	if !x.object(&s) {
		return
	}
	switch s.PaymentStatus.String() {
	case "paid":
		x.sessionPayment(&s, captured)
		x.draft(sessionOrder(&s))
	case "no_payment_required":
		x.draft(sessionOrder(&s))
	case "unpaid":
	case "":
		x.trouble.Missing("data.object.payment_status")
	default:
		x.trouble.Bad("data.object.payment_status", "is none that we know")
	}
}

func (x *reading) sessionFailed() {
	var s session
	if x.object(&s) {
		x.sessionPayment(&s, failed)
	}
}

func (x *reading) sessionPayment(s *session, step intakev1.PaymentStep) {
	ids := []string{string(s.PaymentIntent), s.ID.String()}
	x.payment(&intakev1.PaymentReported{Step: step}, ids, s.Metadata, "amount_total", s.AmountTotal, s.Currency)
}

// keep is how much of a provider's word is kept.
const keep = 200

// payment adds a report by the provider itself. Its amount is the payment's total so far.
func (x *reading) payment(p *intakev1.PaymentReported, ids []string, m metadata, field string, amount, currency source.Scalar) {
	p.Names, p.Witness, p.Provider = x.named(ids...), intakev1.Witness_WITNESS_PROVIDER, name
	var ok bool
	if p.Amount, ok = x.amount(field, amount, currency); ok {
		x.fact(m, p.Names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: p}})
	}
}

// amount reads Stripe's integer and its currency. A currency that nobody knows is recorded as it was told.
func (x *reading) amount(field string, amount, currency source.Scalar) (*typev1.Money, bool) {
	code := source.Currency(currency.String())
	if code == "" {
		x.trouble.Missing("data.object.currency")
		return nil, false
	}
	n, ok := x.number(field, amount)
	if !ok {
		return nil, false
	}
	exact, err := money.FromStripe(n, code)
	if err != nil && !errors.Is(err, money.ErrUnknownCurrency) {
		x.trouble.Bad("data.object."+field, source.Why(err))
		return nil, false
	}
	return exact.Proto(), true
}

func (c *charge) risk() string {
	if c.Outcome == nil {
		return ""
	}
	return source.Clean(c.Outcome.RiskLevel.String(), keep)
}

func (c *charge) country() string {
	if c.Method == nil || c.Method.Card == nil {
		return ""
	}
	return source.Country(c.Method.Card.Country.String())
}
