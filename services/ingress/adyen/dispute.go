package adyen

import (
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// The steps, under shorter names. Money is taken with a CHARGEBACK; before it there are only questions.
const (
	warning = intakev1.DisputeStep_DISPUTE_STEP_WARNING
	opened  = intakev1.DisputeStep_DISPUTE_STEP_OPENED
	won     = intakev1.DisputeStep_DISPUTE_STEP_WON
	lost    = intakev1.DisputeStep_DISPUTE_STEP_LOST
)

// disputed tells of a dispute. All that is told of one has the same pspReference.
func disputed(step intakev1.DisputeStep) func(*reading, *item) {
	return func(x *reading, i *item) {
		if i.ok() {
			x.dispute(i, step, i.Reason.String())
		}
	}
}

// captureFailed tells of money that was captured and then did not come, such as a direct debit that the bank did not
// honour. That is a dispute that is lost before it began: the money is gone, and nobody gave it back.
func (x *reading) captureFailed(i *item) {
	if i.ok() {
		x.dispute(i, lost, "capture_failed")
	}
}

func (x *reading) dispute(i *item, step intakev1.DisputeStep, reason string) {
	id, names := x.named(i.PSPReference), x.named(i.payment())
	amount, ok := x.amount(i)
	if !ok || id == nil || names == nil {
		return
	}
	x.went(i, names, &intakev1.Fact{Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
		Step: step, Amount: amount, Names: names, DisputeId: id[0], Provider: name, Reason: source.Clean(reason, keep),
	}}})
}
