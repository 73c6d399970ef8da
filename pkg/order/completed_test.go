package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// That everything was delivered is nowhere recorded: it follows from the scans, in whatever order they came.
func TestCompletedFollowsFromTheScans(t *testing.T) {
	t.Parallel()
	two := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	release, label := &orderv1.FulfillmentReleased{Number: 1, Lines: two}, &fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"}
	transit := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
	delivered := &fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "2"}
	returned := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "3", Step: intakev1.ScanStep_SCAN_STEP_RETURNED}
	raised := proto.CloneOf(placed(50).GetDescription())
	raised.ContentHash, raised.Lines[0].Quantity = []byte("raised"), 3
	digital := placed(50)
	digital.Description.Lines[0].Fulfiller = typev1.Fulfiller_FULFILLER_NOBODY
	for name, c := range map[string]struct {
		told      []proto.Message
		completed bool
	}{
		"shipped":                         {[]proto.Message{placed(50), release, label, transit}, false},
		"delivered":                       {[]proto.Message{placed(50), release, label, transit, delivered}, true},
		"delivered before its label":      {[]proto.Message{delivered, placed(50), release, label}, true},
		"delivered and sent back":         {[]proto.Message{placed(50), release, label, delivered, returned}, true},
		"sent back, and then delivered":   {[]proto.Message{placed(50), release, label, returned, delivered}, true},
		"raised since":                    {[]proto.Message{placed(50), release, label, delivered, &orderv1.OrderEdited{Description: raised}}, false},
		"raised since, and recorded":      {[]proto.Message{placed(50), release, label, delivered, &orderv1.OrderCompleted{}, &orderv1.OrderEdited{Description: raised}}, false},
		"recorded, as it once was":        {[]proto.Message{placed(50), release, label, delivered, &orderv1.OrderCompleted{}}, true},
		"a parcel of which we know no":    {[]proto.Message{placed(50), release, delivered}, false},
		"voided and used all the same":    {[]proto.Message{placed(50), release, label, &fulfillmentv1.LabelVoided{ShipmentId: id.String() + "/1"}, delivered}, true},
		"delivered after it was closed":   {[]proto.Message{placed(50), release, label, &orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{}, delivered}, false},
		"delivered while being cancelled": {[]proto.Message{placed(50), release, label, &orderv1.OrderCancelling{Number: 1}, delivered}, true},
		"recorded, then being cancelled":  {[]proto.Message{digital, &orderv1.OrderCompleted{}, &orderv1.OrderCancelling{Number: 1}}, false},
		"imported":                        {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}, release, label, delivered}, false},
		"not placed yet":                  {[]proto.Message{delivered}, false},
		"nothing to ship":                 {[]proto.Message{digital}, false},
		"nothing to ship, recorded":       {[]proto.Message{digital, &orderv1.OrderCompleted{}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, c.told...)
			assert.Equal(t, c.completed, s.Completed())
			assert.Equal(t, c.completed, !s.CompletedAt().IsZero())
			assert.Equal(t, c.completed, s.Status() == order.StatusCompleted)
		})
	}
}

func TestCompletedWhenTheLastOfItWasDelivered(t *testing.T) {
	t.Parallel()
	two := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	s := foldTimed(t, []timed{
		{placed(50), noon}, {&orderv1.FulfillmentReleased{Number: 1, Lines: two}, noon},
		{&fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"}, noon},
		{&fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "2"}, noon.Add(time.Hour)},
	})
	assert.Equal(t, noon.Add(time.Hour), s.CompletedAt(), "by the carrier's clock")
}

// What happened, happened: a parcel that left although its order was cancelled is seen to have left.
func TestAParcelThatLeavesACancelledOrder(t *testing.T) {
	t.Parallel()
	cancelled := []proto.Message{
		placed(50), &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}},
		&fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"},
		&fulfillmentv1.LabelVoided{ShipmentId: id.String() + "/1"}, &orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{},
	}
	assert.Equal(t, order.StatusCancelled, fold(t, cancelled...).Status())
	transit := append(cancelled, &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}) //nolint:gocritic // longer and longer
	s := fold(t, transit...)
	assert.Equal(t, order.StatusShipped, s.Status())
	assert.True(t, s.Order.Cancelled)
	assert.Equal(t, int64(2), s.Lines()[0].Shipped)
	assert.Zero(t, s.Lines()[0].Cancelled)
	s = fold(t, append(transit, &fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "2"})...)
	assert.Equal(t, order.StatusDelivered, s.Status(), "and not completed: it ended otherwise")
}
