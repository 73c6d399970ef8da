package projector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/ident"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

func TestARebuildWhileEventsComeInLosesNothingAndReadersSeeNoGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 40 {
		name := fmt.Sprint(2000 + n)
		w.append(orderID(name), life(r, name)...)
		w.project(orderID(name))
	}
	publish, c, _ := w.start(prometheus.NewRegistry())

	reading, stop := context.WithCancel(w.ctx)
	var readers sync.WaitGroup
	readers.Go(func() { // somebody always reads, and never sees fewer orders than there were
		for reading.Err() == nil {
			var orders, items int
			err := w.pool.QueryRow(w.ctx, `SELECT (SELECT count(*) FROM read.orders), (SELECT count(*) FROM read.order_items WHERE sku = 'MUG')`).Scan(&orders, &items)
			if err != nil || orders < 40 || orders != items {
				t.Errorf("a reader saw %d orders with %d mugs: %v", orders, items, err)
				return
			}
		}
	})
	rebuilding := make(chan Rebuilt, 1)
	go func() {
		var last Rebuilt
		for range 3 {
			out, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
			assert.NoError(t, err)
			assert.Zero(t, out.Differing(), "%+v", out.Tables)
			last = out
		}
		rebuilding <- last
	}()
	var rebuilt Rebuilt
	for n := 0; rebuilt.Generation == 0; n++ {
		name := fmt.Sprint(3000 + n)
		said := life(r, name)
		for i, s := range said { // the order first: the reader counts its lines
			if s.personal != nil {
				said[0], said[i] = said[i], said[0]
			}
		}
		publish(w.append(orderID(name), said...)...)
		publish(w.append(ident.SKU("MUG"), plain(&stockv1.StockReceived{Sku: "MUG", Location: "main", Quantity: int64(n)}))...)
		select {
		case rebuilt = <-rebuilding:
		default:
		}
	}
	stop()
	readers.Wait()
	assert.Equal(t, 4, rebuilt.Generation)
	require.Eventually(t, func() bool { return c.rung.lag() == 0 && w.caughtUp() }, 30*time.Second, 20*time.Millisecond)
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
	assert.Empty(t, w.strings(`SELECT relname::text FROM pg_class WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r' AND relname ~ '_g[123]$'`))
}

func TestARebuildThatWasStoppedLeavesTheLiveTablesAndTheNextOneCleansUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(8, 8))
	for n := range 10 {
		name := fmt.Sprint(2000 + n)
		w.append(orderID(name), life(r, name)...)
		w.project(orderID(name))
	}
	before := w.all()
	ctx, stop := context.WithCancel(w.ctx)
	_, err := Rebuild(ctx, w.pool, w.store, w.vault, func(int, int) { stop() })
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, before, w.all())
	assert.NotEmpty(t, w.strings(`SELECT relname::text FROM pg_class WHERE relnamespace = 'projection'::regnamespace AND relname = 'orders_g2'`))
	out := w.rebuild()
	assert.Equal(t, 2, out.Generation)
	assert.Zero(t, out.Differing())
	assert.Equal(t, before, w.all())
}

func TestTwoRebuildsDoNotMeet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(orderID("1001"), placed("1001", 5000))
	met := false
	_, err := Rebuild(w.ctx, w.pool, w.store, w.vault, func(int, int) {
		_, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
		met = assert.ErrorIs(t, err, ErrRebuilding)
	})
	require.NoError(t, err)
	assert.True(t, met)
	w.rebuild()
}

func TestALongSelectDelaysASwapAndIsNotDisturbed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(orderID("1001"), placed("1001", 5000))
	tx, err := w.pool.Begin(w.ctx)
	require.NoError(t, err)
	defer tx.Rollback(w.ctx)
	var n int
	require.NoError(t, tx.QueryRow(w.ctx, `SELECT count(*) FROM read.orders`).Scan(&n))
	done := make(chan error, 1)
	go func() {
		_, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
		done <- err
	}()
	tried := func() bool { // it waits for the view that is being read
		return one1[int64](w, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%projection.show%' AND datname = current_database()`) > 0
	}
	require.Eventually(t, tried, 30*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return !tried() }, 30*time.Second, 5*time.Millisecond, "it gives way")
	w.project(orderID("1001"))
	require.NoError(t, tx.QueryRow(w.ctx, `SELECT count(*) FROM read.orders`).Scan(&n))
	require.NoError(t, tx.Commit(w.ctx))
	require.NoError(t, <-done)
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM read.orders`))
}

func TestDroppedTablesAreRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000), captured("1001", 5000))
	w.project(id)
	before := w.all()
	for _, f := range families {
		for _, table := range f.tables {
			_, err := w.pool.Exec(w.ctx, `TRUNCATE `+table.in(1))
			require.NoError(t, err)
		}
	}
	w.rebuild()
	assert.Equal(t, before, w.all())
}

func TestVerifyNamesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change string
		want   Finding
	}{
		"a value":          {`UPDATE projection.orders_g1 SET total_minor = 1, customer_email = 'eve@example.com'`, Finding{Kind: "differs", Table: "orders", What: "row differs in customer_email, total_minor"}},
		"a decimal's zero": {`UPDATE projection.orders_g1 SET total = 50.000`, Finding{Kind: "differs", Table: "orders", What: "row differs in total"}},
		"a row too many": {
			`INSERT INTO projection.order_items_g1 SELECT order_id, 9, line_id, sku, title, quantity, currency, unit_price_minor, unit_price, discount_minor, discount, tax_minor, tax,
				fulfilled_by, cancelled, allocated, backordered, released, shipped, delivered, returned FROM projection.order_items_g1 WHERE position = 1`,
			Finding{Kind: "orphan", Table: "order_items", What: "row 9 does not follow from the events"},
		},
		"a row too few":           {`DELETE FROM projection.order_timeline_g1 WHERE position = 2`, Finding{Kind: "missing", Table: "order_timeline", What: "row 2 is missing"}},
		"more seen than there is": {`UPDATE projection.orders_g1 SET events_seen = 99`, Finding{Kind: "differs", Table: "orders", What: "row differs in events_seen"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := orderID("1001")
			w.append(id, placed("1001", 5000), captured("1001", 5000))
			w.project(id)
			require.True(t, w.verify().OK())
			_, err := w.pool.Exec(w.ctx, c.change)
			require.NoError(t, err)
			report := w.verify()
			c.want.Entity = id.String()
			assert.Equal(t, []Finding{c.want}, report.Findings)
			assert.Positive(t, w.rebuild().Differing())
			assert.True(t, w.verify().OK(), "a rebuild repairs")
		})
	}
}

func TestVerifyFindsRowsOfWhatNeverHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000))
	w.project(id)
	_, err := w.pool.Exec(w.ctx, `UPDATE projection.orders_g1 SET order_id = gen_random_uuid()`)
	require.NoError(t, err)
	w.project(id)
	report := w.verify()
	require.Equal(t, 1, report.Found, "%+v", report.Findings)
	assert.Equal(t, "orphan", report.Findings[0].Kind)
	w.rebuild()
	assert.Equal(t, int64(1), one1[int64](w, `SELECT count(*) FROM read.orders`))
}

func TestWhatIsMerelyBehindIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000))
	w.project(id)
	w.append(id, captured("1001", 5000))
	var once sync.Once
	report, err := Verify(w.ctx, w.pool, w.store, w.vault, func(int, int) { once.Do(func() { go w.project(id) }) })
	require.NoError(t, err)
	assert.True(t, report.OK(), "%+v", report.Findings)
	assert.Equal(t, 1, report.Behind)
}

func TestMoneyThatWentBackTwiceIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := orderID("1001")
	w.append(id, placed("1001", 5000), captured("1001", 5000), refunded("1001", 6000, 2))
	w.project(id)
	report := w.verify()
	require.Equal(t, 1, report.Found, "%+v", report.Findings)
	assert.Equal(t, "money", report.Findings[0].Kind)
	assert.Equal(t, []Sum{{Currency: "USD", Orders: 1, PaidMinor: "5000", RefundedMinor: "6000"}}, report.Money)
}
