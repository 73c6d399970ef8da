package order

import (
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// State is everything that is known of one order. The zero facets mean that nothing was heard of that kind yet.
type State struct {
	ID ident.Entity

	Order        Order
	Payment      Payment
	Fraud        Fraud
	Inventory    Inventory
	Fulfillment  Fulfillment
	Notification Notification

	// Events counts what was folded; FirstRecorded is the oldest of it and LastRecorded the newest. Unknown counts events
	// of types that this build does not know.
	Events        int
	FirstRecorded time.Time
	LastRecorded  time.Time
	Unknown       int

	versions [len(event.Categories)]int
}

// Order is what the orders service says: the life of the order itself.
type Order struct {
	Placed     bool
	PlacedAt   time.Time // the shop's clock
	RecordedAt time.Time // ours
	// Historic orders came by import: shown, but neither mailed, charged, reserved nor shipped.
	Historic    bool
	Description *orderv1.Description
	Sealed      *typev1.Sealed
	told        []description
	Holds       []Hold
	// Waived are the holds that a person took away; the rule that placed one does not place it again.
	Waived   []Waiver
	Releases []Release
	// Cancellation is the latest one asked for, if any.
	Cancellation *Cancellation
	// Refusals are the cancellations that could not be carried out.
	Refusals  []Cancellation
	Cancelled bool
	Expired   bool
	// Completed says that OrderCompleted was recorded and that nothing else was wanted since. It is recorded of orders
	// with nothing to ship, and once was of all that were delivered: State.Completed knows both.
	Completed bool
	ClosedAt  time.Time
	Erased    bool
}

// Hold keeps an order from being released.
type Hold struct {
	Kind     orderv1.HoldKind
	Reason   string
	Detail   string
	Since    time.Time
	Deadline time.Time // zero: none
}

// ByRule releases a hold whose cause is gone.
const ByRule = "rule"

// Waiver is a person's word that a hold's reason does not matter for the order as it is described now.
type Waiver struct {
	Kind    orderv1.HoldKind
	Reason  string
	Content string // hash of the description it was said of
}

// Release is one FulfillmentReleased: what may be shipped, and since when.
type Release struct {
	Number   int
	Lines    []*orderv1.LineQuantity
	Priority bool
	At       time.Time
}

// Cancellation is one conversation: asked by orders, answered by fulfillment, inventory and payment.
type Cancellation struct {
	Number int
	Reason string
	By     string
	Since  time.Time
	// Refused says who could not close and why; empty while open or when done.
	Refused   string
	RefusedBy string
}

// Fraud is the order's risk.
type Fraud struct {
	Scored      bool
	ScoreMillis int
	Verdict     fraudv1.Verdict
	Factors     []*fraudv1.Factor
	Signals     *fraudv1.Signals
	ScoredAt    time.Time
	// Review is a person's verdict, which outweighs the score's.
	Review   fraudv1.Verdict
	ReviewBy string
}

// Inventory is the order's claim on stock.
type Inventory struct {
	// Allocations is what is reserved now; empty once shipped or released.
	Allocations []*inventoryv1.Allocation
	// Allocated says that a StockAllocated stands and was not closed.
	Allocated   bool
	AllocatedAt time.Time
	// Shortages is set while the order waits for stock.
	Shortages     []*inventoryv1.Shortage
	BackorderedAt time.Time
	Deadline      time.Time
	Closed        *Closed
}

// Closed is a service's answer to a cancellation, or the end of an allocation by shipping.
type Closed struct {
	Outcome      string
	Refused      string
	Cancellation int
	At           time.Time
}

// New is an order of which nothing is known yet.
func New(id ident.Entity) *State { return &State{ID: id} }

// Version is how many events of a category were folded: the expected version of the next append to it.
func (s *State) Version(c event.Category) int { return s.versions[slot(c)] }

// Held says that a hold of that kind and reason stands.
func (o *Order) Held(kind orderv1.HoldKind, reason string) bool {
	return slices.ContainsFunc(o.Holds, func(h Hold) bool { return h.Kind == kind && h.Reason == reason })
}

// IsWaived says that a person took that hold away from the order as it is described now.
func (o *Order) IsWaived(kind orderv1.HoldKind, reason string) bool {
	return slices.Contains(o.Waived, Waiver{kind, reason, string(o.Description.GetContentHash())})
}

// Ended says that orders has closed the order: nothing more will be shipped.
func (o *Order) Ended() bool { return o.Cancelled || o.Expired }

// Cancelling says that a cancellation was asked for and has neither been refused nor completed.
func (o *Order) Cancelling() bool {
	return o.Cancellation != nil && o.Cancellation.Refused == "" && !o.Ended()
}

// LatestRelease is the release that counts; nil before the first.
func (o *Order) LatestRelease() *Release {
	if len(o.Releases) == 0 {
		return nil
	}
	return &o.Releases[len(o.Releases)-1]
}

// Answered says that a close answers the cancellation that is open now.
func (s *State) Answered(c *Closed) bool {
	return c != nil && s.Order.Cancellation != nil && c.Cancellation == s.Order.Cancellation.Number
}

// Cleared says that fraud has nothing against the order: by its score or by a person's review.
func (f *Fraud) Cleared() bool {
	if f.Review != fraudv1.Verdict_VERDICT_UNSPECIFIED {
		return f.Review == fraudv1.Verdict_VERDICT_CLEAR
	}
	return f.Verdict == fraudv1.Verdict_VERDICT_CLEAR
}

// Rejected says that the order must not be shipped, by score or review.
func (f *Fraud) Rejected() bool {
	if f.Review != fraudv1.Verdict_VERDICT_UNSPECIFIED {
		return f.Review == fraudv1.Verdict_VERDICT_REJECT
	}
	return f.Verdict == fraudv1.Verdict_VERDICT_REJECT
}

func slot(c event.Category) int {
	for i, known := range event.Categories {
		if known == c {
			return i
		}
	}
	return 0 // callers pass constants; Apply refuses foreign categories before it comes here
}
