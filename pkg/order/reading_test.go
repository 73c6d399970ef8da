package order_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
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
