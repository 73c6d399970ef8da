package orderctl

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// sentence says in plain words what an event tells. It never holds a personal datum.
func sentence(e event.Recorded) string {
	var s string
	switch e.Category {
	case event.Order:
		s = orderSentence(e)
	case event.Payment:
		s = paymentSentence(e)
	case event.Fraud:
		s = fraudSentence(e)
	case event.Inventory:
		s = inventorySentence(e)
	case event.Fulfillment:
		s = fulfillmentSentence(e)
	case event.Notification:
		s = notificationSentence(e)
	case event.Stock: // a SKU's, no order's
	}
	switch {
	case s != "":
		return s
	case e.Message == nil:
		return event.NameOf(e.Type) + ", which this version of orderctl does not know"
	}
	return refusal(e)
}

// refusal says it for the events that every category has: a command that was refused.
func refusal(e event.Recorded) string {
	if m, ok := e.Message.(interface {
		GetCommand() string
		GetReason() string
	}); ok {
		return "refused to " + m.GetCommand() + ": " + m.GetReason()
	}
	return event.NameOf(e.Type)
}

func orderSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *orderv1.OrderPlaced:
		return described("placed", m.GetDescription(), m.GetHistoric())
	case *orderv1.OrderEdited:
		return described("described anew", m.GetDescription(), m.GetHistoric())
	case *orderv1.HoldPlaced:
		return "held for " + order.HoldName(m.GetKind()) + because(plain(m.GetReason())) + because(m.GetDetail())
	case *orderv1.HoldReleased:
		if m.GetBy() == order.ByRule {
			return order.HoldName(m.GetKind()) + " hold ended: its cause is gone" + because(plain(m.GetHoldReason()))
		}
		return order.HoldName(m.GetKind()) + " hold taken away by " + m.GetBy() + because(m.GetReason())
	case *orderv1.FulfillmentReleased:
		return fmt.Sprintf("released to be shipped (release %d: %s)%s", m.GetNumber(), pieces(m.GetLines()), when(m.GetPriority(), ", first in line"))
	case *orderv1.OrderCancelling:
		return "cancellation asked for by " + someone(m.GetBy()) + because(m.GetReason())
	case *orderv1.OrderCancelled:
		return "cancelled: everybody has closed" + because(m.GetReason())
	case *orderv1.CancellationRefused:
		return "not cancelled: " + m.GetBy() + " could not close" + because(plain(m.GetReason()))
	case *orderv1.OrderCompleted:
		return "completed: everything was delivered"
	case *orderv1.OrderExpired:
		return "expired" + because(m.GetReason())
	case *orderv1.PersonalDataErased:
		return "personal data erased" + because(m.GetReason())
	}
	return ""
}

func described(verb string, d *orderv1.Description, historic bool) string {
	s := fmt.Sprintf("%s: %s, %s, by %s", verb, count(len(d.GetLines()), "line"), amount(d.GetTotals().GetTotal()), someone(d.GetKey().GetSource()))
	return s + when(d.GetDraft(), " (a draft: a payment told of it)") + when(historic, " (imported from the past)")
}

func pieces(lines []*orderv1.LineQuantity) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = fmt.Sprintf("%d × %s", l.GetQuantity(), l.GetSku())
	}
	return strings.Join(parts, ", ")
}

func paymentSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *paymentv1.PaymentAuthorized:
		return amount(m.GetMovement().GetAmount()) + " authorised" + told(m.GetMovement())
	case *paymentv1.PaymentCaptured:
		return amount(m.GetMovement().GetAmount()) + " paid" + told(m.GetMovement())
	case *paymentv1.PaymentFailed:
		return "an attempt to pay " + amount(m.GetMovement().GetAmount()) + " failed" + told(m.GetMovement()) + because(plain(m.GetCode()))
	case *paymentv1.PaymentVoided:
		return "an authorisation was given up" + told(m.GetMovement())
	case *paymentv1.PaymentClaimed:
		return "the shop says that " + amount(m.GetAmount()) + " are paid, without naming a payment"
	case *paymentv1.PaymentRefunded:
		return amount(m.GetAmount()) + " refunded (" + tail(m.GetStep(), "REFUND_STEP_") + ")" + named(m.GetNames()) + because(plain(m.GetReason()))
	case *paymentv1.PaymentDisputed:
		return amount(m.GetAmount()) + " disputed (" + tail(m.GetStep(), "DISPUTE_STEP_") + ")" + named(m.GetNames()) + because(plain(m.GetReason()))
	case *paymentv1.FundsCovered:
		return amount(m.GetCaptured()) + " cover the total of " + amount(m.GetTotal())
	case *paymentv1.AmountMismatched:
		return amount(m.GetCaptured()) + " came where " + amount(m.GetDue()) + " are due (" + m.GetKind() + ")"
	case *paymentv1.DuplicatePaymentDetected:
		return "paid twice: a second payment of " + amount(m.GetAmount()) + named(m.GetNames())
	}
	return refundSentence(e)
}

func refundSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *paymentv1.RefundGranted:
		return "we give " + amount(m.GetAmount()) + " back" + named(m.GetNames()) + because(plain(m.GetReason()))
	case *paymentv1.RefundRequested:
		return fmt.Sprintf("the provider is asked to give money back (attempt %d)", m.GetAttempt())
	case *paymentv1.RefundSettled:
		return "the provider gave the money back"
	case *paymentv1.RefundFailed:
		return "the provider refused to give money back" + because(m.GetReason())
	case *paymentv1.PaymentClosed:
		return closed(m.GetOutcome(), m.GetRefused())
	}
	return ""
}

func fraudSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *fraudv1.OrderScored:
		return "risk scored " + thousandths(int(m.GetScoreMillis())) + ": " + tail(m.GetVerdict(), "VERDICT_")
	case *fraudv1.ReviewDecided:
		return "reviewed by " + someone(m.GetBy()) + ": " + tail(m.GetVerdict(), "VERDICT_") + because(m.GetReason())
	}
	return ""
}

func inventorySentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *inventoryv1.StockAllocated:
		parts := make([]string, len(m.GetAllocations()))
		for i, a := range m.GetAllocations() {
			parts[i] = fmt.Sprintf("%d × %s at %s", a.GetQuantity(), a.GetSku(), a.GetLocation())
		}
		return "reserved " + strings.Join(parts, ", ")
	case *inventoryv1.StockBackordered:
		parts := make([]string, len(m.GetShortages()))
		for i, s := range m.GetShortages() {
			parts[i] = fmt.Sprintf("%s (%d wanted, %d there)", s.GetSku(), s.GetWanted(), s.GetAvailable())
		}
		return "waits for stock: " + strings.Join(parts, ", ")
	case *inventoryv1.AllocationClosed:
		return closed(m.GetOutcome(), m.GetRefused())
	}
	return ""
}

func fulfillmentSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *fulfillmentv1.LabelPurchaseStarted:
		return fmt.Sprintf("a label is asked for at %s (attempt %d)", m.GetCarrier(), m.GetAttempt())
	case *fulfillmentv1.LabelPurchased:
		return "label bought: " + m.GetCarrier() + " " + m.GetTrackingNumber()
	case *fulfillmentv1.LabelPurchaseFailed:
		s := fmt.Sprintf("attempt %d for a label failed", m.GetAttempt()) + because(plain(m.GetCode()))
		return s + when(m.GetFinal(), "; given up")
	case *fulfillmentv1.LabelVoidStarted:
		return "the carrier is asked to void the label"
	case *fulfillmentv1.LabelVoided:
		return "label voided" + because(plain(m.GetReason()))
	case *fulfillmentv1.ShipmentScanned:
		return "parcel " + m.GetTrackingNumber() + " scanned: " + tail(m.GetStep(), "SCAN_STEP_")
	case *fulfillmentv1.ShipmentDelivered:
		return "parcel " + m.GetTrackingNumber() + " delivered"
	case *fulfillmentv1.ShipmentLost:
		return "parcel " + m.GetTrackingNumber() + " lost" + because(m.GetReason())
	case *fulfillmentv1.FulfillmentClosed:
		return closed(m.GetOutcome(), m.GetRefused())
	}
	return ""
}

func notificationSentence(e event.Recorded) string {
	switch m := e.Message.(type) {
	case *notificationv1.NotificationSent:
		return "told the customer by " + m.GetChannel() + ": " + tail(m.GetKind(), "KIND_")
	case *notificationv1.NotificationFailed:
		return "could not tell the customer: " + tail(m.GetKind(), "KIND_") + because(m.GetReason())
	case *notificationv1.NotificationSuppressed:
		return "did not tell the customer: " + tail(m.GetKind(), "KIND_") + because(m.GetReason())
	}
	return ""
}

func told(m *paymentv1.Movement) string {
	return when(m.GetProvider() != "", " by "+m.GetProvider()) + named(m.GetNames())
}

func named(names []string) string { return when(len(names) > 0, " ("+strings.Join(names, ", ")+")") }

func closed(outcome, refused string) string {
	if refused != "" {
		return "cannot close: " + plain(refused)
	}
	return "closed: " + plain(outcome)
}

func amount(m *typev1.Money) string { return money.FromProto(m).String() }

// tail is an enum's value as people say it.
func tail(e interface {
	Number() protoreflect.EnumNumber
	String() string
}, prefix string) string {
	return plain(strings.ToLower(strings.TrimPrefix(e.String(), prefix)))
}

func plain(machine string) string { return strings.ReplaceAll(machine, "_", " ") }

func because(reason string) string { return when(reason != "", ": "+reason) }

func someone(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

func when(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}
