package fulfillment

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Timers of an order.
const (
	timerSettle   = "settle"
	timerInFlight = "label_in_flight"
	timerRetry    = "label_retry"
	timerVoid     = "void_in_flight"
)

// Decide is the one entrance: the news itself first, then whatever follows from where the order now stands.
func (r Rules) Decide(o *order.State, t reactor.Trigger, now time.Time) (reactor.Decision, error) {
	d := &draft{state: o, now: now}
	switch t.Kind {
	case reactor.Fact:
		d.fact(t)
	case reactor.Command:
		r.command(d, t.Command)
	case reactor.Ring, reactor.TimerRing: // they only say: look
	}
	r.life(d)
	return d.decision, nil
}

// draft collects a decision and keeps the state as it would be with it.
type draft struct {
	state    *order.State
	now      time.Time
	decision reactor.Decision
	// asked is the shipment about which the carrier was just asked in vain: it is not asked again at once.
	asked string
}

func (d *draft) emit(m proto.Message) { d.emitAt(m, d.now) }

func (d *draft) emitAt(m proto.Message, at time.Time) {
	e := event.New{Message: m, OccurredAt: at}
	d.decision.Events = append(d.decision.Events, e)
	d.state = d.state.With(event.Fulfillment, e)
}

// wake sets a timer. There is one of each kind for an order: the earliest time wins, and sets the later ones again.
func (d *draft) wake(kind string, at time.Time) {
	for i, t := range d.decision.Timers {
		if t.Kind == kind {
			if at.Before(t.At) {
				d.decision.Timers[i].At = at
			}
			return
		}
	}
	d.decision.Timers = append(d.decision.Timers, reactor.Timer{Kind: kind, At: at})
}

func (d *draft) ask(q reactor.Request) { d.decision.Requests = append(d.decision.Requests, q) }

// life looks at the order as a whole. Every part of it does nothing if there is nothing to do.
func (r Rules) life(d *draft) {
	o := d.state
	if o.Order.Historic {
		return
	}
	r.inquire(d)
	if o.Order.Cancelling() && !o.Answered(o.Fulfillment.Closed) {
		r.converse(d)
		return
	}
	r.voidUnwanted(d)
	r.purchase(d)
}

// inquire asks the carrier about attempts whose time is over without an answer: whoever made the call has died, or the
// call had no answer. Until then it only makes sure that somebody will: a timer that rang a moment too early, by
// another machine's clock, has gone.
func (r Rules) inquire(d *draft) {
	for _, sh := range d.state.Fulfillment.Shipments {
		switch {
		case sh.Tracking != "" || sh.InFlightUntil.IsZero():
		case d.now.Before(sh.InFlightUntil):
			d.wake(timerInFlight, sh.InFlightUntil)
		default:
			if d.asked != sh.ID {
				d.ask(lookup{Shipment: sh.ID, Attempt: sh.Attempt, Until: sh.InFlightUntil})
			}
			d.wake(timerInFlight, d.now.Add(r.inFlight()))
		}
	}
}

// purchase asks for the label of the latest release, once everything that may keep it back is out of the way.
func (r Rules) purchase(d *draft) {
	o := d.state
	release := o.Order.LatestRelease()
	if release == nil || o.Fulfillment.Shipped() || closedGate(o) != "" || !order.SameLines(release.Lines, o.Wanted()) {
		return
	}
	id := o.ShipmentID(release.Number)
	if slices.ContainsFunc(o.Fulfillment.Shipments, func(s order.Shipment) bool { return s.ID != id && s.Active() }) {
		return // an earlier release has a label, or may yet get one: that is voided first
	}
	switch sh := o.Fulfillment.Shipment(id); {
	case sh == nil && d.now.Before(release.At.Add(r.SettleDelay)):
		d.wake(timerSettle, release.At.Add(r.SettleDelay))
	case sh == nil:
		r.start(d, release, 1)
	case sh.Voided, sh.Active():
	case sh.GivenUp && !goOn(o) && askedFor(sh, o): // an edit may have mended what it was refused for
	case d.now.Before(sh.RetryAt):
		d.wake(timerRetry, sh.RetryAt)
	default:
		r.start(d, release, nextAttempt(sh))
	}
}

// start writes the intent and plans the call. The key is the same however often this attempt is made.
func (r Rules) start(d *draft, release *order.Release, attempt int) {
	id := d.state.ShipmentID(release.Number)
	until := d.now.Add(r.inFlight())
	key := fmt.Sprintf("%s/%d/%s", id, attempt, content(d.state))
	d.emit(&fulfillmentv1.LabelPurchaseStarted{
		ShipmentId: id, Attempt: int32(attempt), InFlightUntil: timestamppb.New(until), Carrier: carrierName, IdempotencyKey: key, //nolint:gosec // small
	})
	d.ask(buy{Shipment: id, Attempt: attempt, Token: key, Until: until, Lines: release.Lines, Priority: release.Priority})
	d.wake(timerInFlight, until)
}

// content names the order's description as it stands. It ends the idempotency key, so that it is known afterwards what
// a label was asked for: a label to an address that was changed since must not be used.
func content(o *order.State) string {
	hash := o.Order.Description.GetContentHash()
	return hex.EncodeToString(hash[:min(len(hash), 8)])
}

// askedFor says that the latest attempt was made for the order as it is described now.
func askedFor(sh *order.Shipment, o *order.State) bool {
	return strings.HasSuffix(sh.Key, "/"+content(o))
}

// carrierName is the one carrier that there is.
const carrierName = "sandbox"

// nextAttempt counts on, unless the carrier was never asked.
func nextAttempt(sh *order.Shipment) int {
	if down(sh.FailureCode) {
		return sh.Attempt
	}
	return sh.Attempt + 1
}

// The hold that orders places because of our own failing. It keeps nothing back here: the shipment itself says that it
// was given up, and a retry has to come through it.
const reasonLabelFailed = "label_failed"

func ours(h order.Hold) bool {
	return h.Kind == orderv1.HoldKind_HOLD_KIND_OPERATOR && h.Reason == reasonLabelFailed
}

// goOn says that a person took the hold for a failed label away: then it is tried for as long as it takes.
func goOn(o *order.State) bool {
	return o.Order.IsWaived(orderv1.HoldKind_HOLD_KIND_OPERATOR, reasonLabelFailed)
}

// closedGate is the first gate that is closed; empty if the order may be shipped.
func closedGate(o *order.State) string {
	if slices.ContainsFunc(o.Order.Holds, ours) {
		o = o.Clone()
		o.Order.Holds = slices.DeleteFunc(o.Order.Holds, ours)
	}
	if o.Releasable() {
		return ""
	}
	for _, g := range o.Gates() {
		if !g.Open {
			return g.Name
		}
	}
	return "closed"
}
