package order

// Status is the one word that people see. It is derived from the facets each time and never stored as truth.
type Status string

// Statuses, roughly in the order of an order's life.
const (
	StatusUnknown         Status = "unknown"          // only other news of it has come
	StatusAwaitingPayment Status = "awaiting_payment" // placed, not covered
	StatusHeld            Status = "held"             // a hold or a review waits for a person
	StatusBackordered     Status = "backordered"      // waits for stock
	StatusProcessing      Status = "processing"       // placed and paid, our services are at work
	StatusReleased        Status = "released"         // may be shipped
	StatusLabelled        Status = "labelled"         // has a label, has not left
	StatusShipped         Status = "shipped"          // the carrier's first scan
	StatusDelivered       Status = "delivered"
	StatusLost            Status = "lost"
	StatusReturned        Status = "returned"
	StatusCompleted       Status = "completed"
	StatusCancelling      Status = "cancelling"
	StatusCancelled       Status = "cancelled"
	StatusExpired         Status = "expired"
)

// OpenStatuses are those of orders to which something has to happen yet.
func OpenStatuses() []Status {
	return []Status{
		StatusUnknown, StatusAwaitingPayment, StatusHeld, StatusBackordered, StatusProcessing, StatusReleased, StatusLabelled,
		StatusShipped, StatusDelivered, StatusCancelling,
	}
}

// Status derives the word. What the world did (shipped, delivered) outweighs what we decided: a parcel that left although
// its order was cancelled has left. Of what we decided an end outweighs all that waits.
func (s *State) Status() Status {
	if s.Completed() {
		return StatusCompleted
	}
	if st, ok := s.parcelStatus(); ok {
		return st
	}
	switch {
	case s.Order.Expired:
		return StatusExpired
	case s.Order.Cancelled:
		return StatusCancelled
	case s.Order.Cancelling():
		return StatusCancelling
	case !s.Order.Placed:
		return StatusUnknown
	case s.Order.Historic:
		return StatusCompleted
	case s.Fulfillment.Labelled():
		return StatusLabelled
	case len(s.Order.Holds) > 0, s.Fraud.Scored && !s.Fraud.Cleared():
		return StatusHeld
	case !s.FundsCover():
		return StatusAwaitingPayment
	case len(s.Inventory.Shortages) > 0:
		return StatusBackordered
	case len(s.Order.Releases) > 0:
		return StatusReleased
	}
	return StatusProcessing
}

func (s *State) parcelStatus() (Status, bool) {
	var shipped, delivered, lost, returned bool
	rest := len(s.Fulfillment.Reports) > 0 && len(s.Wanted()) > 0 // then what somebody else sent says nothing of ours
	for _, sc := range s.Fulfillment.Scans {
		if rest && s.Fulfillment.foreignParcel(sc.Tracking) {
			continue
		}
		_, a := s.Fulfillment.ShippedAt(sc.Tracking)
		_, b := s.Fulfillment.DeliveredAt(sc.Tracking)
		_, c := s.Fulfillment.LostAt(sc.Tracking)
		_, d := s.Fulfillment.ReturnedAt(sc.Tracking)
		shipped, delivered, lost, returned = shipped || a, delivered || b, lost || c, returned || d
	}
	switch {
	case returned:
		return StatusReturned, true
	case delivered:
		return StatusDelivered, true
	case lost:
		return StatusLost, true
	case shipped:
		return StatusShipped, true
	}
	return "", false
}

// PaymentStatus is the word for the order's money, derived from its sums alone.
func (s *State) PaymentStatus() string {
	f := s.Funds()
	switch {
	case f.ChargedBy > 0:
		return "charged_back"
	case f.Disputed > 0:
		return "disputed"
	case s.refundedWhole(f):
		return "refunded"
	case f.Captured > 0 && s.Order.Placed && f.Captured-f.Refunded > f.Total:
		return "overpaid"
	case f.Refunded > 0 && (!s.Order.Placed || f.Captured-f.Refunded != f.Total): // else only what was too much went back
		return "partially_refunded"
	case f.Captured > 0 && (!s.Order.Placed || f.Captured >= f.Total):
		return "paid"
	case f.Captured > 0:
		return "partially_paid"
	case f.Authorized > 0:
		return "authorized"
	case s.anyVoided():
		return "voided"
	case s.Order.Placed && f.Total == 0:
		return "paid"
	}
	return "unpaid"
}

// refundedWhole says that all that was captured went back, or all that was due before it was told as captured.
func (s *State) refundedWhole(f Funds) bool {
	return f.Refunded > 0 && f.Refunded >= f.Captured && (f.Captured > 0 || s.Order.Placed && f.Refunded >= f.Total)
}

func (s *State) anyVoided() bool {
	for _, p := range s.Payment.Payments() {
		if p.Voided {
			return true
		}
	}
	return false
}
