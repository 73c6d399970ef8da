package fulfillment

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
)

// attemptsMost is how often a label is tried before a person is asked.
const attemptsMost = 3

// Record says what a carrier's answer means for the order as it stands by now, and what follows from that.
func (r Rules) Record(o *order.State, q reactor.Request, answer any, err error, now time.Time) (reactor.Decision, error) {
	d := &draft{state: o, now: now}
	switch q := q.(type) {
	case buy:
		r.bought(d, q.Shipment, q.Attempt, answer, err)
	case lookup:
		r.bought(d, q.Shipment, q.Attempt, answer, err)
	case void:
		r.voided(d, q, err)
	}
	r.life(d)
	return d.decision, nil
}

// bought ends an attempt: by a label, by a failure, or not yet if nobody knows.
func (r Rules) bought(d *draft, shipment string, attempt int, answer any, err error) {
	sh := d.state.Fulfillment.Shipment(shipment)
	if sh == nil || sh.Tracking != "" {
		return
	}
	if label, ok := answer.(Label); ok && err == nil {
		d.emit(&fulfillmentv1.LabelPurchased{
			ShipmentId: shipment, Carrier: carrierName, TrackingNumber: label.Tracking, LabelUrl: label.URL, Cost: label.Cost,
		})
		d.decision.Links = append(d.decision.Links, TrackingRef(carrierName, label.Tracking))
		d.decision.Clear = append(d.decision.Clear, timerInFlight, timerRetry)
		return
	}
	failure, code := failureOf(err)
	if failure == Unknown || sh.Attempt != attempt || sh.InFlightUntil.IsZero() {
		return // its timer looks it up, or somebody has ended it already
	}
	r.failed(d, sh, failure, code)
}

// TrackingRef is the name under which a parcel's scans find its order.
func TrackingRef(carrier, tracking string) string { return "tracking:" + carrier + ":" + tracking }

func (r Rules) failed(d *draft, sh *order.Shipment, failure Failure, code string) {
	m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: sh.ID, Attempt: int32(sh.Attempt), Code: code} //nolint:gosec // small
	var again time.Duration
	switch failure {
	case Refused:
		m.Reason, m.Final = "the carrier refused it for good", true
	case Down:
		m.Code, m.Reason = downPrefix+code, "the carrier could not be asked"
		again = grown(r.RetryDelay, sh.FailedAttempts)
	default:
		m.Reason, m.Final = "the attempt came to nothing", sh.Attempt%attemptsMost == 0 && !goOn(d.state)
		again = r.RetryDelay
		if sh.Attempt%attemptsMost != 1 {
			again = 6 * r.RetryDelay
		}
	}
	d.decision.Clear = append(d.decision.Clear, timerInFlight)
	if m.Final {
		d.emit(m)
		return
	}
	m.RetryAt = timestamppb.New(d.now.Add(again))
	d.emit(m)
	d.wake(timerRetry, d.now.Add(again))
}

// downPrefix marks failures that count as no attempt, because the carrier was never asked.
const downPrefix = "carrier_down:"

func down(code string) bool {
	return len(code) > len(downPrefix) && code[:len(downPrefix)] == downPrefix
}

// voided takes the answer to a void. If the carrier refuses it for good, a cancellation that waits for it is refused:
// the label is good, and the parcel may leave any moment.
func (r Rules) voided(d *draft, q void, err error) {
	o := d.state
	sh := o.Fulfillment.Shipment(q.Shipment)
	if sh == nil || sh.Voided {
		return
	}
	if err == nil {
		d.emit(&fulfillmentv1.LabelVoided{ShipmentId: q.Shipment, Reason: q.Reason})
		d.decision.Clear = append(d.decision.Clear, timerVoid)
		return
	}
	if failure, _ := failureOf(err); failure == Refused && o.Order.Cancelling() && !o.Answered(o.Fulfillment.Closed) {
		d.emit(&fulfillmentv1.FulfillmentClosed{Refused: refusedVoid, Cancellation: int32(o.Order.Cancellation.Number)}) //nolint:gosec // small
	}
}
