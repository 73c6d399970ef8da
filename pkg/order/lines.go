package order

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Line is what became of one line, in pieces.
type Line struct {
	ID          string
	SKU         string
	Ordered     int64
	Cancelled   int64
	Allocated   int64
	Backordered int64
	Released    int64
	// Elsewhere is the part of Shipped that somebody else has handed over.
	Elsewhere int64
	Shipped   int64
	Delivered int64
	Returned  int64
	Described *typev1.Line
}

// Wanted is what we have to ship: the lines that are ours to fulfil, with a quantity above zero, less what somebody else
// ships all the same.
func (s *State) Wanted() []*orderv1.LineQuantity {
	var wanted []*orderv1.LineQuantity
	elsewhere := s.elsewhere()
	for _, l := range s.Order.Description.GetLines() {
		if n := l.GetQuantity() - min(elsewhere[l.GetId()], max(0, l.GetQuantity())); Ours(l) && n > 0 {
			wanted = append(wanted, &orderv1.LineQuantity{LineId: l.GetId(), Sku: l.GetSku(), Quantity: n})
		}
	}
	return wanted
}

// Ours says that a line takes our stock and our label. Who did not say otherwise means us.
func Ours(l *typev1.Line) bool {
	f := l.GetFulfiller()
	return f == typev1.Fulfiller_FULFILLER_US || f == typev1.Fulfiller_FULFILLER_UNSPECIFIED
}

// Demand is what Wanted comes to per SKU.
func (s *State) Demand() map[string]int64 {
	demand := map[string]int64{}
	for _, w := range s.Wanted() {
		demand[w.GetSku()] = Add(demand[w.GetSku()], w.GetQuantity())
	}
	return demand
}

// Held is what is reserved for the order per SKU.
func (i *Inventory) Held() map[string]int64 {
	held := map[string]int64{}
	for _, a := range i.Allocations {
		held[a.GetSku()] = Add(held[a.GetSku()], a.GetQuantity())
	}
	return held
}

// FullyAllocated says that exactly what we have to ship is reserved.
func (s *State) FullyAllocated() bool {
	demand := s.Demand()
	if len(demand) == 0 {
		return true
	}
	if !s.Inventory.Allocated {
		return false
	}
	held := s.Inventory.Held()
	if len(held) != len(demand) {
		return false
	}
	for sku, quantity := range demand {
		if held[sku] != quantity {
			return false
		}
	}
	return true
}

// ShipmentID is our reference of a release's parcel at the carrier.
func (s *State) ShipmentID(release int) string { return fmt.Sprintf("%s/%d", s.ID, release) }

// Shipment is the parcel of a release; nil while no label was asked for.
func (s *State) Shipment(release int) *Shipment { return s.Fulfillment.Shipment(s.ShipmentID(release)) }

// Parcel is the shipment that is meant by the order's latest release that has not been voided: the one that ships it.
func (s *State) Parcel() *Shipment {
	for i := len(s.Order.Releases) - 1; i >= 0; i-- {
		if sh := s.Shipment(s.Order.Releases[i].Number); sh != nil && !sh.Voided {
			return sh
		}
	}
	return nil
}

// Lines counts what became of each line. One release is one parcel, so a line moves with its release.
func (s *State) Lines() []Line {
	lines := s.ownLines()
	s.countElsewhere(lines)
	if s.Order.Ended() {
		for i := range lines {
			lines[i].Cancelled = max(0, Add(lines[i].Ordered, -lines[i].Shipped))
			lines[i].Allocated, lines[i].Backordered, lines[i].Released = 0, 0, lines[i].Shipped
		}
	}
	return lines
}

// ownLines counts what became of each line with us.
func (s *State) ownLines() []Line {
	described := s.Order.Description.GetLines()
	lines := make([]Line, 0, len(described))
	at := map[string]int{}
	for _, d := range described {
		at[d.GetId()] = len(lines)
		lines = append(lines, Line{ID: d.GetId(), SKU: d.GetSku(), Ordered: d.GetQuantity(), Described: d})
	}
	for _, a := range s.Inventory.Allocations {
		if i, ok := at[a.GetLineId()]; ok {
			lines[i].Allocated = Add(lines[i].Allocated, a.GetQuantity())
		}
	}
	s.countBackordered(lines)
	for _, r := range s.Order.Releases {
		s.countRelease(lines, at, r)
	}
	return lines
}

func (s *State) countBackordered(lines []Line) {
	if len(s.Inventory.Shortages) == 0 {
		return
	}
	elsewhere := s.elsewhere()
	for i, l := range lines {
		if Ours(l.Described) {
			lines[i].Backordered = max(0, Add(l.Ordered, -min(elsewhere[l.ID], max(0, l.Ordered))))
		}
	}
}

func (s *State) countRelease(lines []Line, at map[string]int, r Release) {
	parcel := s.Shipment(r.Number)
	latest := s.Order.LatestRelease().Number == r.Number
	for _, q := range r.Lines {
		i, ok := at[q.GetLineId()]
		if !ok {
			continue
		}
		if latest && s.mayLeave(parcel) {
			lines[i].Released = q.GetQuantity()
		}
		if parcel == nil {
			continue
		}
		if _, shipped := s.Fulfillment.ShippedAt(parcel.Tracking); shipped {
			lines[i].Shipped = Add(lines[i].Shipped, q.GetQuantity())
			lines[i].Released = max(lines[i].Released, lines[i].Shipped) // a voided label that was used all the same
		}
		if _, delivered := s.Fulfillment.DeliveredAt(parcel.Tracking); delivered {
			lines[i].Delivered = Add(lines[i].Delivered, q.GetQuantity())
		}
		if _, returned := s.Fulfillment.ReturnedAt(parcel.Tracking); returned {
			lines[i].Returned = Add(lines[i].Returned, q.GetQuantity())
		}
	}
}

// mayLeave says that what was released last is free to leave: it has its label, or nothing keeps it from getting one. A
// gate that has closed since, or an edit, takes the release back, whether or not there was a label to be voided.
func (s *State) mayLeave(parcel *Shipment) bool {
	if parcel != nil && (parcel.Voided || parcel.Active()) {
		return !parcel.Voided
	}
	return s.releasedAsWanted() && len(s.Order.Holds) == 0 && !s.Order.Cancelling() && s.Fraud.Cleared() && s.FundsCover() && s.FullyAllocated()
}

func (s *State) releasedAsWanted() bool {
	return slices.EqualFunc(s.Order.LatestRelease().Lines, s.Wanted(), func(a, b *orderv1.LineQuantity) bool { return proto.Equal(a, b) })
}
