package paypal

import (
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// A reversal takes back the money of a capture, mostly because of a dispute about it; both tell of the same money. So a
// dispute is known by the capture that it is about, and PayPal's own number of it stands in the reason.

// reversed tells of money that PayPal took back without the shop. The resource is the capture, or a refund of it.
func (x *reading) reversed() {
	var r resource
	if !x.object(&r) {
		return
	}
	of := x.named(first(r.origin(), r.ID))
	if len(of) == 0 {
		x.trouble.Missing("resource.id")
		return
	}
	amount, ok := x.money("resource.amount", r.Amount.positive())
	if !ok {
		return
	}
	reason := first(r.StatusDetails.Reason, r.ReasonCode, "reversed")
	x.went(r.number(), of, &intakev1.Fact{Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
		Step: intakev1.DisputeStep_DISPUTE_STEP_LOST, Amount: amount, Names: of, DisputeId: of[0], Provider: name, Reason: source.Clean(reason.String(), keep),
	}}})
}

func (x *reading) disputed() {
	var d dispute
	if !x.object(&d) {
		return
	}
	step, known := x.disputeStep(&d)
	told := d.Amount
	if step == intakev1.DisputeStep_DISPUTE_STEP_LOST && d.Outcome.Refunded != nil {
		told = *d.Outcome.Refunded
	}
	amount, ok := x.money("resource.dispute_amount", told)
	if !known || !ok {
		return
	}
	ids, number := make([]source.Scalar, 0, len(d.Transactions)), source.Scalar("")
	for _, t := range d.Transactions {
		ids = append(ids, t.SellerTransactionID)
		number = first(number, t.Custom, t.InvoiceNumber)
	}
	names := x.named(ids...)
	id := names
	if len(names) != 1 {
		id = x.named(d.ID)
	}
	if len(id) == 0 {
		x.trouble.Missing("resource.dispute_id")
		return
	}
	reason := d.Reason.String()
	if d.ID.String() != "" {
		reason += " (" + d.ID.String() + ")"
	}
	x.went(number, names, &intakev1.Fact{
		OccurredAt: source.Time(d.UpdateTime.String()),
		Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
			Step: step, Amount: amount, Names: names, DisputeId: id[0], Provider: name, Reason: source.Clean(strings.TrimSpace(reason), keep),
		}},
	})
}

// disputeStep is how far a dispute came. In an inquiry buyer and seller talk; from then on PayPal or a bank decides.
func (x *reading) disputeStep(d *dispute) (intakev1.DisputeStep, bool) {
	if d.Status.String() != "RESOLVED" && x.event.Type != "CUSTOMER.DISPUTE.RESOLVED" {
		if d.Stage.String() == "INQUIRY" {
			return intakev1.DisputeStep_DISPUTE_STEP_WARNING, true
		}
		return intakev1.DisputeStep_DISPUTE_STEP_OPENED, true
	}
	switch d.Outcome.Code.String() {
	case "RESOLVED_BUYER_FAVOUR", "ACCEPTED":
		return intakev1.DisputeStep_DISPUTE_STEP_LOST, true
	case "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED": // with a payout, PayPal pays
		return intakev1.DisputeStep_DISPUTE_STEP_WON, true
	}
	x.trouble.Bad("resource.dispute_outcome.outcome_code", "does not say how the dispute ended")
	return 0, false
}
