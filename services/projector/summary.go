package projector

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/money"
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

// Summary says in plain words what happened, in read.order_timeline and wherever people look at an order. It never looks at the sealed part, so it holds no personal datum.
func Summary(e event.Recorded) string {
	said := ""
	switch e.Category {
	case event.Order:
		said = orderSummary(e.Message)
	case event.Payment:
		said = paymentSummary(e.Message)
	case event.Fraud:
		said = fraudSummary(e.Message)
	case event.Inventory:
		said = inventorySummary(e.Message)
	case event.Fulfillment:
		said = fulfillmentSummary(e.Message)
	case event.Notification:
		said = notificationSummary(e.Message)
	case event.Stock: // a SKU's, not an order's
	}
	switch {
	case said != "":
		return said
	case e.Message == nil:
		return event.NameOf(e.Type) + ": a newer program knows what this means"
	}
	return refusal(e.Message, event.NameOf(e.Type))
}

// refusal is a command that a service answered with no: every category has a message of its own for it.
func refusal(m proto.Message, name string) string {
	if r, ok := m.(interface {
		GetCommand() string
		GetReason() string
	}); ok {
		return "The command " + r.GetCommand() + " was refused" + because(r.GetReason())
	}
	return name
}

func orderSummary(m proto.Message) string {
	switch m := m.(type) {
	case *orderv1.OrderPlaced:
		return description("Placed", m.GetDescription())
	case *orderv1.OrderEdited:
		return description("Described anew", m.GetDescription())
	case *orderv1.HoldPlaced:
		return "Held (" + order.HoldName(m.GetKind()) + ")" + because(firstOf(m.GetDetail(), m.GetReason()))
	case *orderv1.HoldReleased:
		return "Hold released (" + order.HoldName(m.GetKind()) + ": " + words(m.GetHoldReason()) + ") by " + by(m.GetBy()) + because(m.GetReason())
	case *orderv1.FulfillmentReleased:
		s := "Released to be shipped: " + count(len(m.GetLines()), "line")
		if m.GetPriority() {
			s += ", first in line"
		}
		return s
	case *orderv1.OrderCancelling:
		return "Cancellation asked for by " + m.GetBy() + because(m.GetReason())
	case *orderv1.OrderCancelled:
		return "Cancelled" + because(m.GetReason())
	case *orderv1.CancellationRefused:
		return "Cancellation refused by " + m.GetBy() + because(m.GetReason())
	case *orderv1.OrderCompleted:
		return "Completed"
	case *orderv1.OrderExpired:
		return "Expired" + because(m.GetReason())
	case *orderv1.PersonalDataErased:
		return "Personal data erased" + because(m.GetReason())
	}
	return ""
}

func description(what string, d *orderv1.Description) string {
	s := what + " as " + firstOf(d.GetNumber(), "an order without a number")
	if source := d.GetKey().GetSource(); source != "" {
		s += " at " + source
	}
	s += ": " + count(len(d.GetLines()), "line") + ", " + sum(d.GetTotals().GetTotal())
	if d.GetDraft() {
		s += " (told by the payment provider, the shop has not spoken yet)"
	}
	return s
}

func paymentSummary(m proto.Message) string {
	switch m := m.(type) {
	case *paymentv1.PaymentAuthorized:
		return movement("authorised", m.GetMovement())
	case *paymentv1.PaymentCaptured:
		return movement("paid", m.GetMovement())
	case *paymentv1.PaymentFailed:
		return movement("failed", m.GetMovement()) + because(m.GetCode())
	case *paymentv1.PaymentVoided:
		return movement("given up", m.GetMovement())
	case *paymentv1.PaymentClaimed:
		return "The shop says that " + sum(m.GetAmount()) + " is paid, without naming a payment"
	case *paymentv1.PaymentRefunded:
		return "Refund of " + sum(m.GetAmount()) + " " + word(m.GetStep().String(), "REFUND_STEP_") + through(m.GetProvider()) + because(m.GetReason())
	case *paymentv1.PaymentDisputed:
		return "Dispute about " + sum(m.GetAmount()) + ": " + word(m.GetStep().String(), "DISPUTE_STEP_") + because(m.GetReason())
	case *paymentv1.FundsCovered:
		return "Fully paid: " + sum(m.GetCaptured()) + " of " + sum(m.GetTotal())
	case *paymentv1.AmountMismatched:
		return mismatched(m)
	case *paymentv1.DuplicatePaymentDetected:
		return "A second payment of " + sum(m.GetAmount()) + " for what was paid already"
	case *paymentv1.PaymentClosed:
		return closed("Payment", m.GetOutcome(), m.GetRefused())
	}
	return grantSummary(m)
}

func mismatched(m *paymentv1.AmountMismatched) string {
	if m.GetKind() == order.MismatchElsewhere {
		return "A payment of " + sum(m.GetCaptured()) + " was told for another order before: it counts here once a person says so"
	}
	return "Paid " + sum(m.GetCaptured()) + " where " + sum(m.GetDue()) + " is due (" + m.GetKind() + ")"
}

func grantSummary(m proto.Message) string {
	switch m := m.(type) {
	case *paymentv1.RefundGranted:
		return "We decided to give " + sum(m.GetAmount()) + " back" + because(m.GetReason())
	case *paymentv1.RefundRequested:
		return "The provider is asked to give the money back, attempt " + strconv.Itoa(int(m.GetAttempt()))
	case *paymentv1.RefundSettled:
		return "The provider gave the money back"
	case *paymentv1.RefundFailed:
		return "The provider refused to give the money back" + because(firstOf(m.GetReason(), m.GetCode()))
	}
	return ""
}

func movement(what string, m *paymentv1.Movement) string {
	return "Payment of " + sum(m.GetAmount()) + " " + what + through(m.GetProvider())
}

func fraudSummary(m proto.Message) string {
	switch m := m.(type) {
	case *fraudv1.OrderScored:
		s := fmt.Sprintf("Risk %s: %s", thousandths(int(m.GetScoreMillis())), verdict(m.GetVerdict()))
		if why := reasons(order.Fraud{Factors: m.GetFactors()}); len(why) > 0 {
			s += " (" + words(strings.Join(why, ", ")) + ")"
		}
		return s
	case *fraudv1.ReviewDecided:
		return "Reviewed by " + by(m.GetBy()) + ": " + verdict(m.GetVerdict()) + because(m.GetReason())
	}
	return ""
}

func inventorySummary(m proto.Message) string {
	switch m := m.(type) {
	case *inventoryv1.StockAllocated:
		var parts []string
		for _, a := range m.GetAllocations() {
			parts = append(parts, fmt.Sprintf("%d × %s from %s", a.GetQuantity(), a.GetSku(), a.GetLocation()))
		}
		return "Stock reserved: " + firstOf(strings.Join(parts, ", "), "nothing is ours to ship")
	case *inventoryv1.StockBackordered:
		var parts []string
		for _, s := range m.GetShortages() {
			parts = append(parts, fmt.Sprintf("%s (%d wanted, %d there)", s.GetSku(), s.GetWanted(), s.GetAvailable()))
		}
		return "Waits for stock: " + strings.Join(parts, ", ") + until(m.GetDeadline())
	case *inventoryv1.AllocationClosed:
		return closed("Stock", m.GetOutcome(), m.GetRefused())
	}
	return ""
}

func fulfillmentSummary(m proto.Message) string {
	switch m := m.(type) {
	case *fulfillmentv1.LabelPurchaseStarted:
		return "A label is being bought" + with(m.GetCarrier()) + ", attempt " + strconv.Itoa(int(m.GetAttempt()))
	case *fulfillmentv1.LabelPurchased:
		return "Label bought" + with(m.GetCarrier()) + ": " + m.GetTrackingNumber()
	case *fulfillmentv1.LabelPurchaseFailed:
		s := "No label" + because(firstOf(m.GetReason(), m.GetCode()))
		if m.GetFinal() {
			return s + "; given up"
		}
		return s + "; it is tried again"
	case *fulfillmentv1.LabelVoidStarted:
		return "The label is being voided, attempt " + strconv.Itoa(int(m.GetAttempt()))
	case *fulfillmentv1.LabelVoided:
		return "Label voided" + because(m.GetReason())
	case *fulfillmentv1.ShipmentScanned:
		return "Parcel " + m.GetTrackingNumber() + ": " + words(word(m.GetStep().String(), "SCAN_STEP_")) + in(m.GetLocation())
	case *fulfillmentv1.ShipmentDelivered:
		return "Parcel " + m.GetTrackingNumber() + " delivered" + in(m.GetLocation())
	case *fulfillmentv1.ShipmentLost:
		return "Parcel " + m.GetTrackingNumber() + " given up by the carrier" + because(m.GetReason())
	case *fulfillmentv1.ShipmentReported:
		return elsewhereSummary(m)
	case *fulfillmentv1.FulfillmentClosed:
		return closed("Fulfillment", m.GetOutcome(), m.GetRefused())
	}
	return ""
}

func elsewhereSummary(m *fulfillmentv1.ShipmentReported) string {
	pieces := int64(0)
	for _, l := range m.GetLines() {
		pieces = plus(pieces, l.GetQuantity())
	}
	what := "Shipped by somebody else"
	if m.GetStep() == intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED {
		what = "No longer shipped by somebody else"
	}
	if pieces > 0 {
		what += ": " + strconv.FormatInt(pieces, 10) + " pieces"
	}
	return what + prefixed(" by ", m.GetCarrier()) + prefixed(" as ", strings.Join(m.GetTrackingNumbers(), ", "))
}

func notificationSummary(m proto.Message) string {
	switch m := m.(type) {
	case *notificationv1.NotificationStarted:
		return "Customer is being told: " + word(m.GetKind().String(), "KIND_") + through(m.GetChannel()) + ", attempt " + strconv.Itoa(int(m.GetAttempt()))
	case *notificationv1.NotificationReported:
		return "What told " + word(m.GetKind().String(), "KIND_") + through(m.GetChannel()) + " was " + m.GetOutcome() + prefixed(", error ", m.GetErrorCode())
	case *notificationv1.NotificationSent:
		return "Customer told: " + word(m.GetKind().String(), "KIND_") + through(m.GetChannel()) + takenBy(m)
	case *notificationv1.NotificationFailed:
		return "Customer could not be told: " + word(m.GetKind().String(), "KIND_") + because(m.GetReason())
	case *notificationv1.NotificationSuppressed:
		return "Customer not told: " + word(m.GetKind().String(), "KIND_") + because(m.GetReason())
	}
	return ""
}

// takenBy is who took a text, and what he calls it.
func takenBy(m *notificationv1.NotificationSent) string {
	if m.GetProvider() == "" {
		return ""
	}
	return with(m.GetProvider()) + " as " + m.GetMessageId()
}

// closed is a service's answer to a cancellation, or the end of its part.
func closed(who, outcome, refused string) string {
	if refused != "" {
		return who + " cannot be closed" + because(refused)
	}
	return who + " closed: " + words(outcome)
}

func sum(m *typev1.Money) string { return firstOf(money.FromProto(m).String(), "nothing") }

// words makes a machine's word readable.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + words(reason)
}

// by is who did it: "rule" means that the cause of a hold is gone.
func by(who string) string {
	if who == order.ByRule {
		return "itself, its cause is gone"
	}
	return firstOf(who, "somebody")
}

func through(who string) string { return prefixed(" by ", who) }
func with(who string) string    { return prefixed(" at ", who) }
func in(where string) string    { return prefixed(" in ", where) }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func until(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return ", until " + t.AsTime().UTC().Format("2006-01-02 15:04")
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
