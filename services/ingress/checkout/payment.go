package checkout

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// keep is how much of a checkout's word is kept.
const keep = 200

// name of the payment, as its provider would call it: stripe:pi_1. Empty if none is told.
func (x *reading) name() []string {
	provider, id := x.provider(), x.data.Payment.ID.String()
	if id == "" {
		return nil
	}
	if provider == "" {
		x.trouble.Missing("data.payment.provider")
		return nil
	}
	if n := provider + ":" + id; source.IsName(n) {
		return []string{n}
	}
	x.trouble.Bad("data.payment", "is too long")
	return nil
}

func (x *reading) provider() string {
	return strings.ToLower(source.Clean(x.data.Payment.Provider.String(), keep))
}

// prefixed is an id of a refund or a dispute, told apart from those of other providers.
func (x *reading) prefixed(field string, id source.Scalar) string {
	if id.String() == "" {
		return ""
	}
	prefix := x.provider()
	if prefix == "" {
		prefix = name
	}
	full := prefix + ":" + id.String()
	if !source.IsName(full) {
		x.trouble.Bad(field, "is too long")
		return ""
	}
	return full
}

// paid tells that the order is paid: of a payment if it has a name, else it is the shop's word. Whoever sends the items
// along describes the order with it.
func (x *reading) paid() {
	if x.data.Items != nil {
		x.described()
	}
	amount := x.data.Amount
	if amount.String() == "" {
		amount = x.data.Total
	}
	currency := x.currency()
	if currency == "" {
		return
	}
	paid, ok := x.amount("data.amount", amount, currency)
	if !ok {
		return
	}
	if names := x.name(); names != nil {
		x.fact(names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
			Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: paid, Names: names, Witness: intakev1.Witness_WITNESS_SHOP, Provider: x.provider(),
			RiskLevel: source.Clean(x.data.RiskLevel.String(), keep), Country: source.Country(x.data.Country.String()),
		}}})
		return
	}
	if x.number() == "" {
		x.trouble.Missing("data.order_number")
		return
	}
	x.fact(nil, &intakev1.Fact{Body: &intakev1.Fact_PaidClaimed{PaidClaimed: &intakev1.PaidClaimed{Amount: paid, Provider: x.provider()}}})
}

func (x *reading) payment(step intakev1.PaymentStep) {
	currency, names := x.currency(), x.name()
	if names == nil {
		x.trouble.Missing("data.payment.id")
	}
	amount, ok := x.amount("data.amount", x.data.Amount, currency)
	if names == nil || currency == "" || !ok {
		return
	}
	p := &intakev1.PaymentReported{
		Step: step, Amount: amount, Names: names, Witness: intakev1.Witness_WITNESS_SHOP, Provider: x.provider(),
		MovementId: x.prefixed("data.movement_id", x.data.MovementID), RiskLevel: source.Clean(x.data.RiskLevel.String(), keep),
		Country: source.Country(x.data.Country.String()),
	}
	if step == intakev1.PaymentStep_PAYMENT_STEP_FAILED {
		p.FailureCode = source.Clean(x.data.FailureCode.String(), keep)
	}
	x.fact(names, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: p}})
}

var refundSteps = map[string]intakev1.RefundStep{
	"":        intakev1.RefundStep_REFUND_STEP_SETTLED,
	"settled": intakev1.RefundStep_REFUND_STEP_SETTLED,
	"pending": intakev1.RefundStep_REFUND_STEP_PENDING,
	"failed":  intakev1.RefundStep_REFUND_STEP_FAILED,
}

func (x *reading) refund() {
	currency, names := x.currency(), x.name()
	step, known := refundSteps[x.data.Refund.Status.String()]
	if !known {
		x.trouble.Bad("data.refund.status", "is neither pending nor settled nor failed")
	}
	amount, ok := x.amount("data.amount", x.data.Amount, currency)
	if currency == "" || !ok || !known {
		return
	}
	x.fact(names, &intakev1.Fact{Body: &intakev1.Fact_RefundReported{RefundReported: &intakev1.RefundReported{
		Step: step, Amount: amount, Names: names, RefundId: x.prefixed("data.refund.id", x.data.Refund.ID),
		Witness: intakev1.Witness_WITNESS_SHOP, Provider: x.provider(), Reason: source.Clean(x.data.Refund.Reason.String(), keep),
	}}})
}

func (x *reading) dispute(step intakev1.DisputeStep) {
	currency, names := x.currency(), x.name()
	id := x.prefixed("data.dispute.id", x.data.Dispute.ID)
	if id == "" {
		x.trouble.Missing("data.dispute.id")
	}
	amount, ok := x.amount("data.amount", x.data.Amount, currency)
	if currency == "" || !ok || id == "" {
		return
	}
	x.fact(names, &intakev1.Fact{Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
		Step: step, Amount: amount, Names: names, DisputeId: id, Provider: x.provider(), Reason: source.Clean(x.data.Dispute.Reason.String(), keep),
	}}})
}
