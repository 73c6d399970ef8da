package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	id   = ident.Order("checkout", "default", "1001")
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// fold folds messages in the order given, each a minute after the one before.
func fold(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for i, m := range messages {
		at := noon.Add(time.Duration(i) * time.Minute)
		c := event.CategoryOf(event.TypeOf(m))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
		}))
	}
	return s
}

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

func placed(total int64) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: &orderv1.Description{
		Currency: "USD", Totals: &typev1.Totals{Total: usd(total)},
		Lines: []*typev1.Line{{Id: "1", Sku: "MUG", Quantity: 2, UnitPrice: usd(total / 2), Fulfiller: typev1.Fulfiller_FULFILLER_US}},
	}}
}

func captured(minor int64, names ...string) *paymentv1.PaymentCaptured {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER,
	}}
}

func byShop(minor int64, movement string, names ...string) *paymentv1.PaymentCaptured {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_SHOP, MovementId: movement,
	}}
}

func refunded(minor int64, refundID string, names ...string) *paymentv1.PaymentRefunded {
	return &paymentv1.PaymentRefunded{
		Names: names, Amount: usd(minor), RefundId: refundID, Step: intakev1.RefundStep_REFUND_STEP_SETTLED,
		Witness: intakev1.Witness_WITNESS_PROVIDER,
	}
}

func TestOnePaymentHasManyNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		told []proto.Message
		want int64
	}{
		"told twice under one name":             {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_1")}, 50},
		"as intent and as charge":               {[]proto.Message{captured(50, "pi_1"), captured(50, "ch_1", "pi_1")}, 50},
		"joined by a third":                     {[]proto.Message{captured(50, "pi_1"), captured(50, "ch_1"), captured(50, "pi_1", "ch_1")}, 50},
		"two payments":                          {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_2")}, 100},
		"by provider and bare by the shop":      {[]proto.Message{captured(50, "pi_1"), &paymentv1.PaymentClaimed{Amount: usd(50)}}, 50},
		"the shop's word alone":                 {[]proto.Message{&paymentv1.PaymentClaimed{Amount: usd(50)}}, 50},
		"by provider and shop, other names":     {[]proto.Message{captured(50, "pi_1"), byShop(50, "t1", "shopify:tx:1")}, 50},
		"two captures of one authorisation":     {[]proto.Message{byShop(20, "t1", "tx"), byShop(30, "t2", "tx")}, 50},
		"one capture told twice":                {[]proto.Message{byShop(20, "t1", "tx"), byShop(20, "t1", "tx")}, 20},
		"a gift card beside it, told by a shop": {[]proto.Message{captured(50, "pi_1"), byShop(50, "t1", "tx1", "pi_1"), byShop(10, "t2", "tx2")}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, append([]proto.Message{placed(50)}, c.told...)...)
			assert.Equal(t, c.want, s.Funds().Captured)
		})
	}
}

func TestRefundsCountOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		told   []proto.Message
		want   int64
		status string
	}{
		"before its payment":           {[]proto.Message{refunded(50, "re_1", "pi_1"), captured(50, "pi_1")}, 50, "refunded"},
		"by id and as the total":       {[]proto.Message{captured(50, "pi_1"), refunded(20, "re_1", "pi_1"), refunded(20, "", "pi_1")}, 20, "partially_refunded"},
		"two of the same amount":       {[]proto.Message{captured(50, "pi_1"), refunded(10, "re_1", "pi_1"), refunded(10, "re_2", "pi_1")}, 20, "partially_refunded"},
		"through another of its names": {[]proto.Message{captured(50, "pi_1", "ch_1"), refunded(20, "re_1", "ch_1"), refunded(20, "", "pi_1")}, 20, "partially_refunded"},
		"that failed later": {[]proto.Message{captured(50, "pi_1"), refunded(50, "re_1", "pi_1"), &paymentv1.PaymentRefunded{
			Names: []string{"pi_1"}, Amount: usd(50), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_FAILED,
			Witness: intakev1.Witness_WITNESS_PROVIDER,
		}}, 0, "paid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, append([]proto.Message{placed(50)}, c.told...)...)
			assert.Equal(t, c.want, s.Funds().Refunded)
			assert.Equal(t, c.status, s.PaymentStatus())
		})
	}
}

func TestTheReleaseGate(t *testing.T) {
	t.Parallel()
	cleared := &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR}
	allocated := &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Location: "main", Quantity: 2}}}
	paid := captured(50, "pi_1")
	for name, c := range map[string]struct {
		events []proto.Message
		open   bool
	}{
		"everything there":       {[]proto.Message{placed(50), paid, cleared, allocated}, true},
		"in any order":           {[]proto.Message{paid, cleared, placed(50), allocated}, true},
		"not paid":               {[]proto.Message{placed(50), cleared, allocated}, false},
		"paid in part":           {[]proto.Message{placed(50), captured(49, "pi_1"), cleared, allocated}, false},
		"refunded in part":       {[]proto.Message{placed(50), paid, refunded(5, "re_1", "pi_1"), cleared, allocated}, true},
		"refunded whole":         {[]proto.Message{placed(50), paid, refunded(50, "re_1", "pi_1"), cleared, allocated}, false},
		"authorised only":        {[]proto.Message{placed(50), &paymentv1.PaymentAuthorized{Movement: paid.GetMovement()}, cleared, allocated}, false},
		"not scored":             {[]proto.Message{placed(50), paid, allocated}, false},
		"under review":           {[]proto.Message{placed(50), paid, &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_REVIEW}, allocated}, false},
		"reviewed":               {[]proto.Message{placed(50), paid, &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_REVIEW}, &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, allocated}, true},
		"not allocated":          {[]proto.Message{placed(50), paid, cleared}, false},
		"allocated too little":   {[]proto.Message{placed(50), paid, cleared, &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 1}}}}, false},
		"held":                   {[]proto.Message{placed(50), paid, cleared, allocated, &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, Reason: "x"}}, false},
		"cancelling":             {[]proto.Message{placed(50), paid, cleared, allocated, &orderv1.OrderCancelling{Number: 1}}, false},
		"cancellation refused":   {[]proto.Message{placed(50), paid, cleared, allocated, &orderv1.OrderCancelling{Number: 1}, &orderv1.CancellationRefused{Number: 1, By: "fulfillment", Reason: "already_shipped"}}, true},
		"disputed":               {[]proto.Message{placed(50), paid, cleared, allocated, &paymentv1.PaymentDisputed{DisputeId: "dp", Amount: usd(50), Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED}}, false},
		"dispute won":            {[]proto.Message{placed(50), paid, cleared, allocated, &paymentv1.PaymentDisputed{DisputeId: "dp", Amount: usd(50), Step: intakev1.DisputeStep_DISPUTE_STEP_WON}, &paymentv1.PaymentDisputed{DisputeId: "dp", Amount: usd(50), Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED}}, true},
		"historic":               {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}, paid, cleared, allocated}, false},
		"a failed try told late": {[]proto.Message{placed(50), paid, cleared, allocated, &paymentv1.PaymentFailed{Movement: &paymentv1.Movement{Names: []string{"pi_0"}, Amount: usd(50)}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, c.events...)
			assert.Equal(t, c.open, s.Releasable())
			closed := 0
			for _, g := range s.Gates() {
				if !g.Open {
					closed++
					assert.NotEmpty(t, g.WaitsFor, "a closed gate says what it waits for: %s", g.Name)
				}
			}
			assert.Equal(t, c.open, closed == 0, "the gates say the same as the decision")
		})
	}
}

// What a gate waits for is said as people say it: amounts exact in the currency's own exponent, risks as fractions.
func TestGatesSpeakToPeople(t *testing.T) {
	t.Parallel()
	dinars := &orderv1.OrderPlaced{Description: &orderv1.Description{
		Currency: "KWD", Totals: &typev1.Totals{Total: &typev1.Money{MinorUnits: 12_345, Currency: "KWD"}},
	}}
	for name, c := range map[string]struct {
		events []proto.Message
		gate   string
		want   string
	}{
		"nothing paid":         {[]proto.Message{placed(5000)}, "payment", "USD 50.00 that are still due"},
		"paid in part":         {[]proto.Message{placed(5000), captured(4999, "pi_1")}, "payment", "USD 0.01 that are still due"},
		"three digits":         {[]proto.Message{dinars}, "payment", "KWD 12.345 that are still due"},
		"a risk":               {[]proto.Message{placed(50), &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_REVIEW, ScoreMillis: 850}}, "fraud", "a person's review: its risk is 0.850"},
		"the highest there is": {[]proto.Message{placed(50), &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_REVIEW, ScoreMillis: 1000}}, "fraud", "a person's review: its risk is 1.000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := map[string]string{}
			for _, g := range fold(t, c.events...).Gates() {
				said[g.Name] = g.WaitsFor
			}
			assert.Equal(t, c.want, said[c.gate])
		})
	}
}

// Nobody has to move for what has ended: it waits at no gate but the one that says so, whatever stayed open behind it.
func TestWhatHasEndedWaitsForNobody(t *testing.T) {
	t.Parallel()
	held := &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_FRAUD, Reason: "score_above_limit"}
	for name, end := range map[string]proto.Message{
		"cancelled": &orderv1.OrderCancelled{}, "expired": &orderv1.OrderExpired{}, "completed": &orderv1.OrderCompleted{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, g := range fold(t, placed(50), held, end).Gates() {
				assert.True(t, g.Open || g.Who == "nobody", "%s waits for %s by %s", g.Name, g.WaitsFor, g.Who)
			}
		})
	}
}

func TestShippedIsTheFirstScanAndNotTheLabel(t *testing.T) {
	t.Parallel()
	label := &fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"}
	release := &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}}
	scan := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "s1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}

	s := fold(t, placed(50), release, label)
	assert.Equal(t, order.StatusLabelled, s.Status())
	assert.Zero(t, s.Lines()[0].Shipped)

	for _, events := range [][]proto.Message{{placed(50), release, label, scan}, {scan, label, placed(50), release}} {
		s = fold(t, events...)
		assert.Equal(t, order.StatusShipped, s.Status())
		assert.Equal(t, int64(2), s.Lines()[0].Shipped)
	}
}

func TestAGapInVersionsIsRefused(t *testing.T) {
	t.Parallel()
	s := order.New(id)
	err := s.Apply(event.Recorded{Entity: id, Category: event.Order, Version: 2, Message: placed(1)})
	require.ErrorIs(t, err, order.ErrGap)
}

func TestTheNewestDescriptionStandsInWhateverOrderTheyCome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "descriptions")
		var edits []proto.Message
		for range n {
			edits = append(edits, &orderv1.OrderEdited{Description: &orderv1.Description{
				Draft: rapid.Bool().Draw(t, "draft"), Revision: rapid.Uint32Range(0, 1).Draw(t, "revision"),
				ContentHash: []byte{rapid.Byte().Draw(t, "hash")}, Currency: "USD",
			}})
		}
		first := fold(t, edits...).Order.Description
		shuffled := rapid.Permutation(edits).Draw(t, "shuffled")
		again := fold(t, shuffled...).Order.Description
		assert.True(t, proto.Equal(first, again) || !order.Newer(first, again) && !order.Newer(again, first))
	})
}

// The sums must not depend on the order in which reports come, nor on how often they are repeated.
func TestSumsDependOnWhatWasSaidAlone(t *testing.T) {
	t.Parallel()
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"pi_1", "pi_2", "ch_1", "ch_2", "tx_1"}), 1, 2, rapid.ID[string])
	message := rapid.Custom(func(t *rapid.T) proto.Message {
		minor, n := rapid.Int64Range(1, 100).Draw(t, "minor"), names.Draw(t, "names")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return byShop(minor, rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(t, "movement"), n...)
		case 1:
			return refunded(minor, rapid.SampledFrom([]string{"", "re_1", "re_2"}).Draw(t, "refund"), n...)
		case 2:
			return &paymentv1.PaymentVoided{Movement: captured(minor, n...).GetMovement()}
		case 3:
			return &paymentv1.PaymentAuthorized{Movement: captured(minor, n...).GetMovement()}
		}
		return captured(minor, n...)
	})
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.SliceOfN(message, 1, 8).Draw(t, "told")
		want := fold(t, append([]proto.Message{placed(50)}, told...)...)
		repeated := append(append([]proto.Message{}, told...), rapid.SliceOf(rapid.SampledFrom(told)).Draw(t, "repeats")...)
		shuffled := rapid.Permutation(repeated).Draw(t, "shuffled")
		got := fold(t, append(shuffled, placed(50))...)
		assert.Equal(t, want.Funds(), got.Funds())
		assert.Equal(t, want.PaymentStatus(), got.PaymentStatus())
	})
}

func TestAbsurdAmountsNeverWrap(t *testing.T) {
	t.Parallel()
	const most = 1<<63 - 1
	s := fold(t, placed(50), captured(most, "pi_1"), captured(most, "pi_2"), refunded(most, "re_1", "pi_1"))
	assert.Equal(t, int64(most), s.Funds().Captured)
	assert.NotPanics(t, func() { s.Gates() })
}
