package fulfillment

import (
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

// converse answers a cancellation: no if the parcel has left, yes once nothing is left that could.
func (r Rules) converse(d *draft) {
	o := d.state
	closed := &fulfillmentv1.FulfillmentClosed{Outcome: outcomeNothing, Cancellation: int32(o.Order.Cancellation.Number)} //nolint:gosec // small
	if o.Fulfillment.Shipped() {
		closed.Outcome, closed.Refused = "", refusedShipped
		d.emit(closed)
		return
	}
	waiting := false
	for _, sh := range o.Fulfillment.Shipments {
		switch {
		case sh.Voided:
			closed.Outcome = outcomeVoided
		case left(o, &sh):
			closed.Outcome, closed.Refused = "", refusedShipped
		case sh.Tracking != "":
			r.takeBack(d, &sh, "cancelled")
			waiting = true
		case !sh.InFlightUntil.IsZero():
			waiting = true // its end comes by its call, or by the timer that looks it up
		}
	}
	if !waiting || closed.Refused != "" {
		d.emit(closed)
	}
}

// voidUnwanted takes labels back that must not be used: what changes before the first scan voids the label. What is
// begun is brought to its end even if the gate has opened again; orders then releases anew.
func (r Rules) voidUnwanted(d *draft) {
	o := d.state
	for _, sh := range o.Fulfillment.Shipments {
		if sh.Tracking == "" || sh.Voided || left(o, &sh) {
			continue
		}
		if reason := unwanted(o, &sh); sh.VoidStarted || reason != "" {
			r.takeBack(d, &sh, reason)
		}
	}
}

func unwanted(o *order.State, sh *order.Shipment) string {
	release := o.Order.LatestRelease()
	switch gate := closedGate(o); {
	case o.Fulfillment.Shipped():
		return "shipped with another label"
	case release == nil || sh.ID != o.ShipmentID(release.Number):
		return "released anew"
	case gate != "":
		return gate
	case !sameLines(release.Lines, o.Wanted()):
		return "edited"
	}
	return ""
}

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
		return // under way; a timer looks again
	}
	attempt := sh.VoidAttempt + 1
	until := d.now.Add(r.inFlight() << min(attempt-1, 6))
	d.emit(&fulfillmentv1.LabelVoidStarted{ShipmentId: sh.ID, Attempt: int32(attempt), InFlightUntil: timestamppb.New(until)}) //nolint:gosec // small
	d.ask(void{Shipment: sh.ID, Reason: reason, Attempt: attempt})
	d.wake(timerVoid, until)
}

// grown is a delay that doubles with each failure up to ten minutes.
func grown(base time.Duration, failures int) time.Duration {
	return min(base<<min(max(failures, 0), 10), max(base, 10*time.Minute))
}
