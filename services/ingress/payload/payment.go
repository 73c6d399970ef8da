package payload

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// keep is how much of a shop's word is kept.
const keep = 200

// name of a payment, as its provider would call it: stripe:pi_1. Empty if none is told.
func (x *Reader) name(field, provider string, told source.Scalar) []string {
	id := told.String()
	if id == "" {
		return nil
	}
	if provider == "" {
		x.missing(field + "provider")
		return nil
	}
	if n := provider + ":" + id; source.IsName(n) {
		return []string{n}
	}
	x.bad(strings.TrimSuffix(field, "."), "is too long")
	return nil
}

func providerOf(s source.Scalar) string { return strings.ToLower(source.Clean(s.String(), keep)) }

// prefixed is an id of a refund or a dispute, told apart from those of other providers.
func (x *Reader) prefixed(field, provider string, id source.Scalar) string {
	if id.String() == "" {
		return ""
	}
	if provider == "" {
		provider = x.Shop.Source
	}
	full := provider + ":" + id.String()
	if !source.IsName(full) {
		x.bad(field, "is too long")
		return ""
	}
	return full
}

// paid tells that the order is paid: of a payment if it has a name, else it is the shop's word. Whoever sends the items
// along describes the order with it.
func (x *Reader) paid() {
	d := x.Data
	if d.Items != nil {
		x.described()
	}
	amount := d.Amount
	if amount.String() == "" {
		amount = d.Total
	}
	currency := x.currency()
	if currency == "" {
		return
	}
	if d.Payment.ID.String() == "" && d.Paid.String() != "" && d.Items != nil {
		return // described has told it
	}
	paid, ok := x.amount("amount", amount, currency)
	if !ok {
		return
	}
	provider := providerOf(d.Payment.Provider)
	if names := x.name("payment.", provider, d.Payment.ID); names != nil {
		x.fact(nil, names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
			Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: paid, Names: names, Witness: intakev1.Witness_WITNESS_SHOP, Provider: provider,
			RiskLevel: source.Clean(d.RiskLevel.String(), keep), Country: source.Country(d.Country.String()),
		}}})
		return
	}
	x.claim(&intakev1.PaidClaimed{Amount: paid, Provider: provider})
}

func (x *Reader) claim(c *intakev1.PaidClaimed) {
	if x.id() == "" {
		x.missing(x.Name.Field)
		return
	}
	x.fact(nil, nil, &intakev1.Fact{Body: &intakev1.Fact_PaidClaimed{PaidClaimed: c}})
}

// payment tells what became of the payment that the data is about.
func (x *Reader) payment(step intakev1.PaymentStep) {
	d := x.Data
	p := d.Payment
	p.Amount, p.MovementID, p.FailureCode, p.RiskLevel, p.Country = d.Amount, d.MovementID, d.FailureCode, d.RiskLevel, d.Country
	x.pay(fields{amount: "amount", payment: "payment.", movement: "movement_id"}, &p, step, nil)
}

// fields are where the parts of a payment or a refund stand.
type fields struct{ amount, payment, movement, id, status string }

func (x *Reader) pay(at fields, p *Payment, step intakev1.PaymentStep, when *timestamppb.Timestamp) {
	provider := providerOf(p.Provider)
	currency, names := x.currency(), x.name(at.payment, provider, p.ID)
	if names == nil {
		x.missing(at.payment + "id")
	}
	amount, ok := x.amount(at.amount, p.Amount, currency)
	if names == nil || currency == "" || !ok {
		return
	}
	told := &intakev1.PaymentReported{
		Step: step, Amount: amount, Names: names, Witness: intakev1.Witness_WITNESS_SHOP, Provider: provider,
		MovementId: x.prefixed(at.movement, provider, p.MovementID), RiskLevel: source.Clean(p.RiskLevel.String(), keep),
		Country: source.Country(p.Country.String()),
	}
	if step == intakev1.PaymentStep_PAYMENT_STEP_FAILED {
		told.FailureCode = source.Clean(p.FailureCode.String(), keep)
	}
	x.fact(when, names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: told}})
}

var paymentSteps = map[string]intakev1.PaymentStep{
	"":           intakev1.PaymentStep_PAYMENT_STEP_CAPTURED,
	"captured":   intakev1.PaymentStep_PAYMENT_STEP_CAPTURED,
	"authorized": intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED,
	"failed":     intakev1.PaymentStep_PAYMENT_STEP_FAILED,
	"voided":     intakev1.PaymentStep_PAYMENT_STEP_VOIDED,
}

var refundSteps = map[string]intakev1.RefundStep{
	"":        intakev1.RefundStep_REFUND_STEP_SETTLED,
	"settled": intakev1.RefundStep_REFUND_STEP_SETTLED,
	"pending": intakev1.RefundStep_REFUND_STEP_PENDING,
	"failed":  intakev1.RefundStep_REFUND_STEP_FAILED,
}

// refund tells of the refund that the data is about.
func (x *Reader) refund(status source.Scalar) {
	r := x.Data.Refund
	r.Status, r.Amount, r.Provider, r.PaymentID = status, x.Data.Amount, x.Data.Payment.Provider, x.Data.Payment.ID
	x.giveBack(fields{amount: "amount", payment: "payment.", id: "refund.id", status: "refund.status"}, &r, nil)
}

func (x *Reader) giveBack(at fields, r *Refund, when *timestamppb.Timestamp) {
	provider := providerOf(r.Provider)
	currency, names := x.currency(), x.name(at.payment, provider, r.PaymentID)
	step, known := refundSteps[r.Status.String()]
	if !known {
		x.bad(at.status, "is neither pending nor settled nor failed")
	}
	amount, ok := x.amount(at.amount, r.Amount, currency)
	if currency == "" || !ok || !known {
		return
	}
	x.fact(when, names, &intakev1.Fact{Body: &intakev1.Fact_RefundReported{RefundReported: &intakev1.RefundReported{
		Step: step, Amount: amount, Names: names, RefundId: x.prefixed(at.id, provider, r.ID),
		Witness: intakev1.Witness_WITNESS_SHOP, Provider: provider, Reason: source.Clean(r.Reason.String(), keep),
	}}})
}

// money tells what stands in an order's description beside its lines: what was paid and what went back.
func (x *Reader) money(currency string) {
	d := x.Data
	if paid, ok := x.optional("paid", d.Paid, currency); ok && paid != nil {
		x.claim(&intakev1.PaidClaimed{Amount: paid, Provider: providerOf(d.Payment.Provider)})
	}
	for n := range d.Payments {
		p, field := &d.Payments[n], "payments["+strconv.Itoa(n)+"]."
		step, known := paymentSteps[p.Status.String()]
		if !known {
			x.bad(field+"status", "is neither authorized nor captured nor failed nor voided")
			continue
		}
		x.pay(fields{amount: field + "amount", payment: field, movement: field + "movement_id"}, p, step, x.Time(field+"at", p.At))
	}
	for n := range d.Refunds {
		r, field := &d.Refunds[n], "refunds["+strconv.Itoa(n)+"]."
		if r.ID.String() == "" { // without one each would stand for all that went back
			x.missing(field + "id")
			continue
		}
		x.giveBack(fields{amount: field + "amount", payment: field, id: field + "id", status: field + "status"}, r, x.Time(field+"at", r.At))
	}
}

func (x *Reader) dispute(step intakev1.DisputeStep) {
	d := x.Data
	provider := providerOf(d.Payment.Provider)
	currency, names := x.currency(), x.name("payment.", provider, d.Payment.ID)
	id := x.prefixed("dispute.id", provider, d.Dispute.ID)
	if id == "" {
		x.missing("dispute.id")
	}
	amount, ok := x.amount("amount", d.Amount, currency)
	if currency == "" || !ok || id == "" {
		return
	}
	x.fact(nil, names, &intakev1.Fact{Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
		Step: step, Amount: amount, Names: names, DisputeId: id, Provider: provider, Reason: source.Clean(d.Dispute.Reason.String(), keep),
	}}})
}
