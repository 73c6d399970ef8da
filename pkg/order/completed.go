package order

import "time"

// Completed says that nothing more will be done for the order: all of it that is ours to ship was delivered, or nothing
// was and orders recorded that it waits for nothing. The first follows from the scans, so no event says it; it ceases
// to be true once more is wanted, and the second while a cancellation is open. What ended otherwise, or was imported, is
// never completed.
func (s *State) Completed() bool {
	o := &s.Order
	if !o.Placed || o.Historic || o.Ended() {
		return false
	}
	return o.Completed && !o.Cancelling() && s.nothingLeft() || s.everythingDelivered()
}

// CompletedAt is when the order was completed: when the last of it reached the customer, by the carrier's clock, or by
// ours when orders recorded it. Zero while it is not.
func (s *State) CompletedAt() time.Time {
	switch {
	case !s.Completed():
		return time.Time{}
	case !s.everythingDelivered():
		return s.Order.ClosedAt
	}
	var last time.Time
	for _, r := range s.Order.Releases {
		if parcel := s.Shipment(r.Number); parcel != nil {
			if at, ok := s.Fulfillment.DeliveredAt(parcel.Tracking); ok && at.After(last) {
				last = at
			}
		}
	}
	return last
}

// nothingLeft says that what was once recorded as complete still is: somebody else may have shipped it and taken that back.
func (s *State) nothingLeft() bool { return len(s.Fulfillment.Reports) == 0 || len(s.Wanted()) == 0 }

// everythingDelivered says that there was something of ours to ship and that all of it has reached the customer.
func (s *State) everythingDelivered() bool {
	if len(s.Fulfillment.Scans) == 0 || len(s.Order.Releases) == 0 { // nearly always, and much cheaper to ask
		return false
	}
	ours, elsewhere := false, s.elsewhere()
	for _, l := range s.ownLines() {
		due := l.Ordered - min(elsewhere[l.ID], max(0, l.Ordered))
		if !Ours(l.Described) || due <= 0 {
			continue
		}
		if ours = true; l.Delivered < due {
			return false
		}
	}
	return ours
}
