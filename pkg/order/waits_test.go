package order_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var patience = order.Patience{
	Payment: 168 * time.Hour, Person: 24 * time.Hour, Service: time.Hour, Pickup: 72 * time.Hour, Delivery: 336 * time.Hour,
}

const (
	shown = "it is listed as overdue, and no more happens by itself"
	ours  = "it is listed as overdue: look after that service"
)

// Events are told a minute apart, the first at noon, and whoever asks comes at the minute after the last.
func TestWhatAnOrderWaitsFor(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	kind, operator, payment, stock := orderv1.HoldKind_HOLD_KIND_FRAUD, orderv1.HoldKind_HOLD_KIND_OPERATOR, orderv1.HoldKind_HOLD_KIND_PAYMENT, orderv1.HoldKind_HOLD_KIND_STOCK
	hold := func(kind orderv1.HoldKind, reason string) *orderv1.HoldPlaced {
		return &orderv1.HoldPlaced{Kind: kind, Reason: reason, Deadline: timestamp(minute(999))}
	}
	cleared, review := &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, &fraudv1.OrderScored{ScoreMillis: 900, Verdict: fraudv1.Verdict_VERDICT_REVIEW}
	allocated := &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 2}}}
	short := &inventoryv1.StockBackordered{Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 2}}, Deadline: timestamp(minute(500))}
	two := []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}
	parcel := id.String() + "/1"
	ready := []proto.Message{placed(50), captured(50, "pi_1"), cleared, allocated}
	with := func(first []proto.Message, more ...proto.Message) []proto.Message {
		return slices.Concat(first, more)
	}
	released := with(ready, &orderv1.FulfillmentReleased{Number: 1, Lines: two})
	label := &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}
	started := &fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel, Attempt: 1, InFlightUntil: timestamp(minute(8))}
	failed := func(retry time.Time) *fulfillmentv1.LabelPurchaseFailed {
		return &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel, Code: "carrier_down", RetryAt: timestamp(retry)}
	}
	scan := func(step intakev1.ScanStep) *fulfillmentv1.ShipmentScanned {
		return &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: step.String(), Step: step}
	}
	digital := placed(50)
	digital.Description.Lines[0].Fulfiller = typev1.Fulfiller_FULFILLER_NOBODY
	transit := scan(intakev1.ScanStep_SCAN_STEP_IN_TRANSIT)

	for name, c := range map[string]struct {
		told []proto.Message
		want []order.Wait // without What
	}{
		"the shop":                         {[]proto.Message{captured(50, "pi_1")}, []order.Wait{{Gate: "placed", Who: "the shop", Since: noon, Until: noon.Add(24 * time.Hour), Then: shown}}},
		"its risk":                         {[]proto.Message{placed(50), captured(50, "pi_1"), allocated}, []order.Wait{{Gate: "fraud", Who: "fraud", Since: noon, Until: minute(2 + 60), Then: "a person is asked: it is held"}}},
		"its risk, overdue":                {[]proto.Message{placed(50), captured(50, "pi_1"), allocated, hold(operator, "service_overdue")}, []order.Wait{{Gate: "fraud", Who: "fraud", Since: noon, Until: minute(999), Then: shown}, held("hold:operator", 3)}},
		"a review":                         {[]proto.Message{placed(50), captured(50, "pi_1"), allocated, review, hold(kind, "score_above_limit")}, []order.Wait{{Gate: "fraud", Who: "an operator", Since: minute(3), Until: minute(999), Then: shown}, held("hold:fraud", 4)}},
		"money":                            {[]proto.Message{placed(50), allocated}, []order.Wait{{Gate: "fraud", Who: "the customer", Since: noon, Until: noon.Add(168 * time.Hour), Then: "the order expires"}, {Gate: "payment", Who: "the customer", Since: noon, Until: noon.Add(168 * time.Hour), Then: "the order expires"}}},
		"money that went back first":       {[]proto.Message{placed(50), refunded(50, "re_1", "pi_1"), allocated}, []order.Wait{{Gate: "fraud", Who: "the customer", Since: noon, Until: noon.Add(168 * time.Hour), Then: "it is held for a person"}, {Gate: "payment", Who: "the payment provider", Since: noon, Until: noon.Add(168 * time.Hour), Then: "it is held for a person"}}},
		"the rest of it":                   {[]proto.Message{placed(50), captured(20, "pi_1"), cleared, allocated}, []order.Wait{{Gate: "payment", Who: "the customer", Since: noon, Until: noon.Add(168 * time.Hour), Then: "it is held for a person"}}},
		"a capture":                        {[]proto.Message{placed(50), &paymentv1.PaymentAuthorized{Movement: captured(50, "pi_1").GetMovement()}, cleared, allocated}, []order.Wait{{Gate: "payment", Who: "the shop", Since: noon, Until: noon.Add(168 * time.Hour), Then: "it is held for a person"}}},
		"a bank":                           {with(ready, disputed(50, intakev1.DisputeStep_DISPUTE_STEP_OPENED)), []order.Wait{{Gate: "payment", Who: "the bank", Since: noon, Until: noon.Add(168 * time.Hour), Then: "it is held for a person"}}},
		"money, overdue":                   {[]proto.Message{placed(50), captured(20, "pi_1"), cleared, allocated, hold(payment, "payment_overdue")}, []order.Wait{{Gate: "payment", Who: "the customer", Since: noon, Until: minute(999), Then: shown}, held("hold:payment", 4)}},
		"money, a person waits":            {[]proto.Message{placed(50), captured(20, "pi_1"), cleared, allocated, hold(payment, "payment_overdue"), &orderv1.HoldReleased{Kind: payment, HoldReason: "payment_overdue", By: "anna"}}, []order.Wait{{Gate: "payment", Who: "the customer", Since: noon, Then: "a person let it wait for as long as that takes"}}},
		"stock":                            {[]proto.Message{placed(50), captured(50, "pi_1"), cleared, short}, []order.Wait{{Gate: "stock", Who: "the warehouse", Since: minute(3), Until: minute(500), Then: "it is held for a person"}}},
		"stock, overdue":                   {[]proto.Message{placed(50), captured(50, "pi_1"), cleared, short, hold(stock, "backorder_overdue")}, []order.Wait{{Gate: "stock", Who: "the warehouse", Since: minute(3), Until: minute(999), Then: shown}, held("hold:stock", 4)}},
		"its reservation":                  {[]proto.Message{placed(50), captured(50, "pi_1"), cleared}, []order.Wait{{Gate: "stock", Who: "inventory", Since: noon, Until: minute(2 + 60), Then: "a person is asked: it is held"}}},
		"its address":                      {with(ready, hold(orderv1.HoldKind_HOLD_KIND_ADDRESS, "no_address")), []order.Wait{held("hold:address", 4)}},
		"its release":                      {ready, []order.Wait{{Gate: "release", Who: "orders", Since: minute(3), Until: minute(3 + 60), Then: ours}}},
		"nothing to ship":                  {[]proto.Message{digital, captured(50, "pi_1"), cleared}, []order.Wait{{Gate: "release", Who: "orders", Since: minute(2), Until: minute(2 + 60), Then: ours}}},
		"its label":                        {released, []order.Wait{{Gate: "label", Who: "fulfillment", Since: minute(4), Until: minute(4 + 60), Then: ours}}},
		"the carrier's answer":             {with(released, started), []order.Wait{{Gate: "label", Who: "the carrier", Since: minute(4), Until: minute(8), Then: "the carrier is asked what came of it"}}},
		"another attempt":                  {with(released, started, failed(minute(9))), []order.Wait{{Gate: "label", Who: "the carrier", Since: minute(4), Until: minute(9), Then: "it is tried again"}}},
		"a carrier that is down for hours": {with(released, started, failed(minute(9999))), []order.Wait{{Gate: "label", Who: "the carrier", Since: minute(4), Until: minute(4 + 60), Then: ours}}},
		"a person, as it failed":           {with(released, started, &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel, Final: true}, hold(operator, "label_failed")), []order.Wait{held("hold:operator", 7)}},
		"and another try":                  {with(released, started, &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel, Final: true}, hold(operator, "label_failed"), &fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel, Attempt: 2, InFlightUntil: timestamp(minute(20))}), []order.Wait{held("hold:operator", 7), {Gate: "label", Who: "the carrier", Since: minute(4), Until: minute(20), Then: "the carrier is asked what came of it"}}},
		"the first scan":                   {with(released, label), []order.Wait{{Gate: "pickup", Who: "the carrier", Since: minute(5), Until: minute(5).Add(72 * time.Hour), Then: shown}}},
		"its label taken back":             {with(released, label, hold(operator, "operator"), &fulfillmentv1.LabelVoidStarted{ShipmentId: parcel, InFlightUntil: timestamp(minute(9))}), []order.Wait{held("hold:operator", 6), {Gate: "void", Who: "the carrier", Until: minute(9), Then: "the carrier is asked again"}}},
		"another release":                  {with(released, label, &fulfillmentv1.LabelVoidStarted{ShipmentId: parcel}, &fulfillmentv1.LabelVoided{ShipmentId: parcel}), []order.Wait{{Gate: "release", Who: "orders", Since: minute(7), Until: minute(7 + 60), Then: ours}}},
		"the door":                         {with(released, label, transit), []order.Wait{{Gate: "parcel", Who: "the carrier", Since: minute(6), Until: minute(6).Add(336 * time.Hour), Then: shown}}},
		"the door, and the bank":           {with(released, label, transit, disputed(50, intakev1.DisputeStep_DISPUTE_STEP_OPENED)), []order.Wait{{Gate: "parcel", Who: "the carrier", Since: minute(6), Until: minute(6).Add(336 * time.Hour), Then: shown}}},
		"a lost parcel":                    {with(released, label, transit, &fulfillmentv1.ShipmentLost{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "9"}), []order.Wait{{Gate: "parcel", Who: "an operator", Since: minute(7), Until: minute(7).Add(24 * time.Hour), Then: shown}}},
		"a parcel that comes back":         {with(released, label, transit, scan(intakev1.ScanStep_SCAN_STEP_RETURNED)), []order.Wait{{Gate: "parcel", Who: "an operator", Since: minute(7), Until: minute(7).Add(24 * time.Hour), Then: shown}}},
		"lost, and its money went back":    {with(released, label, transit, &fulfillmentv1.ShipmentLost{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "9"}, refunded(50, "re_1", "pi_1")), nil},
		"what was ordered since it left":   {with(released, label, transit, hold(orderv1.HoldKind_HOLD_KIND_EDIT, "edited_after_shipping")), []order.Wait{held("hold:edit", 7), {Gate: "parcel", Who: "the carrier", Since: minute(6), Until: minute(6).Add(336 * time.Hour), Then: shown}}},
		"delivered":                        {with(released, label, transit, scan(intakev1.ScanStep_SCAN_STEP_DELIVERED)), nil},
		"its cancellation":                 {with(released, &orderv1.OrderCancelling{Number: 1}), []order.Wait{{Gate: "cancellation", Who: "our services", Since: minute(5), Until: minute(5 + 60), Then: "a person is asked: it is held"}}},
		"its cancellation, unpaid":         {[]proto.Message{placed(50), allocated, &orderv1.OrderCancelling{Number: 1}}, []order.Wait{{Gate: "cancellation", Who: "our services", Since: minute(2), Until: minute(2 + 60), Then: "a person is asked: it is held"}}},
		"its cancellation, completed":      {[]proto.Message{digital, captured(50, "pi_1"), cleared, &orderv1.OrderCompleted{}, &orderv1.OrderCancelling{Number: 1}}, []order.Wait{{Gate: "cancellation", Who: "our services", Since: minute(4), Until: minute(4 + 60), Then: "a person is asked: it is held"}}},
		"its cancellation, delivered":      {with(released, label, transit, scan(intakev1.ScanStep_SCAN_STEP_DELIVERED), &orderv1.OrderCancelling{Number: 1}), []order.Wait{{Gate: "cancellation", Who: "our services", Since: minute(8), Until: minute(8 + 60), Then: "a person is asked: it is held"}}},
		"its cancellation, overdue":        {with(released, &orderv1.OrderCancelling{Number: 1}, hold(operator, "cancellation_overdue")), []order.Wait{{Gate: "cancellation", Who: "our services", Since: minute(5), Until: minute(999), Then: shown}, held("hold:operator", 6)}},
		"cancelled":                        {with(released, &orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{}), nil},
		"cancelled, and its money":         {with(released, &orderv1.OrderCancelling{Number: 1}, &orderv1.OrderCancelled{}, &paymentv1.RefundGranted{GrantId: "cancelled", Names: []string{"pi_1"}, Amount: usd(50), Reason: "cancelled"}), []order.Wait{{Gate: "refund", Who: "an operator", Since: minute(7), Until: minute(7).Add(24 * time.Hour), Then: shown}}},
		"imported":                         {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waits := fold(t, c.told...).Waits(patience, minute(len(c.told)))
			for i := range waits {
				assert.NotEmpty(t, waits[i].What)
				waits[i].What = ""
			}
			if !assert.ElementsMatch(t, c.want, waits) {
				return
			}
			for _, w := range waits {
				assert.False(t, w.Overdue(minute(len(c.told))))
				assert.Equal(t, !w.Until.IsZero(), w.Overdue(noon.Add(1e6*time.Minute)))
			}
		})
	}
}

// held is the wait of a hold that was placed at a minute.
func held(gate string, placed int) order.Wait {
	return order.Wait{
		Gate: gate, Who: "an operator", Since: noon.Add(time.Duration(placed) * time.Minute), Until: noon.Add(999 * time.Minute),
		Then: shown,
	}
}

// Promise 6: whatever has happened, an order that is not at its end waits for somebody, and says for whom.
func TestNoOrderIsSilentlyStuck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var streams [][]timed
		for _, facet := range facets() {
			streams = append(streams, rapid.SliceOfN(facet, 0, 5).Draw(t, "stream"))
		}
		s := foldTimed(t, interleave(t, streams))
		waits := s.Waits(patience, noon.Add(time.Hour))
		for _, w := range waits {
			require.NotEmpty(t, w.What, w.Gate)
			require.NotEmpty(t, w.Who, w.Gate)
			require.NotEmpty(t, w.Then, w.Gate)
		}
		switch s.Status() {
		case order.StatusCompleted, order.StatusCancelled, order.StatusExpired, order.StatusDelivered, order.StatusLost, order.StatusReturned:
		default:
			if s.Events > 0 && !s.Order.Ended() && !s.Order.Historic && !s.Fraud.Rejected() && !givenUp(s) {
				require.NotEmpty(t, waits, "it is %s and waits for nobody", s.Status())
			}
		}
	})
}

// givenUp says that orders has just not yet placed the hold that a label which was given up leads to.
func givenUp(s *order.State) bool {
	for _, sh := range s.Fulfillment.Shipments {
		if sh.GivenUp {
			return true
		}
	}
	return false
}

func TestAWaitSaysWhatEndsIt(t *testing.T) {
	t.Parallel()
	parcel := id.String() + "/1"
	released := []proto.Message{
		placed(50), captured(50, "pi_1"), &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR},
		&inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Quantity: 2}}},
		&orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}},
	}
	fails := func(code string) proto.Message {
		return &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel, Code: code, RetryAt: timestamp(noon.Add(time.Hour))}
	}
	label := &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}
	transit := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "8", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
	lost := &fulfillmentv1.ShipmentLost{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "9"}
	for want, told := range map[string][]proto.Message{
		"its label, which failed: bad address": {fails("bad_address")},
		"its label, which failed":              {fails("failed")},
		"a decision: the carrier gave its parcel up (over once its money has gone back at the payment provider)": {label, transit, lost},
	} {
		waits := fold(t, slices.Concat(released, told)...).Waits(patience, noon)
		require.Len(t, waits, 1)
		assert.Equal(t, want, waits[0].What)
	}
}
