package reactor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// batchMost is how many messages one turn of the loop takes: enough to share a transaction, few enough to answer in
// milliseconds.
const batchMost = 256

// breathMost bounds the pause between two turns: an order goes through half a dozen of them, so it is as long as the machine
// is busy and no longer.
const breathMost = 100 * time.Millisecond

// Reactor runs one service's loop.
type Reactor struct {
	spec    Spec
	deps    Deps
	metrics *metrics
	inbox   chan *item
	calls   *pool
	// background are publishes and calls that go on beside the loop; drained before Run returns.
	background sync.WaitGroup

	pace     pace
	stopping <-chan struct{} // closed when Run is told to end

	mu        sync.Mutex
	published []eventstore.OutboxID
}

// pace is how often and how long: one place, so that tests need not wait for it.
type pace struct {
	pause       func(attempt int) time.Duration // before a message is tried again
	callTimeout time.Duration
	inHand      time.Duration // between two words to the broker that a message is still worked on
	ringLease   time.Duration
	sweepOutbox time.Duration // age of an outbox row that counts as left behind
	sweepEvery  time.Duration
}

func usualPace() pace {
	return pace{pause, callTimeout, inHandEvery, ringLease, sweepAfter, sweepEvery}
}

const (
	// callTimeout bounds a call beyond the adapter's own time-out: no call may hold a place for ever.
	callTimeout = time.Minute
	// recordTimeout is how long an answer waits for a database that is away.
	recordTimeout = time.Minute
	// inHandEvery is well within the time that the broker leaves a message in hand.
	inHandEvery = 10 * time.Second
	// firstPause and mostPause are waited for a database that is away.
	firstPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
)

// New makes a reactor. It panics on a spec that cannot work, which is a mistake in the program.
func New(spec Spec, deps Deps) *Reactor {
	if spec.Service == "" || (spec.Decide == nil) == (spec.Batch == nil) {
		panic(fmt.Sprintf("reactor %q: a service has a name and either Decide or Batch", spec.Service))
	}
	if deps.Clock == nil {
		deps.Clock = time.Now
	}
	deps.Tracer = tracing.Or(deps.Tracer)
	r := &Reactor{
		spec: spec, deps: deps, metrics: newMetrics(deps.Registry, spec.Service), inbox: make(chan *item, batchMost), pace: usualPace(),
	}
	if spec.Calls != nil {
		r.calls = newPool(spec.Calls.Workers)
	}
	return r
}

// Run handles messages until ctx ends; then it stops fetching, finishes what is in hand and returns. Messages that were
// fetched and not begun, and calls that were planned and not made, are given back to the broker. A service of which one
// replica at a time is served waits for its turn first, and again if it lost it.
func (r *Reactor) Run(ctx context.Context) error {
	if !r.spec.Single {
		return r.run(ctx)
	}
	for pause := firstPause; ctx.Err() == nil; {
		alone, release, err := r.deps.Store.Alone(ctx, r.spec.Service)
		if ctx.Err() != nil {
			if err == nil {
				release()
			}
			return nil
		}
		if err != nil {
			return err
		}
		r.deps.Log.Info().Msg("this replica is the one that is served")
		err = r.run(alone)
		release()
		pause = r.waitForTurn(ctx, err, pause)
	}
	return nil
}

// waitForTurn is after a turn: at once where the database was lost, after a growing pause where the broker could not be
// had, so that another replica may come to its turn. It returns the next pause.
func (r *Reactor) waitForTurn(ctx context.Context, err error, pause time.Duration) time.Duration {
	if err == nil {
		if ctx.Err() == nil {
			r.deps.Log.Warn().Msg("the database has gone away; another replica may be served now")
		}
		return firstPause
	}
	r.deps.Log.Warn().Err(err).Dur("retry_in", pause).Msg("this replica cannot be served")
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
	return min(2*pause, mostPause)
}

// run is one turn of a replica that is served.
func (r *Reactor) run(ctx context.Context) error {
	r.stopping = ctx.Done()
	consuming, err := r.consume(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to end before it began
	}
	if err != nil {
		return err
	}
	// What is in hand is finished after ctx has ended, within the time that the host gives.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var helpers sync.WaitGroup
	for _, help := range []func(context.Context){r.ringTimers, r.sweepOutbox, r.sweepEntities, r.flushPublished, r.keepInHand} {
		helpers.Go(func() { help(ctx) })
	}
	for _, c := range consuming {
		helpers.Go(func() {
			<-ctx.Done() // at once, not when the loop is done: what is given back would only come again
			c.Drain()
		})
	}
	batches := bus.Batches[*item]{Inbox: r.inbox, Most: batchMost, Breath: breathMost}
	handle := func(batch []*item) { r.handle(work, batch) }
	batches.Each(ctx, handle)
	helpers.Wait()
	batches.Rest(work, handle) // nobody adds to it any more
	r.background.Wait()
	last, cancel := context.WithTimeout(work, tellTimeout)
	defer cancel()
	if err := r.clearPublished(last); err != nil {
		r.deps.Log.Warn().Err(err).Msg("outbox rows are left to the sweeper")
	}
	return nil
}

func (r *Reactor) consume(ctx context.Context) ([]*bus.Consumption, error) {
	var durables []bus.Durable
	if r.spec.Facts != bus.OwnerNone {
		durables = append(durables, bus.FactsDurable(r.spec.Service, r.spec.Facts))
	}
	if len(r.spec.Rings) > 0 {
		durables = append(durables, bus.RingsDurable(r.spec.Service, r.spec.Rings...))
	}
	if r.spec.Commands {
		durables = append(durables, bus.CommandsDurable(r.spec.Service))
	}
	var consuming []*bus.Consumption
	for _, d := range durables {
		c, err := bus.Consume(ctx, r.deps.JS, d, func(m jetstream.Msg) { r.receive(ctx, m) }, bus.Sparing(r.deps.Log, "broker"))
		if err != nil {
			for _, c := range consuming {
				c.Stop()
			}
			return nil, err
		}
		consuming = append(consuming, c)
	}
	return consuming, nil
}

// receive takes a message apart and queues its parts; it waits while the loop is busy, which slows pulling down.
func (r *Reactor) receive(ctx context.Context, m jetstream.Msg) {
	if ctx.Err() != nil {
		_ = m.NakWithDelay(0) // we stop: another replica, or our next start, has it at once
		return
	}
	items, err := r.read(m)
	if err != nil {
		r.bury(context.WithoutCancel(ctx), m, "undecodable", err)
		return
	}
	if len(items) == 0 {
		_ = m.Ack() // nothing in it for us; if the ack is lost it comes again and is nothing again
		return
	}
	for _, it := range items {
		select {
		case r.inbox <- it:
		case <-ctx.Done():
			it.hold.giveBack(0)
			return
		}
	}
}

// handle decides about a batch. Trouble with the database or the broker is waited out here: nothing else could be done
// meanwhile, and what is not acked comes again if we are stopped.
func (r *Reactor) handle(ctx context.Context, batch []*item) {
	r.metrics.batch.Observe(float64(len(batch)))
	batch = unique(batch)
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		err := r.try(ctx, batch)
		if err == nil {
			return
		}
		batch = remaining(batch) // what ended before the trouble came must not be counted twice
		r.deps.Log.Warn().Err(err).Int("messages", len(batch)).Dur("retry_in", pause).Msg("batch failed")
		select {
		case <-time.After(pause):
		case <-r.stopping:
			for _, it := range batch {
				it.giveBack(0)
			}
			return
		}
	}
}

// try brings every item of the batch to an end: decided and stored, parked, put off, or given up.
func (r *Reactor) try(ctx context.Context, batch []*item) error {
	located, err := r.locate(ctx, batch)
	if err != nil {
		return err
	}
	works := group(located)
	for attempt := 0; len(works) > 0; attempt++ {
		left, err := r.round(ctx, works, attempt)
		if err != nil {
			return err
		}
		works = left
	}
	return nil
}

// conflictsMost is how often an entity is decided anew before it is put off to a timer.
const conflictsMost = 8

// round decides about works once and returns those that met a conflict.
func (r *Reactor) round(ctx context.Context, works []*Work, attempt int) ([]*Work, error) {
	if attempt > conflictsMost {
		for _, w := range works {
			w.err = fmt.Errorf("%d conflicts in a row", attempt)
		}
		return nil, r.putOff(ctx, works)
	}
	if attempt == 0 {
		return r.decideAndStore(ctx, works)
	}
	// Alone, so that one contested entity does not undo its neighbours again.
	var left []*Work
	for _, w := range works {
		again, err := r.decideAndStore(ctx, []*Work{w})
		if err != nil {
			return nil, err
		}
		left = append(left, again...)
	}
	return left, nil
}

func (r *Reactor) decideAndStore(ctx context.Context, works []*Work) ([]*Work, error) {
	began := time.Now()
	if err := r.load(ctx, works); err != nil {
		return nil, err
	}
	r.beginSpans(ctx, works, began)
	defer endSpans(works)
	works, err := r.setAside(ctx, works)
	if err != nil || len(works) == 0 {
		return nil, err
	}
	if r.spec.Enrich != nil {
		if err := guarded(func() error { return r.spec.Enrich(ctx, works) }); err != nil {
			return r.notStored(ctx, works, fmt.Errorf("read what decisions need: %w", err))
		}
	}
	if r.spec.Batch != nil {
		return r.storeBatch(ctx, works)
	}
	return r.storeEach(ctx, works)
}

func entities(works []*Work) []ident.Entity {
	ids := make([]ident.Entity, len(works))
	for i, w := range works {
		ids[i] = w.Entity
	}
	return ids
}
