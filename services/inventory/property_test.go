package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/ident"

	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// TestWeNeverSellTwice lets orders, edits, cancellations, scans and moves come in any order and any batches. Whatever
// comes: reserving never takes more than is there, rows and streams agree, and asking again changes nothing.
func TestWeNeverSellTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		names := []string{"1", "2", "3", "4", "5"}
		for step := range rapid.IntRange(5, 40).Draw(t, "steps") {
			w.now = noon.Add(time.Duration(step) * time.Second)
			var asks []Ask
			for range rapid.IntRange(0, 2).Draw(t, "moves") {
				asks = append(asks, w.move(anyMove(t)))
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				w.change(t, rapid.SampledFrom(names).Draw(t, "order"))
			}
			ring := slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(rapid.SampledFrom(names), 0, 5).Draw(t, "rung"))))
			asks = append(asks, w.look(rapid.Permutation(ring).Draw(t, "as they came")...)...)
			w.decide(asks...)
			w.neverOversoldByReserving()
		}
		rounds := 0
		for len(w.decide(w.look(names...)...)) > 0 { // who gives stock back lets others have it, who then say so
			rounds++
			require.Less(t, rounds, 2*len(names), "asking again changes nothing in the end")
		}
		w.check()
		for _, n := range names {
			w.allOrNothing(orderID(n))
			w.shippedOnce(orderID(n))
		}
	})
}

var (
	skus   = []string{"A", "B", "C"}
	places = []string{"main", "east", "west"}
)

func anyMove(t *rapid.T) Move {
	return Move{
		Kind: rapid.SampledFrom([]MoveKind{Receive, Receive, Count, Report}).Draw(t, "kind"), SKU: rapid.SampledFrom(skus).Draw(t, "sku"),
		Location: rapid.SampledFrom(places).Draw(t, "place"), Quantity: rapid.Int64Range(-1, 6).Draw(t, "quantity"),
		At: noon.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "at")) * time.Second),
	}
}

// change lets something happen to an order that may happen to it as it stands.
func (w *world) change(t *rapid.T, name string) {
	s := w.state(orderID(name))
	shipment := fmt.Sprintf("%s/1", name)
	var may []proto.Message
	wanted := []any{rapid.SampledFrom(skus).Draw(t, "l1"), rapid.IntRange(0, 4).Draw(t, "n1"), rapid.SampledFrom(skus).Draw(t, "l2"), rapid.IntRange(0, 4).Draw(t, "n2")}
	switch {
	case !s.Order.Placed:
		may = append(may, placed(wanted...))
	case s.Order.Ended():
	default:
		may = append(may, edited(wanted...))
		if s.FullyAllocated() && !s.Fulfillment.Labelled() && !s.Order.Cancelling() {
			may = append(may, label(shipment))
		}
	}
	switch c := s.Order.Cancellation; {
	case s.Order.Cancelling() && !s.Answered(s.Fulfillment.Closed):
		refused := ""
		if s.Fulfillment.Shipped() {
			refused = "already_shipped"
		}
		may = append(may, closedByFulfillment(c.Number, refused))
	case s.Order.Cancelling() && s.Fulfillment.Closed.Refused != "":
		may = append(may, &orderv1.CancellationRefused{Number: int32(c.Number), Reason: "already_shipped"})
	case s.Order.Cancelling() && s.Answered(s.Inventory.Closed):
		may = append(may, &orderv1.OrderCancelled{}, &orderv1.CancellationRefused{Number: int32(c.Number), Reason: "payment"})
	case !s.Order.Ended() && s.Order.Placed && !s.Order.Cancelling():
		number := 1
		if c != nil {
			number = c.Number + 1
		}
		may = append(may, cancelling(number))
	}
	if s.Fulfillment.Shipment(shipment) != nil {
		may = append(may, scanned(shipment))
	}
	if len(may) > 0 {
		w.given(name, rapid.SampledFrom(may).Draw(t, "what"))
	}
}

// neverOversoldByReserving replays each SKU's stream: after an event that reserves, no location that it took from has
// more reserved than is on hand.
func (w *world) neverOversoldByReserving() {
	for _, events := range w.stock {
		levels := &stockv1.Levels{}
		for _, e := range events {
			foldLevels(levels, e.Message)
			m, ok := e.Message.(*stockv1.StockReserved)
			if !ok {
				continue
			}
			for _, q := range m.GetOrders() {
				at := level(levels, q.GetLocation())
				require.LessOrEqual(w.t, at.GetReserved(), at.GetOnHand(), "sold twice")
				require.Positive(w.t, q.GetQuantity())
			}
		}
	}
}

func (w *world) allOrNothing(id ident.Entity) {
	s := w.state(id)
	held := s.Inventory.Held()
	if len(held) == 0 || s.Fulfillment.Labelled() || s.Order.Cancelling() {
		return
	}
	require.Equal(w.t, s.Demand(), held)
}

// shippedOnce says that goods left an order's claim at most once.
func (w *world) shippedOnce(id ident.Entity) {
	var shipped int
	for _, e := range w.events[id] {
		if m, ok := e.Message.(*inventoryv1.AllocationClosed); ok && m.GetOutcome() == outcomeShipped {
			shipped++
		}
	}
	require.LessOrEqual(w.t, shipped, 1)
}
