package payment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// The steps of refunds and disputes, under shorter names.
const (
	pending = intakev1.RefundStep_REFUND_STEP_PENDING
	settled = intakev1.RefundStep_REFUND_STEP_SETTLED
	failed  = intakev1.RefundStep_REFUND_STEP_FAILED
	opened  = intakev1.DisputeStep_DISPUTE_STEP_OPENED
	won     = intakev1.DisputeStep_DISPUTE_STEP_WON
	lost    = intakev1.DisputeStep_DISPUTE_STEP_LOST
)

func refundTo(step intakev1.RefundStep, minor int64, refundID string, names ...string) *paymentv1.PaymentRefunded {
	m := refunded(minor, refundID, names...)
	m.Step = step
	return m
}

func disputeOf(minor int64, step intakev1.DisputeStep, names ...string) *paymentv1.PaymentDisputed {
	return &paymentv1.PaymentDisputed{DisputeId: "dp_1", Amount: usd(minor), Step: step, Names: names}
}

func grant(minor int64, id string, names ...string) *paymentv1.RefundGranted {
	return &paymentv1.RefundGranted{GrantId: id, Names: names, Amount: usd(minor), Reason: "duplicate"}
}

// twice is an order that was paid twice, with the second payment to be given back.
func twice(more ...proto.Message) []proto.Message {
	return append([]proto.Message{
		placed(50), captured(50, "pi_1"), captured(50, "pi_2"),
		&paymentv1.DuplicatePaymentDetected{Names: []string{"pi_2"}, Amount: usd(50)}, grant(50, "duplicate:pi_2", "pi_2"),
	}, more...)
}

// gone is an order that was cancelled after it was paid, with its payment to be given back.
func gone(more ...proto.Message) []proto.Message {
	return append([]proto.Message{
		placed(50), captured(50, "pi_1"), cancellingMessage, closedMessage, grant(50, "closed:pi_1", "pi_1"),
		&paymentv1.PaymentClosed{Outcome: "refund_granted", Cancellation: 1}, cancelledMessage,
	}, more...)
}

func said(events []event.New) []string {
	var names []string
	for _, e := range events {
		names = append(names, event.NameOf(event.TypeOf(e.Message)))
	}
	return names
}

// What became of a decision to give money back: it is carried out when the money is there and not when it is on its
// way, a refusal is not asked for again, and what a bank takes meanwhile is not given as well.
func TestWhatBecomesOfAGrant(t *testing.T) {
	t.Parallel()
	refused := func(id string) proto.Message {
		return &paymentv1.RefundFailed{GrantId: id, Reason: "expired_or_canceled_card"}
	}
	done := func(id string) proto.Message { return &paymentv1.RefundSettled{GrantId: id} }
	banked := &paymentv1.RefundFailed{GrantId: "duplicate:pi_2", Reason: reasonDisputed}
	for name, c := range map[string]struct {
		given []proto.Message
		then  []string
		net   int64 // what is ours afterwards
	}{
		"on its way":                        {twice(refundTo(pending, 50, "re_1", "pi_2")), nil, 50},
		"there":                             {twice(refundTo(pending, 50, "re_1", "pi_2"), refundTo(settled, 50, "re_1", "pi_2")), []string{"RefundSettled"}, 50},
		"failed on its way":                 {twice(refundTo(pending, 50, "re_1", "pi_2"), refundTo(failed, 50, "re_1", "pi_2")), nil, 50},
		"in part":                           {twice(refundTo(settled, 20, "re_1", "pi_2")), nil, 50},
		"in two parts":                      {twice(refundTo(settled, 20, "re_1", "pi_2"), refundTo(settled, 30, "re_2", "pi_2")), []string{"RefundSettled"}, 50},
		"there, and it came back":           {twice(done("duplicate:pi_2"), refundTo(settled, 50, "re_1", "pi_2"), refundTo(failed, 50, "re_1", "pi_2")), []string{"RefundFailed", "AmountMismatched"}, 100},
		"refused":                           {twice(refused("duplicate:pi_2")), []string{"AmountMismatched"}, 100},
		"refused, then a person does it":    {twice(refused("duplicate:pi_2"), refundTo(settled, 50, "re_9", "pi_2")), []string{"RefundSettled"}, 50},
		"refused, and the order ends":       {twice(refused("duplicate:pi_2"), cancellingMessage, closedMessage), []string{"RefundGranted", "RefundGranted", "PaymentClosed"}, 0},
		"of a cancelled order, refused":     {gone(refused("closed:pi_1")), nil, 50},
		"refused, and paid once more":       {twice(refused("duplicate:pi_2"), captured(50, "pi_3")), []string{"DuplicatePaymentDetected", "RefundGranted", "AmountMismatched"}, 100},
		"the bank takes it":                 {twice(disputeOf(50, opened, "pi_2")), []string{"RefundFailed"}, 50},
		"the bank took it":                  {twice(banked, disputeOf(50, lost, "pi_2")), nil, 50},
		"the bank gave it back":             {twice(banked, disputeOf(50, opened, "pi_2"), disputeOf(50, won, "pi_2")), []string{"DuplicatePaymentDetected", "RefundGranted"}, 50},
		"the bank only asks":                {twice(disputeOf(50, intakev1.DisputeStep_DISPUTE_STEP_WARNING, "pi_2")), nil, 50},
		"the bank takes the other one":      {twice(disputeOf(50, lost, "pi_1")), nil, 0},
		"given back, then the bank as well": {twice(refundTo(settled, 50, "re_1", "pi_2"), done("duplicate:pi_2"), disputeOf(50, lost, "pi_2")), nil, 0},
		"cancelled, the bank takes it":      {gone(disputeOf(50, opened, "pi_1")), []string{"RefundFailed"}, 0},
		"cancelled, the bank takes a part":  {gone(disputeOf(20, opened, "pi_1")), []string{"RefundFailed", "RefundGranted"}, 0},
		"cancelled, it gave it back":        {gone(&paymentv1.RefundFailed{GrantId: "closed:pi_1", Reason: reasonDisputed}, disputeOf(50, opened, "pi_1"), disputeOf(50, won, "pi_1")), []string{"RefundGranted"}, 0},
		"decided anew, and then it is there": {gone(&paymentv1.RefundFailed{GrantId: "closed:pi_1", Reason: reasonDisputed}, disputeOf(50, opened, "pi_1"), disputeOf(50, won, "pi_1"),
			grant(50, "closed:pi_1+", "pi_1"), refundTo(settled, 50, "re_1", "pi_1")), []string{"RefundSettled"}, 0},
		"for another reason, and then it is there": {twice(refused("duplicate:pi_2"), cancellingMessage, closedMessage, grant(50, "closed:pi_1", "pi_1"), grant(50, "closed:pi_2", "pi_2"),
			&paymentv1.PaymentClosed{Outcome: "refund_granted", Cancellation: 1}, cancelledMessage, refundTo(settled, 50, "re_2", "pi_2")), []string{"RefundSettled"}, 0},
		"one after the other, the later fails, then a person does it": {gone(captured(70, "pi_1"), grant(20, "closed:pi_1+", "pi_1"), refundTo(settled, 50, "re_1", "pi_1"), done("closed:pi_1"),
			refused("closed:pi_1+"), refundTo(settled, 20, "re_2", "pi_1")), []string{"RefundSettled"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.given...)
			d, err := Decide(s.Clone(), ring, noon)
			require.NoError(t, err)
			assert.Equal(t, c.then, said(d.Events))
			s = live(t, s, ring)
			assert.Equal(t, c.net, s.Funds().Net())
			again, err := Decide(s, ring, noon)
			require.NoError(t, err)
			assert.Empty(t, said(again.Events), "deciding again gives nothing")
		})
	}
}

// The order goes on with the first payment, whatever the bank does with the second.
func TestADisputeAboutTheSecondPaymentDoesNotStopTheOrder(t *testing.T) {
	t.Parallel()
	s := live(t, given(t, twice(disputeOf(50, opened, "pi_2"))...), ring)
	assert.Zero(t, s.Funds().Due())
	assert.True(t, s.FundsCover())
}

// Chargebacks, late payments and late failures of an order that has ended or has left: they are recorded, and nothing of
// the order comes back to life by them.
func TestWhatIsToldTooLate(t *testing.T) {
	t.Parallel()
	expired := []proto.Message{placed(50), &orderv1.OrderCancelling{Number: 1, By: "expiry"}, closedMessage, &paymentv1.PaymentClosed{Outcome: "nothing_paid", Cancellation: 1}}
	report := func(step intakev1.PaymentStep, minor int64, names ...string) reactor.Trigger {
		return told(&intakev1.PaymentReported{Step: step, Amount: usd(minor), Names: names, Witness: intakev1.Witness_WITNESS_PROVIDER})
	}
	dispute := func(step intakev1.DisputeStep) reactor.Trigger {
		return at(noon.Add(time.Hour), told(&intakev1.DisputeReported{DisputeId: "dp_1", Step: step, Amount: usd(50), Names: []string{"pi_1"}}))
	}
	for name, c := range map[string]struct {
		given  []proto.Message
		when   reactor.Trigger
		then   []string
		status string
	}{
		"paid while it expires":             {expired[:1:1], paid(50, "pi_1"), []string{"PaymentCaptured"}, "paid"},
		"paid after payment had answered":   {expired, paid(50, "pi_1"), []string{"PaymentCaptured"}, "paid"},
		"paid after it had expired":         {append(expired[:4:4], &orderv1.OrderExpired{}), paid(50, "pi_1"), []string{"PaymentCaptured", "RefundGranted"}, "paid"},
		"paid in part after it had expired": {append(expired[:4:4], &orderv1.OrderExpired{}), paid(20, "pi_1"), []string{"PaymentCaptured", "RefundGranted"}, "partially_paid"},
		"authorised after it had expired":   {append(expired[:4:4], &orderv1.OrderExpired{}), report(intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED, 50, "pi_1"), []string{"PaymentAuthorized"}, "authorized"},
		"charged back after it was given":   {gone(refunded(50, "re_1", "pi_1"), &paymentv1.RefundSettled{GrantId: "closed:pi_1"}), dispute(lost), []string{"PaymentDisputed"}, "charged_back"},
		"the same attempt fails late":       {[]proto.Message{placed(50), captured(50, "pi_1")}, report(intakev1.PaymentStep_PAYMENT_STEP_FAILED, 50, "pi_1"), []string{"PaymentFailed"}, "paid"},
		"another attempt fails late":        {[]proto.Message{placed(50), captured(50, "pi_1")}, report(intakev1.PaymentStep_PAYMENT_STEP_FAILED, 50, "pi_0"), []string{"PaymentFailed"}, "paid"},
		"the same attempt is given up late": {[]proto.Message{placed(50), captured(50, "pi_1")}, report(intakev1.PaymentStep_PAYMENT_STEP_VOIDED, 50, "pi_1"), []string{"PaymentVoided"}, "paid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.given...)
			d, err := Decide(s.Clone(), c.when, noon)
			require.NoError(t, err)
			assert.Equal(t, c.then, said(d.Events))
			assert.Equal(t, c.status, live(t, s, c.when).PaymentStatus())
		})
	}
}

// A payment that comes between the answer to an expiry and its end is seen when it has ended.
func TestAPaymentOnItsWayWhileTheOrderExpiresIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, messages := range map[string][]proto.Message{
		"before payment's answer": {placed(50), &orderv1.OrderCancelling{Number: 1, By: "expiry"}},
		"after fulfillment's":     {placed(50), &orderv1.OrderCancelling{Number: 1, By: "expiry"}, closedMessage},
		"after payment's":         {placed(50), &orderv1.OrderCancelling{Number: 1, By: "expiry"}, closedMessage, &paymentv1.PaymentClosed{Outcome: "nothing_paid", Cancellation: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := live(t, given(t, messages...), paid(50, "pi_1"))
			if len(messages) < 3 {
				s = live(t, s.With(event.Fulfillment, event.New{Message: closedMessage}), ring)
			}
			s = live(t, s.With(event.Order, event.New{Message: &orderv1.OrderExpired{}}), ring, ring)
			require.Len(t, s.Payment.Grants, 1)
			assert.Equal(t, int64(50), s.Payment.Grants[0].Amount.GetMinorUnits())
			assert.Equal(t, order.StatusExpired, s.Status())
			assert.Zero(t, s.Funds().Net())
		})
	}
}
