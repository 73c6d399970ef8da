package stripe

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// chargeRefunded tells how much of a charge went back in total, and of the single refunds where they are embedded.
func (x *reading) chargeRefunded() {
	var c charge
	if !x.object(&c) {
		return
	}
	ids := []string{string(c.PaymentIntent), c.ID.String()}
	released := c.released()
	back, ok := x.number("amount_refunded", c.AmountRefunded)
	if !ok {
		return
	}
	if back >= released {
		back -= released
	}
	if back > 0 {
		x.refunded(&intakev1.RefundReported{Step: intakev1.RefundStep_REFUND_STEP_SETTLED}, ids, c.Metadata, decimal(back), c.Currency)
	}
	for i := len(c.Refunds.Data) - 1; i >= 0; i-- { // newest first, and the release is older than any refund
		r := &c.Refunds.Data[i]
		if amount, ok := r.Amount.Int(); ok && released > 0 && amount == released {
			released = 0
			continue
		}
		x.single(r, ids, c.Metadata, c.Currency)
	}
}

// released is the part of an authorisation that a partial capture let go. Stripe books it as a refund of the charge,
// but no money came and none goes back.
func (c *charge) released() int64 {
	amount, ok := c.Amount.Int()
	taken, known := c.AmountCaptured.Int()
	if !ok || !known || taken < 0 || taken >= amount {
		return 0
	}
	return amount - taken
}

func (x *reading) refund() {
	var r refund
	if x.object(&r) {
		x.single(&r, nil, nil, "")
	}
}

// single tells of one refund. What it does not say itself is its charge's.
func (x *reading) single(r *refund, ids []string, m metadata, currency source.Scalar) {
	id := x.named(r.ID.String())
	if len(id) == 0 {
		x.trouble.Missing("the refund's id")
		return
	}
	if r.Metadata.orderNumber() != "" {
		m = r.Metadata
	}
	ids = append([]string{string(r.PaymentIntent), string(r.Charge)}, ids...)
	x.refunded(&intakev1.RefundReported{
		Step: x.refundStep(r.Status.String()), RefundId: id[0], Reason: source.Clean(first(r.FailureReason, r.Reason).String(), keep),
	}, ids, m, r.Amount, first(r.Currency, currency))
}

// refundStep is how far a refund came. Versions of the API from before there was a status told only of what was done.
func (x *reading) refundStep(status string) intakev1.RefundStep {
	switch status {
	case "pending", "requires_action":
		return intakev1.RefundStep_REFUND_STEP_PENDING
	case "failed", "canceled":
		return intakev1.RefundStep_REFUND_STEP_FAILED
	case "succeeded":
		return intakev1.RefundStep_REFUND_STEP_SETTLED
	case "":
		if x.event.Type == "refund.failed" {
			return intakev1.RefundStep_REFUND_STEP_FAILED
		}
		return intakev1.RefundStep_REFUND_STEP_SETTLED
	}
	x.trouble.Bad("the refund's status", "is none that we know; it counts as pending")
	return intakev1.RefundStep_REFUND_STEP_PENDING
}

func (x *reading) refunded(r *intakev1.RefundReported, ids []string, m metadata, amount, currency source.Scalar) {
	r.Names, r.Witness, r.Provider = x.named(ids...), intakev1.Witness_WITNESS_PROVIDER, name
	var ok bool
	if r.Amount, ok = x.amount("amount", amount, currency); ok {
		x.fact(m, r.Names, &intakev1.Fact{Body: &intakev1.Fact_RefundReported{RefundReported: r}})
	}
}

func (x *reading) dispute() {
	var d dispute
	if !x.object(&d) {
		return
	}
	id := x.named(d.ID.String())
	if len(id) == 0 { // ancient versions know a charge's one dispute by the charge
		id = x.named(string(d.Charge))
	}
	step, known := x.disputeStep(d.Status.String())
	amount, ok := x.amount("amount", d.Amount, d.Currency)
	if !ok || !known {
		return
	}
	names := x.named(string(d.PaymentIntent), string(d.Charge))
	told := &intakev1.DisputeReported{Step: step, Amount: amount, Names: names, Provider: name, Reason: source.Clean(d.Reason.String(), keep)}
	if len(id) > 0 {
		told.DisputeId = id[0]
	}
	x.fact(d.Metadata, names, &intakev1.Fact{Body: &intakev1.Fact_DisputeReported{DisputeReported: told}})
}

// disputeStep is how far a dispute came: by its status, and where that is silent by what the event tells.
func (x *reading) disputeStep(status string) (intakev1.DisputeStep, bool) {
	switch status {
	case "lost":
		return intakev1.DisputeStep_DISPUTE_STEP_LOST, true
	case "won", "warning_closed", "charge_refunded", "prevented":
		return intakev1.DisputeStep_DISPUTE_STEP_WON, true
	}
	switch x.event.Type {
	case "charge.dispute.funds_reinstated":
		return intakev1.DisputeStep_DISPUTE_STEP_WON, true
	case "charge.dispute.closed":
		x.trouble.Bad("data.object.status", "does not say how the dispute ended")
		return 0, false
	case "charge.dispute.funds_withdrawn":
		return intakev1.DisputeStep_DISPUTE_STEP_OPENED, true
	}
	if strings.HasPrefix(status, "warning_") {
		return intakev1.DisputeStep_DISPUTE_STEP_WARNING, true
	}
	return intakev1.DisputeStep_DISPUTE_STEP_OPENED, true
}
