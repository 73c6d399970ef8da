package fulfillment

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	id    = ident.Order("checkout", "default", "1001")
	ship1 = order.New(id).ShipmentID(1)
	ship2 = order.New(id).ShipmentID(2)
	// noon is when the order was released; what was given before happened at the same moment.
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules = Rules{SettleDelay: 5 * time.Second, RetryDelay: 10 * time.Second, CallTimeout: 10 * time.Second}
	ring  = reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("ring")}
)

// Moments of an order's life.
var (
	settled = noon.Add(5 * time.Second)  // the settlement delay is over
	flown   = noon.Add(35 * time.Second) // what was asked at settled is no longer in flight
)

// given folds what happened, everything at noon.
func given(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for _, m := range messages {
		s = then(t, s, noon, m)
	}
	return s
}

// then folds one more event.
func then(t require.TestingT, s *order.State, at time.Time, m proto.Message) *order.State {
	s = s.Clone()
	c := event.CategoryOf(event.TypeOf(m))
	require.NoError(t, s.Apply(event.Recorded{
		Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
	}))
	return s
}

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

// description is an order of so many mugs; the word stands for everything else that it says.
func description(mugs int64, word string) *orderv1.Description {
	return &orderv1.Description{
		Currency: "USD", Totals: &typev1.Totals{Total: usd(50)}, ContentHash: []byte(word), Revision: uint32(len(word)), HasAddress: true,
		Lines: []*typev1.Line{{Id: "1", Sku: "MUG", Quantity: mugs, UnitPrice: usd(50)}},
	}
}

func releasedAs(number int32, mugs int64) proto.Message {
	return &orderv1.FulfillmentReleased{Number: number, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: mugs}}}
}

func allocated(mugs int64) proto.Message {
	return &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Location: "main", Quantity: mugs}}}
}

func captured(minor int64) proto.Message {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: []string{"pi_1"}, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER,
	}}
}

func refunded(minor int64) proto.Message {
	return &paymentv1.PaymentRefunded{
		Names: []string{"pi_1"}, Amount: usd(minor), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_SETTLED,
		Witness: intakev1.Witness_WITNESS_PROVIDER,
	}
}

// released is an order with every gate open, just released.
func released(more ...proto.Message) []proto.Message {
	return append([]proto.Message{
		&orderv1.OrderPlaced{Description: description(1, "a")}, captured(50),
		&fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, allocated(1), releasedAs(1, 1),
	}, more...)
}

func edited(mugs int64, word string) proto.Message {
	return &orderv1.OrderEdited{Description: description(mugs, word)}
}

func held(reason string) proto.Message {
	return &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, Reason: reason}
}

func unheld(reason, by string) proto.Message {
	return &orderv1.HoldReleased{Kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, HoldReason: reason, By: by}
}

func cancelling(number int32) proto.Message {
	return &orderv1.OrderCancelling{Number: number, By: "shop"}
}

func refusedCancellation(number int32) proto.Message {
	return &orderv1.CancellationRefused{Number: number, By: "payment", Reason: "cannot"}
}

func started(shipment string, attempt int32, until time.Time) *fulfillmentv1.LabelPurchaseStarted {
	return startedFor(shipment, attempt, until, "a")
}

func startedFor(shipment string, attempt int32, until time.Time, word string) *fulfillmentv1.LabelPurchaseStarted {
	o := order.New(id)
	o.Order.Description = description(1, word)
	return &fulfillmentv1.LabelPurchaseStarted{
		ShipmentId: shipment, Attempt: attempt, InFlightUntil: timestamppb.New(until), Carrier: "sandbox",
		IdempotencyKey: shipment + "/" + string('0'+attempt) + "/" + content(o),
	}
}

func purchased(shipment, tracking string) *fulfillmentv1.LabelPurchased {
	return &fulfillmentv1.LabelPurchased{
		ShipmentId: shipment, Carrier: "sandbox", TrackingNumber: tracking, LabelUrl: "https://labels.example/" + tracking, Cost: usd(7),
	}
}

func failed(shipment string, attempt int32, code string, again time.Time) *fulfillmentv1.LabelPurchaseFailed {
	m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: shipment, Attempt: attempt, Code: code, Final: again.IsZero()}
	if !again.IsZero() {
		m.RetryAt = timestamppb.New(again)
	}
	return m
}

func voidStarted(shipment string, attempt int32, until time.Time) *fulfillmentv1.LabelVoidStarted {
	return &fulfillmentv1.LabelVoidStarted{ShipmentId: shipment, Attempt: attempt, InFlightUntil: timestamppb.New(until)}
}

func voided(shipment, reason string) *fulfillmentv1.LabelVoided {
	return &fulfillmentv1.LabelVoided{ShipmentId: shipment, Reason: reason}
}

func closed(number int32, outcome, refused string) *fulfillmentv1.FulfillmentClosed {
	return &fulfillmentv1.FulfillmentClosed{Outcome: outcome, Refused: refused, Cancellation: number}
}

func scannedAs(tracking, scan string, step intakev1.ScanStep) *fulfillmentv1.ShipmentScanned {
	return &fulfillmentv1.ShipmentScanned{TrackingNumber: tracking, Carrier: "sandbox", ScanId: scan, Step: step}
}

var inTransit = scannedAs("SB1", "s1", intakev1.ScanStep_SCAN_STEP_IN_TRANSIT)

// labelled is a released order whose label SB1 was bought.
func labelled(more ...proto.Message) []proto.Message {
	return append(released(started(ship1, 1, flown), purchased(ship1, "SB1")), more...)
}

// theReport is what a fact is known by, whatever the reading.
var theReport = ident.Named("the report")

func told(s *intakev1.ScanReported) reactor.Trigger {
	return reactor.Trigger{Kind: reactor.Fact, Cause: ident.Named("fact"), Report: theReport, Fact: &intakev1.Fact{
		OccurredAt: timestamppb.New(noon.Add(time.Hour)), Body: &intakev1.Fact_ScanReported{ScanReported: s},
	}}
}

// elsewhere is what is recorded of a shipment of the shop: so many mugs, under these tracking numbers.
func elsewhere(mugs int64, tracking ...string) *fulfillmentv1.ShipmentReported {
	return byAReport(&fulfillmentv1.ShipmentReported{
		ShipmentId: "shopify:fulfillment:1", Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, Carrier: "ups", TrackingNumbers: tracking,
		Lines: []*intakev1.ShippedLine{{LineId: "1", Sku: "MUG", Quantity: mugs}},
	})
}

// byAReport is a shipment with the report that told just this.
func byAReport(m *fulfillmentv1.ShipmentReported) *fulfillmentv1.ShipmentReported {
	report := ident.Named("report", m.String())
	m.ReportId = report[:]
	return m
}

// reported is how the shop tells it.
func reported(m *fulfillmentv1.ShipmentReported) reactor.Trigger {
	return reactor.Trigger{Kind: reactor.Fact, Cause: ident.Named("report"), Report: ident.Cause(m.GetReportId()), Fact: &intakev1.Fact{
		OccurredAt: timestamppb.New(noon), Body: &intakev1.Fact_ShipmentReported{ShipmentReported: &intakev1.ShipmentReported{
			ShipmentId: m.GetShipmentId(), Step: m.GetStep(), Carrier: m.GetCarrier(), TrackingNumbers: m.GetTrackingNumbers(), Lines: m.GetLines(),
		}},
	}}
}

// historic is the same, imported from the past and without a time.
func historic(t reactor.Trigger) reactor.Trigger {
	t.Fact.Historic, t.Fact.OccurredAt = true, nil
	return t
}

func asked(body *commandv1.Command) reactor.Trigger {
	return reactor.Trigger{Kind: reactor.Command, Cause: ident.Named("command"), Command: body}
}

var retry = asked(&commandv1.Command{Body: &commandv1.Command_RetryLabel{RetryLabel: &commandv1.RetryLabel{}}})

// answerTo is the trigger of Record.
type answerTo struct {
	request reactor.Request
	label   Label
	err     error
}

func (a answerTo) record(s *order.State, now time.Time) (reactor.Decision, error) {
	if _, isVoid := a.request.(void); isVoid || a.err != nil {
		return rules.Record(s, a.request, nil, a.err, now)
	}
	return rules.Record(s, a.request, a.label, nil, now)
}

func no(f Failure, code string) error { return &CarrierError{f, code} }

// said is a decision in words: its events in full, its requests by key, its timers by kind and time.
type said struct {
	events []proto.Message
	asks   []reactor.Request
	wakes  map[string]time.Time
	clears []string
	links  []string
}

func inWords(requests []reactor.Request) []string {
	var words []string
	for _, q := range requests {
		var lines []*orderv1.LineQuantity
		if b, ok := q.(buy); ok {
			lines, b.Lines = b.Lines, nil
			q = b
		}
		w := fmt.Sprintf("%T%+v", q, q)
		for _, l := range lines {
			w += fmt.Sprintf(" %s:%d×%s", l.GetLineId(), l.GetQuantity(), l.GetSku())
		}
		words = append(words, w)
	}
	return words
}

func hear(t *testing.T, want said, d reactor.Decision) {
	t.Helper()
	require.Len(t, d.Events, len(want.events), "%v", d.Events)
	for i, e := range d.Events {
		require.True(t, proto.Equal(want.events[i], e.Message), "want %s %v\ngot  %s %v", event.TypeOf(want.events[i]), want.events[i], event.TypeOf(e.Message), e.Message)
	}
	require.Equal(t, inWords(want.asks), inWords(d.Requests))
	wakes := map[string]time.Time{}
	for _, w := range d.Timers {
		require.NotContains(t, wakes, w.Kind, "one timer of a kind")
		wakes[w.Kind] = w.At
	}
	if want.wakes == nil {
		want.wakes = map[string]time.Time{}
	}
	require.Equal(t, want.wakes, wakes)
	require.Equal(t, want.clears, d.Clear)
	require.Equal(t, want.links, d.Links)
}
