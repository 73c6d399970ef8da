package fulfillment

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// fact records what carriers and others tell.
func (d *draft) fact(t reactor.Trigger) {
	switch body := t.Fact.GetBody().(type) {
	case *intakev1.Fact_ScanReported:
		d.scan(t)
	case *intakev1.Fact_ShipmentReported:
		d.report(t, body.ShipmentReported)
	}
}

// report records a shipment of somebody else, once, and lets the carrier's scans of it find the order. What is ours to
// ship no longer is seen in what the order wants (order.State.Wanted): a label that is there already is taken back.
func (d *draft) report(t reactor.Trigger, s *intakev1.ShipmentReported) {
	m := &fulfillmentv1.ShipmentReported{
		ShipmentId: s.GetShipmentId(), Step: s.GetStep(), Carrier: s.GetCarrier(), TrackingNumbers: s.GetTrackingNumbers(), Lines: s.GetLines(),
		Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
	}
	at := d.told(t.Fact).UTC().Truncate(time.Microsecond) // as the database keeps it, so that it is known when it is told again
	if d.state.Fulfillment.Reported(order.ForeignReport{ShipmentReported: m, At: at}) {
		return
	}
	d.emitAt(m, at)
	if s.GetCarrier() == "" {
		return
	}
	for _, number := range s.GetTrackingNumbers() {
		d.decision.Links = append(d.decision.Links, TrackingRef(s.GetCarrier(), number))
	}
}

// told is the provider's time of a fact; ours where it has none.
func (d *draft) told(f *intakev1.Fact) time.Time {
	if f.GetOccurredAt() != nil {
		return f.GetOccurredAt().AsTime()
	}
	return d.now
}

// scan records what a carrier saw, once. It is a fact: late, early or contradictory, it is recorded. Read again it is
// recorded also where another delivery told the same, since it takes away what was read before.
func (d *draft) scan(t reactor.Trigger) {
	s := t.Fact.GetScanReported()
	if s == nil || t.Revision == 0 && d.state.Fulfillment.Scanned(s.GetCarrier(), s.GetTrackingNumber(), s.GetScanId()) {
		return
	}
	d.emitAt(scanned(s, t), d.told(t.Fact))
}

func scanned(s *intakev1.ScanReported, t reactor.Trigger) proto.Message {
	switch s.GetStep() {
	case intakev1.ScanStep_SCAN_STEP_DELIVERED:
		return &fulfillmentv1.ShipmentDelivered{
			TrackingNumber: s.GetTrackingNumber(), Carrier: s.GetCarrier(), ScanId: s.GetScanId(), Location: s.GetLocation(),
			Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
		}
	case intakev1.ScanStep_SCAN_STEP_LOST:
		return &fulfillmentv1.ShipmentLost{
			TrackingNumber: s.GetTrackingNumber(), Carrier: s.GetCarrier(), ScanId: s.GetScanId(), Reason: s.GetCode(),
			ReportId: t.Report[:], Revision: t.Revision,
		}
	default:
		return &fulfillmentv1.ShipmentScanned{
			TrackingNumber: s.GetTrackingNumber(), Carrier: s.GetCarrier(), ScanId: s.GetScanId(), Step: s.GetStep(),
			Code: s.GetCode(), Location: s.GetLocation(), Historic: t.Fact.GetHistoric(), ReportId: t.Report[:], Revision: t.Revision,
		}
	}
}

// command carries out what an operator asks, or answers with CommandRefused: a command always leaves an event.
func (r Rules) command(d *draft, c *commandv1.Command) {
	if _, ok := c.GetBody().(*commandv1.Command_RetryLabel); !ok {
		name := "unknown"
		if c.GetBody() != nil {
			name = strings.TrimPrefix(fmt.Sprintf("%T", c.GetBody()), "*commandv1.Command_")
		}
		d.emit(&fulfillmentv1.CommandRefused{Command: name, Reason: "fulfillment knows no such command"})
		return
	}
	if reason := d.cannotRetry(); reason != "" {
		d.emit(&fulfillmentv1.CommandRefused{Command: "retry", Reason: reason})
		return
	}
	release := d.state.Order.LatestRelease()
	r.start(d, release, nextAttempt(d.state.Shipment(release.Number)))
	d.decision.Clear = append(d.decision.Clear, timerRetry)
}

func (d *draft) cannotRetry() string {
	o := d.state
	release := o.Order.LatestRelease()
	if release == nil {
		return "nothing of it was released yet"
	}
	switch sh := o.Shipment(release.Number); {
	case o.Fulfillment.Shipped():
		return "the parcel has left already"
	case sh == nil:
		return "no label was tried for its latest release yet; that comes by itself"
	case sh.Voided:
		return "its label was voided; it gets another one when it is released again"
	case sh.Tracking != "":
		return "it has a label already"
	case !sh.InFlightUntil.IsZero():
		return "an attempt is under way"
	case o.Fulfillment.Labelled():
		return "the label of an earlier release is not void yet"
	}
	if gate := closedGate(o); gate != "" {
		return "it may not be shipped: gate " + gate + " is closed"
	}
	if !order.SameLines(release.Lines, o.Wanted()) {
		return "it was edited since it was released"
	}
	return ""
}
