package projector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// start runs a collector as the host does, on a broker of its own, and returns what rings its bells and what stops it.
func (w *world) start(registry prometheus.Registerer) (publish func(...*envelopev1.Doorbell), c *collector, stop func()) {
	w.t.Helper()
	js := testkit.NATS(w.t)
	c = w.collector(js, registry)
	return w.publisher(js), c, w.run(c)
}

func (w *world) collector(js jetstream.JetStream, registry prometheus.Registerer) *collector {
	return newCollector(host.Deps{
		Pool: w.pool, Store: w.store, Vault: w.vault, JS: js, Bus: bus.NewPublisher(js), Log: zerolog.Nop(), Registry: registry, Clock: time.Now,
	})
}

func (w *world) publisher(js jetstream.JetStream) func(...*envelopev1.Doorbell) {
	return func(bells ...*envelopev1.Doorbell) {
		w.t.Helper()
		for _, b := range bells {
			_, err := js.PublishMsg(w.ctx, doorbell(w.t, b))
			require.NoError(w.t, err)
		}
	}
}

func (w *world) run(c *collector) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) { // which it says, and the host passes over, if it had hardly begun
				require.NoError(w.t, err)
			}
		}
	}
	w.t.Cleanup(stop)
	return stop
}

// caughtUp says that no entity is behind.
func (w *world) caughtUp() bool {
	for _, f := range families {
		ids, err := entitiesAfter(w.ctx, w.pool, f, ident.Entity{}, 10_000)
		require.NoError(w.t, err)
		behind, _, err := w.p.behind(w.ctx, f, ids)
		require.NoError(w.t, err)
		if len(behind) > 0 {
			return false
		}
	}
	return true
}

func TestLiveEqualsRebuiltWhateverBecameOfTheBells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	publish, c, _ := w.start(prometheus.NewRegistry())

	names := []string{"1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008"}
	lives := map[string][]say{}
	for _, n := range names {
		lives[n] = life(r, n)
	}
	var bells []*envelopev1.Doorbell
	for len(lives) > 0 { // the orders' lives run side by side; bells come late, repeated, shuffled, or never
		name := names[r.IntN(len(names))]
		if len(lives[name]) == 0 {
			delete(lives, name)
			continue
		}
		n := min(1+r.IntN(3), len(lives[name]))
		bells = append(bells, w.append(orderID(name), lives[name][:n]...)...)
		lives[name] = lives[name][n:]
		if r.IntN(4) == 0 {
			bells = append(bells, w.append(ident.SKU("MUG"), plain(&stockv1.StockReceived{Sku: "MUG", Location: "main", Quantity: r.Int64N(50)}))...)
		}
		if r.IntN(3) == 0 {
			r.Shuffle(len(bells), func(i, j int) { bells[i], bells[j] = bells[j], bells[i] })
			publish(bells[:len(bells)/2]...)
			publish(bells[:len(bells)/4]...)
			bells = bells[len(bells)*3/4:] // a quarter is lost
		}
	}
	require.Eventually(t, func() bool { return c.rung.lag() == 0 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, newSweeper(c).round(w.ctx, 0))
	require.Eventually(t, w.caughtUp, 30*time.Second, 10*time.Millisecond)

	lived := w.all()
	require.Len(t, lived["orders"], len(names))
	require.NotEmpty(t, lived["stock_levels"])
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
	rebuilt := w.rebuild()
	assert.Zero(t, rebuilt.Differing(), "%+v", rebuilt.Tables)
	assert.Equal(t, len(names), rebuilt.Orders)
	assert.Equal(t, lived, w.all())
}

func TestAnOrderAsPeopleReadIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000), captured("1001", 5000), refunded("1001", 1250, intakev1.RefundStep_REFUND_STEP_SETTLED),
		plain(&orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address"}))
	w.project(id)
	for query, want := range map[string]string{
		`SELECT order_number FROM read.orders`:                                                                    "#1001",
		`SELECT status FROM read.orders`:                                                                          "held",
		`SELECT payment_status FROM read.orders`:                                                                  "partially_refunded",
		`SELECT total::text || ' ' || currency FROM read.orders`:                                                  "50.00 USD",
		`SELECT paid_minor::text FROM read.orders`:                                                                "5000",
		`SELECT refunded::text FROM read.orders`:                                                                  "12.50",
		`SELECT customer_email FROM read.orders`:                                                                  "1001@example.com",
		`SELECT customer_name FROM read.orders`:                                                                   "Ada 1001",
		`SELECT hold_reasons::text FROM read.orders`:                                                              "{address:no_address}",
		`SELECT waits_for::text FROM read.orders`:                                                                 "{fraud,stock,hold:address}",
		`SELECT item_count::text FROM read.orders`:                                                                "3",
		`SELECT events_seen::text FROM read.orders`:                                                               "4",
		`SELECT title FROM read.order_items WHERE sku = 'CARD'`:                                                   `A \u0000 "card"`,
		`SELECT sum(quantity * unit_price - discount + tax)::text FROM read.order_items`:                          "50.00",
		`SELECT fulfilled_by FROM read.order_items WHERE sku = 'CARD'`:                                            "nobody",
		`SELECT status FROM read.payments`:                                                                        "partially_refunded",
		`SELECT names::text FROM read.payments`:                                                                   "{stripe:ch_1001,stripe:pi_1001}",
		`SELECT status || ' ' || amount FROM read.refunds`:                                                        "settled 12.50",
		`SELECT reason FROM read.holds WHERE is_open`:                                                             "no_address",
		`SELECT summary FROM read.order_timeline WHERE type = 'OrderPlaced'`:                                      "Placed as #1001 at checkout: 2 lines, USD 50.00",
		`SELECT details->'description'->'lines'->1->>'title' FROM read.order_timeline WHERE type = 'OrderPlaced'`: `A \u0000 "card"`,
	} {
		assert.Equal(t, want, one1[string](w, query), query)
	}
	timeline := strings.Join(w.all()["order_timeline"], "\n")
	for _, secret := range []string{"Ada", "example.com", "Paris", "sealed", "labels.example"} {
		assert.NotContains(t, timeline, secret)
	}
}

func TestARowNeverStepsBackAndChildrenAreReplacedExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := orderID("1001"), orderID("1002")
	w.append(id, placed("1001", 5000))
	w.append(other, placed("1002", 7000))
	w.project(id, other)
	before, err := w.p.fold(w.ctx, w.store, orderFamily, []ident.Entity{id})
	require.NoError(t, err)

	edited := described("1001", 9000)
	edited.Lines, edited.Revision = edited.Lines[:1], 1
	w.append(id, plain(&orderv1.OrderEdited{Description: edited}))
	w.project(id)
	assert.Equal(t, int64(9000), one1[int64](w, `SELECT total_minor FROM read.orders WHERE order_id = $1`, id[:]))
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM read.order_items WHERE order_id = $1`, id[:]))
	assert.Equal(t, int64(2), one1[int64](w, `SELECT count(*) FROM read.order_items WHERE order_id = $1`, other[:]), "a neighbour's rows stay")

	now := w.all()
	through, err := w.p.write(w.ctx, orderFamily, before.folded)
	require.NoError(t, err)
	assert.Empty(t, through, "what was read earlier is refused")
	assert.Equal(t, now, w.all())
}

func TestAnErasedPersonIsErasedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000))
	w.project(id)
	require.NoError(t, w.vault.Erase(w.ctx, id))
	w.append(id, plain(&orderv1.PersonalDataErased{Reason: "asked"}))
	w.project(id)
	assert.Equal(t, "erased", one1[string](w, `SELECT customer_email FROM read.orders`))
	assert.Equal(t, "erased", one1[string](w, `SELECT customer_name FROM read.orders`))
	assert.Equal(t, "FR", one1[string](w, `SELECT shipping_country FROM read.orders`))
	assert.NotContains(t, strings.Join(w.all()["orders"], ""), "example.com")
	assert.True(t, w.verify().OK())
	assert.Zero(t, w.rebuild().Differing())
}

func TestOneOrderThatCannotBeFoldedDoesNotStopItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken, fine := orderID("1001"), orderID("1002")
	w.append(broken, placed("1001", 5000))
	w.append(fine, placed("1002", 5000))
	_, err := w.pool.Exec(w.ctx, `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
		VALUES ($1, 'order', 3, gen_random_uuid(), 'order.v1.OrderCompleted', '', gen_random_uuid(), now())`, broken[:])
	require.NoError(t, err)
	w.project(broken, fine)
	stuck, err := w.store.StuckEntities(w.ctx)
	require.NoError(t, err)
	require.Len(t, stuck, 1)
	assert.Equal(t, broken, stuck[0].Entity)
	assert.Equal(t, service, stuck[0].Service)
	assert.Equal(t, "#1002", one1[string](w, `SELECT order_number FROM read.orders`))
	report := w.verify()
	require.Equal(t, 1, report.Found, "%+v", report.Findings)
	assert.Equal(t, "gap", report.Findings[0].Kind)

	_, err = w.pool.Exec(w.ctx, `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
		VALUES ($1, 'order', 2, gen_random_uuid(), 'order.v1.SomethingNewer', '', gen_random_uuid(), now())`, broken[:])
	require.NoError(t, err)
	w.project(broken)
	stuck, err = w.store.StuckEntities(w.ctx)
	require.NoError(t, err)
	assert.Empty(t, stuck, "it folds again")
	assert.Contains(t, one1[string](w, `SELECT summary FROM read.order_timeline WHERE version = 2`), "a newer program")
}

func TestWhatCannotBeStoredIsStuckAndItsNeighboursAreWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad, fine := orderID("1001"), orderID("1002")
	w.append(bad, placed("1001", 5000))
	w.append(fine, placed("1002", 5000))
	_, err := w.pool.Exec(w.ctx, `ALTER TABLE projection.orders_g1 ADD CHECK (order_number <> '#1001')`)
	require.NoError(t, err)
	w.project(bad, fine)
	assert.Equal(t, "#1002", one1[string](w, `SELECT order_number FROM read.orders`))
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM orderflow.stuck`))
}

func TestAProjectorThatStopsLeavesNoBellToItsTimeInHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	c := w.collector(js, nil)
	ctx, stop := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	publish := w.publisher(js)
	w.swept(FoldVersion)

	held, err := w.pool.Begin(w.ctx) // its first batch waits, and the bells behind it queue
	require.NoError(t, err)
	_, err = held.Exec(w.ctx, `SELECT FROM projection.generation FOR UPDATE`)
	require.NoError(t, err)
	for n := range 20 {
		publish(w.append(orderID(fmt.Sprint(n)), placed(fmt.Sprint(n), 5000))...)
	}
	require.Eventually(t, func() bool { return len(c.inbox) > 0 }, 10*time.Second, time.Millisecond)
	stop()
	require.NoError(t, held.Rollback(w.ctx))
	require.NoError(t, <-ended)
	w.run(w.collector(js, nil))
	began := time.Now()
	w.quiet(js)
	assert.Less(t, time.Since(began), durable().AckWait/2, "what the first one had taken was written or given back")
}
