package shopify

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// dispute reads a dispute of Shopify Payments.
func (r *reader) dispute() {
	var d dispute
	if !r.decode(&d) {
		return
	}
	key, id := r.parent(d.OrderID), r.trouble.ID("id", d.ID)
	step := r.disputeStep(&d)
	currency := source.Currency(d.Currency.String())
	amount, err := source.Money(d.Amount, currency)
	switch {
	case d.Amount.String() == "":
		r.trouble.Missing("amount")
	case currency == "":
		r.trouble.Bad("currency", "is no code of three letters")
	case err != nil:
		r.trouble.Bad("amount", source.Why(err))
	}
	if r.trouble.Quarantine() != nil {
		return
	}
	r.tell(&intakev1.Fact{Order: key, OccurredAt: r.when(d.FinalizedOn, d.InitiatedAt), Body: &intakev1.Fact_DisputeReported{
		DisputeReported: &intakev1.DisputeReported{
			Step: step, Amount: amount, DisputeId: "shopify:dispute:" + id, Provider: "shopify_payments", Reason: clean(d.Reason),
		},
	}})
}

// disputeStep reads the status. An inquiry is a question: it moves no money, and what is given back because of it is a
// refund that is told as one. So does a charge that was refunded: the refund took the money, not the dispute.
func (r *reader) disputeStep(d *dispute) intakev1.DisputeStep {
	inquiry := d.Type.String() == "inquiry"
	switch status := d.Status.String(); {
	case status == "won", status == "charge_refunded":
		return intakev1.DisputeStep_DISPUTE_STEP_WON
	case status == "":
		r.trouble.Missing("status")
	case inquiry:
		return intakev1.DisputeStep_DISPUTE_STEP_WARNING
	case status == "needs_response", status == "under_review":
		return intakev1.DisputeStep_DISPUTE_STEP_OPENED
	case status == "lost", status == "accepted":
		return intakev1.DisputeStep_DISPUTE_STEP_LOST
	default:
		r.trouble.Bad("status", "is none that we know")
	}
	return intakev1.DisputeStep_DISPUTE_STEP_UNSPECIFIED
}
