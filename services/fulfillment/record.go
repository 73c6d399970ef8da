package fulfillment

import (
	"strings"
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
	failure, code := failureOf(err)
	switch q := q.(type) {
	case buy:
		r.bought(d, q.Shipment, q.Until, answer, failure, code)
		if failure == Unknown {
			d.askEarly(q)
		}
	case lookup:
		// Only that nothing is there says that nothing was bought, and only once the attempt's time is over: before that it
		// may still be on its way. All else says that the carrier could not be asked.
		if failure == NotFound && now.Before(q.Until) || failure != 0 && failure != NotFound {
			failure, d.asked = Unknown, q.Shipment
		}
		r.bought(d, q.Shipment, q.Until, answer, failure, code)
	case void:
		r.voided(d, q, failure)
	}
	r.life(d)
	return d.decision, nil
}

// askEarly asks at once about an attempt without an answer: mostly the label is there, and need not wait until the
// attempt's time is over.
func (d *draft) askEarly(q buy) {
	sh := d.state.Fulfillment.Shipment(q.Shipment)
	if sh != nil && sh.Tracking == "" && sh.InFlightUntil.Equal(q.Until) && d.now.Before(q.Until) {
		d.ask(lookup{Shipment: q.Shipment, Attempt: q.Attempt, Until: q.Until})
	}
}

// bought ends an attempt: by a label, by a failure, or not yet if nobody knows. The time until when the attempt may be
// in flight names it: what is told of another one is no longer news.
func (r Rules) bought(d *draft, shipment string, until time.Time, answer any, failure Failure, code string) {
	sh := d.state.Fulfillment.Shipment(shipment)
	label, ok := answer.(Label)
	switch {
	case sh == nil:
	case ok && failure == 0:
		r.labelled(d, sh, label)
	case failure == 0, failure == Unknown, !sh.InFlightUntil.Equal(until):
		// its timer looks it up, or somebody has ended it already
	case sh.Tracking == "":
		r.failed(d, sh, failure, code)
	}
}

// labelled records a label. If it is another one than we know of, both are taken back: only one parcel may leave.
func (r Rules) labelled(d *draft, sh *order.Shipment, label Label) {
	switch {
	case sh.Tracking == "":
		d.emit(&fulfillmentv1.LabelPurchased{
			ShipmentId: sh.ID, Carrier: carrierName, TrackingNumber: label.Tracking, LabelUrl: label.URL, Cost: label.Cost,
		})
		d.decision.Links = append(d.decision.Links, TrackingRef(carrierName, label.Tracking))
		d.decision.Clear = append(d.decision.Clear, timerInFlight, timerRetry)
	case sh.Tracking != label.Tracking && !left(d.state, sh):
		r.startVoid(d, sh, becauseTwice) // also if one is under way: that may have come before this label
	}
}

// TrackingRef is the name under which a parcel's scans find its order.
func TrackingRef(carrier, tracking string) string { return "tracking:" + carrier + ":" + tracking }

// failed ends an attempt of which it is certain that no label came of it. Once a person has said that it is to go on
// (goOn), it does so without end and ever more slowly.
func (r Rules) failed(d *draft, sh *order.Shipment, failure Failure, code string) {
	m := &fulfillmentv1.LabelPurchaseFailed{ShipmentId: sh.ID, Attempt: int32(sh.Attempt), Code: code} //nolint:gosec // small
	patient := goOn(d.state)
	again := r.RetryDelay
	switch failure {
	case Down:
		m.Code, m.Reason = downPrefix+code, "the carrier could not be asked"
		again = grown(r.RetryDelay, sh.FailedAttempts, downMost)
	case Refused:
		m.Reason, m.Final = "the carrier refused it for good", !patient
	default:
		m.Reason, m.Final = "the attempt came to nothing", !patient && sh.Attempt%attemptsMost == 0
		if sh.Attempt%attemptsMost != 1 {
			again = 6 * r.RetryDelay
		}
	}
	if patient && failure != Down {
		again = grown(6*r.RetryDelay, sh.FailedAttempts, patientMost)
	}
	d.decision.Clear = append(d.decision.Clear, timerInFlight)
	if !m.GetFinal() {
		m.RetryAt = timestamppb.New(d.now.Add(again))
		d.wake(timerRetry, d.now.Add(again))
	}
	d.emit(m)
}

// downPrefix marks failures that count as no attempt, because the carrier was never asked.
const downPrefix = "carrier_down:"

func down(code string) bool { return strings.HasPrefix(code, downPrefix) }

// voided takes the answer to the latest attempt to void. If the carrier refuses it for good, a cancellation that waits
// for it is refused: the label is good, and the parcel may leave any moment.
func (r Rules) voided(d *draft, q void, failure Failure) {
	o := d.state
	sh := o.Fulfillment.Shipment(q.Shipment)
	if sh == nil || done(sh) || q.Attempt != sh.VoidAttempt {
		return
	}
	switch {
	case failure == 0:
		d.emit(&fulfillmentv1.LabelVoided{ShipmentId: q.Shipment, Reason: q.Reason})
		d.decision.Clear = append(d.decision.Clear, timerVoid)
	case failure == Refused && o.Order.Cancelling() && !o.Answered(o.Fulfillment.Closed):
		d.close("", refusedVoid)
	}
}
