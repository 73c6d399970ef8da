package payment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	id   = ident.Order("checkout", "default", "1001")
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

// given folds what happened.
func given(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for i, m := range messages {
		at := noon.Add(time.Duration(i-len(messages)) * time.Minute)
		c := event.CategoryOf(event.TypeOf(m))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
		}))
	}
	return s
}

func placed(total int64) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: &orderv1.Description{Currency: "USD", Totals: &typev1.Totals{Total: usd(total)}}}
}

func movement(minor int64, names ...string) *paymentv1.Movement {
	return &paymentv1.Movement{Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER}
}

func historic(m *paymentv1.Movement) *paymentv1.Movement { m.Historic = true; return m }

func euro(minor int64, names ...string) proto.Message {
	m := movement(minor, names...)
	m.Amount.Currency = "EUR"
	return &paymentv1.PaymentCaptured{Movement: m}
}

func refunded(minor int64, refundID string, names ...string) *paymentv1.PaymentRefunded {
	return &paymentv1.PaymentRefunded{
		Names: names, Amount: usd(minor), RefundId: refundID, Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Witness: intakev1.Witness_WITNESS_PROVIDER,
	}
}

func shopRefunded(minor int64, names ...string) proto.Message {
	m := refunded(minor, "s1", names...)
	m.Witness = intakev1.Witness_WITNESS_SHOP
	return m
}

func disputed(minor int64, step intakev1.DisputeStep) proto.Message {
	return &paymentv1.PaymentDisputed{DisputeId: "dp_1", Amount: usd(minor), Step: step}
}

func refund(minor int64, refundID string, names ...string) reactor.Trigger {
	return told(&intakev1.RefundReported{
		Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: usd(minor), RefundId: refundID, Names: names, Witness: intakev1.Witness_WITNESS_PROVIDER,
	})
}

func at(when time.Time, t reactor.Trigger) reactor.Trigger {
	t.Fact.OccurredAt = timestamppb.New(when)
	return t
}

func captured(minor int64, names ...string) proto.Message {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER}}
}

func byShop(minor int64, names ...string) proto.Message {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_SHOP}}
}

func told(body any) reactor.Trigger {
	f := &intakev1.Fact{OccurredAt: timestamppb.New(noon)}
	switch b := body.(type) {
	case *intakev1.PaymentReported:
		f.Body = &intakev1.Fact_PaymentReported{PaymentReported: b}
	case *intakev1.RefundReported:
		f.Body = &intakev1.Fact_RefundReported{RefundReported: b}
	case *intakev1.DisputeReported:
		f.Body = &intakev1.Fact_DisputeReported{DisputeReported: b}
	case *intakev1.PaidClaimed:
		f.Body = &intakev1.Fact_PaidClaimed{PaidClaimed: b}
	}
	return reactor.Trigger{Kind: reactor.Fact, Cause: ident.Named("fact"), Report: ident.Named("fact"), Fact: f}
}

func paid(minor int64, names ...string) reactor.Trigger {
	return told(&intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(minor), Names: names, Witness: intakev1.Witness_WITNESS_PROVIDER,
	})
}

var ring = reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("ring")}

func TestDecide(t *testing.T) {
	t.Parallel()
	cancelling := &orderv1.OrderCancelling{Number: 1, By: "shop"}
	released := &fulfillmentv1.FulfillmentClosed{Outcome: "nothing_started", Cancellation: 1}
	for name, c := range map[string]struct {
		given []proto.Message
		when  reactor.Trigger
		then  []string
	}{
		"paid before it was placed":      {nil, paid(50, "pi_1"), []string{"PaymentCaptured"}},
		"paid whole":                     {[]proto.Message{placed(50)}, paid(50, "pi_1"), []string{"PaymentCaptured"}},
		"told again":                     {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(50, "pi_1"), nil},
		"told again under one more name": {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(50, "ch_1", "pi_1"), []string{"PaymentCaptured"}},
		"a shop's word beside it":        {[]proto.Message{placed(50), captured(50, "pi_1")}, told(&intakev1.PaidClaimed{Amount: usd(50)}), []string{"PaymentClaimed"}},
		"paid in part":                   {[]proto.Message{placed(50)}, paid(20, "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}},
		"the rest of it":                 {[]proto.Message{placed(50), captured(20, "pi_1"), &paymentv1.AmountMismatched{Kind: "under"}}, paid(30, "pi_2"), []string{"PaymentCaptured", "FundsCovered"}},
		"too much":                       {[]proto.Message{placed(50)}, paid(60, "pi_1"), []string{"PaymentCaptured", "AmountMismatched"}},
		"a second payment":               {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(50, "pi_2"), []string{"PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted"}},
		"a second payment, seen later":   {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_2"), placed(50)}, ring, []string{"DuplicatePaymentDetected", "RefundGranted"}},
		"what an edit will ask for, paid before it is told": {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(20, "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}},
		"the second part twice":                             {[]proto.Message{placed(50), captured(20, "pi_1"), captured(30, "pi_2"), &paymentv1.FundsCovered{}}, paid(30, "pi_3"), []string{"PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted"}},
		"more than everything again":                        {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(60, "pi_2"), []string{"PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted"}},
		"what only the shop tells is in doubt":              {[]proto.Message{placed(50), captured(50, "pi_1"), byShop(50, "tx_1")}, ring, nil},
		"another currency":                                  {[]proto.Message{placed(50)}, told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: &typev1.Money{MinorUnits: 50, Currency: "EUR"}, Names: []string{"pi_1"}, Witness: intakev1.Witness_WITNESS_PROVIDER}), []string{"PaymentCaptured", "AmountMismatched"}},
		"a failed try after a good one":                     {[]proto.Message{placed(50), captured(50, "pi_1")}, told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_FAILED, Amount: usd(50), Names: []string{"pi_0"}}), []string{"PaymentFailed"}},
		"refunded before it was paid":                       {[]proto.Message{placed(50)}, told(&intakev1.RefundReported{Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: usd(50), RefundId: "re_1", Names: []string{"pi_1"}, Witness: intakev1.Witness_WITNESS_PROVIDER}), []string{"PaymentRefunded"}},
		"cancelling, nothing paid":                          {[]proto.Message{placed(50), cancelling, released}, ring, []string{"PaymentClosed"}},
		"cancelling, paid":                                  {[]proto.Message{placed(50), captured(50, "pi_1"), cancelling, released}, ring, []string{"RefundGranted", "PaymentClosed"}},
		"cancelling, the shop's money":                      {[]proto.Message{placed(50), byShop(50, "tx"), cancelling, released}, ring, []string{"PaymentClosed"}},
		"cancelling, fulfillment has not answered":          {[]proto.Message{placed(50), captured(50, "pi_1"), cancelling}, ring, nil},
		"cancelling, the parcel had left":                   {[]proto.Message{placed(50), captured(50, "pi_1"), cancelling, &fulfillmentv1.FulfillmentClosed{Refused: "already_shipped", Cancellation: 1}}, ring, nil},
		"answered before":                                   {[]proto.Message{placed(50), cancelling, released, &paymentv1.PaymentClosed{Cancellation: 1}}, ring, nil},
		"paid after it was cancelled":                       {[]proto.Message{placed(50), cancelling, &orderv1.OrderCancelled{}}, paid(50, "pi_1"), []string{"PaymentCaptured", "RefundGranted"}},
		"given back once":                                   {[]proto.Message{placed(50), captured(50, "pi_1"), cancelling, &orderv1.OrderCancelled{}, &paymentv1.RefundGranted{GrantId: "closed:pi_1", Names: []string{"pi_1"}, Amount: usd(50)}}, ring, nil},
		"the provider carries a grant out":                  {[]proto.Message{placed(50), captured(50, "pi_1"), captured(50, "pi_2"), &paymentv1.DuplicatePaymentDetected{Names: []string{"pi_2"}, Amount: usd(50)}, &paymentv1.RefundGranted{GrantId: "duplicate:pi_2", Names: []string{"pi_2"}, Amount: usd(50)}}, told(&intakev1.RefundReported{Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: usd(50), RefundId: "re_1", Names: []string{"pi_2"}, Witness: intakev1.Witness_WITNESS_PROVIDER}), []string{"PaymentRefunded", "RefundSettled"}},
		"paid in part, refunded whole":                      {[]proto.Message{placed(50), captured(20, "pi_1"), &paymentv1.AmountMismatched{Kind: "under"}}, refund(20, "re_1", "pi_1"), []string{"PaymentRefunded"}},
		"one refunded whole, another short":                 {[]proto.Message{placed(50), captured(50, "pi_1"), refunded(50, "re_1", "pi_1")}, paid(20, "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}},
		"one refunded whole, another whole":                 {[]proto.Message{placed(50), captured(50, "pi_1"), refunded(50, "re_1", "pi_1")}, paid(50, "pi_2"), []string{"PaymentCaptured"}},
		"the first one is disputed, the second one stays":   {[]proto.Message{placed(50), captured(50, "pi_1"), disputed(50, intakev1.DisputeStep_DISPUTE_STEP_OPENED)}, paid(50, "pi_2"), []string{"PaymentCaptured"}},
		"a second payment, partly refunded, is in doubt":    {[]proto.Message{placed(50), captured(50, "pi_1"), captured(50, "pi_2"), refunded(10, "re_1", "pi_2")}, ring, []string{"AmountMismatched"}},
		"authorised by the provider, captured by the shop":  {[]proto.Message{placed(50), captured(50, "pi_1"), &paymentv1.PaymentAuthorized{Movement: movement(50, "pi_2")}, byShop(50, "pi_2")}, ring, []string{"AmountMismatched"}},
		"a payment without a name":                          {[]proto.Message{placed(50), captured(50)}, paid(50, "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}},
		"without a name, after one that has one":            {[]proto.Message{placed(50), captured(50, "pi_1")}, paid(50), []string{"PaymentCaptured", "AmountMismatched"}},
		"without a name, cancelled":                         {[]proto.Message{placed(50), captured(50), cancelling, released}, ring, []string{"PaymentClosed"}},
		"the shop gave it back by itself":                   {[]proto.Message{placed(50), captured(50, "pi_1"), shopRefunded(50, "tx_1"), cancelling, released}, ring, []string{"PaymentClosed"}},
		"charged back and cancelled":                        {[]proto.Message{placed(50), captured(50, "pi_1"), disputed(50, intakev1.DisputeStep_DISPUTE_STEP_LOST), cancelling, released}, ring, []string{"PaymentClosed"}},
		"refunded in part and cancelled":                    {[]proto.Message{placed(50), captured(50, "pi_1"), refunded(20, "re_1", "pi_1"), cancelling, released}, ring, []string{"RefundGranted", "PaymentClosed"}},
		"chargeback after it was delivered":                 {[]proto.Message{placed(50), captured(50, "pi_1"), &orderv1.OrderCompleted{}}, told(&intakev1.DisputeReported{DisputeId: "dp_1", Step: intakev1.DisputeStep_DISPUTE_STEP_LOST, Amount: usd(50), Names: []string{"pi_1"}}), []string{"PaymentDisputed"}},
		"a dispute told again":                              {[]proto.Message{placed(50), captured(50, "pi_1"), disputed(50, intakev1.DisputeStep_DISPUTE_STEP_OPENED)}, at(noon.Add(-time.Hour), told(&intakev1.DisputeReported{DisputeId: "dp_1", Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED, Amount: usd(50)})), nil},
		"an imported order":                                 {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}, captured(50, "pi_1")}, paid(50, "pi_2"), []string{"PaymentCaptured"}},
		"an imported payment of an order that ended":        {[]proto.Message{placed(50), cancelling, &orderv1.OrderCancelled{}, &paymentv1.PaymentCaptured{Movement: historic(movement(50, "pi_1"))}}, ring, nil},
		"paid in another currency, cancelled":               {[]proto.Message{placed(50), euro(50, "pi_1"), cancelling, released}, ring, []string{"RefundGranted", "PaymentClosed"}},
		"told with its country after all":                   {[]proto.Message{placed(50), captured(50, "pi_1")}, told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(50), Names: []string{"pi_1"}, Witness: intakev1.Witness_WITNESS_PROVIDER, Country: "DE"}), []string{"PaymentCaptured"}},
		"an absurd amount":                                  {[]proto.Message{placed(50), captured(1<<63-1, "pi_1")}, paid(1<<63-1, "pi_2"), []string{"PaymentCaptured", "AmountMismatched"}},
		"a command":                                         {[]proto.Message{placed(50)}, reactor.Trigger{Kind: reactor.Command, Cause: ident.Named("c")}, []string{"CommandRefused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Decide(given(t, c.given...), c.when, noon)
			require.NoError(t, err)
			var got []string
			for _, e := range d.Events {
				got = append(got, event.NameOf(event.TypeOf(e.Message)))
			}
			assert.Equal(t, c.then, got)
		})
	}
}

// The steps of a cancellation that others take.
var (
	cancellingMessage = &orderv1.OrderCancelling{Number: 1, By: "shop"}
	closedMessage     = &fulfillmentv1.FulfillmentClosed{Outcome: "nothing_started", Cancellation: 1}
	cancelledMessage  = &orderv1.OrderCancelled{}
)
