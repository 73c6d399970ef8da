package inventory

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// Ask is one thing that a batch has to decide about: an order as it stands, or a move of a SKU.
type Ask struct {
	Entity ident.Entity
	Cause  ident.Cause
	// Order is the order's state; nil for a move.
	Order *order.State
	// Before counts what the cause led to before in the order's stream, by type: a timer rings more than once.
	Before map[string]int
	// Last is what was last reserved for the order, whether or not it still is.
	Last []*inventoryv1.Allocation
	// Unknown names a command to an order that inventory does not know; it is refused.
	Unknown string
	// Move is news about a SKU; nil for an order.
	Move *Move
}

// Plan decides about a whole batch: moves first, in their order; then claims that end; then claims that are made, those
// that have waited longest first, the others as they came. What comes out are units that share no SKU.
func (c Config) Plan(asks []Ask, stock map[ident.Entity]Stock, now time.Time) []Unit {
	b := newBatch(c, stock, now)
	results := make([]*result, len(asks))
	for i := range asks {
		results[i] = &result{ask: &asks[i], skus: map[ident.Entity]bool{}}
		if asks[i].Move != nil {
			b.move(results[i])
		}
	}
	var claims []*result
	for _, r := range results {
		switch o := r.ask.Order; {
		case o == nil:
		case r.ask.Unknown != "":
			r.emit(b, &inventoryv1.CommandRefused{Command: r.ask.Unknown, Reason: "inventory knows no such command for an order"})
		case !b.ended(r) && c.wants(o):
			claims = append(claims, r)
		}
	}
	slices.SortStableFunc(claims, longestWaiting)
	for _, r := range claims {
		b.claim(r)
	}
	return b.units(results)
}

func longestWaiting(a, b *result) int {
	x, y := a.ask.Order, b.ask.Order
	switch waits, other := len(x.Inventory.Shortages) > 0, len(y.Inventory.Shortages) > 0; {
	case waits && other:
		return x.Inventory.BackorderedAt.Compare(y.Inventory.BackorderedAt)
	case waits:
		return -1
	case other:
		return 1
	}
	return 0
}

// wants says that an order's claim is to be looked at: it runs, and no parcel of it is on its way out. While there is
// a label, what is in the parcel is what was reserved; an edit moves stock once the label is void. An order that is
// completed since nothing of it is to be shipped any more gives back what was reserved before.
func (c Config) wants(o *order.State) bool {
	return o.Order.Placed && !o.Order.Historic && !o.Order.Cancelling() && !o.Order.Ended() && !o.Fulfillment.Labelled()
}

// ended ends an order's claim if it has shipped, was cancelled, or is over. It says whether one of these is so.
func (b *batch) ended(r *result) bool {
	o := r.ask.Order
	switch inv := &o.Inventory; {
	case shipped(o):
		if inv.Closed == nil || inv.Closed.Outcome != outcomeShipped {
			b.ship(r)
		}
	case o.Order.Cancelling():
		fulfillment := o.Fulfillment.Closed
		if o.Answered(fulfillment) && fulfillment.Refused == "" && !o.Answered(inv.Closed) {
			b.close(r)
		}
	case o.Order.Ended():
		if len(inv.Allocations) > 0 {
			b.close(r)
		}
	default:
		return false
	}
	r.settled = len(o.Inventory.Shortages) > 0 && (len(r.events) > 0 || o.Order.Ended())
	return true
}

// Outcomes of AllocationClosed.
const (
	outcomeShipped  = "shipped"
	outcomeReleased = "released"
	outcomeNothing  = "nothing_reserved"
)

// shipped says that a parcel with a label of ours has left, void or not.
func shipped(o *order.State) bool {
	return slices.ContainsFunc(o.Fulfillment.Shipments, func(s order.Shipment) bool {
		_, left := o.Fulfillment.ShippedAt(s.Tracking)
		return left
	})
}

// ship takes the order's goods out of the building. If its claim had been given back before the carrier scanned the
// parcel after all, the goods are gone nevertheless: that is a count, which may oversell.
func (b *batch) ship(r *result) {
	inv := &r.ask.Order.Inventory
	for _, a := range inv.Allocations {
		b.shelf(r, a.GetSku()).ship(r.ask, a.GetLocation(), a.GetQuantity())
	}
	if len(inv.Allocations) == 0 {
		for _, a := range r.ask.Last {
			b.shelf(r, a.GetSku()).lose(r.ask, a.GetLocation(), a.GetQuantity())
		}
	}
	r.emit(b, &inventoryv1.AllocationClosed{Outcome: outcomeShipped})
}

// close gives back what is reserved and answers the cancellation.
func (b *batch) close(r *result) {
	o := r.ask.Order
	closed := &inventoryv1.AllocationClosed{Outcome: outcomeNothing}
	if len(o.Inventory.Allocations) > 0 {
		closed.Outcome = outcomeReleased
	}
	if o.Order.Cancellation != nil {
		closed.Cancellation = int32(o.Order.Cancellation.Number) //nolint:gosec // counts cancellations of one order
	}
	b.release(r, HeldBy(o))
	r.emit(b, closed)
}

func (b *batch) release(r *result, pieces quantities) {
	for _, sku := range slices.Sorted(maps.Keys(pieces)) {
		for _, location := range slices.Sorted(maps.Keys(pieces[sku])) {
			b.shelf(r, sku).release(r.ask, location, pieces[sku][location])
		}
	}
}

func (b *batch) reserve(r *result, pieces quantities) {
	for _, sku := range slices.Sorted(maps.Keys(pieces)) {
		for _, location := range slices.Sorted(maps.Keys(pieces[sku])) {
			s := b.shelf(r, sku)
			if r.ask.leftOut(level(s.levels, location)) {
				s.raise(location, pieces[sku][location])
			}
			s.reserve(r.ask, location, pieces[sku][location])
		}
	}
}

// claim reserves everything that the order wants and does not hold yet, and gives back what it no longer wants; or,
// if not everything is there, reserves nothing and lets it wait.
func (b *batch) claim(r *result) {
	o := r.ask.Order
	demand, held := o.Demand(), HeldBy(o)
	need, surplus := difference(demand, held)
	if len(demand) == 0 && len(held) == 0 && len(o.Inventory.Shortages) == 0 {
		return
	}
	available := b.available(r, need)
	picked := choose(need, available, locationsOf(held))
	if picked == nil {
		b.backorder(r, demand, held, available)
		return
	}
	for sku, pieces := range surplus {
		for location, n := range pieces {
			held[sku][location] -= n
		}
	}
	b.release(r, surplus)
	b.reserve(r, picked)
	for sku, pieces := range picked {
		for location, n := range pieces {
			put(held, sku, location, n)
		}
	}
	allocations := deal(o.Wanted(), held)
	if !o.Inventory.Allocated || !sameAllocations(allocations, o.Inventory.Allocations) {
		r.emit(b, &inventoryv1.StockAllocated{Allocations: allocations})
	}
	r.settled = len(o.Inventory.Shortages) > 0
}

// difference is what is missing and what is too much, after everything that can stay has stayed.
func difference(demand map[string]int64, held quantities) (need map[string]int64, surplus quantities) {
	need, surplus = map[string]int64{}, quantities{}
	for sku, wanted := range demand {
		if missing := wanted - total(held[sku]); missing > 0 {
			need[sku] = missing
		}
	}
	for sku, at := range held {
		if much := total(at) - demand[sku]; much > 0 {
			surplus[sku] = giveUp(at, much)
		}
	}
	return need, surplus
}

func (b *batch) backorder(r *result, demand map[string]int64, held, available quantities) {
	inv := &r.ask.Order.Inventory
	var shortages []*inventoryv1.Shortage
	for sku, wanted := range demand {
		there := plus(total(held[sku]), total(available[sku]))
		if there < wanted {
			shortages = append(shortages, &inventoryv1.Shortage{Sku: sku, Wanted: wanted, Available: there})
			r.waits = append(r.waits, sku)
		}
	}
	slices.SortFunc(shortages, bySKU)
	slices.Sort(r.waits)
	b.release(r, held)
	if sameShortages(shortages, inv.Shortages) {
		return // nothing new to say; it waits on
	}
	deadline := inv.Deadline
	if len(inv.Shortages) == 0 {
		deadline = b.now.Add(b.config.BackorderDeadline)
	}
	r.emit(b, &inventoryv1.StockBackordered{Shortages: shortages, Deadline: timestamppb.New(deadline)})
}

// available is where an order can have what it needs: where its shop has put that aside for it, or else what is free.
func (b *batch) available(r *result, need map[string]int64) quantities {
	available := quantities{}
	for sku, wanted := range need {
		levels := b.shelf(r, sku).levels.GetLevels()
		for _, at := range levels {
			if r.ask.leftOut(at) {
				put(available, sku, at.GetLocation(), wanted)
			}
		}
		if len(available[sku]) > 0 {
			continue
		}
		for _, at := range levels {
			if pieces := free(at); pieces > 0 {
				put(available, sku, at.GetLocation(), pieces)
			}
		}
	}
	return available
}

// shop is where the order was placed, as counts name it: shopify/default. Empty for a move.
func (a *Ask) shop() string {
	if a.Order == nil {
		return ""
	}
	key := a.Order.Order.Description.GetKey()
	return shopName(key.GetSource(), key.GetAccount())
}

func shopName(source, account string) string {
	if source == "" {
		return ""
	}
	return source + "/" + account
}

// leftOut says that the order's pieces are off the count of a location already: its own shop counted after it had taken
// the order. Where that has sold more than it has, nobody can tell whose pieces are missing.
func (a *Ask) leftOut(at *stockv1.Level) bool {
	shop := a.shop()
	if shop == "" || at.GetToldBy() != shop || !at.GetToldAt().IsValid() || at.GetShort() > 0 {
		return false
	}
	placed := a.Order.Order.PlacedAt
	return !placed.IsZero() && !at.GetToldAt().AsTime().Before(placed)
}

func locationsOf(held quantities) map[string]bool {
	used := map[string]bool{}
	for _, at := range held {
		for location := range at {
			used[location] = true
		}
	}
	return used
}

// result is what one ask comes to.
type result struct {
	ask    *Ask
	skus   map[ident.Entity]bool // that it looked at
	events []event.New           // in the order's own stream
	waits  []string              // SKUs that it waits for from now on
	// settled says that it no longer waits.
	settled bool
}

func (r *result) emit(b *batch, m proto.Message) {
	r.events = append(r.events, event.New{
		Message: m, Cause: r.ask.Cause, OccurredAt: b.now, Ordinal: r.ask.Before[event.TypeOf(m)],
	})
}
