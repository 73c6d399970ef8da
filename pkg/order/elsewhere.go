package order

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// What is shipped by somebody else: the shop hands over lines that were ours to ship, or the channel its own. What they
// ship we do not.

// VoidedElsewhere is why a label is taken back whose goods somebody else has shipped.
const VoidedElsewhere = "shipped by somebody else"

// HoldShippedElsewhere is the reason of the hold for goods that had a label of ours when somebody else shipped them: a
// person has to see to it that the parcel does not leave as well.
const HoldShippedElsewhere = "shipped_elsewhere"

// HoldCancelledInPart is the reason of the hold for the rest of an order that was to be cancelled after a part of it had
// been shipped by somebody else.
const HoldCancelledInPart = "cancelled_in_part"

// ForeignReport is what was told of one shipment of somebody else.
type ForeignReport struct {
	*fulfillmentv1.ShipmentReported

	At time.Time // by the clock of whoever told it
}

// newer says that a report stands against another one of the same shipment. Ties in time are broken by what they say, so
// that the order of arrival does not matter.
func (r ForeignReport) newer(other ForeignReport) bool {
	return cmp.Or(
		r.At.Compare(other.At), cmp.Compare(r.GetRevision(), other.GetRevision()), cmp.Compare(r.GetStep(), other.GetStep()),
		bytes.Compare(content(r.ShipmentReported), content(other.ShipmentReported)),
	) > 0
}

func content(m proto.Message) []byte {
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m) // it was decoded from valid UTF-8
	return data
}

// Reported says that this very thing was told before, by whatever delivery. Another reading of a report is always one of
// its own, since it takes away what was read before.
func (f *Fulfillment) Reported(r ForeignReport) bool {
	return r.GetRevision() == 0 && slices.ContainsFunc(f.Reports, func(have ForeignReport) bool { return have.same(r) })
}

// same says that two reports say the same, by whatever delivery.
func (r ForeignReport) same(other ForeignReport) bool {
	return r.At.Equal(other.At) && r.GetShipmentId() == other.GetShipmentId() && r.GetStep() == other.GetStep() && r.GetCarrier() == other.GetCarrier() &&
		r.GetHistoric() == other.GetHistoric() && slices.Equal(r.GetTrackingNumbers(), other.GetTrackingNumbers()) &&
		slices.EqualFunc(r.GetLines(), other.GetLines(), func(a, b *intakev1.ShippedLine) bool { return proto.Equal(a, b) })
}

// Foreign are the shipments of somebody else as they were told last, in the order in which they were first told; those
// that were taken back are among them. What repeats the number of a label of ours is our own parcel, told back to us.
func (f *Fulfillment) Foreign() []ForeignReport {
	var foreign []ForeignReport
	for _, r := range f.Reports {
		i := slices.IndexFunc(foreign, func(have ForeignReport) bool { return have.GetShipmentId() == r.GetShipmentId() })
		switch {
		case i < 0:
			foreign = append(foreign, r)
		case r.newer(foreign[i]):
			foreign[i] = r
		}
	}
	return slices.DeleteFunc(foreign, func(r ForeignReport) bool { return slices.ContainsFunc(r.GetTrackingNumbers(), f.labelled) })
}

func (f *Fulfillment) labelled(tracking string) bool {
	return slices.ContainsFunc(f.Shipments, func(s Shipment) bool { return s.Tracking != "" && strings.EqualFold(s.Tracking, tracking) })
}

// foreignParcel says that a tracking number is of a parcel that somebody else has sent.
func (f *Fulfillment) foreignParcel(tracking string) bool {
	if len(f.Reports) == 0 || f.labelled(tracking) {
		return false
	}
	return slices.ContainsFunc(f.Reports, func(r ForeignReport) bool { return slices.Contains(r.GetTrackingNumbers(), tracking) })
}

// Stands says that the shipment was not taken back.
func (r ForeignReport) Stands() bool {
	return r.GetStep() != intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
}

// ShippedElsewhere says that somebody else ships something of the order.
func (s *State) ShippedElsewhere() bool {
	for _, n := range s.elsewhere() {
		if n > 0 {
			return true
		}
	}
	return false
}

// elsewhere counts what somebody else ships, by line. A shipment without tracking numbers that is told once our parcel
// has left is most likely that parcel, marked by hand: it counts only for what was not in ours.
func (s *State) elsewhere() map[string]int64 {
	if len(s.Fulfillment.Reports) == 0 {
		return nil
	}
	counted, unnamed := map[string]int64{}, map[string]int64{}
	foreign := s.Fulfillment.Foreign()
	slices.SortFunc(foreign, func(a, b ForeignReport) int { return cmp.Compare(a.GetShipmentId(), b.GetShipmentId()) }) // not as they came
	for _, r := range foreign {
		switch {
		case !r.Stands():
		case len(r.GetTrackingNumbers()) > 0:
			s.addPieces(counted, r)
		default:
			s.addPieces(unnamed, r)
		}
	}
	left := s.leftWithUs()
	for _, l := range s.Order.Description.GetLines() {
		if n := unnamed[l.GetId()]; n > 0 {
			open := max(0, Add(l.GetQuantity(), -counted[l.GetId()], -left[l.GetId()]))
			counted[l.GetId()] = Add(counted[l.GetId()], min(n, open))
		}
	}
	return counted
}

// leftWithUs counts what was in parcels of ours that have left, by line.
func (s *State) leftWithUs() map[string]int64 {
	left := map[string]int64{}
	for _, release := range s.Order.Releases {
		if sh := s.Shipment(release.Number); sh != nil && s.Fulfillment.left(sh) {
			for _, q := range release.Lines {
				left[q.GetLineId()] = Add(left[q.GetLineId()], q.GetQuantity())
			}
		}
	}
	return left
}

func (f *Fulfillment) left(sh *Shipment) bool {
	_, left := f.ShippedAt(sh.Tracking)
	return left
}

// addPieces adds what is in a shipment. Lines are found by their id, else by their SKU; a shipment that tells no lines is
// taken for all of them: better to ask why nothing is sent than to send it twice.
func (s *State) addPieces(to map[string]int64, r ForeignReport) {
	lines := s.Order.Description.GetLines()
	if len(r.GetLines()) == 0 {
		for _, l := range lines {
			to[l.GetId()] = Add(to[l.GetId()], max(0, l.GetQuantity()))
		}
		return
	}
	for _, told := range r.GetLines() {
		n := max(0, told.GetQuantity())
		if told.GetLineId() != "" {
			to[told.GetLineId()] = Add(to[told.GetLineId()], n)
			continue
		}
		for _, l := range lines {
			if l.GetSku() == told.GetSku() && told.GetSku() != "" {
				part := min(n, max(0, Add(l.GetQuantity(), -to[l.GetId()])))
				to[l.GetId()], n = Add(to[l.GetId()], part), n-part
			}
		}
	}
}

// Twice says that a parcel of ours holds what somebody else ships.
func (s *State) Twice(sh *Shipment) bool {
	elsewhere := s.elsewhere()
	if len(elsewhere) == 0 {
		return false
	}
	ordered := map[string]int64{}
	for _, l := range s.Order.Description.GetLines() {
		ordered[l.GetId()] = l.GetQuantity()
	}
	for _, release := range s.Order.Releases {
		if s.ShipmentID(release.Number) != sh.ID {
			continue
		}
		for _, q := range release.Lines {
			if n := elsewhere[q.GetLineId()]; n > 0 && Add(n, q.GetQuantity()) > ordered[q.GetLineId()] {
				return true
			}
		}
	}
	return false
}

// countElsewhere adds what somebody else ships to the lines. What reached the customer, or came back, is known of
// shipments with tracking numbers only.
func (s *State) countElsewhere(lines []Line) {
	elsewhere := s.elsewhere()
	if len(elsewhere) == 0 {
		return
	}
	delivered, returned := map[string]int64{}, map[string]int64{}
	for _, r := range s.Fulfillment.Foreign() {
		if !r.Stands() || len(r.GetTrackingNumbers()) == 0 {
			continue
		}
		if s.Fulfillment.all(r, (*Fulfillment).DeliveredAt) {
			s.addPieces(delivered, r)
		}
		if s.Fulfillment.all(r, (*Fulfillment).ReturnedAt) {
			s.addPieces(returned, r)
		}
	}
	for i := range lines {
		l := &lines[i]
		l.Elsewhere = min(elsewhere[l.ID], max(0, l.Ordered))
		l.Shipped = Add(l.Shipped, l.Elsewhere)
		l.Released = max(l.Released, min(l.Shipped, l.Ordered))
		l.Delivered = Add(l.Delivered, min(delivered[l.ID], l.Elsewhere))
		l.Returned = Add(l.Returned, min(returned[l.ID], l.Elsewhere))
	}
}

// all says that something is known of every parcel of a shipment.
func (f *Fulfillment) all(r ForeignReport, of func(*Fulfillment, string) (time.Time, bool)) bool {
	return !slices.ContainsFunc(r.GetTrackingNumbers(), func(tracking string) bool { _, ok := of(f, tracking); return !ok })
}
