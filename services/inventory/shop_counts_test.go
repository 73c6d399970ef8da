package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/ident"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// at is a moment of the shop's clock.
func at(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }

// soldBy is an order of a shop.
func soldBy(account string, second int, pairs ...any) *orderv1.OrderPlaced {
	m := placed(pairs...)
	m.Description.Key = &typev1.OrderKey{Source: "shopify", Account: account}
	m.Description.PlacedAt = timestamppb.New(at(second))
	return m
}

// left is a shop's word about what it has left to sell of A.
func left(account string, second int, pieces int64) Move {
	return Move{Kind: Report, SKU: "A", Location: "shopify:1", Quantity: pieces, At: at(second), Shop: "shopify/" + account}
}

func (w *world) levelOfA() *stockv1.Level {
	return level(proto.CloneOf(w.rows[ident.SKU("A")].Levels), "shopify:1")
}

// A shop takes an order off its count as it takes the order. Whichever of the two is heard of first, the order is served
// and what the shop has left is what is free here.
func TestAShopsCountIsWithoutItsOwnOrders(t *testing.T) {
	t.Parallel()
	const mine, others = "mine", "others"
	gets := func(w *world, name string) string {
		s := w.state(orderID(name))
		if len(s.Inventory.Shortages) > 0 {
			return "waits"
		}
		return fmt.Sprint(total(HeldBy(s)["A"]))
	}
	cases := []struct {
		name         string
		given        func(w *world)
		order, other string // what they hold
		onHand, free int64
	}{
		{"the last piece, the order first", func(w *world) {
			w.decide(w.move(left("default", 0, 1)))
			w.place(mine, soldBy("default", 10, "A", 1))
			w.decide(w.move(left("default", 10, 0)))
		}, "1", "0", 1, 0},
		{"the last piece, the count first", func(w *world) {
			w.decide(w.move(left("default", 0, 1)), w.move(left("default", 10, 0)))
			w.place(mine, soldBy("default", 10, "A", 1))
		}, "1", "0", 1, 0},
		{"the last piece, the order before any count", func(w *world) {
			w.place(mine, soldBy("default", 10, "A", 1))
			assert.Equal(t, "waits", gets(w, mine))
			w.decide(w.move(left("default", 10, 0)))
			w.wake([]string{mine})
		}, "1", "0", 1, 0},
		{"the count is older than the order: it is one of those that are left", func(w *world) {
			w.decide(w.move(left("default", 5, 2)))
			w.place(mine, soldBy("default", 10, "A", 1))
		}, "1", "0", 2, 1},
		{"another shop's order takes what is left, not what is put aside", func(w *world) {
			w.decide(w.move(left("default", 10, 0)))
			w.place(others, soldBy("outlet", 5, "A", 1))
			w.place(mine, soldBy("default", 10, "A", 1))
		}, "1", "waits", 1, 0},
		{"sold beyond what is there: nobody can say whose is missing", func(w *world) {
			w.decide(w.move(left("default", 10, -1)))
			w.place(mine, soldBy("default", 10, "A", 1))
		}, "waits", "0", 0, 0},
		{"sold beyond what is there, while it is held: what is held stays", func(w *world) {
			w.decide(w.move(left("default", 0, 1)))
			w.place(mine, soldBy("default", 10, "A", 1))
			w.decide(w.move(left("default", 20, -1)))
		}, "1", "0", 0, 0},
		{"everything was counted since: there is what there is", func(w *world) {
			w.decide(w.move(left("default", 10, 0)))
			w.decide(w.move(Move{Kind: Count, SKU: "A", Location: "shopify:1", Quantity: 3, At: at(20)}))
			w.place(mine, soldBy("default", 10, "A", 1))
		}, "1", "0", 3, 2},
		{"an order without a time is not known to be off the count", func(w *world) {
			w.decide(w.move(left("default", 10, 0)))
			m := soldBy("default", 10, "A", 1)
			m.Description.PlacedAt = nil
			w.place(mine, m)
		}, "waits", "0", 0, 0},
		{"a count that comes late changes nothing", func(w *world) {
			w.decide(w.move(left("default", 10, 0)))
			w.place(mine, soldBy("default", 10, "A", 1))
			w.decide(w.move(left("default", 0, 1)))
		}, "1", "0", 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.given(w)
			assert.Equal(t, c.order, gets(w, mine))
			assert.Equal(t, c.other, gets(w, others))
			is := w.levelOfA()
			assert.Equal(t, [2]int64{c.onHand, c.free}, [2]int64{is.GetOnHand(), free(is)}, "on hand, free")
			w.check()
		})
	}
}

// place lets an order be placed and looks at it.
func (w *world) place(name string, m *orderv1.OrderPlaced) {
	w.given(name, m)
	w.decide(w.look(name)...)
}

// wake looks at the orders that wait for what was freed, as their timers do.
func (w *world) wake(names []string) {
	for len(w.freed) > 0 {
		freed := w.freed
		w.freed = nil
		for _, name := range names {
			if slices.ContainsFunc(w.waiting[orderID(name)], func(sku string) bool { return freed[sku] }) {
				w.decide(w.look(name)...)
			}
		}
	}
}

// TestAShopThatDoesNotOversellIsNeverKeptWaiting lets a shop sell what it has, piece by piece, and tell of every order and
// of what is left after it. Whatever is heard in whatever order, and twice: every order is served in the end, and what is
// on hand here is what the shop has.
func TestAShopThatDoesNotOversellIsNeverKeptWaiting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		has := rapid.Int64Range(1, 12).Draw(t, "has")
		remains := has
		var all []func()
		var names []string
		count := func(second int, remains int64) {
			m := left("default", second, remains)
			all = append(all, func() { w.decide(w.move(m)) })
		}
		count(0, has)
		for n := 1; remains > 0 && n <= rapid.IntRange(1, 8).Draw(t, "orders"); n++ {
			pieces := rapid.Int64Range(1, remains).Draw(t, "pieces")
			remains -= pieces
			name, m := fmt.Sprint("shop", n), soldBy("default", n*10, "A", int(pieces))
			names = append(names, name)
			all = append(all, func() {
				if !w.state(orderID(name)).Order.Placed {
					w.given(name, m)
				}
				w.decide(w.look(name)...)
			})
			count(n*10, remains)
		}
		heard := rapid.Permutation(append(all, rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "again")...)).Draw(t, "as it was heard")
		for _, tell := range heard {
			tell()
			w.wake(names)
			w.neverOversoldByReserving()
		}
		for _, name := range names {
			s := w.state(orderID(name))
			require.Empty(t, s.Inventory.Shortages, name)
			require.True(t, s.FullyAllocated(), name)
		}
		require.Equal(t, has, w.levelOfA().GetOnHand(), "what the shop has")
		require.Equal(t, remains, free(w.levelOfA()), "what is left to sell")
		w.check()
	})
}
