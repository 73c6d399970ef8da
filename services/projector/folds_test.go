package projector

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// folding is a projection of another fold version. It comes to the same rows but for the version that they carry.
func (w *world) folding(version int) *projection {
	p := newProjection(w.pool, w.store, w.vault, zerolog.Nop(), newMemory())
	p.foldVersion = version
	return p
}

// projector is a collector of a fold version. The sweep that follows an update is made sooner than usual.
func (w *world) projector(js jetstream.JetStream, version int) *collector {
	c := w.collector(js, nil)
	c.foldVersion, c.latelyEvery = version, 200*time.Millisecond
	return c
}

// quiet waits until no bell is on its way.
func (w *world) quiet(js jetstream.JetStream) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		c, err := js.Consumer(w.ctx, bus.Events, durable().Name)
		if err != nil {
			return false
		}
		info := c.CachedInfo()
		return info.NumPending == 0 && info.NumAckPending == 0
	}, 30*time.Second, 20*time.Millisecond)
}

// shown says, for every order, by which fold and after how many events its row was written.
func (w *world) shown() []string {
	return w.strings(`SELECT order_number || ' ' || fold_version || '/' || events_seen FROM read.orders ORDER BY order_number`)
}

func TestTheReadingThatSawMoreStandsWhicheverFoldMadeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, ids := orderID("1001"), []ident.Entity{orderID("1001")}
	older, newer := w.folding(1), w.folding(2)
	project := func(p *projection) []string {
		t.Helper()
		require.NoError(t, p.project(w.ctx, orderFamily, ids))
		return w.shown()
	}

	w.append(id, placed("1001", 5000))
	require.Equal(t, []string{"#1001 2/1"}, project(newer))
	require.Equal(t, []string{"#1001 2/1"}, project(older), "of the same events the newer fold's rows stand")
	stale, err := newer.fold(w.ctx, w.store, orderFamily, ids)
	require.NoError(t, err)

	w.append(id, captured("1001", 5000))
	require.Equal(t, []string{"#1001 1/2"}, project(older), "nobody may come after it who would tell of the payment")
	assert.Equal(t, "paid", one1[string](w, `SELECT payment_status FROM read.orders`))
	assert.Equal(t, int64(2), one1[int64](w, `SELECT count(*) FROM read.order_timeline`))
	_, err = newer.write(w.ctx, orderFamily, stale.folded)
	require.NoError(t, err)
	require.Equal(t, []string{"#1001 1/2"}, w.shown(), "what the newer one read before is no reason to step back")
	require.Equal(t, []string{"#1001 2/2"}, project(newer))
}

// live lets so many orders live beside each other: of each one event after the other, and a bell for it at once.
func (w *world) live(r *rand.Rand, n int, ring func(...*envelopev1.Doorbell)) {
	w.t.Helper()
	lives := make([][]say, n)
	for i := range lives {
		lives[i] = life(r, fmt.Sprint(1000+i))
	}
	for moved := true; moved; {
		moved = false
		for i, said := range lives {
			if len(said) > 0 {
				ring(w.append(orderID(fmt.Sprint(1000+i)), said[0])...)
				lives[i], moved = said[1:], true
			}
		}
	}
}

// swept waits until a fold has looked at everything.
func (w *world) swept(foldVersion int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return one1[int64](w, `SELECT fold_version::bigint FROM projection.generation`) == int64(foldVersion)
	}, 20*time.Second, 20*time.Millisecond)
}

func TestAfterAnUpdateEveryRowIsTheNewerFoldsSoonAfterTheLastOlderOneIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	stopOlder := w.run(w.projector(js, FoldVersion-1))
	w.swept(FoldVersion - 1)
	w.run(w.projector(js, FoldVersion))
	w.swept(FoldVersion)

	w.live(rand.New(rand.NewPCG(3, 3)), 20, w.publisher(js))
	w.quiet(js)
	stopOlder()
	require.Eventually(t, w.caughtUp, 10*time.Second, 20*time.Millisecond)
	assert.Equal(t, int64(FoldVersion), one1[int64](w, `SELECT min(fold_version)::bigint FROM read.orders`))
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
}

// Builds up to the one of fold 4 ack the bell of an order whose row a newer fold has written, and write nothing. What
// stands for one here hears its share of the bells and does nothing at all about them.
func TestWhatAnOlderBuildHeardForNothingIsProjectedSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	w.run(w.projector(js, FoldVersion))
	w.swept(FoldVersion)

	var swallowed atomic.Int64
	older, err := bus.Consume(w.ctx, js, durable(), func(m jetstream.Msg) {
		_ = m.Ack()
		swallowed.Add(1)
	}, func(error) {})
	require.NoError(t, err)
	w.live(rand.New(rand.NewPCG(4, 4)), 20, w.publisher(js))
	w.quiet(js)
	older.Stop()
	require.NotZero(t, swallowed.Load())

	require.Eventually(t, w.caughtUp, 10*time.Second, 20*time.Millisecond)
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
}

func TestAfterGoingBackTheOlderFoldWritesWhatMovesAndComingAgainTheNewerOneWritesAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	publish := w.publisher(js)
	stop := w.run(w.projector(js, FoldVersion))
	for _, name := range []string{"1001", "1002", "1003"} {
		publish(w.append(orderID(name), placed(name, 5000))...)
	}
	require.Eventually(t, w.caughtUp, 10*time.Second, 20*time.Millisecond)
	stop()

	publish(w.append(orderID("1001"), captured("1001", 5000))...)
	stop = w.run(w.projector(js, FoldVersion-1))
	publish(w.append(orderID("1002"), captured("1002", 5000))...)
	publish(w.append(orderID("1004"), placed("1004", 5000))...)
	v := func(number string, fold, seen int) string { return fmt.Sprintf("#%s %d/%d", number, fold, seen) }
	want := []string{v("1001", FoldVersion-1, 2), v("1002", FoldVersion-1, 2), v("1003", FoldVersion, 1), v("1004", FoldVersion-1, 1)}
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, w.shown()) }, 10*time.Second, 20*time.Millisecond)
	w.swept(FoldVersion - 1)
	stop()

	// However long ago they moved.
	_, err := w.pool.Exec(w.ctx, `UPDATE orderflow.sweeps SET swept_at = now() + interval '1 day'`)
	require.NoError(t, err)
	w.run(w.projector(js, FoldVersion))
	require.Eventually(t, w.caughtUp, 10*time.Second, 20*time.Millisecond)
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
}

func TestARebuildOfAnOlderFoldIsOneFoldAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newer := w.folding(FoldVersion + 1)
	for _, name := range []string{"1001", "1002"} {
		w.append(orderID(name), placed(name, 5000))
		require.NoError(t, newer.project(w.ctx, orderFamily, []ident.Entity{orderID(name)}))
	}
	w.append(orderID("1002"), captured("1002", 5000))
	w.project(orderID("1002"))
	require.False(t, w.verify().OK(), "one row is of a fold that this program does not know")
	w.rebuild()
	report := w.verify()
	assert.True(t, report.OK(), "%+v", report.Findings)
	assert.Equal(t, []string{fmt.Sprintf("#1001 %d/1", FoldVersion), fmt.Sprintf("#1002 %d/2", FoldVersion)}, w.shown())
}
