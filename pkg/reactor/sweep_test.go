package reactor_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// heard is a log that says when a word was logged.
type heard struct {
	word string
	once sync.Once
	it   chan struct{}
}

func (h *heard) Write(p []byte) (int, error) {
	if strings.Contains(string(p), h.word) {
		h.once.Do(func() { close(h.it) })
	}
	return len(p), nil
}

// coversOnce says once that an order's funds are there, whatever rings.
func coversOnce(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
	if tr.Kind != reactor.Ring || o.Version("payment") > 0 {
		return reactor.Decision{}, nil
	}
	return says(&paymentv1.FundsCovered{}), nil
}

// runs runs a replica that logs.
func (w *world) runs(s reactor.Spec, log zerolog.Logger) (stop func()) {
	w.t.Helper()
	r := reactor.New(s, reactor.Deps{Store: w.store, JS: w.js, Bus: w.bus, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(w.t, r.Run(ctx)) })
	stop = func() {
		cancel()
		running.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

// The doorbell was lost with the broker, and the database was killed while the next start looked for what moved.
func TestASweepThatFailsIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placed(1)
	exec := func(sql string) {
		_, err := w.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec(`DELETE FROM orderflow.outbox`) // it was told, and nobody heard it
	exec(`ALTER TABLE orderflow.sweeps RENAME TO away`)
	failed := &heard{word: `"message":"sweep"`, it: make(chan struct{})}
	w.runs(spec(coversOnce), zerolog.New(failed))
	<-failed.it
	exec(`ALTER TABLE orderflow.away RENAME TO sweeps`)
	w.eventuallyPayments(1, "FundsCovered")
}

// Whoever dies with what a sweep found in its queue has not swept: the next start has to find it again.
func TestASweepIsOverWhenWhatItFoundIsHandled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placed(1)
	reached, decided := make(chan struct{}), make(chan struct{})
	var once sync.Once
	let := sync.OnceFunc(func() { close(decided) })
	w.runs(spec(func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		once.Do(func() { close(reached) })
		<-decided
		return coversOnce(o, tr, now)
	}), zerolog.Nop())
	t.Cleanup(let)
	swept := func() bool { return w.count(`SELECT count(*) FROM orderflow.sweeps WHERE service = 'payment'`) > 0 }
	<-reached
	assert.Never(t, swept, 300*time.Millisecond, 10*time.Millisecond, "it is not handled")
	let()
	w.eventually("it is remembered", swept)
}
