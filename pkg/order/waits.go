package order

import (
	"slices"
	"strings"
	"time"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Wait is one thing that an order waits for: a closed gate of the release, and what comes after it, up to the door.
type Wait struct {
	// Gate is placed, cancellation, fraud, payment, stock, hold:<kind>, release, label, void, pickup, parcel or refund.
	Gate string
	// What it waits for and who has to move, in words.
	What string
	Who  string
	// Since is when it began; Until when whoever has to move is overdue. Zero where there is none.
	Since time.Time
	Until time.Time
	// Then is what happens when that time is over.
	Then string
}

// Reasons of the holds that orders places when a deadline has passed, and when no label could be bought.
const (
	HoldServiceOverdue      = "service_overdue"
	HoldCancellationOverdue = "cancellation_overdue"
	HoldPaymentOverdue      = "payment_overdue"
	HoldBackorderOverdue    = "backorder_overdue"
	HoldLabelFailed         = "label_failed"
)

// What happens when a wait is over.
const (
	thenExpires = "the order expires"
	thenHeld    = "it is held for a person"
	thenShown   = "it is listed as overdue, and no more happens by itself"
	thenAsked   = "a person is asked: it is held"
	thenCarrier = "the carrier is asked what came of it"
	thenAgain   = "it is tried again"
	thenOurs    = "it is listed as overdue: look after that service"
)

// Overdue says that the time of whoever has to move is over.
func (w Wait) Overdue(now time.Time) bool { return !w.Until.IsZero() && !now.Before(w.Until) }

// Waits are everything that the order waits for now, each with its deadline. They hang on what happened, the settings
// and the time alone. Deadlines up to the release are enforced by orders, which places a hold or closes the order when
// one passes. Behind it a hold would only keep the label back that is waited for, or come after the parcel has left:
// there whoever asks finds what is overdue ('orderctl order list --overdue').
func (s *State) Waits(p Patience, now time.Time) []Wait {
	var waits []Wait
	for _, g := range s.Gates() {
		if !g.Open && g.Who != nobody && s.stillMatters(g) {
			waits = append(waits, s.gateWait(g, p, now))
		}
	}
	waits = append(waits, s.parcelWaits(p, now)...)
	return append(waits, s.refundWaits(p)...)
}

// stillMatters says that a closed gate keeps something back. Nothing does before the order itself is there, but the
// order; once the parcel has left, or the order is being cancelled, only people's questions do.
func (s *State) stillMatters(g Gate) bool {
	if g.Name == "placed" || g.Name == "running" || strings.HasPrefix(g.Name, "hold:") {
		return true
	}
	return s.Order.Placed && !s.Fulfillment.Shipped() && !s.Order.Cancelling()
}

func (s *State) gateWait(g Gate, p Patience, now time.Time) Wait {
	w := Wait{Gate: g.Name, What: g.WaitsFor, Who: g.Who, Since: g.Since, Until: g.Deadline}
	switch g.Name {
	case "placed":
		w.Since, w.Until, w.Then = s.FirstRecorded, after(s.FirstRecorded, p.Person), thenShown
	case "running":
		w.Gate = "cancellation"
		s.untilServiceDue(&w, p, now, HoldCancellationOverdue)
	case "fraud":
		s.fraudWait(&w, p, now)
	case "payment":
		s.paymentWait(&w, p)
	case "stock":
		s.stockWait(&w, p, now)
	default: // a hold
		w.Then = thenShown
	}
	return w
}

// untilServiceDue is for gates that a service of ours keeps closed: a person is asked once its time is over.
func (s *State) untilServiceDue(w *Wait, p Patience, now time.Time, reason string) {
	w.Then = thenAsked
	if h := s.Order.standing(orderv1.HoldKind_HOLD_KIND_OPERATOR, reason); h != nil {
		w.Until, w.Then = h.Deadline, thenShown
	} else if due, ok := p.ServiceDue(s, now); ok {
		w.Until = due
	}
}

func (s *State) fraudWait(w *Wait, p Patience, now time.Time) {
	switch {
	case s.Fraud.Scored:
		w.Then = thenShown
		if h := s.Order.standing(orderv1.HoldKind_HOLD_KIND_FRAUD, ""); h != nil {
			w.Until = h.Deadline
		} else {
			w.Until = after(w.Since, p.Person)
		}
	case slices.Contains(s.Awaited(), "fraud"):
		s.untilServiceDue(w, p, now, HoldServiceOverdue)
	default:
		w.What, w.Who = w.What+", which is made once money for it was heard of", "the customer"
		s.paymentWait(w, p)
	}
}

func (s *State) paymentWait(w *Wait, p Patience) {
	reason := HoldPaymentOverdue
	if s.PaidElsewhere() || s.ForeignFunds() { // a person's question, whatever its hold is called
		reason = ""
	}
	if h := s.Order.standing(orderv1.HoldKind_HOLD_KIND_PAYMENT, reason); h != nil {
		w.Until, w.Then = h.Deadline, thenShown
		return
	}
	due, ok := p.PaymentDue(s)
	switch {
	case !ok:
		w.Then = "it waits for as long as that takes"
	case s.Order.IsWaived(orderv1.HoldKind_HOLD_KIND_PAYMENT, HoldPaymentOverdue):
		w.Then = "a person let it wait for as long as that takes"
	case !s.MoneyHeard():
		w.Until, w.Then = due, thenExpires
	default:
		w.Until, w.Then = due, thenHeld
	}
}

func (s *State) stockWait(w *Wait, p Patience, now time.Time) {
	if len(s.Inventory.Shortages) == 0 {
		s.untilServiceDue(w, p, now, HoldServiceOverdue)
		return
	}
	w.Then = thenHeld
	if h := s.Order.standing(orderv1.HoldKind_HOLD_KIND_STOCK, HoldBackorderOverdue); h != nil {
		w.Until, w.Then = h.Deadline, thenShown
	}
}

// standing finds a hold that stands by its kind and reason; any reason if that is empty.
func (o *Order) standing(kind orderv1.HoldKind, reason string) *Hold {
	i := slices.IndexFunc(o.Holds, func(h Hold) bool { return h.Kind == kind && (reason == "" || h.Reason == reason) })
	if i < 0 {
		return nil
	}
	return &o.Holds[i]
}
