package inventory

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

func inWords(messages []proto.Message) []string {
	words := []string{}
	for _, m := range messages {
		text, _ := prototext.MarshalOptions{Multiline: false}.Marshal(m)
		words = append(words, event.TypeOf(m)+" "+string(normalSpaces(text)))
	}
	return words
}

// normalSpaces undoes prototext's deliberate variation of spaces.
func normalSpaces(b []byte) []byte {
	out := b[:0]
	for i, c := range b {
		if c == ' ' && i > 0 && b[i-1] == ' ' {
			continue
		}
		out = append(out, c)
	}
	return out
}

// have is a world with stock: sku, location, quantity.
func have(t require.TestingT, raw ...any) *world {
	w := newWorld(t)
	for i := 0; i < len(raw); i += 3 {
		w.decide(w.move(Move{Kind: Receive, SKU: word(raw[i]), Location: word(raw[i+1]), Quantity: pieces(raw[i+2])}))
	}
	return w
}

func TestWhatAnOrderGets(t *testing.T) {
	t.Parallel()
	deadline := noon.Add(72 * time.Hour)
	closed := func(outcome string, cancellation int) *inventoryv1.AllocationClosed {
		return &inventoryv1.AllocationClosed{Outcome: outcome, Cancellation: int32(cancellation)}
	}
	allocatedA2 := []proto.Message{placed("A", 2), allocated("l1", "A", "main", 2)}
	ship := "s/1"
	cases := []struct {
		name  string
		stock []any
		held  []any           // what the SKU's streams already reserve for order o: sku, location, quantity
		given []proto.Message // of order o
		then  []proto.Message
	}{
		{name: "placed and there: allocated, one event in the order's stream", stock: []any{"A", "main", 5}, given: []proto.Message{placed("A", 2)},
			then: []proto.Message{allocated("l1", "A", "main", 2), reserved("A", "o", "main", 2)}},
		{name: "two lines of one SKU are summed before they are looked for", stock: []any{"A", "main", 3}, given: []proto.Message{placed("A", 2, "A", 2)},
			then: []proto.Message{backordered(deadline, "A", 4, 3)}},
		{name: "two lines of one SKU that fit", stock: []any{"A", "main", 4}, given: []proto.Message{placed("A", 2, "A", 2)},
			then: []proto.Message{allocated("l1", "A", "main", 2, "l2", "A", "main", 2), reserved("A", "o", "main", 4)}},
		{name: "one SKU is short: nothing is reserved", stock: []any{"A", "main", 5}, given: []proto.Message{placed("A", 2, "B", 1)},
			then: []proto.Message{backordered(deadline, "B", 1, 0)}},
		{name: "nobody ever heard of the SKU: none on hand", given: []proto.Message{placed("X", 1)},
			then: []proto.Message{backordered(deadline, "X", 1, 0)}},
		{name: "one location that has all beats the first one by name", stock: []any{"A", "east", 1, "B", "east", 1, "A", "west", 2, "B", "west", 2},
			given: []proto.Message{placed("A", 2, "B", 1)},
			then: []proto.Message{
				allocated("l1", "A", "west", 2, "l2", "B", "west", 1), reserved("B", "o", "west", 1), reserved("A", "o", "west", 2), // by the SKUs' ids
			}},
		{name: "two locations where one is not enough, the fuller one first", stock: []any{"A", "east", 1, "A", "north", 1, "A", "west", 2},
			given: []proto.Message{placed("A", 3)},
			then:  []proto.Message{allocated("l1", "A", "east", 1, "l1", "A", "west", 2), reserved("A", "o", "east", 1, "o", "west", 2)}},
		{name: "equal locations: the first by name", stock: []any{"A", "west", 2, "A", "east", 2}, given: []proto.Message{placed("A", 2)},
			then: []proto.Message{allocated("l1", "A", "east", 2), reserved("A", "o", "east", 2)}},

		{name: "historic: only shown", stock: []any{"A", "main", 5}, given: []proto.Message{
			&orderv1.OrderPlaced{Historic: true, Description: &orderv1.Description{Lines: lines("A", 2)}}}},
		{name: "not placed yet: nothing", stock: []any{"A", "main", 5}, given: []proto.Message{&paymentv1.PaymentCaptured{}}},
		{name: "lines that others fulfil take nothing", given: []proto.Message{&orderv1.OrderPlaced{Description: &orderv1.Description{Lines: []*typev1.Line{
			{Id: "1", Sku: "EBOOK", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY}, {Id: "2", Sku: "FBA", Quantity: 1, Fulfiller: typev1.Fulfiller_FULFILLER_CHANNEL}}}}}},
		{name: "negative quantities take nothing", given: []proto.Message{placed("A", -3)}},
		{name: "absurd quantities wait and do not overflow", stock: []any{"A", "main", 5}, given: []proto.Message{placed("A", math.MaxInt64, "A", math.MaxInt64)},
			then: []proto.Message{backordered(deadline, "A", math.MaxInt64, 5)}},

		{name: "the bell rings again: nothing", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: allocatedA2},
		{name: "short as before: nothing", given: []proto.Message{placed("A", 1), backordered(deadline, "A", 1, 0)}},
		{name: "a little came, not enough: nothing", stock: []any{"A", "main", 1},
			given: []proto.Message{placed("A", 2), backordered(deadline, "A", 2, 0)}},
		{name: "short of more than before: said again, the deadline stays", stock: []any{"A", "main", 1},
			given: []proto.Message{placed("A", 2), backordered(noon.Add(time.Hour), "A", 2, 0), edited("A", 3)},
			then:  []proto.Message{backordered(noon.Add(time.Hour), "A", 3, 1)}},
		{name: "stock came: allocated", stock: []any{"A", "main", 2}, given: []proto.Message{placed("A", 2), backordered(deadline, "A", 2, 0)},
			then: []proto.Message{allocated("l1", "A", "main", 2), reserved("A", "o", "main", 2)}},

		{name: "edited to more: only the difference", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, edited("A", 3)),
			then: []proto.Message{allocated("l1", "A", "main", 3), reserved("A", "o", "main", 1)}},
		{name: "edited to more, where it already draws first", stock: []any{"A", "east", 5, "A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, edited("A", 3)),
			then:  []proto.Message{allocated("l1", "A", "main", 3), reserved("A", "o", "main", 1)}},
		{name: "edited to less: only the difference", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, edited("A", 1)),
			then: []proto.Message{allocated("l1", "A", "main", 1), released("A", "o", "main", 1)}},
		{name: "edited to nothing that we ship, and completed: given back", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, edited("A", 0), &orderv1.OrderCompleted{}),
			then:  []proto.Message{allocated(), released("A", "o", "main", 2)}},
		{name: "edited to another SKU", stock: []any{"A", "main", 5, "B", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, edited("B", 2)),
			then: []proto.Message{allocated("l1", "B", "main", 2), reserved("B", "o", "main", 2), released("A", "o", "main", 2)}},
		{name: "edited to nothing: everything back", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, edited()),
			then: []proto.Message{allocated(), released("A", "o", "main", 2)}},
		{name: "edited beyond what is there: nothing stays reserved, it waits", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, edited("A", 6)),
			then:  []proto.Message{backordered(deadline, "A", 6, 5), released("A", "o", "main", 2)}},
		{name: "price-only edit: nothing moves", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, edited("A", 2))},
		{name: "a back-order edited away wants nothing any more", given: []proto.Message{placed("A", 2), backordered(deadline, "A", 2, 0), edited()},
			then: []proto.Message{allocated()}},
		{name: "edited while it has a label: not before the label is void", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, label(ship), edited("A", 3))},
		{name: "edited and the label is void", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, label(ship), edited("A", 3), &fulfillmentv1.LabelVoided{ShipmentId: ship}),
			then:  []proto.Message{allocated("l1", "A", "main", 3), reserved("A", "o", "main", 1)}},

		{name: "cancelling: waits for fulfillment", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, cancelling(1))},
		{name: "cancelling and fulfillment closed: given back and answered", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, cancelling(1), closedByFulfillment(1, "")),
			then:  []proto.Message{closed("released", 1), released("A", "o", "main", 2)}},
		{name: "fulfillment refused: no answer, nothing moves", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, cancelling(1), closedByFulfillment(1, "already_shipped"))},
		{name: "fulfillment answered an earlier cancellation: not this one", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2},
			given: append(allocatedA2, cancelling(1), closedByFulfillment(1, "already_shipped"), cancelling(2))},
		{name: "nothing was reserved: answered all the same", given: []proto.Message{placed("A", 2), cancelling(1), closedByFulfillment(1, "")},
			then: []proto.Message{closed("nothing_reserved", 1)}},
		{name: "cancelled before it was placed: answered all the same", given: []proto.Message{cancelling(1), closedByFulfillment(1, "")},
			then: []proto.Message{closed("nothing_reserved", 1)}},
		{name: "answered already: nothing", given: []proto.Message{placed("A", 2), cancelling(1), closedByFulfillment(1, ""), closed("nothing_reserved", 1)}},
		{name: "cancelling: nothing is reserved any more", stock: []any{"A", "main", 5}, given: []proto.Message{placed("A", 2), cancelling(1)}},
		{name: "the cancellation was refused by another: reserved again", stock: []any{"A", "main", 5},
			given: append(allocatedA2, cancelling(1), closedByFulfillment(1, ""), closed("released", 1), &orderv1.CancellationRefused{Number: 1, Reason: "x"}),
			then:  []proto.Message{allocated("l1", "A", "main", 2), reserved("A", "o", "main", 2)}},
		{name: "cancelled: nothing is reserved", stock: []any{"A", "main", 5}, given: []proto.Message{placed("A", 2), &orderv1.OrderCancelled{}}},
		{name: "expired with a claim left: given back", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, &orderv1.OrderExpired{}),
			then: []proto.Message{closed("released", 0), released("A", "o", "main", 2)}},

		{name: "bought is not shipped", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, label(ship))},
		{name: "first scan: shipped, once", stock: []any{"A", "main", 5}, held: []any{"A", "main", 2}, given: append(allocatedA2, label(ship), scanned(ship)),
			then: []proto.Message{closed("shipped", 0), shippedOut("A", "o", "main", 2)}},
		{name: "shipped before: nothing, whatever comes", stock: []any{"A", "main", 5},
			given: append(allocatedA2, label(ship), scanned(ship), closed("shipped", 0), edited("A", 9), cancelling(1), closedByFulfillment(1, ""))},
		{name: "a chargeback after shipping restocks nothing", stock: []any{"A", "main", 5},
			given: append(allocatedA2, label(ship), scanned(ship), closed("shipped", 0), &paymentv1.PaymentDisputed{DisputeId: "d"}, &orderv1.OrderCancelled{})},
		{name: "scanned although void and given back: gone all the same", stock: []any{"A", "main", 5},
			given: append(allocatedA2, label(ship), cancelling(1), &fulfillmentv1.LabelVoided{ShipmentId: ship}, closedByFulfillment(1, ""), closed("released", 1), &orderv1.OrderCancelled{}, scanned(ship)),
			then: []proto.Message{closed("shipped", 0), &stockv1.StockAdjusted{
				Sku: "A", Location: "main", OnHand: 3, Reason: "shipped after its claim was given back"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := have(t, c.stock...)
			for i := 0; i < len(c.held); i += 3 {
				holds(w, word(c.held[i]), word(c.held[i+1]), int(pieces(c.held[i+2])))
			}
			w.given("o", c.given...)
			same(t, c.then, w.decide(w.look("o")...))
			if len(c.held) > 0 || len(c.given) == 1 {
				w.check()
			}
			same(t, nil, w.decide(w.look("o")...)) // and the same again changes nothing
		})
	}
}

// holds reserves for order o, as an earlier decision has done.
func holds(w *world, sku, location string, n int) {
	id := ident.SKU(sku)
	m := reserved(sku, "o", location, n)
	w.append(w.stock, id, m)
	row := w.rows[id]
	row.Version++
	foldLevels(row.Levels, m)
	w.rows[id] = row
}

func TestABatchIsOneEventOfAKindPerSKU(t *testing.T) {
	t.Parallel()
	w := have(t, "A", "main", 5, "B", "main", 5)
	w.given("1", placed("A", 2))
	w.given("2", placed("A", 2, "B", 1))
	w.given("3", placed("A", 2))
	w.given("4", placed("C", 1))
	got := w.decide(w.look("1", "2", "3", "4")...)
	same(t, []proto.Message{
		allocated("l1", "A", "main", 2), allocated("l1", "A", "main", 2, "l2", "B", "main", 1), backordered(noon.Add(72*time.Hour), "A", 2, 1),
		backordered(noon.Add(72*time.Hour), "C", 1, 0), reserved("A", "1", "main", 2, "2", "main", 2), reserved("B", "2", "main", 1),
	}, got)
	w.check()
}

func TestOrdersThatShareASKUAreOneUnit(t *testing.T) {
	t.Parallel()
	w := have(t, "A", "main", 5, "B", "main", 5, "C", "main", 5)
	w.given("1", placed("A", 1))
	w.given("2", placed("C", 1))
	w.given("3", placed("A", 1, "B", 1))
	w.given("4", placed("B", 9))
	w.given("5", placed("B", 1), allocated("l1", "B", "main", 1)) // comes to nothing: ties nobody together
	units := rules.Plan(w.look("1", "2", "3", "4", "5"), w.rows, w.now)
	require.Len(t, units, 2)
	require.Len(t, units[0].Orders, 3)
	require.Len(t, units[0].Stocks, 2)
	require.Len(t, units[1].Orders, 1)
	require.Equal(t, []Wait{{Entity: orderID("4"), SKUs: []string{"B"}}}, units[0].Waits)
}

func TestWhoWaitedLongestIsServedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"old", "young"} {
		w.now = noon.Add(time.Duration(i) * time.Minute)
		w.given(name, placed("A", 1))
		w.decide(w.look(name)...)
	}
	require.Len(t, w.waiting, 2)
	w.given("new", placed("A", 1))
	units := rules.Plan([]Ask{w.move(Move{Kind: Receive, SKU: "A", Quantity: 1})}, w.rows, w.now)
	require.Equal(t, []string{"A"}, units[0].Freed)
	w.decide(w.move(Move{Kind: Receive, SKU: "A", Quantity: 1}))
	w.decide(w.look("new", "young", "old")...)
	require.True(t, w.state(orderID("old")).Inventory.Allocated)
	require.False(t, w.state(orderID("young")).Inventory.Allocated)
	require.False(t, w.state(orderID("new")).Inventory.Allocated)
	require.NotContains(t, w.waiting, orderID("old"))
	w.check()
}

func TestWhoWaitsIsParkedAgainAtEveryLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("o", placed("A", 1))
	w.decide(w.look("o")...)
	units := rules.Plan(w.look("o"), w.rows, w.now)
	require.Equal(t, []Unit{{Waits: []Wait{{Entity: orderID("o"), SKUs: []string{"A"}}}, Looked: map[ident.Entity]int{ident.SKU("A"): 0}}}, units)
}

func TestMoves(t *testing.T) {
	t.Parallel()
	refused := func(command, reason string) []proto.Message {
		return []proto.Message{&stockv1.CommandRefused{Command: command, Reason: reason}}
	}
	cases := []struct {
		name   string
		move   Move
		entity string
		then   []proto.Message
	}{
		{name: "received", move: Move{Kind: Receive, SKU: "A", Location: "east", Quantity: 5},
			then: []proto.Message{&stockv1.StockReceived{Sku: "A", Location: "east", Quantity: 5}}},
		{name: "received without a location", move: Move{Kind: Receive, SKU: "A", Quantity: 5},
			then: []proto.Message{&stockv1.StockReceived{Sku: "A", Location: "main", Quantity: 5}}},
		{name: "counted", move: Move{Kind: Count, SKU: "A", Quantity: 7, Reason: "inventory"},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 7, Reason: "inventory"}}},
		{name: "counted below what is reserved: oversold", move: Move{Kind: Count, SKU: "A", Quantity: 1},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 1, Oversold: 2}}},
		{name: "reported", move: Move{Kind: Report, SKU: "A", Quantity: 4, At: noon.Add(time.Second)},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 4, Reason: "reported"}}},
		{name: "reported below zero: recorded, taken as none", move: Move{Kind: Report, SKU: "A", Quantity: -4, At: noon.Add(time.Second)},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 0, Oversold: 3, Reason: "reported as -4: taken as none"}}},
		{name: "reported beyond belief: recorded, passed over", move: Move{Kind: Report, SKU: "A", Quantity: math.MaxInt64, At: noon.Add(time.Second)},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 5, Reason: "a report of 9223372036854775807 that cannot be: passed over"}}},
		{name: "reported late: recorded, passed over", move: Move{Kind: Report, SKU: "A", Quantity: 99, At: noon.Add(-time.Second)},
			then: []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 5, Reason: "a report of 99 that came late: passed over"}}},

		{name: "nothing received", move: Move{Kind: Receive, SKU: "A"}, then: refused("receive", "0 cannot be received: it has to be above zero")},
		{name: "less than nothing received", move: Move{Kind: Receive, SKU: "A", Quantity: -1}, then: refused("receive", "-1 cannot be received: it has to be above zero")},
		{name: "absurdly much received", move: Move{Kind: Receive, SKU: "A", Quantity: math.MaxInt64}, then: refused("receive", "9223372036854775807 is more than any location holds")},
		{name: "too much together", move: Move{Kind: Receive, SKU: "A", Quantity: maxOnHand}, then: refused("receive", "with 1000000000000 more there would be more than any location holds")},
		{name: "negative count", move: Move{Kind: Count, SKU: "A", Quantity: -1}, then: refused("set", "-1 cannot be on hand")},
		{name: "absurd count", move: Move{Kind: Count, SKU: "A", Quantity: maxOnHand + 1}, then: refused("set", "1000000000001 is more than any location holds")},
		{name: "no SKU", move: Move{Kind: Count, Quantity: 1}, then: refused("set", "a SKU is missing")},
		{name: "sent to another SKU", move: Move{Kind: Count, SKU: "B", Quantity: 1}, entity: "A", then: refused("set", "the command was sent to another SKU than it names")},
		{name: "unseen characters", move: Move{Kind: Count, SKU: "A", Location: "a\nb", Quantity: 1}, then: refused("set", "the location is too long or holds characters that cannot be seen")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.decide(w.move(Move{Kind: Count, SKU: "A", Quantity: 5, At: noon}))
			holds(w, "A", "main", 3)
			w.given("o", placed("A", 3), allocated("l1", "A", "main", 3))
			ask := w.move(c.move)
			if c.entity != "" {
				ask.Entity = ident.SKU(c.entity)
			}
			same(t, c.then, w.decide(ask))
			w.check()
		})
	}
}

func TestReportsComeToTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	reports := []Move{
		{Kind: Report, SKU: "A", Quantity: 3, At: noon}, {Kind: Report, SKU: "A", Quantity: 8, At: noon},
		{Kind: Report, SKU: "A", Quantity: 4, At: noon.Add(time.Second)}, {Kind: Report, SKU: "A", Quantity: 6, At: noon.Add(time.Second), Revision: 1},
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
		w := newWorld(t)
		for _, i := range order {
			w.decide(w.move(reports[i]))
		}
		onHand, _ := w.at("A", "main")
		require.EqualValues(t, 6, onHand, fmt.Sprint(order))
	}
}

func TestAnUnknownCommandIsAnswered(t *testing.T) {
	t.Parallel()
	w := have(t, "A", "main", 5)
	w.given("o", placed("A", 1))
	asks := w.look("o")
	asks[0].Unknown = "cancel"
	same(t, []proto.Message{&inventoryv1.CommandRefused{Command: "cancel", Reason: "inventory knows no such command for an order"}}, w.decide(asks...))
}

func TestVerifyFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	w := have(t, "A", "main", 5)
	w.given("o", placed("A", 2))
	w.decide(w.look("o")...)
	id := ident.SKU("A")
	ledger, err := FoldStock(w.stock[id])
	require.NoError(t, err)
	held := map[ident.Entity]map[string]int64{orderID("o"): {"main": 2}}
	require.Empty(t, ledger.Differences(w.rows[id].Levels, 2, held))
	require.NotEmpty(t, ledger.Differences(w.rows[id].Levels, 1, held), "an old row")
	require.NotEmpty(t, ledger.Differences(&stockv1.Levels{Sku: "A"}, 2, held), "a wrong row")
	require.NotEmpty(t, ledger.Differences(w.rows[id].Levels, 2, nil), "a claim that no order has")
	_, err = FoldStock(w.stock[id][1:])
	require.ErrorContains(t, err, "gap in versions")
}

// A report that is told again, as a delivery of its own, does not bring back what has left since.
func TestAReportToldAgainBringsNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	report := Move{Kind: Report, SKU: "A", Quantity: 5, At: noon.Add(time.Second)}
	w.decide(w.move(report))
	w.given("o", placed("A", 2))
	w.decide(w.look("o")...)
	w.given("o", label("s/1"), scanned("s/1"))
	w.decide(w.look("o")...)
	same(t, []proto.Message{&stockv1.StockAdjusted{Sku: "A", Location: "main", OnHand: 3, Reason: "a report of 5 that was told before: passed over"}},
		w.decide(w.move(report)))
	report.Revision = 1
	w.decide(w.move(report))
	onHand, _ := w.at("A", "main")
	require.Equal(t, int64(5), onHand, "a corrected reading is another report")
}
