package payment

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// record turns a report into the event that keeps it, and the names under which the order can be found from now on.
// It returns no event where the report says only what stands already: the journal has the delivery.
func record(o *order.State, t reactor.Trigger) (proto.Message, []string) {
	switch body := t.Fact.GetBody().(type) {
	case *intakev1.Fact_PaymentReported:
		return recordPayment(o, t, body.PaymentReported)
	case *intakev1.Fact_RefundReported:
		return recordRefund(o, t, body.RefundReported)
	case *intakev1.Fact_DisputeReported:
		return recordDispute(o, t, body.DisputeReported)
	case *intakev1.Fact_PaidClaimed:
		return recordClaim(o, t, body.PaidClaimed), nil
	}
	return nil, nil
}

func recordPayment(o *order.State, t reactor.Trigger, p *intakev1.PaymentReported) (proto.Message, []string) {
	at := t.Fact.GetOccurredAt().AsTime()
	if t.Revision == 0 && slices.ContainsFunc(o.Payment.Reports, func(r order.Report) bool {
		return r.Step == p.GetStep() && r.ID == p.GetMovementId() && r.Witness == p.GetWitness() && old(p.GetStep(), at, r.At) &&
			proto.Equal(r.Amount, p.GetAmount()) && within(p.GetNames(), r.Names) && r.Provider == p.GetProvider() &&
			says(p.GetCountry(), r.Country) && says(p.GetRiskLevel(), r.RiskLevel) && r.Historic == t.Fact.GetHistoric()
	}) {
		return nil, nil
	}
	m := &paymentv1.Movement{
		Names: p.GetNames(), Amount: p.GetAmount(), MovementId: p.GetMovementId(), Witness: p.GetWitness(), Provider: p.GetProvider(),
		Historic: t.Fact.GetHistoric(), RiskLevel: p.GetRiskLevel(), Country: p.GetCountry(), ReportId: t.Report[:], Revision: t.Revision,
	}
	switch p.GetStep() {
	case intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED:
		return &paymentv1.PaymentAuthorized{Movement: m}, p.GetNames()
	case intakev1.PaymentStep_PAYMENT_STEP_CAPTURED:
		return &paymentv1.PaymentCaptured{Movement: m}, p.GetNames()
	case intakev1.PaymentStep_PAYMENT_STEP_FAILED:
		return &paymentv1.PaymentFailed{Movement: m, Code: p.GetFailureCode()}, p.GetNames()
	case intakev1.PaymentStep_PAYMENT_STEP_VOIDED:
		return &paymentv1.PaymentVoided{Movement: m}, p.GetNames()
	default: // a step of a newer version: the journal has the delivery
		return nil, nil
	}
}

func recordRefund(o *order.State, t reactor.Trigger, r *intakev1.RefundReported) (proto.Message, []string) {
	if t.Revision == 0 && slices.ContainsFunc(o.Payment.Refunds, func(have order.Refund) bool {
		return have.Step == r.GetStep() && have.ID == r.GetRefundId() && have.Witness == r.GetWitness() &&
			proto.Equal(have.Amount, r.GetAmount()) && within(r.GetNames(), have.Names)
	}) {
		return nil, nil
	}
	return &paymentv1.PaymentRefunded{
		Names: r.GetNames(), Amount: r.GetAmount(), RefundId: r.GetRefundId(), Step: r.GetStep(), Witness: r.GetWitness(),
		Provider: r.GetProvider(), Reason: r.GetReason(), Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
	}, r.GetNames()
}

func recordDispute(o *order.State, t reactor.Trigger, d *intakev1.DisputeReported) (proto.Message, []string) {
	if t.Revision == 0 && o.Payment.Disputed(d.GetDisputeId(), d.GetStep(), d.GetAmount(), t.Fact.GetOccurredAt().AsTime()) {
		return nil, nil
	}
	return &paymentv1.PaymentDisputed{
		Names: d.GetNames(), Amount: d.GetAmount(), DisputeId: d.GetDisputeId(), Step: d.GetStep(), Provider: d.GetProvider(),
		Reason: d.GetReason(), Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
	}, d.GetNames()
}

func recordClaim(o *order.State, t reactor.Trigger, c *intakev1.PaidClaimed) proto.Message {
	if t.Revision == 0 && slices.ContainsFunc(o.Payment.Claims, func(have order.Claim) bool {
		return proto.Equal(have.Amount, c.GetAmount()) && !t.Fact.GetOccurredAt().AsTime().After(have.At)
	}) {
		return nil
	}
	return &paymentv1.PaymentClaimed{
		Amount: c.GetAmount(), Provider: c.GetProvider(), Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
	}
}

// old says that the time of a report is no news: the beginning of a payment is what counts, but every failed attempt is
// one of its own.
func old(step intakev1.PaymentStep, at, stands time.Time) bool {
	if step == intakev1.PaymentStep_PAYMENT_STEP_FAILED {
		return at.Equal(stands)
	}
	return !at.Before(stands)
}

// says that a word adds nothing to the one that stands.
func says(word, stands string) bool { return word == "" || word == stands }

// within says that a report tells no name that is not known of the same payment. One without any name is of no payment
// that has one.
func within(names, known []string) bool {
	for _, n := range names {
		if !slices.Contains(known, n) {
			return false
		}
	}
	return len(names) > 0 || len(known) == 0
}
