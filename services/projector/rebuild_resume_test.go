package projector

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
)

// crowd places many orders at once and projects them.
func (w *world) crowd(from, n int) []ident.Entity {
	w.t.Helper()
	ids, units := make([]ident.Entity, n), make([]eventstore.Unit, n)
	for i := range n {
		name := fmt.Sprint(from + i)
		ids[i] = orderID(name)
		s := placed(name, 5000)
		units[i] = eventstore.Unit{Appends: []eventstore.Append{{Entity: ids[i], Category: event.Order, Events: []event.New{{
			Message: s.message, Cause: ident.Named("crowd", name), OccurredAt: noon.Add(time.Duration(i) * time.Second), Personal: s.personal,
		}}}}}
	}
	_, err := w.store.Append(w.ctx, "order", units, nil)
	require.NoError(w.t, err)
	w.project(ids...)
	return ids
}

// stopped is a rebuild that was stopped when it had folded something and not everything.
func (w *world) stopped() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.ctx)
	_, err := Rebuild(ctx, w.pool, w.store, w.vault, func(int, int) { stop() })
	require.ErrorIs(w.t, err, context.Canceled)
	require.Positive(w.t, one1[int64](w, `SELECT count(*) FROM projection.orders_g2`))
	require.Less(w.t, one1[int64](w, `SELECT count(*) FROM projection.orders_g2`), one1[int64](w, `SELECT count(*) FROM read.orders`))
}

const several = 4*batchMost + 7

func TestARebuildGoesOnWhereAnotherOneWasStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.crowd(10_000, several)
	w.stopped()
	folded := one1[int64](w, `SELECT count(*) FROM projection.orders_g2`)
	// Meanwhile life goes on: with orders that were folded, with others, and with new ones, projected and not.
	for _, i := range []int{0, 1, several / 2, several - 2, several - 1} {
		w.append(ids[i], captured(fmt.Sprint(10_000+i), 5000))
	}
	w.project(ids[0], ids[several-1])
	w.append(orderID("late"), placed("late", 5000))
	out, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
	require.NoError(t, err)
	assert.Equal(t, 2, out.Generation)
	assert.Equal(t, int(folded), out.Resumed)
	assert.Equal(t, several+1, out.Orders)
	assert.Zero(t, out.Differing(), "%+v", out.Tables)
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
	assert.Zero(t, report.Behind)
	assert.Empty(t, w.strings(`SELECT relname::text FROM pg_class WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r' AND relname ~ '_g[13]$'`))
	lived := w.all()
	assert.Zero(t, w.rebuild().Resumed, "the next one has nothing to go on with")
	assert.Equal(t, lived, w.all())
}

func TestWhatAnotherProgramFoldedIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change string
		option []Option
	}{
		"an older fold":       {`UPDATE projection.orders_g2 SET fold_version = fold_version - 1`, nil},
		"a column more":       {`ALTER TABLE projection_template.orders ADD COLUMN mood text`, nil},
		"a table is missing":  {`DROP TABLE projection.refunds_g2`, nil},
		"somebody wants that": {`SELECT 1`, []Option{Anew()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.crowd(10_000, several)
			w.stopped()
			_, err := w.pool.Exec(w.ctx, c.change)
			require.NoError(t, err)
			out, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil, c.option...)
			require.NoError(t, err)
			assert.Zero(t, out.Resumed)
			assert.Equal(t, several, out.Orders)
		})
	}
}

// An analyst's transaction stays open while orders come in: the swap waits and says for whom, and neither the projector
// nor other readers wait for long.
func TestALongSelectKeepsNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(10_000, 100)
	analyst, err := w.pool.Begin(w.ctx)
	require.NoError(t, err)
	defer analyst.Rollback(w.ctx)
	var n, pid int
	require.NoError(t, analyst.QueryRow(w.ctx, `SELECT count(*), pg_backend_pid() FROM read.orders`).Scan(&n, &pid))
	done, told := make(chan error, 1), make(chan string, 10)
	go func() {
		_, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil, Waiting(func(who string) { told <- who }))
		done <- err
	}()
	who := <-told
	assert.Contains(t, who, fmt.Sprintf("process %d ", pid))
	assert.Contains(t, who, "read.orders")
	var longest time.Duration
	for round := range 20 {
		began := time.Now()
		w.crowd(20_000+round*300, 300)
		require.NoError(t, w.pool.QueryRow(w.ctx, `SELECT count(*) FROM read.orders`).Scan(&n))
		assert.Equal(t, 100+(round+1)*300, n)
		longest = max(longest, time.Since(began))
	}
	t.Logf("the longest round of the projector and a reader took %s", longest)
	assert.Less(t, longest, 10*time.Second, "an attempt to swap holds a lock for less than a second")
	require.Eventually(t, func() bool { // what came is folded beside, not while everybody waits for an attempt
		return one1[int64](w, `SELECT count(*) FROM projection.orders_g2`) >= 6000
	}, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, analyst.QueryRow(w.ctx, `SELECT count(*) FROM read.orders`).Scan(&n), "the analyst is not disturbed")
	require.NoError(t, analyst.Commit(w.ctx))
	require.NoError(t, <-done)
	assert.Equal(t, int64(6100), one1[int64](w, `SELECT count(*) FROM read.orders`))
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
}

func TestAReaderWhoOutlastsARebuildIsNamedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(10_000, 100)
	before := w.all()
	analyst, err := w.pool.Begin(w.ctx)
	require.NoError(t, err)
	defer analyst.Rollback(w.ctx)
	var pid int
	require.NoError(t, analyst.QueryRow(w.ctx, `SELECT pg_backend_pid() FROM read.orders LIMIT 1`).Scan(&pid))
	_, err = Rebuild(w.ctx, w.pool, w.store, w.vault, nil, Patience(time.Second))
	require.ErrorContains(t, err, fmt.Sprintf("process %d ", pid))
	require.ErrorContains(t, err, "nothing has changed, and another rebuild goes on from here")
	assert.NotContains(t, err.Error(), "\n")
	require.NoError(t, analyst.Commit(w.ctx))
	assert.Equal(t, before, w.all())
	out := w.rebuild()
	assert.Equal(t, 100, out.Resumed)
	assert.Equal(t, before, w.all())
}

// Somebody still reads the tables that the views looked at: the swap is done all the same.
func TestOldTablesThatAreReadAreLeftToTheNextRebuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(10_000, 10)
	reader, err := w.pool.Begin(w.ctx)
	require.NoError(t, err)
	defer reader.Rollback(w.ctx)
	_, err = reader.Exec(w.ctx, `LOCK TABLE projection.orders_g1 IN ACCESS SHARE MODE`) // as a verification does
	require.NoError(t, err)
	out, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil, Patience(time.Second))
	require.NoError(t, err)
	assert.True(t, out.Left)
	require.NoError(t, reader.Commit(w.ctx))
	assert.False(t, w.rebuild().Left)
	assert.Empty(t, w.strings(`SELECT relname::text FROM pg_class WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r' AND relname ~ '_g[12]$'`))
}

// Many stops in a row: each rebuild begins with what all before it had folded.
func TestARebuildThatIsStoppedAgainAndAgainComesToAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(10_000, several)
	before := w.all()
	resumed := -1
	for rebuilds := 0; ; rebuilds++ {
		require.Less(t, rebuilds, 20)
		ctx, stop := context.WithCancel(w.ctx)
		var once sync.Once
		out, err := Rebuild(ctx, w.pool, w.store, w.vault, func(done, _ int) {
			if done > max(resumed, 0) && done < several {
				once.Do(stop)
			}
		})
		stop()
		if err == nil {
			assert.Positive(t, out.Resumed)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		now := int(one1[int64](w, `SELECT count(*) FROM projection.orders_g2`))
		require.Greater(t, now, resumed, "each comes a little further")
		resumed = now
	}
	assert.Equal(t, before, w.all())
}
