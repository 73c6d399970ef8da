package fulfillment

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
)

// What a cancellation is answered with.
const (
	outcomeNothing = "nothing_started"
	outcomeVoided  = "voided"
	refusedShipped = "already_shipped"
	refusedVoid    = "void_refused"
)

// Why a label is taken back, where it is not a closed gate.
const (
	becauseCancelled = "cancelled"
	becauseShipped   = "shipped with another label"
	becauseReleased  = "released anew"
	becauseEdited    = "edited"
	becauseTwice     = "bought twice"
	becauseBegun     = "begun before the gate opened again"
)

// converse answers a cancellation: no if a parcel has left, ours or somebody else's, yes once nothing is left that could.
func (r Rules) converse(d *draft) {
	o := d.state
	gone := slices.ContainsFunc(o.Fulfillment.Shipments, func(sh order.Shipment) bool { return left(o, &sh) })
	if gone || o.Fulfillment.Shipped() || o.ShippedElsewhere() {
		d.close("", refusedShipped)
		return
	}
	outcome, waiting := outcomeNothing, false
	for _, sh := range o.Fulfillment.Shipments {
		switch {
		case done(&sh):
			outcome = outcomeVoided
		case sh.Tracking != "":
			r.takeBack(d, &sh, becauseCancelled)
			waiting = true
		case !sh.InFlightUntil.IsZero():
			waiting = true // its end comes by its call, or by the timer that looks it up
		}
	}
	if !waiting {
		d.close(outcome, "")
	}
}

func (d *draft) close(outcome, refused string) {
	number := int32(d.state.Order.Cancellation.Number) //nolint:gosec // counts cancellations of one order
	d.emit(&fulfillmentv1.FulfillmentClosed{Outcome: outcome, Refused: refused, Cancellation: number})
}

// voidUnwanted takes labels back that must not be used: what changes before the first scan voids the label. What is
// begun is brought to its end even if the gate has opened again; orders then releases anew.
func (r Rules) voidUnwanted(d *draft) {
	o := d.state
	for _, sh := range o.Fulfillment.Shipments {
		reason := unwanted(o, &sh)
		switch {
		case done(&sh) || left(o, &sh):
		case sh.Tracking != "" && (sh.VoidStarted || reason != ""):
			r.takeBack(d, &sh, cmp.Or(reason, becauseBegun))
		case sh.Tracking == "" && sh.InFlightUntil.IsZero() && stale(o, &sh):
			// No label came of it, so there is nothing to ask for: orders may release what is wanted now.
			d.emit(&fulfillmentv1.LabelVoided{ShipmentId: sh.ID, Reason: becauseEdited})
		}
	}
}

func unwanted(o *order.State, sh *order.Shipment) string {
	switch gate := closedGate(o); {
	case o.Fulfillment.Shipped():
		return becauseShipped
	case o.Twice(sh):
		return order.VoidedElsewhere
	case !latest(o, sh):
		return becauseReleased
	case gate != "":
		return gate
	case stale(o, sh) || !askedFor(sh, o):
		return becauseEdited
	}
	return ""
}

func latest(o *order.State, sh *order.Shipment) bool {
	release := o.Order.LatestRelease()
	return release != nil && sh.ID == o.ShipmentID(release.Number)
}

// stale says that the shipment's release holds other lines than are wanted by now.
func stale(o *order.State, sh *order.Shipment) bool {
	return latest(o, sh) && !order.SameLines(o.Order.LatestRelease().Lines, o.Wanted())
}

// done says that the shipment's labels are void and that no later voiding is under way.
func done(sh *order.Shipment) bool { return sh.Voided && sh.VoidUntil.IsZero() }

// left says that the parcel is out of our hands.
func left(o *order.State, sh *order.Shipment) bool {
	_, shipped := o.Fulfillment.ShippedAt(sh.Tracking)
	_, lost := o.Fulfillment.LostAt(sh.Tracking)
	return shipped || lost
}

// takeBack begins to void a label, or tries again once the attempt before is over. Attempts are further and further
// apart, without end: a label that may be used must not be forgotten.
func (r Rules) takeBack(d *draft, sh *order.Shipment, reason string) {
	if sh.VoidStarted && d.now.Before(sh.VoidUntil) {
		d.wake(timerVoid, sh.VoidUntil) // under way
		return
	}
	r.startVoid(d, sh, reason)
}

func (r Rules) startVoid(d *draft, sh *order.Shipment, reason string) {
	attempt := sh.VoidAttempt + 1
	until := d.now.Add(grown(r.inFlight(), sh.VoidAttempt, voidMost))
	d.emit(&fulfillmentv1.LabelVoidStarted{ShipmentId: sh.ID, Attempt: int32(attempt), InFlightUntil: timestamppb.New(until)}) //nolint:gosec // small
	d.ask(void{Shipment: sh.ID, Reason: reason, Attempt: attempt})
	d.wake(timerVoid, until)
}

// The longest pauses between attempts. Voiding is tried for ever, and each attempt leaves an event.
const (
	voidMost    = 4 * time.Hour
	downMost    = 10 * time.Minute
	patientMost = time.Hour
)

// grown is a delay that doubles with each failure up to a most.
func grown(base time.Duration, failures int, most time.Duration) time.Duration {
	return min(base<<min(max(failures, 0), 12), max(base, most))
}
