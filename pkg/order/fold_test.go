package order_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

type newEvent = event.New

// timed is a message with the time at which it happened, and was recorded.
type timed struct {
	message proto.Message
	at      time.Time
}

func foldTimed(t require.TestingT, events []timed) *order.State {
	s := order.New(id)
	for _, e := range events {
		c := event.CategoryOf(event.TypeOf(e.message))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(e.message), Message: e.message, OccurredAt: e.at, RecordedAt: e.at,
		}))
	}
	return s
}

var statuses = []order.Status{
	order.StatusUnknown, order.StatusAwaitingPayment, order.StatusHeld, order.StatusBackordered, order.StatusProcessing,
	order.StatusReleased, order.StatusLabelled, order.StatusShipped, order.StatusDelivered, order.StatusLost, order.StatusReturned,
	order.StatusCompleted, order.StatusCancelling, order.StatusCancelled, order.StatusExpired,
}

// Facets do not care in which order other facets moved: any interleaving of the streams is the same state. And any
// subset of events, in any order that keeps each stream's own, is a state that can be asked anything.
func TestFacetsCommute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var streams [][]timed
		for _, facet := range facets() {
			streams = append(streams, rapid.SliceOfN(facet, 0, 5).Draw(t, "stream"))
		}
		a, b := foldTimed(t, interleave(t, streams)), foldTimed(t, interleave(t, streams))
		require.Equal(t, a, b)

		assert.Contains(t, statuses, a.Status())
		open := true
		for _, g := range a.Gates() {
			open = open && g.Open
			assert.Equal(t, g.Open, g.WaitsFor == "", "gate %s says what it waits for while it is closed", g.Name)
		}
		assert.Equal(t, open, a.Releasable(), "the gates say the same as the decision")
		for _, l := range a.Lines() {
			assert.GreaterOrEqual(t, l.Released, min(l.Shipped, l.Ordered))
			assert.GreaterOrEqual(t, l.Shipped, l.Delivered)
			assert.GreaterOrEqual(t, l.Cancelled, int64(0))
			assert.GreaterOrEqual(t, l.Backordered, int64(0))
		}
		if !a.Order.Ended() && !a.Completed() && a.Fulfillment.Shipped() {
			assert.Contains(t, []order.Status{order.StatusShipped, order.StatusDelivered, order.StatusLost, order.StatusReturned}, a.Status())
		}
		c := a.Clone()
		for _, s := range streams {
			for _, e := range s {
				_ = c.With(event.CategoryOf(event.TypeOf(e.message)), event.New{Message: e.message, OccurredAt: e.at})
			}
		}
		assert.Equal(t, a, c, "looking ahead changes nothing")
	})
}

// interleave merges streams in a random order that keeps each stream's own.
func interleave(t *rapid.T, streams [][]timed) []timed {
	left := make([][]timed, len(streams))
	var tokens []int
	for i, s := range streams {
		left[i] = s
		for range s {
			tokens = append(tokens, i)
		}
	}
	if len(tokens) == 0 {
		return nil
	}
	var out []timed
	for _, i := range rapid.Permutation(tokens).Draw(t, "interleaving") {
		out, left[i] = append(out, left[i][0]), left[i][1:]
	}
	return out
}

func one(messages ...proto.Message) *rapid.Generator[timed] {
	return rapid.Custom(func(t *rapid.T) timed {
		return timed{rapid.SampledFrom(messages).Draw(t, "message"), noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Minute)}
	})
}

// facets draw one event of a category each.
func facets() []*rapid.Generator[timed] {
	lines := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	edited := proto.CloneOf(placed(60).GetDescription())
	edited.ContentHash, edited.Lines[0].Quantity = []byte{1}, -3
	scan := func(scanID string, step intakev1.ScanStep) proto.Message {
		return &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: scanID, Step: step}
	}
	parcel := id.String() + "/1"
	foreign := func(shipment string, step intakev1.ShipmentStep, pieces int64, tracking ...string) proto.Message {
		return &fulfillmentv1.ShipmentReported{
			ShipmentId: shipment, Step: step, Carrier: "ups", TrackingNumbers: tracking, Lines: []*intakev1.ShippedLine{{LineId: "1", Quantity: pieces}},
		}
	}
	const created, takenBack = intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
	return []*rapid.Generator[timed]{
		one(placed(50), &orderv1.OrderPlaced{Description: edited, Historic: true}, &orderv1.OrderEdited{Description: edited},
			&orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address"},
			&orderv1.HoldReleased{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, HoldReason: "no_address", By: "anna"},
			&orderv1.FulfillmentReleased{Number: 1, Lines: lines}, &orderv1.FulfillmentReleased{Number: 2, Lines: lines},
			&orderv1.OrderCancelling{Number: 1}, &orderv1.CancellationRefused{Number: 1, Reason: "already_shipped"},
			&orderv1.OrderCancelled{}, &orderv1.OrderExpired{}, &orderv1.OrderCompleted{}, &orderv1.CommandRefused{}, &orderv1.PersonalDataErased{}),
		money(),
		one(&fraudv1.OrderScored{ScoreMillis: 1000, Verdict: fraudv1.Verdict_VERDICT_REVIEW}, &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR},
			&fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_REJECT}, &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}),
		one(&inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 2}}},
			&inventoryv1.StockBackordered{Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 2}}},
			&inventoryv1.AllocationClosed{Outcome: "shipped"}, &inventoryv1.AllocationClosed{Cancellation: 1, Refused: "no"}),
		one(&fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel, Attempt: 1}, &fulfillmentv1.LabelPurchased{ShipmentId: parcel, TrackingNumber: "SB1"},
			&fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel, Final: true}, &fulfillmentv1.LabelVoidStarted{ShipmentId: parcel},
			&fulfillmentv1.LabelVoided{ShipmentId: parcel}, scan("1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT), scan("2", intakev1.ScanStep_SCAN_STEP_EXCEPTION),
			scan("3", intakev1.ScanStep_SCAN_STEP_RETURNED), &fulfillmentv1.ShipmentLost{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "4"},
			&fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "5"}, &fulfillmentv1.FulfillmentClosed{Cancellation: 1},
			foreign("f1", created, 1), foreign("f1", created, 2, "1Z1"), foreign("f1", takenBack, 2, "1Z1"), foreign("f2", created, 1, "SB1"),
			&fulfillmentv1.ShipmentDelivered{Carrier: "ups", TrackingNumber: "1Z1", ScanId: "6"}),
		one(&notificationv1.NotificationSent{Kind: 1}, &notificationv1.NotificationFailed{Kind: 2}, &notificationv1.NotificationSuppressed{Kind: 1},
			&notificationv1.NotificationStarted{Kind: 2, Channel: "sms", Attempt: 1}, &notificationv1.NotificationSent{Kind: 2, Channel: "sms", Provider: "twilio", MessageId: "SM1"},
			&notificationv1.NotificationReported{Provider: "twilio", MessageId: "SM1", Outcome: "delivered"},
			&notificationv1.NotificationReported{Provider: "twilio", MessageId: "SM1", Outcome: "undelivered", ErrorCode: "30003"}),
	}
}

func TestAnEditReopensWhatWasCompleted(t *testing.T) {
	t.Parallel()
	again := proto.CloneOf(placed(50).GetDescription())
	again.Revision = 1
	more := proto.CloneOf(again)
	more.ContentHash = []byte{1}
	s := fold(t, placed(50), &orderv1.OrderCompleted{}, &orderv1.OrderEdited{Description: again})
	assert.True(t, s.Completed(), "described again, and nothing else is wanted")
	s = fold(t, placed(50), &orderv1.OrderCompleted{}, &orderv1.OrderEdited{Description: more})
	assert.False(t, s.Completed())
	assert.Zero(t, s.Order.ClosedAt)
}

func TestEveryRefusedCancellationIsRemembered(t *testing.T) {
	t.Parallel()
	s := fold(t, placed(50), &orderv1.OrderCancelling{Number: 1, By: "shop"}, &orderv1.CancellationRefused{Number: 1, Reason: "already_shipped"},
		&orderv1.OrderCancelling{Number: 2, By: "anna"}, &orderv1.CancellationRefused{Number: 2, Reason: "already_shipped"},
		&orderv1.CancellationRefused{Number: 1, Reason: "told twice"})
	require.Len(t, s.Order.Refusals, 2)
	assert.Equal(t, "shop", s.Order.Refusals[0].By)
	assert.False(t, s.Order.Cancelling())
}

func TestApplyRefusesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s := order.New(id)
	require.Error(t, s.Apply(event.Recorded{Entity: ident.SKU("MUG"), Category: event.Order, Version: 1}))
	require.Error(t, s.Apply(event.Recorded{Entity: id, Category: event.Stock, Version: 1}))
	require.Error(t, s.Apply(event.Recorded{Entity: id, Category: "weather", Version: 1}))
	require.NoError(t, s.Apply(event.Recorded{Entity: id, Category: event.Fraud, Version: 1, Type: "fraud.v1.Newer"}))
	assert.Equal(t, 1, s.Unknown)
	assert.Equal(t, 1, s.Version(event.Fraud))
}

// One order's life, stage by stage: the status that people see, the first gate that is closed, and the first line.
func TestALife(t *testing.T) {
	t.Parallel()
	two := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	parcel := id.String() + "/1"
	scan := func(scanID string, step intakev1.ScanStep) proto.Message {
		return &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: scanID, Step: step}
	}
	var told []proto.Message
	for _, stage := range []struct {
		what   string
		event  proto.Message
		status order.Status
		closed string // the first gate that is closed
		line   order.Line
	}{
		{"a payment comes first", captured(50, "pi_1"), order.StatusUnknown, "placed", order.Line{}},
		{"its order", placed(50), order.StatusProcessing, "fraud", order.Line{Ordered: 2}},
		{"a doubtful score", &fraudv1.OrderScored{ScoreMillis: 900, Verdict: fraudv1.Verdict_VERDICT_REVIEW}, order.StatusHeld, "fraud", order.Line{Ordered: 2}},
		{"a person clears it", &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, order.StatusProcessing, "stock", order.Line{Ordered: 2}},
		{"no stock", &inventoryv1.StockBackordered{Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 2}}}, order.StatusBackordered, "stock", order.Line{Ordered: 2, Backordered: 2}},
		{"stock", &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 2}}}, order.StatusProcessing, "", order.Line{Ordered: 2, Allocated: 2}},
		{"a hold", &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address"}, order.StatusHeld, "hold:address", order.Line{Ordered: 2, Allocated: 2}},
		{"it is answered", &orderv1.HoldReleased{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, HoldReason: "no_address", By: "rule"}, order.StatusProcessing, "", order.Line{Ordered: 2, Allocated: 2}},
		{"a dispute", disputed(50, opened), order.StatusAwaitingPayment, "payment", order.Line{Ordered: 2, Allocated: 2}},
		{"it is won", disputed(50, won), order.StatusProcessing, "", order.Line{Ordered: 2, Allocated: 2}},
		{"released", &orderv1.FulfillmentReleased{Number: 1, Lines: two}, order.StatusReleased, "", order.Line{Ordered: 2, Allocated: 2, Released: 2}},
		{"a label is asked for", &fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel, Attempt: 1, InFlightUntil: timestamp(noon)}, order.StatusLabelled, "", order.Line{Ordered: 2, Allocated: 2, Released: 2}},
		{"and bought", &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}, order.StatusLabelled, "", order.Line{Ordered: 2, Allocated: 2, Released: 2}},
		{"trouble before it left", scan("0", intakev1.ScanStep_SCAN_STEP_EXCEPTION), order.StatusLabelled, "", order.Line{Ordered: 2, Allocated: 2, Released: 2}},
		{"a cancellation", &orderv1.OrderCancelling{Number: 1, By: "shop"}, order.StatusCancelling, "running", order.Line{Ordered: 2, Allocated: 2, Released: 2}},
		{"the first scan", scan("1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT), order.StatusShipped, "running", order.Line{Ordered: 2, Allocated: 2, Released: 2, Shipped: 2}},
		{"it is refused", &orderv1.CancellationRefused{Number: 1, By: "fulfillment", Reason: "already_shipped"}, order.StatusShipped, "", order.Line{Ordered: 2, Allocated: 2, Released: 2, Shipped: 2}},
		{"the stock has gone", &inventoryv1.AllocationClosed{Outcome: "shipped"}, order.StatusShipped, "", order.Line{Ordered: 2, Released: 2, Shipped: 2}},
		{"delivered", &fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "2"}, order.StatusCompleted, "running", order.Line{Ordered: 2, Released: 2, Shipped: 2, Delivered: 2}},
		{"recorded as completed, as it once was", &orderv1.OrderCompleted{}, order.StatusCompleted, "running", order.Line{Ordered: 2, Released: 2, Shipped: 2, Delivered: 2}},
		{"charged back after it shipped", disputed(50, lost), order.StatusCompleted, "running", order.Line{Ordered: 2, Released: 2, Shipped: 2, Delivered: 2}},
		{"sent back", scan("3", intakev1.ScanStep_SCAN_STEP_RETURNED), order.StatusCompleted, "running", order.Line{Ordered: 2, Released: 2, Shipped: 2, Delivered: 2, Returned: 2}},
	} {
		told = append(told, stage.event)
		s := fold(t, told...)
		assert.Equal(t, stage.status, s.Status(), stage.what)
		closed := ""
		for _, g := range s.Gates() {
			if !g.Open && closed == "" {
				closed = g.Name
			}
		}
		assert.Equal(t, stage.closed, closed, stage.what)
		if lines := s.Lines(); len(lines) > 0 {
			lines[0].ID, lines[0].SKU, lines[0].Described = "", "", nil
			assert.Equal(t, stage.line, lines[0], stage.what)
		}
	}
}

func TestLinesOfACancelledOrder(t *testing.T) {
	t.Parallel()
	lines := fold(t, placed(50), &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 2}}},
		&orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{}).Lines()
	assert.Equal(t, int64(2), lines[0].Cancelled)
	assert.Zero(t, lines[0].Allocated)
	lines = fold(t, placed(50), &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}},
		&orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{}).Lines()
	assert.Equal(t, int64(2), lines[0].Cancelled)
	assert.Zero(t, lines[0].Released, "whether it was released before is history")
	s := fold(t, placed(50), &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address"},
		&orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{})
	assert.Empty(t, s.Order.Holds, "nothing is kept back any more")
}

// A release is taken back by a gate that closes, whether or not there was a label to be voided.
func TestWhatIsReleasedMayLeave(t *testing.T) {
	t.Parallel()
	parcel := id.String() + "/1"
	released := []proto.Message{
		placed(50), captured(50, "pi_1"), &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR},
		&inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Location: "main", Quantity: 2}}},
		&orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}},
	}
	label := &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}
	void := &fulfillmentv1.LabelVoided{ShipmentId: parcel}
	edited := proto.CloneOf(placed(50).GetDescription())
	edited.Revision, edited.Lines[0].Quantity = 1, 3
	for name, c := range map[string]struct {
		told []proto.Message
		want int64
	}{
		"no label yet":             {nil, 2},
		"disputed before a label":  {[]proto.Message{disputed(50, opened)}, 0},
		"edited before a label":    {[]proto.Message{&orderv1.OrderEdited{Description: edited}}, 0},
		"labelled":                 {[]proto.Message{label}, 2},
		"disputed, not yet voided": {[]proto.Message{label, disputed(50, opened)}, 2},
		"disputed and voided":      {[]proto.Message{label, disputed(50, opened), void}, 0},
	} {
		s := fold(t, append(slices.Clone(released), c.told...)...)
		assert.Equal(t, c.want, s.Lines()[0].Released, name)
	}
}

func TestAVoidedLabelThatIsUsedAllTheSame(t *testing.T) {
	t.Parallel()
	parcel := id.String() + "/1"
	s := fold(t, placed(50), &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}},
		&fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}, &fulfillmentv1.LabelVoided{ShipmentId: parcel},
		&fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT})
	assert.Equal(t, order.StatusShipped, s.Status())
	assert.Equal(t, int64(2), s.Lines()[0].Released)
	assert.Equal(t, int64(2), s.Lines()[0].Shipped)
}

func TestOnlyWhatIsOursIsWanted(t *testing.T) {
	t.Parallel()
	s := fold(t, &orderv1.OrderPlaced{Description: &orderv1.Description{Lines: []*typev1.Line{
		{Id: "1", Sku: "MUG", Quantity: 2},
		{Id: "2", Sku: "MUG", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_US},
		{Id: "3", Sku: "EBOOK", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY},
		{Id: "4", Sku: "FBA", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_CHANNEL},
		{Id: "5", Sku: "MUG", Quantity: -7},
	}}})
	assert.Equal(t, map[string]int64{"MUG": 3}, s.Demand())
	assert.Len(t, s.Lines(), 5)
}

func TestPaymentRemarksAreRemembered(t *testing.T) {
	t.Parallel()
	s := fold(t, placed(50), &paymentv1.AmountMismatched{Kind: "under"}, &paymentv1.FundsCovered{}, &paymentv1.DuplicatePaymentDetected{Names: []string{"pi_2"}},
		granted(50, "pi_2"), granted(99, "pi_2"), &paymentv1.RefundSettled{GrantId: "grant:pi_2"})
	assert.Equal(t, "under", s.Payment.Mismatched)
	assert.True(t, s.Payment.Covered)
	assert.Equal(t, [][]string{{"pi_2"}}, s.Payment.Duplicates)
	require.Len(t, s.Payment.Grants, 1, "at most one grant of a name")
	assert.True(t, s.Payment.Grants[0].Settled)
	assert.Equal(t, int64(50), s.Funds().Granted)

	s = fold(t, placed(50), granted(50, "pi_2"), &paymentv1.RefundFailed{GrantId: "grant:pi_2", Reason: "no funds"})
	assert.Zero(t, s.Funds().Granted, "what failed gives nothing back")
}

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
