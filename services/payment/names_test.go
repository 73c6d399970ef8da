package payment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	otherKey = &typev1.OrderKey{Source: "checkout", Account: "default", Id: "1002"}
	other    = ident.Order("checkout", "default", "1002")
)

func elsewhere(minor int64) proto.Message {
	return &paymentv1.AmountMismatched{Due: usd(50), Captured: usd(minor), Kind: "elsewhere"}
}

func TestWhereNamesLead(t *testing.T) {
	t.Parallel()
	away := &names{elsewhere: map[string]bool{"pi_1": true}}
	fresh := &names{nowhere: map[string]bool{"pi_2": true}}
	cancelling := &orderv1.OrderCancelling{Number: 1, By: "shop"}
	failed := told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_FAILED, Amount: usd(50), Names: []string{"pi_1"}})
	for name, c := range map[string]struct {
		given []proto.Message
		names *names
		when  reactor.Trigger
		then  []string
		links []string
	}{
		"a payment of another order":         {[]proto.Message{placed(50)}, away, paid(50, "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}, nil},
		"its other names are not ours":       {[]proto.Message{placed(50)}, away, paid(50, "ch_1", "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}, nil},
		"before the order came":              {nil, away, paid(50, "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}, nil},
		"of an imported order":               {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}}, away, paid(50, "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}, nil},
		"too little as well":                 {[]proto.Message{placed(50)}, away, paid(20, "pi_1"), []string{"PaymentCaptured", "AmountMismatched", "AmountMismatched"}, nil},
		"remarked once":                      {[]proto.Message{placed(50), captured(50, "pi_1"), elsewhere(50)}, away, ring, nil, nil},
		"neither hides the other":            {[]proto.Message{placed(50), captured(20, "pi_1"), &paymentv1.AmountMismatched{Kind: "under"}, elsewhere(20)}, away, ring, nil, nil},
		"found out later":                    {[]proto.Message{placed(50), captured(50, "pi_1")}, away, ring, []string{"AmountMismatched"}, nil},
		"a failed one pays for nothing":      {[]proto.Message{placed(50)}, away, failed, []string{"PaymentFailed"}, nil},
		"a refund of it pays for nothing":    {[]proto.Message{placed(50), captured(50, "pi_2")}, away, refund(50, "re_1", "pi_1"), []string{"PaymentRefunded"}, nil},
		"it is nobody's duplicate":           {[]proto.Message{placed(50), captured(50, "pi_1"), elsewhere(50)}, away, paid(50, "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}, []string{"pi_2"}},
		"nor is ours":                        {[]proto.Message{placed(50), captured(50, "pi_2")}, away, paid(50, "pi_1"), []string{"PaymentCaptured", "AmountMismatched", "AmountMismatched"}, nil},
		"but of two that are ours one is":    {[]proto.Message{placed(50), captured(50, "pi_1"), elsewhere(50), captured(50, "pi_2")}, away, paid(50, "pi_3"), []string{"PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted", "AmountMismatched"}, []string{"pi_3"}},
		"it is not given back from here":     {[]proto.Message{placed(50), captured(50, "pi_1"), elsewhere(50), cancelling, closedMessage}, away, ring, []string{"PaymentClosed"}, nil},
		"new names lead nowhere yet":         {[]proto.Message{placed(50), captured(50, "pi_1")}, fresh, paid(50, "pi_2"), []string{"PaymentCaptured"}, []string{"pi_2"}},
		"a bell rings in the same batch":     {[]proto.Message{placed(50), captured(50, "pi_1"), captured(50, "pi_2"), cancelling, closedMessage}, fresh, ring, nil, nil},
		"one more name of a payment of ours": {[]proto.Message{placed(50), captured(20, "pi_1")}, fresh, paid(20, "pi_1", "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}, []string{"pi_1", "pi_2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.when.Extra = c.names
			d, err := Decide(given(t, c.given...), c.when, noon)
			require.NoError(t, err)
			var got []string
			for _, e := range d.Events {
				got = append(got, event.NameOf(event.TypeOf(e.Message)))
			}
			assert.Equal(t, c.then, got)
			assert.Equal(t, c.links, d.Links)
		})
	}
}

func TestAPaymentPaysForOneOrder(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.others(id, placed(50))
	r.others(other, placed(50))
	r.tell("the first", paidFact(key, nil, "card:pay_1"))
	r.until(id, "PaymentCaptured")
	r.tell("the second", paidFact(otherKey, nil, "card:pay_1", "card:tx_1"))
	r.until(other, "PaymentCaptured", "AmountMismatched")
	assert.True(t, r.state(id).FundsCover())
	assert.False(t, r.state(other).FundsCover(), "it is recorded, and does not count")
	assert.Equal(t, int64(50), r.state(other).Funds().Captured)

	// The other name that the second order was told of is no name of that order: the payment's own order may have it.
	r.tell("told again", paidFact(key, nil, "card:pay_1", "card:tx_1"))
	r.until(id, "PaymentCaptured", "PaymentCaptured")
	r.quiet(bus.Events, "payment-rings")

	// A refund finds the order that was told first, and one that names the second order is no payment of it.
	refund := &intakev1.RefundReported{Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: usd(10), RefundId: "re_1", Names: []string{"card:pay_1"}, Witness: intakev1.Witness_WITNESS_PROVIDER}
	r.tell("refund", &intakev1.Fact{References: []string{"card:pay_1"}, OccurredAt: timestamppb.New(noon), Body: &intakev1.Fact_RefundReported{RefundReported: refund}})
	r.until(id, "PaymentCaptured", "PaymentCaptured", "PaymentRefunded")
	assert.Equal(t, []string{"PaymentCaptured", "AmountMismatched"}, r.said(other))
}

// Both orders are told in one moment, when the name leads nowhere: one delivery is one batch. Each has been paid before,
// so that whoever took the other's payment for his own would give it back as a duplicate.
func TestOfTwoOrdersToldAtOnceOneFindsOut(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.others(id, placed(50))
	r.others(other, placed(50))
	r.tell("before", paidFact(key, nil, "card:pay_0"), paidFact(otherKey, nil, "card:pay_2"))
	r.until(id, "PaymentCaptured")
	r.until(other, "PaymentCaptured")
	r.tell("both", paidFact(otherKey, nil, "card:pay_1"), paidFact(key, nil, "card:pay_1"))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, 1, countOf(r.said(id), "DuplicatePaymentDetected")+countOf(r.said(other), "DuplicatePaymentDetected"))
		assert.NotEqual(c, r.state(id).Payment.Elsewhere, r.state(other).Payment.Elsewhere)
	}, 20*time.Second, 20*time.Millisecond)
	r.quiet(bus.Events, "payment-rings")
	for _, entity := range []ident.Entity{id, other} {
		s := r.state(entity)
		assert.Equal(t, s.Payment.Elsewhere, len(s.Payment.Grants) == 0, "whose payment it is gives it back, the other does not")
		assert.Equal(t, !s.Payment.Elsewhere, s.FundsCover())
	}
}

func countOf(all []string, name string) (n int) {
	for _, each := range all {
		if each == name {
			n++
		}
	}
	return n
}
