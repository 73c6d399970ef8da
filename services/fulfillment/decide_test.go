package fulfillment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// first is the attempt that is made once a release has settled.
func first() said {
	return attempt(ship1, 1, settled, "a")
}

func attempt(shipment string, n int32, at time.Time, word string) said {
	until := at.Add(30 * time.Second)
	e := startedFor(shipment, n, until, word)
	lines := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 1}}
	return said{
		events: []proto.Message{e},
		asks:   []reactor.Request{buy{Shipment: shipment, Attempt: int(n), Token: e.GetIdempotencyKey(), Until: until, Lines: lines}},
		wakes:  map[string]time.Time{timerInFlight: until},
	}
}

// taken is the first attempt to take a label back.
func taken(shipment, reason string, at time.Time) said {
	until := at.Add(30 * time.Second)
	return said{
		events: []proto.Message{voidStarted(shipment, 1, until)},
		asks:   []reactor.Request{void{Shipment: shipment, Reason: reason, Attempt: 1}},
		wakes:  map[string]time.Time{timerVoid: until},
	}
}

func only(messages ...proto.Message) said { return said{events: messages} }

func wakes(kind string, at time.Time) said {
	return said{wakes: map[string]time.Time{kind: at}}
}

type story struct {
	name  string
	given []proto.Message
	when  reactor.Trigger
	at    time.Time
	then  said
}

func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			d, err := rules.Decide(given(t, s.given...), s.when, s.at)
			require.NoError(t, err)
			hear(t, s.then, d)
		})
	}
}

func TestALabelIsBoughtForWhatWasReleased(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	lost := &paymentv1.PaymentDisputed{DisputeId: "d", Names: []string{"pi_1"}, Amount: usd(50), Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED}
	tell(t, []story{
		{"not released yet", released()[:4], ring, later, said{}},
		{"just released: it settles first", released(), ring, noon, wakes(timerSettle, settled)},
		{"the timer rang a little early by our clock", released(), ring, settled.Add(-time.Millisecond), wakes(timerSettle, settled)},
		{"settled", released(), ring, settled, first()},
		{"historic: only shown", append([]proto.Message{&orderv1.OrderPlaced{Description: description(1, "a"), Historic: true}}, released()[1:]...), ring, later, said{}},

		{"held meanwhile", released(held("operator")), ring, settled, said{}},
		{"held and let go", released(held("operator"), unheld("operator", "ann")), ring, settled, first()},
		{"refunded whole meanwhile", released(refunded(50)), ring, settled, said{}},
		{"refunded in part: the shop's generosity", released(refunded(10)), ring, settled, first()},
		{"disputed meanwhile", released(lost), ring, settled, said{}},
		{"rejected meanwhile", released(&fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_REJECT}), ring, settled, said{}},
		{"its stock went away", released(&inventoryv1.StockBackordered{Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 1}}}), ring, settled, said{}},
		{"edited to other lines: the next release counts", released(edited(2, "bb"), allocated(2)), ring, settled, said{}},
		{"edited to other lines and released anew", released(edited(1, "bb"), releasedAs(2, 1)), ring, settled, attempt(ship2, 1, settled, "bb")},
		{"edited to another address: bought for the new one", released(edited(1, "bb")), ring, settled, attempt(ship1, 1, settled, "bb")},
		{"cancelled", released(cancelling(1), closed(1, "nothing_started", ""), &orderv1.OrderCancelled{}), ring, settled, said{}},
		{"a cancellation that was refused by another", released(cancelling(1), closed(1, "nothing_started", ""), refusedCancellation(1)), ring, settled, first()},
		{"completed", released(&orderv1.OrderCompleted{}), ring, settled, said{}},
		{"shipped by a parcel that we know nothing of", released(inTransit), ring, settled, said{}},

		{"in flight: whoever finds it waits", released(started(ship1, 1, flown)), ring, settled, wakes(timerInFlight, flown)},
		{"no longer in flight: asked by our reference, not bought again", released(started(ship1, 1, flown)), ring, flown, said{
			asks:  []reactor.Request{lookup{Shipment: ship1, Attempt: 1, Until: flown}},
			wakes: map[string]time.Time{timerInFlight: flown.Add(30 * time.Second)},
		}},
		{"bought", labelled(), ring, flown, said{}},

		{"failed: not before its time", released(started(ship1, 1, flown), failed(ship1, 1, "failed", later)), ring, flown, wakes(timerRetry, later)},
		{"failed: at its time", released(started(ship1, 1, flown), failed(ship1, 1, "failed", later)), ring, later, attempt(ship1, 2, later, "a")},
		{"the carrier was down: no attempt counted", released(started(ship1, 1, flown), failed(ship1, 1, "carrier_down:http_503", later)), ring, later, attempt(ship1, 1, later, "a")},
		{"failed, and held since", released(started(ship1, 1, flown), failed(ship1, 1, "failed", flown), held("operator")), ring, later, said{}},
		{"failed, and edited since: what it was released for is gone, orders may release anew",
			released(started(ship1, 1, flown), failed(ship1, 1, "failed", later), edited(2, "bb"), allocated(2)), ring, flown, only(voided(ship1, "edited"))},
		{"given up: an operator has it", released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{}), held("label_failed")), ring, later, said{}},
		{"given up, not held yet", released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{})), ring, later, said{}},
		{"given up, the operator says go on", released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{}), held("label_failed"), unheld("label_failed", "ann")),
			ring, later, attempt(ship1, 4, later, "a")},
		{"given up, the hold is gone by rule: nobody said so", released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{}), held("label_failed"), unheld("label_failed", "rule")),
			ring, later, said{}},
		{"refused for its address, which was mended", released(started(ship1, 1, flown), failed(ship1, 1, "bad_address", time.Time{}), held("label_failed"), edited(1, "bb")),
			ring, later, attempt(ship1, 2, later, "bb")},
		{"given up, and edited since: orders may release anew",
			released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{}), held("label_failed"), edited(2, "bb"), allocated(2)), ring, later, only(voided(ship1, "edited"))},

		{"an earlier release is in flight: that ends first", released(started(ship1, 1, flown), releasedAs(2, 1)), ring, noon.Add(6 * time.Second), wakes(timerInFlight, flown)},
		{"an earlier release's label is void", labelled(voidStarted(ship1, 1, later), voided(ship1, "edited"), releasedAs(2, 1)), ring, settled, attempt(ship2, 1, settled, "a")},
		{"its own label is void: the next release gets one", labelled(voidStarted(ship1, 1, later), voided(ship1, "hold:operator")), ring, later, said{}},
	})
}

func TestWhatChangesBeforeTheFirstScanVoidsTheLabel(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	opened := &paymentv1.PaymentDisputed{DisputeId: "d", Names: []string{"pi_1"}, Amount: usd(50), Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED}
	tell(t, []story{
		{"held", labelled(held("operator")), ring, flown, taken(ship1, "hold:operator", flown)},
		{"refunded whole", labelled(refunded(50)), ring, flown, taken(ship1, "payment", flown)},
		{"refunded in part", labelled(refunded(10)), ring, flown, said{}},
		{"disputed", labelled(opened), ring, flown, taken(ship1, "payment", flown)},
		{"rejected", labelled(&fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_REJECT}), ring, flown, taken(ship1, "fraud", flown)},
		{"other lines", labelled(edited(2, "bb"), allocated(2)), ring, flown, taken(ship1, "edited", flown)},
		{"another address", labelled(edited(1, "bb")), ring, flown, taken(ship1, "edited", flown)},
		{"released anew", labelled(releasedAs(2, 1)), ring, flown, taken(ship1, "released anew", flown)},
		{"the hold for a failed label says nothing against one that was bought", labelled(held("label_failed")), ring, flown, said{}},

		{"held, but it has left", labelled(inTransit, held("operator")), ring, flown, said{}},
		{"disputed after it has left", labelled(inTransit, opened), ring, flown, said{}},
		{"held, but it is lost", labelled(&fulfillmentv1.ShipmentLost{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1"}, held("operator")), ring, flown, said{}},
		{"trouble before the first scan is no scan", labelled(scannedAs("SB1", "s1", intakev1.ScanStep_SCAN_STEP_EXCEPTION), held("operator")), ring, flown, taken(ship1, "hold:operator", flown)},

		{"under way", labelled(held("operator"), voidStarted(ship1, 1, later)), ring, flown, wakes(timerVoid, later)},
		{"under way, and the gate is open again: brought to its end", labelled(voidStarted(ship1, 1, later)), ring, flown, wakes(timerVoid, later)},
		{"no answer: tried again, later each time", labelled(held("operator"), voidStarted(ship1, 3, flown)), ring, later, said{
			events: []proto.Message{voidStarted(ship1, 4, later.Add(8*30*time.Second))},
			asks:   []reactor.Request{void{Shipment: ship1, Reason: "hold:operator", Attempt: 4}},
			wakes:  map[string]time.Time{timerVoid: later.Add(8 * 30 * time.Second)},
		}},
		{"no answer, the gate is open again: tried again", labelled(voidStarted(ship1, 1, flown)), ring, later, said{
			events: []proto.Message{voidStarted(ship1, 2, later.Add(time.Minute))},
			asks:   []reactor.Request{void{Shipment: ship1, Reason: becauseBegun, Attempt: 2}},
			wakes:  map[string]time.Time{timerVoid: later.Add(time.Minute)},
		}},
		{"a hundred times in vain: four hours apart", labelled(held("operator"), voidStarted(ship1, 100, flown)), ring, later, said{
			events: []proto.Message{voidStarted(ship1, 101, later.Add(4*time.Hour))},
			asks:   []reactor.Request{void{Shipment: ship1, Reason: "hold:operator", Attempt: 101}},
			wakes:  map[string]time.Time{timerVoid: later.Add(4 * time.Hour)},
		}},
		{"void", labelled(held("operator"), voidStarted(ship1, 1, flown), voided(ship1, "hold:operator")), ring, later, said{}},
		{"two labels to take back share the timer that comes first",
			labelled(voidStarted(ship1, 1, later), started(ship2, 1, flown), purchased(ship2, "SB2"), voidStarted(ship2, 1, later.Add(time.Hour)), releasedAs(3, 1)),
			ring, flown, wakes(timerVoid, later)},
	})
}

func TestACancellationIsAnswered(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	tell(t, []story{
		{"nothing was begun", released(cancelling(1)), ring, settled, only(closed(1, "nothing_started", ""))},
		{"not even placed", []proto.Message{cancelling(1)}, ring, settled, only(closed(1, "nothing_started", ""))},
		{"in flight: waits for its end", released(started(ship1, 1, flown), cancelling(1)), ring, settled, wakes(timerInFlight, flown)},
		{"no longer in flight: asks what became of it", released(started(ship1, 1, flown), cancelling(1)), ring, later, said{
			asks:  []reactor.Request{lookup{Shipment: ship1, Attempt: 1, Until: flown}},
			wakes: map[string]time.Time{timerInFlight: later.Add(30 * time.Second)},
		}},
		{"failed, to be tried again", released(started(ship1, 1, flown), failed(ship1, 1, "failed", later), cancelling(1)), ring, later, only(closed(1, "nothing_started", ""))},
		{"bought", labelled(cancelling(1)), ring, flown, taken(ship1, "cancelled", flown)},
		{"being voided", labelled(cancelling(1), voidStarted(ship1, 1, later)), ring, flown, wakes(timerVoid, later)},
		{"void", labelled(cancelling(1), voidStarted(ship1, 1, later), voided(ship1, "cancelled")), ring, flown, only(closed(1, "voided", ""))},
		{"it has left", labelled(inTransit, cancelling(1)), ring, flown, only(closed(1, "", "already_shipped"))},
		{"it has left with a void label", labelled(voidStarted(ship1, 1, later), voided(ship1, "edited"), inTransit, cancelling(1)), ring, flown, only(closed(1, "", "already_shipped"))},
		{"it is lost", labelled(&fulfillmentv1.ShipmentLost{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1"}, cancelling(1)), ring, flown, only(closed(1, "", "already_shipped"))},
		{"answered before", released(cancelling(1), closed(1, "nothing_started", "")), ring, settled, said{}},
		{"asked a second time, by its own number", released(cancelling(1), closed(1, "nothing_started", ""), refusedCancellation(1), cancelling(2)), ring, settled, only(closed(2, "nothing_started", ""))},
		{"refused for its void: the label is still taken back", labelled(cancelling(1), voidStarted(ship1, 1, flown), closed(1, "", "void_refused")), ring, later, said{
			events: []proto.Message{voidStarted(ship1, 2, later.Add(time.Minute))},
			asks:   []reactor.Request{void{Shipment: ship1, Reason: "running", Attempt: 2}},
			wakes:  map[string]time.Time{timerVoid: later.Add(time.Minute)},
		}},
		{"historic: others ask nothing of us", []proto.Message{&orderv1.OrderPlaced{Historic: true}, cancelling(1)}, ring, settled, said{}},
	})
}

func TestScansAreRecordedOnce(t *testing.T) {
	t.Parallel()
	scan := func(step intakev1.ScanStep, scanID string) reactor.Trigger {
		return told(&intakev1.ScanReported{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: scanID, Step: step, Code: "c", Location: "Kiel"})
	}
	left := &fulfillmentv1.ShipmentScanned{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, Code: "c", Location: "Kiel", ReportId: theReport[:]}
	again := scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1")
	again.Revision = 1
	corrected := proto.CloneOf(left)
	corrected.Revision = 1
	tell(t, []story{
		{"read again", labelled(left), again, flown, only(corrected)},
		{"the first scan", labelled(), scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), flown, only(left)},
		{"told again", labelled(left), scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), flown, said{}},
		{"delivered", labelled(left), scan(intakev1.ScanStep_SCAN_STEP_DELIVERED, "s2"), flown,
			only(&fulfillmentv1.ShipmentDelivered{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s2", Location: "Kiel", ReportId: theReport[:]})},
		{"delivered comes first", labelled(), scan(intakev1.ScanStep_SCAN_STEP_DELIVERED, "s2"), flown,
			only(&fulfillmentv1.ShipmentDelivered{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s2", Location: "Kiel", ReportId: theReport[:]})},
		{"lost", labelled(left), scan(intakev1.ScanStep_SCAN_STEP_LOST, "s3"), flown,
			only(&fulfillmentv1.ShipmentLost{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s3", Reason: "c", ReportId: theReport[:]})},
		{"of a void label: it happened", labelled(voidStarted(ship1, 1, flown), voided(ship1, "edited")), scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), flown, only(left)},
		{"of an order that nobody knows", nil, scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), flown, only(left)},
		{"while it is cancelled: it shipped", labelled(cancelling(1), voidStarted(ship1, 1, flown)), scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), settled,
			only(left, closed(1, "", "already_shipped"))},
		{"a fact that is none of ours", labelled(), reactor.Trigger{Kind: reactor.Fact, Fact: &intakev1.Fact{}}, flown, said{}},
	})
	d, err := rules.Decide(given(t, labelled()...), scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1"), flown)
	require.NoError(t, err)
	require.Equal(t, noon.Add(time.Hour), d.Events[0].OccurredAt, "the carrier's clock")
	d, err = rules.Decide(given(t), reactor.Trigger{Kind: reactor.Fact, Report: theReport, Fact: &intakev1.Fact{Historic: true, Body: scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, "s1").Fact.GetBody()}}, flown)
	require.NoError(t, err)
	imported := &fulfillmentv1.ShipmentScanned{TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, Code: "c", Location: "Kiel", Historic: true, ReportId: theReport[:]}
	hear(t, only(imported), d)
	require.Equal(t, flown, d.Events[0].OccurredAt, "ours where it tells none")
}

func TestWhatSomebodyElseShipsGetsNoLabel(t *testing.T) {
	t.Parallel()
	takenBack := elsewhere(1, "1Z1")
	takenBack.Step = intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
	takenBack = byAReport(takenBack)
	report := elsewhere(1, "1Z1")
	byAnother := byAReport(elsewhere(1, "1Z1"))
	unnamed := byAReport(&fulfillmentv1.ShipmentReported{ShipmentId: "a", TrackingNumbers: []string{"1"}})
	corrected := proto.CloneOf(report)
	corrected.Lines, corrected.Revision = nil, 1
	readAgain := reported(corrected)
	readAgain.Revision = 1
	alone := taken(ship1, order.VoidedElsewhere, flown)
	alone.events = append([]proto.Message{report}, alone.events...)
	alone.links = []string{"tracking:ups:1Z1"}
	told := said{events: []proto.Message{report}, links: []string{"tracking:ups:1Z1"}}
	tell(t, []story{
		{"before its label: none is bought", released(), reported(report), settled, told},
		{"and nobody buys one later", released(report), ring, settled, said{}},
		{"told again", released(report), reported(report), settled, said{}},
		{"told again by another delivery", released(report), reported(byAnother), settled, said{}},
		{"read again, and older than it was said to be", released(report), readAgain, settled, said{events: []proto.Message{corrected}, links: told.links}},
		{"taken back: one is bought", released(report, takenBack), ring, settled, first()},
		{"of an order that nobody knows", nil, reported(report), settled, told},
		{"without a carrier no scan can be told from others", nil, reported(unnamed), settled, only(unnamed)},
		{"with its label: it is taken back", labelled(), reported(report), flown, alone},
		{"its label's own number: nothing", labelled(), reported(elsewhere(1, "SB1")), flown,
			said{events: []proto.Message{elsewhere(1, "SB1")}, links: []string{"tracking:ups:SB1"}}},
		{"our parcel is gone, and the shop marks it by hand", labelled(inTransit), reported(elsewhere(1)), flown, only(elsewhere(1))},
		{"both have left: nothing can be taken back", labelled(inTransit), reported(report), flown, told},
		{"no label came of it: orders may go on", released(started(ship1, 1, flown), failed(ship1, 1, "failed", flown), report), ring, settled, only(voided(ship1, "edited"))},
		{"a cancellation comes too late", released(report, cancelling(1)), ring, settled, only(closed(1, "", "already_shipped"))},
		{"unless it was taken back", released(report, takenBack, cancelling(1)), ring, settled, only(closed(1, "nothing_started", ""))},
	})
	d, err := rules.Decide(given(t), historic(reported(report)), flown)
	require.NoError(t, err)
	imported := proto.CloneOf(report)
	imported.Historic = true
	require.Equal(t, flown, d.Events[0].OccurredAt, "ours where it tells none")
	hear(t, said{events: []proto.Message{imported}, links: told.links}, d)
}

func TestAnOperatorMayTryAgain(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	refused := func(reason string) said {
		return only(&fulfillmentv1.CommandRefused{Command: "retry", Reason: reason})
	}
	clearing := func(s said) said {
		s.clears = []string{timerRetry}
		return s
	}
	with := func(s said, kind string, at time.Time) said {
		s.wakes = map[string]time.Time{kind: at}
		return s
	}
	waiting := started(ship1, 1, flown)
	tell(t, []story{
		{"given up and held for it", released(started(ship1, 3, flown), failed(ship1, 3, "failed", time.Time{}), held("label_failed")), retry, later, clearing(attempt(ship1, 4, later, "a"))},
		{"waiting for its next attempt", released(waiting, failed(ship1, 1, "failed", later)), retry, flown, clearing(attempt(ship1, 2, flown, "a"))},
		{"nobody knows it", nil, retry, later, refused("nothing of it was released yet")},
		{"not tried yet", released(), retry, noon, with(refused("no label was tried for its latest release yet; that comes by itself"), timerSettle, settled)},
		{"under way", released(waiting), retry, settled, with(refused("an attempt is under way"), timerInFlight, flown)},
		{"bought", labelled(), retry, later, refused("it has a label already")},
		{"void", labelled(voidStarted(ship1, 1, flown), voided(ship1, "edited")), retry, later, refused("its label was voided; it gets another one when it is released again")},
		{"left", labelled(inTransit), retry, later, refused("the parcel has left already")},
		{"held for something else", released(waiting, failed(ship1, 1, "failed", later), held("operator")), retry, later, refused("it may not be shipped: gate hold:operator is closed")},
		{"another command", nil, asked(&commandv1.Command{Body: &commandv1.Command_CancelOrder{}}), later,
			only(&fulfillmentv1.CommandRefused{Command: "CancelOrder", Reason: "fulfillment knows no such command"})},
		{"a command of a newer version", nil, asked(&commandv1.Command{}), later,
			only(&fulfillmentv1.CommandRefused{Command: "unknown", Reason: "fulfillment knows no such command"})},
	})
}
