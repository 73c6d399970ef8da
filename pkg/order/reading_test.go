package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// folded has two readings of one report told in both orders: which came first must not matter.
func folded(t *testing.T, earlier, later proto.Message, others ...proto.Message) []*order.State {
	t.Helper()
	var states []*order.State
	for _, told := range [][]proto.Message{{earlier, later}, {later, earlier}, {earlier, later, earlier}} {
		states = append(states, fold(t, append(append([]proto.Message{}, others...), told...)...))
	}
	return states
}

func TestAScanThatWasReadWronglyIsTakenBack(t *testing.T) {
	t.Parallel()
	wrong := &fulfillmentv1.ShipmentDelivered{Carrier: "ups", TrackingNumber: "1Z", ScanId: "delivered", ReportId: []byte("r")}
	right := &fulfillmentv1.ShipmentScanned{
		Carrier: "ups", TrackingNumber: "1Z", ScanId: "out", Step: intakev1.ScanStep_SCAN_STEP_OUT_FOR_DELIVERY, ReportId: []byte("r"), Revision: 1,
	}
	for _, s := range folded(t, wrong, right, placed(50)) {
		_, delivered := s.Fulfillment.DeliveredAt("1Z")
		assert.False(t, delivered)
		assert.Len(t, s.Fulfillment.Scans, 1)
		assert.Equal(t, "out", s.Fulfillment.Scans[0].ID)
	}
	// Another delivery told of the same scan before: it is one, and stays one.
	other := proto.CloneOf(right)
	other.ReportId, other.Revision = []byte("other"), 0
	for _, s := range folded(t, wrong, right, placed(50), other) {
		assert.Len(t, s.Fulfillment.Scans, 1)
	}
}

// A description that was read wrongly does not stand because its time was read wrongly too; what stands in its place is
// whatever would have stood if it had been read rightly at once.
func TestADescriptionThatWasReadWronglyIsTakenBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		right := map[string]*orderv1.Description{}
		var told []proto.Message
		for n := range rapid.IntRange(1, 5).Draw(t, "readings") {
			d := &orderv1.Description{
				ReportId: []byte(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "report")), Revision: uint32(n),
				UpdatedAt:   timestamppb.New(noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minute")) * time.Minute)),
				ContentHash: []byte{byte(n)}, Currency: "USD", Draft: rapid.Bool().Draw(t, "draft"),
			}
			told = append(told, &orderv1.OrderEdited{Description: d})
			right[string(d.GetReportId())] = d
		}
		var want *orderv1.Description
		for _, d := range right {
			if want == nil || order.Newer(d, want) {
				want = d
			}
		}
		told = rapid.Permutation(append(told, told[0])).Draw(t, "as it came")
		require.Same(t, want, fold(t, told...).Order.Description)
	})
}

func TestAShipmentOfSomebodyElseThatWasReadWronglyIsTakenBack(t *testing.T) {
	t.Parallel()
	shipment := func(id string, quantity int64, report string, revision uint32) *fulfillmentv1.ShipmentReported {
		return &fulfillmentv1.ShipmentReported{
			ShipmentId: id, TrackingNumbers: []string{"1Z"}, Lines: []*intakev1.ShippedLine{{LineId: "1", Quantity: quantity}}, ReportId: []byte(report), Revision: revision,
		}
	}
	for _, right := range []*fulfillmentv1.ShipmentReported{shipment("a", 1, "r", 1), shipment("b", 1, "r", 1)} {
		for _, s := range folded(t, shipment("a", 2, "r", 0), right, placed(50)) {
			foreign := s.Fulfillment.Foreign()
			require.Len(t, foreign, 1)
			assert.Same(t, right, foreign[0].ShipmentReported)
		}
	}
	// Told at a later time it would stand, if it were not the same report.
	at := func(revision uint32, minute int) event.Recorded {
		return event.Recorded{
			Entity: id, Category: event.Fulfillment, Message: shipment("a", int64(minute), "r", revision), OccurredAt: noon.Add(time.Duration(minute) * time.Minute),
		}
	}
	for _, told := range [][]event.Recorded{{at(0, 2), at(1, 1)}, {at(1, 1), at(0, 2)}} {
		s := order.New(id)
		for i, e := range told {
			e.Version, e.Type = i+1, event.TypeOf(e.Message)
			require.NoError(t, s.Apply(e))
		}
		assert.Equal(t, noon.Add(time.Minute), s.Fulfillment.Foreign()[0].At)
	}
}

func TestMoneyThatWasTakenForSomethingElseIsCountedOnce(t *testing.T) {
	t.Parallel()
	report := []byte("r1")
	movement := &paymentv1.Movement{Names: []string{"pi_1"}, Amount: usd(50), Witness: intakev1.Witness_WITNESS_PROVIDER, ReportId: report}
	read := map[string]proto.Message{
		"payment": &paymentv1.PaymentCaptured{Movement: movement},
		"refund": &paymentv1.PaymentRefunded{
			Names: []string{"pi_1"}, Amount: usd(20), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_SETTLED,
			Witness: intakev1.Witness_WITNESS_PROVIDER, ReportId: report,
		},
		"dispute": &paymentv1.PaymentDisputed{DisputeId: "dp_1", Names: []string{"pi_1"}, Amount: usd(50), Step: opened, ReportId: report},
		"claim":   &paymentv1.PaymentClaimed{Amount: usd(50), ReportId: report},
	}
	for wrongly, earlier := range read {
		for rightly, later := range read {
			if wrongly == rightly {
				continue
			}
			later := proto.Clone(later)
			switch m := later.(type) {
			case *paymentv1.PaymentCaptured:
				m.Movement.Revision = 1
			case *paymentv1.PaymentRefunded:
				m.Revision = 1
			case *paymentv1.PaymentDisputed:
				m.Revision = 1
			case *paymentv1.PaymentClaimed:
				m.Revision = 1
			}
			want := fold(t, placed(50), captured(50, "pi_2"), later)
			for _, s := range folded(t, earlier, later, placed(50), captured(50, "pi_2")) {
				assert.Equal(t, want.Funds(), s.Funds(), "%s, read as a %s before", rightly, wrongly)
				assert.Equal(t, want.PaymentStatus(), s.PaymentStatus())
				assert.Len(t, s.Payment.Disputes(), len(want.Payment.Disputes()))
				assert.Len(t, s.Payment.Claims, len(want.Payment.Claims))
			}
		}
	}
}
