package inventory

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	rules = Config{BackorderDeadline: 72 * time.Hour, DefaultLocation: "main"}
)

// world is streams in memory: enough to apply plans to and to look at what comes of them.
type world struct {
	t       require.TestingT
	now     time.Time
	events  map[ident.Entity][]event.Recorded // order's streams
	stock   map[ident.Entity][]event.Recorded // SKU's streams
	rows    map[ident.Entity]Stock
	waiting map[ident.Entity][]string
	freed   map[string]bool // SKUs, since somebody looked
	causes  int
}

func newWorld(t require.TestingT) *world {
	return &world{
		t: t, now: noon, events: map[ident.Entity][]event.Recorded{}, stock: map[ident.Entity][]event.Recorded{},
		rows: map[ident.Entity]Stock{}, waiting: map[ident.Entity][]string{},
	}
}

func orderID(name string) ident.Entity { return ident.Order("checkout", "default", name) }

// state folds an order's events; they are kept by category, each in its own versions.
func (w *world) state(id ident.Entity) *order.State {
	var all []event.Recorded
	for _, c := range event.Categories {
		for _, e := range w.events[id] {
			if e.Category == c {
				all = append(all, e)
			}
		}
	}
	s, err := order.Fold(id, all)
	require.NoError(w.t, err)
	return s
}

// given records what happened to an order.
func (w *world) given(name string, messages ...proto.Message) {
	id := orderID(name)
	for _, m := range messages {
		w.append(w.events, id, m)
	}
}

func (w *world) append(streams map[ident.Entity][]event.Recorded, id ident.Entity, m proto.Message) {
	c := event.CategoryOf(event.TypeOf(m))
	version := 1
	for _, e := range streams[id] {
		if e.Category == c {
			version++
		}
	}
	w.causes++
	streams[id] = append(streams[id], event.Recorded{
		Entity: id, Category: c, Version: version, Type: event.TypeOf(m), Message: m, RecordedAt: w.now, OccurredAt: w.now,
	})
}

func (w *world) cause() ident.Cause {
	w.causes++
	return ident.Named("test", string(rune(w.causes)))
}

// bell is the cause of every look: the same timer may ring many times.
var bell = ident.Named("bell")

// look asks about orders as they stand, as doorbells do.
func (w *world) look(names ...string) []Ask {
	asks := make([]Ask, len(names))
	for i, n := range names {
		id := orderID(n)
		asks[i] = Ask{Entity: id, Cause: bell, Order: w.state(id), Last: lastAllocations(w.events[id])}
		asks[i].Before = before(w.events[id], bell)
	}
	return asks
}

func (w *world) move(m Move) Ask {
	if m.At.IsZero() {
		m.At = w.now
	}
	return Ask{Entity: ident.SKU(m.SKU), Cause: w.cause(), Move: &m}
}

// decide plans and applies a batch. It returns the messages of the plan, the orders' first.
func (w *world) decide(asks ...Ask) []proto.Message {
	var said []proto.Message
	seen := map[ident.Entity]bool{}
	units := rules.Plan(asks, w.rows, w.now)
	for _, u := range units {
		for _, sku := range u.Freed {
			if w.freed == nil {
				w.freed = map[string]bool{}
			}
			w.freed[sku] = true
		}
		for _, s := range u.Orders {
			said = append(said, w.store(w.events, s)...)
		}
	}
	for _, u := range units {
		for _, s := range u.Stocks {
			require.False(w.t, seen[s.Entity], "a SKU is in two units")
			seen[s.Entity] = true
			said = append(said, w.store(w.stock, s)...)
			w.row(s, u.Taken)
		}
		for _, id := range u.Settled {
			delete(w.waiting, id)
		}
		for _, wait := range u.Waits {
			w.waiting[wait.Entity] = wait.SKUs
		}
	}
	return said
}

func (w *world) store(streams map[ident.Entity][]event.Recorded, s Stream) []proto.Message {
	var said []proto.Message
	causes := map[string]bool{}
	for _, e := range streams[s.Entity] {
		causes[e.ID.String()] = true
	}
	category := event.CategoryOf(event.TypeOf(s.Events[0].Message))
	version := 0
	for _, e := range streams[s.Entity] {
		if e.Category == category {
			version = e.Version
		}
	}
	require.Equal(w.t, s.Expected, version, "expected version")
	for _, e := range s.Events {
		require.False(w.t, e.Cause.IsZero())
		require.False(w.t, e.OccurredAt.IsZero())
		id := ident.EventOf("inventory", string(category), s.Entity, e.Cause, event.TypeOf(e.Message), e.Ordinal)
		require.False(w.t, causes[id.String()], "an event's id is its own")
		w.append(streams, s.Entity, e.Message)
		last := &streams[s.Entity][len(streams[s.Entity])-1]
		last.Cause, last.ID = e.Cause, id
		said = append(said, e.Message)
	}
	return said
}

func (w *world) row(s Stream, taken []Taken) {
	row := Stock{Version: s.Expected + len(s.Events), Levels: s.Levels, Counted: map[string]Counted{}}
	for l, c := range w.rows[s.Entity].Counted {
		row.Counted[l] = c
	}
	for _, t := range taken {
		if t.Entity == s.Entity && t.Location != "" {
			row.Counted[t.Location] = t.Counted
		}
	}
	w.rows[s.Entity] = row
}

// at is what a SKU has on hand and reserved at a location.
func (w *world) at(sku, location string) (onHand, reserved int64) {
	for _, l := range w.rows[ident.SKU(sku)].Levels.GetLevels() {
		if l.GetLocation() == location {
			return l.GetOnHand(), l.GetReserved()
		}
	}
	return 0, 0
}

// check compares every SKU's row with its stream and with the orders' own streams.
func (w *world) check() {
	for id, events := range w.stock {
		ledger, err := FoldStock(events)
		require.NoError(w.t, err)
		held := map[ident.Entity]map[string]int64{}
		for orderID := range w.events {
			if of := HeldBy(w.state(orderID))[ledger.Levels.GetSku()]; len(of) > 0 {
				held[orderID] = of
			}
		}
		require.Empty(w.t, ledger.Differences(w.rows[id].Levels, w.rows[id].Version, held))
	}
}

// word and pieces read the parts of a sentence; what is neither reads as nothing.
func word(part any) string {
	w, _ := part.(string)
	return w
}

func pieces(part any) int64 {
	n, _ := part.(int)
	return int64(n)
}

func lines(pairs ...any) []*typev1.Line {
	var out []*typev1.Line
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &typev1.Line{Id: "l" + string(rune('1'+i/2)), Sku: word(pairs[i]), Quantity: pieces(pairs[i+1])})
	}
	return out
}

func placed(pairs ...any) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: &orderv1.Description{Currency: "USD", Lines: lines(pairs...)}}
}

// edits makes every description newer than the ones before, in whichever test they stand.
var edits atomic.Uint32

func edited(pairs ...any) *orderv1.OrderEdited {
	return &orderv1.OrderEdited{Description: &orderv1.Description{Currency: "USD", Lines: lines(pairs...), Revision: edits.Add(1)}}
}

func cancelling(number int) *orderv1.OrderCancelling {
	return &orderv1.OrderCancelling{Number: int32(number), By: "shop"}
}

func closedByFulfillment(number int, refused string) *fulfillmentv1.FulfillmentClosed {
	return &fulfillmentv1.FulfillmentClosed{Outcome: "nothing_started", Refused: refused, Cancellation: int32(number)}
}

func label(id string) *fulfillmentv1.LabelPurchased {
	return &fulfillmentv1.LabelPurchased{ShipmentId: id, Carrier: "sandbox", TrackingNumber: "SB" + id}
}

func scanned(id string) *fulfillmentv1.ShipmentScanned {
	return &fulfillmentv1.ShipmentScanned{
		Carrier: "sandbox", TrackingNumber: "SB" + id, ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT,
	}
}

func allocated(parts ...any) *inventoryv1.StockAllocated {
	m := &inventoryv1.StockAllocated{}
	for i := 0; i < len(parts); i += 4 {
		m.Allocations = append(m.Allocations, &inventoryv1.Allocation{
			LineId: word(parts[i]), Sku: word(parts[i+1]), Location: word(parts[i+2]), Quantity: pieces(parts[i+3]),
		})
	}
	return m
}

func backordered(deadline time.Time, parts ...any) *inventoryv1.StockBackordered {
	m := &inventoryv1.StockBackordered{Deadline: stamp(deadline)}
	for i := 0; i < len(parts); i += 3 {
		m.Shortages = append(m.Shortages, &inventoryv1.Shortage{
			Sku: word(parts[i]), Wanted: pieces(parts[i+1]), Available: pieces(parts[i+2]),
		})
	}
	return m
}

func parts(raw ...any) []*stockv1.OrderQuantity {
	var out []*stockv1.OrderQuantity
	for i := 0; i < len(raw); i += 3 {
		id := orderID(word(raw[i]))
		out = append(out, &stockv1.OrderQuantity{OrderId: id[:], Location: word(raw[i+1]), Quantity: pieces(raw[i+2])})
	}
	return out
}

func reserved(sku string, raw ...any) *stockv1.StockReserved {
	return &stockv1.StockReserved{Sku: sku, Orders: parts(raw...)}
}

func released(sku string, raw ...any) *stockv1.StockReleased {
	return &stockv1.StockReleased{Sku: sku, Orders: parts(raw...)}
}

func shippedOut(sku string, raw ...any) *stockv1.StockShipped {
	return &stockv1.StockShipped{Sku: sku, Orders: parts(raw...)}
}

// same compares messages and says in words what differs.
func same(t *testing.T, want, got []proto.Message) {
	t.Helper()
	require.Equal(t, inWords(want), inWords(got))
}
