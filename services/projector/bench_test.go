package projector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
)

// fillStore appends the lives of many orders, a hundred at a time.
func (w *world) fillStore(n int) (events int) {
	w.t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	var units []eventstore.Unit
	for i := range n {
		name := fmt.Sprint(10_000 + i)
		streams := map[event.Category][]event.New{}
		for _, s := range life(r, name) {
			w.n++
			c := event.CategoryOf(event.TypeOf(s.message))
			streams[c] = append(streams[c], event.New{Message: s.message, Cause: ident.Named("bench", fmt.Sprint(w.n)), OccurredAt: noon, Personal: s.personal})
			events++
		}
		u := eventstore.Unit{}
		for c, e := range streams {
			u.Appends = append(u.Appends, eventstore.Append{Entity: orderID(name), Category: c, Events: e})
		}
		units = append(units, u)
		if len(units) == 100 || i == n-1 {
			_, err := w.store.Append(w.ctx, "order", units, nil)
			require.NoError(w.t, err)
			units = nil
		}
	}
	return events
}

// BenchmarkRebuild says how many events a second are folded into new tables, with one sealed person per order.
func BenchmarkRebuild(b *testing.B) {
	const orders = 10_000
	w := newWorld(b)
	w.fillStore(orders)
	for b.Loop() {
		r, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
		require.NoError(b, err)
		require.Equal(b, orders, r.Orders)
		b.ReportMetric(float64(r.Events)/r.Folding.Seconds(), "events/s")
		b.ReportMetric(r.Took.Seconds(), "s/rebuild")
	}
}

// BenchmarkProject says how many events a second the live loop folds and writes, 500 orders at a time.
func BenchmarkProject(b *testing.B) {
	w := newWorld(b)
	w.fillStore(10_000)
	var ids []ident.Entity
	for i := range 10_000 {
		ids = append(ids, orderID(fmt.Sprint(10_000+i)))
	}
	for b.Loop() {
		events := 0
		_, err := w.pool.Exec(w.ctx, `UPDATE projection.orders_g1 SET events_seen = 0`)
		require.NoError(b, err)
		start := b.Elapsed()
		for at := 0; at < len(ids); at += batchMost {
			out, err := w.p.fold(w.ctx, w.store, orderFamily, ids[at:at+batchMost])
			require.NoError(b, err)
			events += out.events
			require.NoError(b, w.p.writeEach(w.ctx, orderFamily, out))
		}
		b.ReportMetric(float64(events)/(b.Elapsed()-start).Seconds(), "events/s")
	}
}
