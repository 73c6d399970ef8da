package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// elsewhere is a shipment of the shop: so many mugs, under these tracking numbers.
func elsewhere(shipment string, mugs int64, tracking ...string) *fulfillmentv1.ShipmentReported {
	return &fulfillmentv1.ShipmentReported{
		ShipmentId: shipment, Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, Carrier: "ups", TrackingNumbers: tracking,
		Lines: []*intakev1.ShippedLine{{LineId: "1", Sku: "MUG", Quantity: mugs}},
	}
}

func takenBack(m *fulfillmentv1.ShipmentReported) *fulfillmentv1.ShipmentReported {
	m.Step = intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
	return m
}

// What somebody else ships we do not: what we have to ship, and what is seen of the lines, follows from what was told.
func TestWhatSomebodyElseShips(t *testing.T) {
	t.Parallel()
	two := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	release := &orderv1.FulfillmentReleased{Number: 1, Lines: two}
	label := &fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"}
	left := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
	theirs := &fulfillmentv1.ShipmentDelivered{Carrier: "ups", TrackingNumber: "1Z1", ScanId: "1"}
	bySKU, silent := elsewhere("f1", 1), elsewhere("f1", 0)
	bySKU.Lines[0].LineId, silent.Lines = "", nil
	for name, c := range map[string]struct {
		told                                []proto.Message
		wanted, elsewhere, shipped, arrived int64
		twice                               bool
	}{
		"nothing":                           {[]proto.Message{placed(50)}, 2, 0, 0, 0, false},
		"a part":                            {[]proto.Message{placed(50), elsewhere("f1", 1)}, 1, 1, 1, 0, false},
		"before the order is told":          {[]proto.Message{elsewhere("f1", 1), placed(50)}, 1, 1, 1, 0, false},
		"by SKU":                            {[]proto.Message{placed(50), bySKU}, 1, 1, 1, 0, false},
		"no lines are told: all of it":      {[]proto.Message{placed(50), silent}, 0, 2, 2, 0, false},
		"everything":                        {[]proto.Message{placed(50), elsewhere("f1", 2, "1Z1")}, 0, 2, 2, 0, false},
		"more than there is":                {[]proto.Message{placed(50), elsewhere("f1", 1<<62), elsewhere("f2", 1<<62)}, 0, 2, 2, 0, false},
		"in two":                            {[]proto.Message{placed(50), elsewhere("f1", 1, "1Z1"), elsewhere("f2", 1)}, 0, 2, 2, 0, false},
		"told again, with its number":       {[]proto.Message{placed(50), elsewhere("f1", 1), elsewhere("f1", 1, "1Z1")}, 1, 1, 1, 0, false},
		"one of two was delivered":          {[]proto.Message{placed(50), elsewhere("f1", 1, "1Z1"), theirs, elsewhere("f2", 1)}, 0, 2, 2, 1, false},
		"one parcel of two was delivered":   {[]proto.Message{placed(50), elsewhere("f1", 2, "1Z1", "1Z2"), theirs}, 0, 2, 2, 0, false},
		"taken back":                        {[]proto.Message{placed(50), elsewhere("f1", 2), takenBack(elsewhere("f1", 2))}, 2, 0, 0, 0, false},
		"released, without a label":         {[]proto.Message{placed(50), release, elsewhere("f1", 2)}, 0, 2, 2, 0, true},
		"with a label":                      {[]proto.Message{placed(50), release, label, elsewhere("f1", 1)}, 1, 1, 1, 0, true},
		"our own number: our own parcel":    {[]proto.Message{placed(50), release, label, elsewhere("f1", 2, "SB1")}, 2, 0, 0, 0, false},
		"no number, and our parcel is gone": {[]proto.Message{placed(50), release, label, left, elsewhere("f1", 2)}, 2, 0, 2, 0, false},
		"another number, and ours is gone":  {[]proto.Message{placed(50), release, label, left, elsewhere("f1", 2, "1Z1")}, 0, 2, 4, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, c.told...)
			var wanted int64
			for _, q := range s.Wanted() {
				wanted += q.GetQuantity()
			}
			line := s.Lines()[0]
			assert.Equal(t, c.wanted, wanted)
			assert.Equal(t, []int64{c.elsewhere, c.shipped, c.arrived}, []int64{line.Elsewhere, line.Shipped, line.Delivered})
			assert.Equal(t, c.twice, s.Twice(&order.Shipment{ID: id.String() + "/1"}))
			assert.Equal(t, c.elsewhere > 0, s.ShippedElsewhere())
			demand := s.Demand()["MUG"]
			assert.Equal(t, wanted, demand)
		})
	}
}

func TestParcelsOfOthersAreNotOurs(t *testing.T) {
	t.Parallel()
	moving := &fulfillmentv1.ShipmentScanned{Carrier: "ups", TrackingNumber: "1Z1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
	s := fold(t, placed(50), captured(50, "p"), elsewhere("f1", 1, "1Z1"), moving)
	assert.False(t, s.Fulfillment.Shipped(), "nothing keeps the rest from being released")
	assert.NotEqual(t, order.StatusShipped, s.Status(), "the rest is still with us")
	s = fold(t, placed(50), captured(50, "p"), elsewhere("f1", 2, "1Z1"), moving)
	assert.Equal(t, order.StatusShipped, s.Status(), "all of it is with them")
	s = fold(t, placed(50), captured(50, "p"), elsewhere("f1", 2, "1Z1"), &orderv1.OrderCompleted{})
	assert.True(t, s.Completed(), "nothing of it is left to us")
	s = fold(t, placed(50), captured(50, "p"), elsewhere("f1", 2, "1Z1"), &orderv1.OrderCompleted{}, takenBack(elsewhere("f1", 2, "1Z1")))
	assert.False(t, s.Completed(), "it is with us again")
}

func TestARestIsCompletedByItsOwnDelivery(t *testing.T) {
	t.Parallel()
	one := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 1}}
	ours := []proto.Message{
		placed(50), elsewhere("f1", 1), &orderv1.FulfillmentReleased{Number: 1, Lines: one},
		&fulfillmentv1.LabelPurchased{ShipmentId: id.String() + "/1", Carrier: "sandbox", TrackingNumber: "SB1"},
		&fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "2"},
	}
	assert.True(t, fold(t, ours...).Completed())
	assert.False(t, fold(t, ours[:4]...).Completed())
}

// Whatever is told of shipments of others, in whatever order and however often: the same is left for us.
func TestReportsOfOthersCommute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		report := rapid.Custom(func(t *rapid.T) timed {
			m := elsewhere(rapid.SampledFrom([]string{"f1", "f2"}).Draw(t, "shipment"), rapid.Int64Range(-1, 3).Draw(t, "mugs"))
			m.TrackingNumbers = rapid.SliceOfN(rapid.SampledFrom([]string{"1Z1", "1Z2", "SB1"}), 0, 2).Draw(t, "numbers")
			m.Revision = rapid.Uint32Range(0, 1).Draw(t, "revision")
			if rapid.Bool().Draw(t, "by SKU") {
				m.Lines[0].LineId = ""
			}
			if rapid.Bool().Draw(t, "taken back") {
				takenBack(m)
			}
			return timed{m, noon.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "at")) * time.Minute)}
		})
		told := rapid.SliceOfN(report, 0, 6).Draw(t, "told")
		shuffled := rapid.Permutation(append(told, told...)).Draw(t, "told again")
		both := placed(50)
		both.Description.Lines = append(both.Description.Lines, &typev1.Line{Id: "2", Sku: "MUG", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_US})
		a := foldTimed(t, append([]timed{{both, noon}}, told...))
		b := foldTimed(t, append([]timed{{both, noon}}, shuffled...))
		require.Equal(t, a.Wanted(), b.Wanted())
		require.Equal(t, a.Lines(), b.Lines())
		require.Equal(t, a.ShippedElsewhere(), b.ShippedElsewhere())
		for _, l := range a.Lines() {
			require.True(t, l.Elsewhere >= 0 && l.Elsewhere <= l.Ordered)
			require.Equal(t, typev1.Fulfiller_FULFILLER_US, l.Described.GetFulfiller())
		}
	})
}
