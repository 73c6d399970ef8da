package orderctl

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/ident"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// released is an order whose label is to be bought.
func (w *world) released(number string, more ...happen) ident.Entity {
	id := ident.Order("checkout", "default", number)
	w.append(id, []string{"number:checkout:default:" + number}, append([]happen{
		at(0, order42("checkout", "default", number, number)), at(time.Minute, paid(50_00, "stripe:pi_"+number)), at(2*time.Minute, cleared()),
		at(3*time.Minute, reserved()),
		at(4*time.Minute, &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}}),
	}, more...)...)
	return id
}

// What stands behind the release: a label that fails, one that is never scanned, a parcel that never arrives, one that
// left although the order was cancelled. Which gates there are is tested where they are derived: pkg/order.
func TestWhyOfWhatWasReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parcel := func(number string) string { return ident.Order("checkout", "default", number).String() + "/1" }
	until := timestamppb.New(noon.Add(24 * time.Hour))
	started := func(number string) happen {
		return at(5*time.Minute, &fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel(number), Attempt: 1, Carrier: "sandbox", InFlightUntil: timestamppb.New(noon.Add(6 * time.Minute))})
	}
	label := func(number string) happen {
		return at(6*time.Minute, &fulfillmentv1.LabelPurchased{ShipmentId: parcel(number), Carrier: "sandbox", TrackingNumber: "SB" + number})
	}
	scanned := func(number string, after time.Duration) happen {
		return at(after, &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB" + number, ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT})
	}
	w.released("R-1") // fulfillment does not answer
	w.released("R-2", started("R-2"), at(6*time.Minute, &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel("R-2"), Attempt: 1, Code: "address_refused", Final: true}),
		at(7*time.Minute, &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_OPERATOR, Reason: "label_failed", Detail: "no label could be bought: address_refused", Deadline: until}))
	w.released("R-3", started("R-3"), label("R-3"))
	w.released("R-4", started("R-4"), label("R-4"), scanned("R-4", 20*time.Minute))
	w.released("R-5", started("R-5"), label("R-5"),
		at(10*time.Minute, &orderv1.OrderCancelling{Number: 1, By: "shop", Reason: "customer"}), at(11*time.Minute, &orderv1.OrderCancelled{Reason: "customer"}),
		at(12*time.Minute, &paymentv1.RefundGranted{GrantId: "cancelled", Names: []string{"stripe:pi_R-5"}, Amount: usd(50_00), Reason: "cancelled"}),
		scanned("R-5", 30*time.Minute))
	w.released("R-6", at(5*time.Minute, &orderv1.OrderCancelling{Number: 1, By: "shop", Reason: "customer"}))
	w.released("R-7", at(5*time.Minute, &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_REVIEW}))
	w.released("R-8", at(10*time.Minute, &orderv1.OrderCancelling{Number: 1, By: "shop", Reason: "customer"}), at(11*time.Minute, &orderv1.OrderCancelled{Reason: "customer"}))
	for _, number := range []string{"R-1", "R-2", "R-3", "R-4", "R-5", "R-6", "R-7", "R-8"} {
		golden(t, "why_"+number+".txt", w.ok("order", "why", number))
	}
	w.clock = func() time.Time { return noon.Add(20 * 24 * time.Hour) }
	golden(t, "why_overdue.txt", w.ok("order", "why", "R-4"))
	var r reasons
	w.parsed(&r, "order", "why", "R-4")
	assert.Equal(t, "parcel", r.Waits[0].Gate)
	assert.True(t, r.Waits[0].Overdue)
	assert.Equal(t, noon.Add(20*time.Minute+336*time.Hour), *r.Waits[0].Until)
}

func TestDeadlinesAreThoseOfTheRunningSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.waiting()
	w.file(runFile, Running{DatabaseURL: w.dsn, NATSURL: w.url, Deadlines: map[string]string{"ORDER_PAYMENT_DEADLINE": "3h"}})
	var r reasons
	w.parsed(&r, "order", "why", "A-17")
	assert.Equal(t, noon.Add(3*time.Hour), *r.Waits[0].Until)
	w.file(runFile, Running{DatabaseURL: w.dsn, NATSURL: w.url, Deadlines: map[string]string{"ORDER_PAYMENT_DEADLINE": "soon"}})
	called := w.run("order", "why", "A-17")
	assert.Equal(t, 1, called.code)
	assert.Contains(t, called.said, "ORDER_PAYMENT_DEADLINE")
}
