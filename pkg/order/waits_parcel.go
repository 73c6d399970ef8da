package order

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/money"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// parcelWaits are what an order waits for once every gate is open: its release, its label, the carrier, the door.
func (s *State) parcelWaits(p Patience, now time.Time) []Wait {
	switch {
	case s.Order.Historic, s.Order.Ended(), s.Completed():
		return nil
	case s.Fulfillment.Shipped():
		return s.deliveryWait(p)
	}
	waits := s.voidWaits()
	release := s.Order.LatestRelease()
	if len(waits) > 0 || s.Order.Cancelling() || !s.mayBeLabelled() {
		return waits
	}
	if release == nil || !SameLines(release.Lines, s.Wanted()) {
		return append(waits, s.releaseWait(p))
	}
	switch sh := s.Shipment(release.Number); {
	case sh != nil && sh.Voided:
		return append(waits, s.releaseWait(p))
	case sh != nil && sh.Tracking != "":
		return append(waits, Wait{
			Gate: "pickup", What: "the first scan of " + strings.TrimSpace(sh.Carrier+" "+sh.Tracking), Who: "the carrier",
			Since: sh.PurchasedAt, Until: after(sh.PurchasedAt, p.Pickup), Then: thenShown,
		})
	case sh != nil && sh.GivenUp:
		return waits // its hold says so
	default:
		return append(waits, labelWait(release, sh, p, now))
	}
}

// mayBeLabelled says that no gate keeps the label back. The hold for one that failed does not: it asks for a retry.
func (s *State) mayBeLabelled() bool {
	if s.Order.standing(orderv1.HoldKind_HOLD_KIND_OPERATOR, HoldLabelFailed) == nil {
		return s.Releasable()
	}
	c := s.Clone()
	c.Order.Holds = nil
	return len(s.Order.Holds) == 1 && c.Releasable()
}

// releaseWait is for an order that may go: orders has to say so, or that there is nothing to ship.
func (s *State) releaseWait(p Patience) Wait {
	what := "to be released"
	if len(s.Wanted()) == 0 {
		what = "to be completed: nothing of it is ours to ship"
	}
	return Wait{Gate: "release", What: what, Who: "orders", Since: s.LastRecorded, Until: after(s.LastRecorded, p.Service), Then: thenOurs}
}

// labelWait is for a release without a label. Whatever is tried until then, it is overdue some time after the release:
// attempts that fail because the carrier is down go on for ever.
func labelWait(release *Release, sh *Shipment, p Patience, now time.Time) Wait {
	w := Wait{
		Gate: "label", What: "its label, which is bought after the settlement delay", Who: "fulfillment", Since: release.At,
		Until: after(release.At, p.Service), Then: thenOurs,
	}
	if sh == nil {
		return w
	}
	step, then := sh.RetryAt, thenAgain
	switch {
	case !sh.InFlightUntil.IsZero():
		step, then = sh.InFlightUntil, thenCarrier
		w.What, w.Who = fmt.Sprintf("the carrier's answer, attempt %d to buy its label", sh.Attempt), "the carrier"
	case sh.FailureCode != "":
		w.What, w.Who = "its label, which failed"+because(sh.Failure()), "the carrier"
	}
	if !step.IsZero() && (w.Until.IsZero() || now.Before(w.Until) && step.Before(w.Until)) {
		w.Until, w.Then = step, then
	}
	return w
}

// voidWaits are labels that are being taken back.
func (s *State) voidWaits() []Wait {
	var waits []Wait
	for _, sh := range s.Fulfillment.Shipments {
		if sh.VoidStarted && !sh.Voided {
			waits = append(waits, Wait{
				Gate: "void", What: "the label " + sh.Tracking + " to be taken back", Who: "the carrier", Until: sh.VoidUntil, Then: "the carrier is asked again",
			})
		}
	}
	return waits
}

// deliveryWait is for a parcel that has left. One that was lost or comes back is a person's to decide about, until its
// money has gone back.
func (s *State) deliveryWait(p Patience) []Wait {
	status, _ := s.parcelStatus()
	at := s.Fulfillment.firstOfAny
	switch status {
	case StatusShipped:
		since := at((*Fulfillment).ShippedAt)
		return []Wait{{Gate: "parcel", What: "to be delivered", Who: "the carrier", Since: since, Until: after(since, p.Delivery), Then: thenShown}}
	case StatusLost, StatusReturned:
		if f := s.Funds(); f.GivenBack() {
			return nil
		}
		since, what := at((*Fulfillment).LostAt), "a decision: the carrier gave its parcel up (over once its money has gone back at the payment provider)"
		if status == StatusReturned {
			since, what = at((*Fulfillment).ReturnedAt), "a decision: its parcel comes back (over once its money has gone back at the payment provider)"
		}
		return []Wait{{Gate: "parcel", What: what, Who: "an operator", Since: since, Until: after(since, p.Person), Then: thenShown}}
	default: // delivered
		return nil
	}
}

// firstOfAny is the earliest such moment of any parcel.
func (f *Fulfillment) firstOfAny(of func(*Fulfillment, string) (time.Time, bool)) (first time.Time) {
	for _, sc := range f.Scans {
		if at, ok := of(f, sc.Tracking); ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// refundWaits are what we decided to give back and what has not gone back yet. An order that has ended waits for it too.
func (s *State) refundWaits(p Patience) []Wait {
	var waits []Wait
	for _, g := range s.Payment.Grants {
		if !g.Settled && g.Failed == "" {
			waits = append(waits, Wait{
				Gate: "refund", What: money.FromProto(g.Amount).String() + " to be given back at the payment provider" + because(g.Reason), Who: "an operator",
				Since: g.At, Until: after(g.At, p.Person), Then: thenShown,
			})
		}
	}
	return waits
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strings.ReplaceAll(reason, "_", " ")
}

// SameLines says that two lists ask for the same pieces of the same lines.
func SameLines(a, b []*orderv1.LineQuantity) bool {
	return slices.EqualFunc(a, b, func(x, y *orderv1.LineQuantity) bool { return proto.Equal(x, y) })
}
