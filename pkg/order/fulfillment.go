package order

import (
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/event"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Fulfillment is what fulfillment bought and what carriers scanned. Scans stand by themselves: one may be told before
// the label that it belongs to is recorded.
type Fulfillment struct {
	Shipments []Shipment
	// Scans are what carriers saw, each once; told is every telling of one.
	Scans []Scan
	told  []Scan
	// Reports are what was told of shipments of somebody else, each once.
	Reports []ForeignReport
	Closed  *Closed
}

// Shipment is one parcel's label, from the first attempt to buy it.
type Shipment struct {
	ID      string
	Attempt int
	// InFlightUntil is set while an attempt may still be under way; whoever finds it waits.
	InFlightUntil time.Time
	Carrier       string
	Key           string // idempotency key of the latest attempt
	StartedAt     time.Time

	Tracking    string // set once the label is bought
	LabelURL    string
	PurchasedAt time.Time

	FailedAttempts int
	FailureCode    string
	RetryAt        time.Time
	GivenUp        bool

	VoidStarted   bool
	VoidAttempt   int
	VoidUntil     time.Time
	Voided        bool
	VoidedBecause string
}

// Scan is one scan of one parcel.
type Scan struct {
	Tracking string
	Carrier  string
	ID       string
	Step     intakev1.ScanStep
	Code     string
	Location string
	At       time.Time // the carrier's clock
	key      string
	revision uint32
}

// Failure is why the latest attempt failed; empty if the carrier says no more than that it did.
func (s *Shipment) Failure() string {
	if s.FailureCode == "failed" {
		return ""
	}
	return s.FailureCode
}

func (f *Fulfillment) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *fulfillmentv1.ShipmentScanned:
		f.scan(m, Scan{Step: m.GetStep(), Code: m.GetCode(), Location: m.GetLocation(), At: e.OccurredAt})
	case *fulfillmentv1.ShipmentDelivered:
		f.scan(m, Scan{Step: intakev1.ScanStep_SCAN_STEP_DELIVERED, Location: m.GetLocation(), At: e.OccurredAt})
	case *fulfillmentv1.ShipmentLost:
		f.scan(m, Scan{Step: intakev1.ScanStep_SCAN_STEP_LOST, Code: m.GetReason(), At: e.OccurredAt})
	case *fulfillmentv1.ShipmentReported:
		if r := (ForeignReport{m, e.OccurredAt}); !f.Reported(r) {
			f.Reports = supersede(f.Reports, r)
		}
	case *fulfillmentv1.FulfillmentClosed:
		f.Closed = &Closed{
			Outcome: m.GetOutcome(), Refused: m.GetRefused(), Cancellation: int(m.GetCancellation()), At: e.RecordedAt,
		}
	default:
		f.applyLabel(e)
	}
}

func (f *Fulfillment) applyLabel(e event.Recorded) {
	switch m := e.Message.(type) {
	case *fulfillmentv1.LabelPurchaseStarted:
		s := f.shipment(m.GetShipmentId())
		s.Attempt, s.InFlightUntil, s.Carrier = int(m.GetAttempt()), instant(m.GetInFlightUntil()), m.GetCarrier()
		s.Key, s.RetryAt, s.GivenUp = m.GetIdempotencyKey(), time.Time{}, false
		if s.StartedAt.IsZero() {
			s.StartedAt = e.RecordedAt
		}
	case *fulfillmentv1.LabelPurchased:
		s := f.shipment(m.GetShipmentId())
		s.InFlightUntil, s.Carrier = time.Time{}, m.GetCarrier()
		s.Tracking, s.LabelURL, s.PurchasedAt = m.GetTrackingNumber(), m.GetLabelUrl(), e.RecordedAt
	case *fulfillmentv1.LabelPurchaseFailed:
		s := f.shipment(m.GetShipmentId())
		s.InFlightUntil, s.FailureCode = time.Time{}, m.GetCode()
		s.FailedAttempts, s.RetryAt, s.GivenUp = s.FailedAttempts+1, instant(m.GetRetryAt()), m.GetFinal()
	case *fulfillmentv1.LabelVoidStarted:
		s := f.shipment(m.GetShipmentId())
		s.VoidStarted, s.VoidAttempt, s.VoidUntil = true, int(m.GetAttempt()), instant(m.GetInFlightUntil())
	case *fulfillmentv1.LabelVoided:
		s := f.shipment(m.GetShipmentId())
		s.Voided, s.VoidedBecause, s.VoidUntil = true, m.GetReason(), time.Time{}
	}
}

func (f *Fulfillment) shipment(id string) *Shipment {
	if s := f.Shipment(id); s != nil {
		return s
	}
	f.Shipments = append(f.Shipments, Shipment{ID: id})
	return &f.Shipments[len(f.Shipments)-1]
}

// Shipment finds a shipment by our id; nil if no label was ever asked for under it.
func (f *Fulfillment) Shipment(id string) *Shipment {
	i := slices.IndexFunc(f.Shipments, func(s Shipment) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &f.Shipments[i]
}

// scanOf is what every event about a scan says.
type scanOf interface {
	GetTrackingNumber() string
	GetCarrier() string
	GetScanId() string
	GetReportId() []byte
	GetRevision() uint32
}

func (f *Fulfillment) scan(m scanOf, s Scan) {
	s.Tracking, s.Carrier, s.ID = m.GetTrackingNumber(), m.GetCarrier(), m.GetScanId()
	s.key, s.revision = string(m.GetReportId()), m.GetRevision()
	if s.revision == 0 && !outdated(f.told, s) {
		f.told = supersede(f.told, s)
		f.count(s)
		return
	}
	f.told = supersede(f.told, s)
	f.Scans = f.Scans[:0:0]
	for _, told := range f.told {
		f.count(told)
	}
}

// count takes a scan that is not known by another telling.
func (f *Fulfillment) count(s Scan) {
	if !f.Scanned(s.Carrier, s.Tracking, s.ID) {
		f.Scans = append(f.Scans, s)
	}
}

// Scanned says that this very scan was recorded before.
func (f *Fulfillment) Scanned(carrier, tracking, scanID string) bool {
	return slices.ContainsFunc(f.Scans, func(s Scan) bool {
		return s.Carrier == carrier && s.Tracking == tracking && s.ID == scanID
	})
}

// ScansOf are a parcel's scans by the carrier's clock; ties by step, then by id.
func (f *Fulfillment) ScansOf(tracking string) []Scan {
	var scans []Scan
	for _, s := range f.Scans {
		if s.Tracking == tracking && tracking != "" {
			scans = append(scans, s)
		}
	}
	slices.SortFunc(scans, func(a, b Scan) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		if a.Step != b.Step {
			return int(a.Step) - int(b.Step)
		}
		return compare(a.ID, b.ID)
	})
	return scans
}

// ShippedAt is the carrier's first scan of the parcel: the moment it left. A scan that only tells of trouble before
// the parcel was ever seen does not count.
func (f *Fulfillment) ShippedAt(tracking string) (time.Time, bool) {
	for _, s := range f.ScansOf(tracking) {
		switch s.Step {
		case intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, intakev1.ScanStep_SCAN_STEP_OUT_FOR_DELIVERY,
			intakev1.ScanStep_SCAN_STEP_DELIVERED, intakev1.ScanStep_SCAN_STEP_RETURNED:
			return s.At, true
		default: // trouble, or lost before it was ever seen
		}
	}
	return time.Time{}, false
}

// DeliveredAt is when the parcel reached the customer.
func (f *Fulfillment) DeliveredAt(tracking string) (time.Time, bool) {
	return f.firstOf(tracking, intakev1.ScanStep_SCAN_STEP_DELIVERED)
}

// LostAt is when the carrier gave the parcel up.
func (f *Fulfillment) LostAt(tracking string) (time.Time, bool) {
	return f.firstOf(tracking, intakev1.ScanStep_SCAN_STEP_LOST)
}

// ReturnedAt is when the parcel was on its way back.
func (f *Fulfillment) ReturnedAt(tracking string) (time.Time, bool) {
	return f.firstOf(tracking, intakev1.ScanStep_SCAN_STEP_RETURNED)
}

func (f *Fulfillment) firstOf(tracking string, step intakev1.ScanStep) (time.Time, bool) {
	for _, s := range f.ScansOf(tracking) {
		if s.Step == step {
			return s.At, true
		}
	}
	return time.Time{}, false
}

// Shipped says that any parcel of the order has left that is not known to be somebody else's.
func (f *Fulfillment) Shipped() bool {
	for _, s := range f.Scans {
		if _, ok := f.ShippedAt(s.Tracking); ok && !f.foreignParcel(s.Tracking) {
			return true
		}
	}
	return false
}

// Labelled says that a label was asked for or bought and not voided.
func (f *Fulfillment) Labelled() bool {
	return slices.ContainsFunc(f.Shipments, func(s Shipment) bool { return s.Active() })
}

// Active says that the shipment has a label, or an attempt that may yet lead to one.
func (s *Shipment) Active() bool {
	return !s.Voided && (s.Tracking != "" || !s.InFlightUntil.IsZero())
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
