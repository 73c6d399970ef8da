package inventory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/testkit"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// house is inventory on a real database and a real broker.
type house struct {
	t     *testing.T
	pool  *pgxpool.Pool
	store *eventstore.Store
	js    jetstream.JetStream
	bus   *bus.Publisher
	told  []*nats.Msg // everything that was published, to be told again
}

func newHouse(t *testing.T) *house {
	t.Helper()
	store, pool := testkit.Store(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), pool.Config().ConnString(), service, migrations))
	return &house{t: t, pool: pool, store: store}
}

func (h *house) handler() *handler {
	return &handler{rules: rules, store: h.store, told: told{h.pool}}
}

// opened is a house whose loop runs.
func opened(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.js = testkit.NATS(t)
	h.bus = bus.NewPublisher(h.js)
	loop := reactor.New(h.handler().spec(), reactor.Deps{Store: h.store, JS: h.js, Bus: h.bus, Log: zerolog.Nop(), Registry: prometheus.NewRegistry()})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	return h
}

func (h *house) publish(messages ...*nats.Msg) {
	h.t.Helper()
	require.NoError(h.t, h.bus.All(h.t.Context(), messages))
	h.told = append(h.told, messages...)
}

// happens appends what another service says of an order and rings for it.
func (h *house) happens(name string, messages ...proto.Message) {
	h.t.Helper()
	for _, m := range messages {
		result := append1(h.t, h.store, orderID(name), m)
		for _, b := range result.Doorbells {
			data, err := proto.Marshal(b)
			require.NoError(h.t, err)
			h.publish(&nats.Msg{Subject: bus.EventSubject(b), Data: data})
		}
	}
}

func append1(t require.TestingT, store *eventstore.Store, id ident.Entity, m proto.Message) eventstore.Appended {
	ctx := context.Background()
	events, err := store.Load(ctx, []ident.Entity{id})
	require.NoError(t, err)
	c, version := event.CategoryOf(event.TypeOf(m)), 0
	for _, e := range events[id] {
		if e.Category == c {
			version = e.Version
		}
	}
	result, err := store.Append(ctx, "test", []eventstore.Unit{{Appends: []eventstore.Append{{
		Entity: id, Category: c, Expected: version,
		Events: event.Of(ident.Named("test", id.String(), string(c), fmt.Sprint(version)), time.Now(), m),
	}}}}, nil)
	require.NoError(t, err)
	return result
}

func (h *house) command(name string, entity ident.Entity, c *commandv1.Command) {
	h.t.Helper()
	id := ident.Named("command", name)
	c.Id, c.EntityId = id[:], entity[:]
	data, err := proto.Marshal(c)
	require.NoError(h.t, err)
	h.publish(&nats.Msg{Subject: bus.CommandSubject(service, c), Data: data})
}

func receipt(sku string, quantity int64) *commandv1.Command {
	return &commandv1.Command{Body: &commandv1.Command_ReceiveStock{ReceiveStock: &commandv1.ReceiveStock{Sku: sku, Quantity: quantity}}}
}

func (h *house) receive(name, sku string, quantity int64) {
	h.t.Helper()
	h.command(name, ident.SKU(sku), receipt(sku, quantity))
}

// said is what inventory says in the order's own stream, by name.
func (h *house) said(name string) []string {
	events, err := h.store.Load(h.t.Context(), []ident.Entity{orderID(name)})
	require.NoError(h.t, err)
	var names []string
	for _, e := range events[orderID(name)] {
		if e.Category == event.Inventory {
			names = append(names, event.NameOf(e.Type))
		}
	}
	return names
}

// moved is what happened to a SKU.
func (h *house) moved(sku string) []proto.Message {
	events, err := h.store.LoadAbove(h.t.Context(), event.Stock, ident.SKU(sku), 0, 1000)
	require.NoError(h.t, err)
	var messages []proto.Message
	for _, e := range events {
		messages = append(messages, e.Message)
	}
	return messages
}

func (h *house) until(what string, is func() bool) {
	h.t.Helper()
	require.Eventually(h.t, is, 20*time.Second, 10*time.Millisecond, what)
}

func (h *house) untilSaid(name string, want ...string) {
	h.t.Helper()
	h.until(fmt.Sprintf("order %s: %v", name, want), func() bool { return slices.Equal(want, h.said(name)) })
}

func (h *house) untilMoved(sku string, events int) {
	h.t.Helper()
	h.until(fmt.Sprintf("%d moves of %s", events, sku), func() bool { return len(h.moved(sku)) == events })
}

// agrees compares the SKU's row with its stream and with the orders' own streams.
func (h *house) agrees(sku string, names ...string) {
	h.t.Helper()
	id := ident.SKU(sku)
	events, err := h.store.LoadAbove(h.t.Context(), event.Stock, id, 0, 10_000)
	require.NoError(h.t, err)
	ledger, err := FoldStock(events)
	require.NoError(h.t, err)
	rows, err := h.store.Snapshots(h.t.Context(), event.Stock, []ident.Entity{id})
	require.NoError(h.t, err)
	levels := &stockv1.Levels{}
	require.NoError(h.t, proto.Unmarshal(rows[id].Data, levels))
	held := map[ident.Entity]map[string]int64{}
	for _, name := range names {
		events, err := h.store.Load(h.t.Context(), []ident.Entity{orderID(name)})
		require.NoError(h.t, err)
		o, err := order.Fold(orderID(name), events[orderID(name)])
		require.NoError(h.t, err)
		if of := HeldBy(o)[sku]; len(of) > 0 {
			held[orderID(name)] = of
		}
	}
	require.Empty(h.t, ledger.Differences(levels, rows[id].Version, held))
}

const (
	isAllocated   = "StockAllocated"
	isBackordered = "StockBackordered"
	isClosed      = "AllocationClosed"
)

func TestAnOrderTakesTheLastPieceAndTheNextOneWaitsForMore(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.receive("first", "MUG", 1)
	h.untilMoved("MUG", 1)
	h.happens("1", placed("MUG", 1))
	h.untilSaid("1", isAllocated)
	h.happens("2", placed("MUG", 1))
	h.untilSaid("2", isBackordered)

	h.receive("second", "MUG", 1)
	h.untilSaid("2", isBackordered, isAllocated)
	require.Equal(t, []string{isAllocated}, h.said("1"))
	h.agrees("MUG", "1", "2")
}

func TestTwoOrdersAtOnceForTheLastPiece(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.receive("first", "MUG", 1)
	h.untilMoved("MUG", 1)
	names := []string{"1", "2", "3", "4", "5"}
	for _, n := range names {
		append1(t, h.store, orderID(n), placed("MUG", 1))
	}
	for _, n := range names { // every bell rings only once everybody is there
		h.ring(n)
	}
	h.until("everybody answered", func() bool {
		return !slices.ContainsFunc(names, func(n string) bool { return len(h.said(n)) != 1 })
	})
	allocated := 0
	for _, n := range names {
		if h.said(n)[0] == isAllocated {
			allocated++
		}
	}
	require.Equal(t, 1, allocated)
	h.agrees("MUG", names...)
}

// ring rings for an order of which something was appended.
func (h *house) ring(name string) {
	h.t.Helper()
	id, cause := orderID(name), ident.Named("ring", name)
	b := &envelopev1.Doorbell{EntityId: id[:], EventId: cause[:], Category: "order", Type: "OrderPlaced"}
	data, err := proto.Marshal(b)
	require.NoError(h.t, err)
	h.publish(&nats.Msg{Subject: bus.EventSubject(b), Data: data})
}

func TestWhatACancelledOrderGivesBackGoesToTheNextInLine(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.receive("first", "MUG", 1)
	h.untilMoved("MUG", 1)
	h.happens("1", placed("MUG", 1))
	h.untilSaid("1", isAllocated)
	h.happens("2", placed("MUG", 1))
	h.untilSaid("2", isBackordered)
	h.happens("3", placed("MUG", 1))
	h.untilSaid("3", isBackordered)

	h.happens("1", cancelling(1), closedByFulfillment(1, ""))
	h.untilSaid("1", isAllocated, isClosed)
	h.untilSaid("2", isBackordered, isAllocated)
	require.Equal(t, []string{isBackordered}, h.said("3"))
	h.agrees("MUG", "1", "2", "3")
}

func TestEverythingToldAgainChangesNothing(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.receive("first", "MUG", 3)
	h.untilMoved("MUG", 1)
	h.happens("1", placed("MUG", 1))
	h.untilSaid("1", isAllocated)
	h.happens("1", label("1/1"), scanned("1/1"))
	h.untilSaid("1", isAllocated, isClosed)
	h.happens("2", placed("MUG", 9))
	h.untilSaid("2", isBackordered)
	before := h.moved("MUG")
	require.Len(t, before, 3, "received, reserved, shipped")

	h.publish(slices.Clone(h.told)...)
	h.receive("last", "CUP", 1) // comes after all of that
	h.untilMoved("CUP", 1)
	h.happens("3", placed("CUP", 1))
	h.untilSaid("3", isAllocated)
	require.Len(t, h.moved("MUG"), 3)
	require.Equal(t, []string{isAllocated, isClosed}, h.said("1"))
	require.Equal(t, []string{isBackordered}, h.said("2"))
	h.agrees("MUG", "1", "2")
}

func TestACountBelowWhatIsReservedIsOversold(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.receive("first", "MUG", 3)
	h.untilMoved("MUG", 1)
	h.happens("1", placed("MUG", 2))
	h.untilSaid("1", isAllocated)
	set := &commandv1.SetStock{Sku: "MUG", OnHand: 1}
	h.command("count", ident.SKU("MUG"), &commandv1.Command{Reason: "inventory", Body: &commandv1.Command_SetStock{SetStock: set}})
	h.untilMoved("MUG", 3)
	same(t, []proto.Message{&stockv1.StockAdjusted{Sku: "MUG", Location: "main", OnHand: 1, Oversold: 1, Reason: "inventory"}}, h.moved("MUG")[2:])
	require.Equal(t, []string{isAllocated}, h.said("1"), "what was promised stays promised")
	h.agrees("MUG", "1")
}

func TestAChannelsReportIsTakenOnce(t *testing.T) {
	t.Parallel()
	h := opened(t)
	delivery := ident.DeliveryOf("amazon", "default", "stock", "1", [32]byte{})
	d := &intakev1.Delivery{Id: delivery[:], Source: "amazon", Facts: []*intakev1.Fact{{
		Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Sku: "MUG", OnHand: 4}},
	}}}
	data, err := proto.Marshal(d)
	require.NoError(t, err)
	message := &nats.Msg{Subject: bus.IntakeSubject(d), Data: data}
	h.publish(message, message)
	h.untilMoved("MUG", 1)
	h.publish(message)
	h.happens("1", placed("MUG", 5))
	h.untilSaid("1", isBackordered)
	h.receive("first", "MUG", 1)
	h.untilSaid("1", isBackordered, isAllocated)
	require.Len(t, h.moved("MUG"), 3)
}

// What a delivery says when it is read again takes the place of what it said before, also where its time was read wrongly.
func TestACountThatIsReadAgainTakesThePlaceOfItself(t *testing.T) {
	t.Parallel()
	h := opened(t)
	moves := 0
	count := func(id string, revision uint32, at time.Duration, onHand int64) {
		delivery := ident.DeliveryOf("checkout", "default", "", id, [32]byte{})
		d := &intakev1.Delivery{Id: delivery[:], Source: "checkout", Revision: revision, Facts: []*intakev1.Fact{{
			OccurredAt: timestamppb.New(noon.Add(at)), Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Sku: "MUG", OnHand: onHand}},
		}}}
		data, err := proto.Marshal(d)
		require.NoError(t, err)
		h.publish(&nats.Msg{Subject: bus.IntakeSubject(d), Data: data})
		moves++
		h.untilMoved("MUG", moves)
	}
	count("1", 0, time.Hour, 700) // it was 7, and a minute past noon
	count("1", 1, time.Minute, 7)
	count("2", 0, 3*time.Minute, 9)
	count("3", 0, 2*time.Minute, 8)
	same(t, []proto.Message{
		&stockv1.StockAdjusted{Sku: "MUG", Location: "main", OnHand: 700, Reason: "reported"},
		&stockv1.StockAdjusted{Sku: "MUG", Location: "main", OnHand: 7, Reason: "reported"},
		&stockv1.StockAdjusted{Sku: "MUG", Location: "main", OnHand: 9, Reason: "reported"},
		&stockv1.StockAdjusted{Sku: "MUG", Location: "main", OnHand: 9, Reason: "a report of 8 that came late: passed over"},
	}, h.moved("MUG"))
}

// A count that names the provider's own id waits until a product says which SKU that is; so does the next one, once the
// product got another SKU. Counts of several locations add up.
func TestACountOfAnItemFindsItsSKU(t *testing.T) {
	t.Parallel()
	h := opened(t)
	const item = "item:shopify:default:271878346596884015"
	tell := func(id string, at time.Duration, facts ...*intakev1.Fact) {
		delivery := ident.DeliveryOf("shopify", "default", "", id, [32]byte{})
		for _, f := range facts {
			f.References, f.OccurredAt = []string{item}, timestamppb.New(noon.Add(at))
		}
		d := &intakev1.Delivery{Id: delivery[:], Source: "shopify", Facts: facts}
		data, err := proto.Marshal(d)
		require.NoError(t, err)
		message := &nats.Msg{Subject: bus.IntakeSubject(d), Data: data}
		h.publish(message, message)
	}
	count := func(location string, n int64) *intakev1.Fact {
		return &intakev1.Fact{Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Location: location, OnHand: n}}}
	}
	product := func(sku string) *intakev1.Fact {
		return &intakev1.Fact{Body: &intakev1.Fact_ProductReported{ProductReported: &intakev1.ProductReported{Sku: sku, Title: "Mug"}}}
	}
	tell("1", time.Minute, count("shopify:1", 4))
	tell("2", 2*time.Minute, product("MUG"))
	h.untilMoved("MUG", 1)
	tell("3", 3*time.Minute, count("shopify:2", 3))
	h.untilMoved("MUG", 2)
	same(t, []proto.Message{
		&stockv1.StockAdjusted{Sku: "MUG", Location: "shopify:1", OnHand: 4, Reason: "reported"},
		&stockv1.StockAdjusted{Sku: "MUG", Location: "shopify:2", OnHand: 3, Reason: "reported"},
	}, h.moved("MUG"))
	h.happens("1", placed("MUG", 7))
	h.untilSaid("1", isAllocated)

	tell("4", 5*time.Minute, product("CUP"))
	tell("5", 4*time.Minute, product("JUG")) // told late: it is CUP since
	h.until("the item is CUP", func() bool { // a count that overtakes the product is one of what the item was until then
		known, err := h.store.Resolve(t.Context(), []string{item})
		return err == nil && known[item] == ident.SKU("CUP")
	})
	tell("6", 6*time.Minute, count("shopify:1", 2))
	h.untilMoved("CUP", 1)
	require.Empty(t, h.moved("JUG"))
	require.Len(t, h.moved("MUG"), 3)
	h.agrees("MUG", "1")
}

func TestACommandIsAlwaysAnswered(t *testing.T) {
	t.Parallel()
	h := opened(t)
	h.command("what", orderID("1"), &commandv1.Command{Body: &commandv1.Command_CancelOrder{CancelOrder: &commandv1.CancelOrder{}}})
	h.untilSaid("1", "CommandRefused")
	events, err := h.store.Load(t.Context(), []ident.Entity{orderID("1")})
	require.NoError(t, err)
	same(t, []proto.Message{&inventoryv1.CommandRefused{Command: "CancelOrder", Reason: "inventory knows no such command for an order"}},
		[]proto.Message{events[orderID("1")][0].Message})

	h.receive("nothing", "MUG", 0)
	h.untilMoved("MUG", 1)
	require.IsType(t, &stockv1.CommandRefused{}, h.moved("MUG")[0])
	h.publish(slices.Clone(h.told)...) // a refusal does not come true, nor twice
	h.receive("some", "MUG", 1)
	h.untilMoved("MUG", 2)
	require.Equal(t, []string{"CommandRefused"}, h.said("1"))
}

// replica takes turns at the loop's place, as several replicas do at once when one of them is being replaced.
type replica struct {
	h *handler
	t *testing.T
}

// turn decides about a batch until it is stored. A deadlock fails the test; to be told to try again does not.
func (r replica) turn(works func() []*reactor.Work) {
	ctx := context.Background()
	for range 100 {
		units, err := r.h.batch(ctx, works(), time.Now().UTC())
		if err != nil {
			r.t.Error(err)
			return
		}
		result, err := r.h.store.Append(ctx, service, units, nil)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code == "40001":
		case err != nil:
			r.t.Error(err)
			return
		case !slices.Contains(result.Outcomes, eventstore.Conflict):
			return
		}
	}
	assert.Fail(r.t, "a hundred tries")
}

func (r replica) look(names ...string) func() []*reactor.Work {
	return func() []*reactor.Work {
		var works []*reactor.Work
		for _, n := range names {
			id := orderID(n)
			events, err := r.h.store.Load(context.Background(), []ident.Entity{id})
			o, foldErr := order.Fold(id, events[id])
			if err = errors.Join(err, foldErr); err != nil {
				r.t.Error(err)
				return nil
			}
			works = append(works, &reactor.Work{Entity: id, State: o, Events: events[id], Triggers: []reactor.Trigger{{Cause: ident.Named("bell", n, fmt.Sprint(len(events[id])))}}})
		}
		return works
	}
}

func (r replica) move(name, sku string, quantity int64) func() []*reactor.Work {
	return func() []*reactor.Work {
		id := ident.SKU(sku)
		return []*reactor.Work{{Entity: id, State: order.New(id), Triggers: []reactor.Trigger{
			{Kind: reactor.Command, Cause: ident.Named("move", name), Command: receipt(sku, quantity)},
		}}}
	}
}

// TestReplicasDoNotLockEachOtherOut lets several of them wait for, bring and link at once, in any order. Postgres finds
// a deadlock and ends it with an error, which would fail the test.
func TestReplicasDoNotLockEachOtherOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := replica{h.handler(), t}
	names := []string{"1", "2", "3", "4", "5", "6"}
	for i, n := range names { // more than there will ever be, so that they wait all the time
		wanted := []any{"A", 1000, "B", 1000}
		if i%2 == 1 {
			wanted = []any{"B", 1000, "C", 1000}
		}
		append1(t, h.store, orderID(n), placed(wanted...))
		r.turn(r.look(n))
	}
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for i := range 40 {
				mine := rand.Perm(len(names) / 3)
				var shuffled []string
				for _, m := range mine {
					shuffled = append(shuffled, names[g*2+m])
				}
				r.turn(r.look(shuffled...))
				sku := skus[rand.IntN(len(skus))]
				r.turn(r.move(fmt.Sprint("in ", g, i), sku, 1))
			}
		})
	}
	wg.Go(func() { // another service links names and parks what it cannot place yet
		for i := range 40 {
			ref := fmt.Sprintf("number:checkout:default:%d", i)
			_, parkErr := h.store.Park(context.Background(), []eventstore.Timer{{Service: "test", ID: ident.Named("parked", ref), Kind: "fact:0", Refs: []string{ref, "pi:1"}}})
			_, err := h.store.Append(context.Background(), "test", []eventstore.Unit{{Links: []eventstore.Link{{Ref: ref, Entity: orderID("1")}}}}, nil)
			if err = errors.Join(err, parkErr); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	for _, sku := range skus {
		h.agrees(sku, names...)
	}
	waiting, err := h.store.Due(t.Context(), service, 100, time.Minute)
	require.NoError(t, err)
	require.NotEmpty(t, waiting, "whoever waits was woken by what came last, or looked at it")
}
