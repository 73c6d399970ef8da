package projector

import (
	"cmp"
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/order"
)

// shipment is a parcel with what its scans say.
type shipment struct {
	order.Shipment
	// foreign is what somebody else told of a shipment of theirs; nil for ours.
	foreign                            *order.ForeignReport
	shipped, delivered, lost, returned time.Time
}

// shipments is one row per parcel that a label was asked for, then one per parcel of somebody else.
var shipments = children("shipments", "order_id", orderOf, (*facts).shipments,
	one("shipment_id", text, func(s shipment) any { return clean(s.ID) }),
	one("status", text, func(s shipment) any { return s.status() }),
	one("carrier", text, func(s shipment) any { return some(s.Carrier) }),
	one("tracking_number", text, func(s shipment) any { return some(s.Tracking) }),
	one("attempts", whole, func(s shipment) any { return int64(s.Attempt) }),
	one("failed_attempts", whole, func(s shipment) any { return int64(s.FailedAttempts) }),
	one("failure_code", text, func(s shipment) any { return some(s.FailureCode) }),
	one("void_reason", text, func(s shipment) any { return some(s.VoidedBecause) }),
	one("started_at", instant, func(s shipment) any { return when(s.StartedAt) }),
	one("labelled_at", instant, func(s shipment) any { return when(s.PurchasedAt) }),
	one("shipped_at", instant, func(s shipment) any { return when(s.shipped) }),
	one("delivered_at", instant, func(s shipment) any { return when(s.delivered) }),
	one("lost_at", instant, func(s shipment) any { return when(s.lost) }),
	one("returned_at", instant, func(s shipment) any { return when(s.returned) }),
)

func (f *facts) shipments() []shipment {
	at := &f.state.Fulfillment
	all := make([]shipment, 0, len(at.Shipments))
	for _, s := range at.Shipments {
		all = append(all, shipment{Shipment: s})
	}
	for _, r := range at.Foreign() {
		parcel := shipment{Shipment: order.Shipment{ID: r.GetShipmentId(), Carrier: r.GetCarrier()}, foreign: &r}
		if len(r.GetTrackingNumbers()) == 0 {
			all = append(all, parcel)
		}
		for _, parcel.Tracking = range r.GetTrackingNumbers() {
			all = append(all, parcel)
		}
	}
	for i := range all {
		s := &all[i]
		s.shipped, _ = at.ShippedAt(s.Tracking)
		s.delivered, _ = at.DeliveredAt(s.Tracking)
		s.lost, _ = at.LostAt(s.Tracking)
		s.returned, _ = at.ReturnedAt(s.Tracking)
	}
	return all
}

// status is the word for one parcel. What a carrier saw outweighs what we decided.
func (s shipment) status() string {
	switch {
	case !s.returned.IsZero():
		return "returned"
	case !s.delivered.IsZero():
		return "delivered"
	case !s.lost.IsZero():
		return "lost"
	case !s.shipped.IsZero():
		return "shipped"
	case s.foreign != nil && !s.foreign.Stands():
		return "withdrawn"
	case s.foreign != nil:
		return "reported"
	case s.Voided:
		return "voided"
	case s.Tracking != "":
		return "labelled"
	case s.GivenUp:
		return "failed"
	case s.FailedAttempts > 0 && s.InFlightUntil.IsZero():
		return "retrying"
	}
	return "buying"
}

// scan is one scan, with the shipment that it is about.
type scan struct {
	order.Scan
	shipmentID string
}

// scans is one row per scan, parcel by parcel.
var scans = children("shipment_scans", "order_id", orderOf, (*facts).scans,
	one("tracking_number", text, func(s scan) any { return some(s.Tracking) }),
	one("carrier", text, func(s scan) any { return some(s.Carrier) }),
	one("scan_id", text, func(s scan) any { return some(s.ID) }),
	one("shipment_id", text, func(s scan) any { return some(s.shipmentID) }),
	one("step", text, func(s scan) any { return word(s.Step.String(), "SCAN_STEP_") }),
	one("code", text, func(s scan) any { return some(s.Code) }),
	one("location", text, func(s scan) any { return some(s.Location) }),
	one("scanned_at", instant, func(s scan) any { return when(s.At) }),
)

func (f *facts) scans() []scan {
	all := make([]scan, 0, len(f.state.Fulfillment.Scans))
	parcels := f.shipments()
	for _, s := range f.state.Fulfillment.Scans {
		of := scan{Scan: s}
		for _, parcel := range parcels {
			if parcel.Tracking != "" && parcel.Tracking == s.Tracking {
				of.shipmentID = parcel.ID
			}
		}
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b scan) int {
		return cmp.Or(cmp.Compare(a.Tracking, b.Tracking), a.At.Compare(b.At), cmp.Compare(a.Step, b.Step),
			cmp.Compare(a.Carrier, b.Carrier), cmp.Compare(a.ID, b.ID))
	})
	return all
}
