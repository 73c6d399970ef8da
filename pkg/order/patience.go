package order

import "time"

// Patience is how long each party may take before what waits for it is overdue. Zero is for ever.
type Patience struct {
	// Payment is the customer's, from when the order was recorded.
	Payment time.Duration
	// Person is an operator's, or whoever else is asked.
	Person time.Duration
	// Service is one of our own services', from the last thing that happened to the order.
	Service time.Duration
	// Pickup is the carrier's, from the label to the first scan; Delivery from there to the door.
	Pickup   time.Duration
	Delivery time.Duration
}

// PaymentDue is until when an order is to be paid; false if there is no such time, or nobody knows it yet.
func (p Patience) PaymentDue(s *State) (time.Time, bool) {
	since := s.Order.RecordedAt
	return since.Add(p.Payment), p.Payment > 0 && !since.IsZero()
}

// MoneyHeard says that somebody paid or means to: such an order is no longer nobody's, and does not expire. Money that
// went back came, though nobody has told of it yet.
func (s *State) MoneyHeard() bool {
	f := s.Funds()
	return f.Captured > 0 || f.Authorized > 0 || f.Ahead() || s.ForeignFunds()
}

// ServiceDue is until when a service of ours has to answer: some time after the last thing that happened to the order,
// or after now if that is happening just now. False if none is awaited, or if it may take for ever.
func (p Patience) ServiceDue(s *State, now time.Time) (time.Time, bool) {
	since := s.LastRecorded
	if since.IsZero() {
		since = now
	}
	return since.Add(p.Service), p.Service > 0 && (s.Order.Cancelling() || len(s.Awaited()) > 0)
}

// Awaited are our own services that keep a gate closed and that nothing keeps from opening it.
func (s *State) Awaited() []string {
	var awaited []string
	if f := s.Funds(); !s.Fraud.Scored && (f.Captured > 0 || f.Authorized > 0 || f.Total <= 0) {
		awaited = append(awaited, "fraud")
	}
	if !s.FullyAllocated() && len(s.Inventory.Shortages) == 0 && !s.Fulfillment.Labelled() {
		awaited = append(awaited, "inventory")
	}
	return awaited
}

// after is a moment some time after another; none if there is no such time, or no such moment.
func after(since time.Time, patience time.Duration) time.Time {
	if patience <= 0 || since.IsZero() {
		return time.Time{}
	}
	return since.Add(patience)
}
