package reactor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// errand is the items of one decision that end when all the calls that it asked for are answered.
type errand struct {
	entity ident.Entity
	items  []*item

	// Guarded by the pool.
	open      int
	err       error // of the first answer that could not be recorded
	abandoned bool  // a call was not even begun
	// joined says that one of the calls was somebody else's: its answer may have been recorded by a look at the order
	// that was older than what this errand is about, so it is looked at once more.
	joined bool
}

// errandOf is a work's items, for calls to end.
func errandOf(w *Work) *errand { return &errand{entity: w.Entity, items: w.items} }

// handedOver takes a work's items out of the batch: their calls will end them.
func handedOver(w *Work) {
	for _, it := range w.items {
		it.where.CompareAndSwap(inBatch, withCall)
	}
}

// takenBack puts them into the batch again: no call was begun.
func takenBack(w *Work) {
	for _, it := range w.items {
		it.where.CompareAndSwap(withCall, inBatch)
	}
}

// pool bounds how many calls are under way and knows which, so that none is made twice at once, and which were
// recorded lately, so that none is made again by a plan that did not see the answer.
type pool struct {
	slots chan struct{}
	// open bounds the calls whose answers are not recorded: a process that dies makes those once more.
	open chan struct{}

	mu       sync.Mutex
	underWay map[string][]*errand // who waits for the call
	lately   map[string]answered

	recorder recorder
}

// answered is the version of the service's own stream that holds the answer to a call.
type answered struct {
	version int
	at      time.Time
}

// latelyFor is how long an answer is remembered: far longer than any plan takes from reading to calling.
const latelyFor = 10 * time.Minute

// openMost is how many calls for each worker may be made and not recorded: enough to keep the workers busy while
// answers are written together, and no more, also when the database is away and nothing can be recorded.
const openMost = 16

func newPool(workers int) *pool {
	workers = max(workers, 1)
	return &pool{
		slots: make(chan struct{}, workers), open: make(chan struct{}, workers*openMost),
		underWay: map[string][]*errand{}, lately: map[string]answered{}, recorder: recorder{lately: map[ident.Entity]answered{}},
	}
}

// join lets the errands wait for their calls, and says which of these are to be made by whoever asks: the others are
// under way. A plan that was made at an older version than the one that holds the answer to one of its calls is stale:
// then nobody waits for anything.
func (p *pool) join(keys []string, version int, errands []*errand) (mine []int, stale bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if version < p.lately[key].version {
			return nil, true
		}
	}
	for i, key := range keys {
		waiting, ok := p.underWay[key]
		p.underWay[key] = append(waiting, errands...)
		if !ok {
			mine = append(mine, i)
			continue
		}
		for _, e := range errands {
			e.joined = true
		}
	}
	for _, e := range errands {
		e.open += len(keys)
	}
	return mine, false
}

// leave ends a call, and returns who waited for it. The version holds its answer; zero where it was not recorded.
func (p *pool) leave(key string, version int, now time.Time) []*errand {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.underWay[key]
	delete(p.underWay, key)
	if version > 0 {
		p.lately[key] = answered{version, now}
		forget(p.lately, now)
	}
	return waiting
}

// forget drops a few answers that are old, each time one is added: so the map stays as large as its time wants.
func forget[K comparable](lately map[K]answered, now time.Time) {
	looked := 0
	for key, a := range lately {
		if now.Sub(a.at) > latelyFor {
			delete(lately, key)
		}
		looked++
		if looked == 8 {
			return
		}
	}
}

// ran counts one call of the errands as over, and returns those that wait for nothing any more.
func (p *pool) ran(errands []*errand, err error, abandoned bool) []*errand {
	p.mu.Lock()
	defer p.mu.Unlock()
	var over []*errand
	for _, e := range errands {
		if e.err == nil {
			e.err = err
		}
		e.abandoned = e.abandoned || abandoned
		e.open--
		if e.open == 0 {
			over = append(over, e)
		}
	}
	return over
}

// call makes the requests of one decision side by side, and ends its items when all answers are recorded. All errands
// are about one entity. It is false, and nothing was begun, if the plan is older than an answer to one of them.
func (r *Reactor) call(o *order.State, asked trace.Span, requests []Request, errands ...*errand) bool {
	keys := make([]string, len(requests))
	for i, request := range requests {
		keys[i] = o.ID.String() + "/" + request.Key()
	}
	mine, stale := r.calls.join(keys, o.Version(r.spec.Owns), errands)
	for _, i := range mine {
		r.metrics.inFlight.Inc()
		r.background.Go(func() {
			defer r.metrics.inFlight.Dec()
			if !r.begin() {
				r.over(r.calls.leave(keys[i], 0, time.Time{}), nil, true)
				return
			}
			defer func() { <-r.calls.open }()
			r.doAndRecord(keys[i], o, asked, requests[i])
		})
	}
	return !stale
}

// begin waits for its turn; false if the loop stops before that.
func (r *Reactor) begin() bool {
	select {
	case <-r.stopping:
		return false
	default:
	}
	select {
	case r.calls.open <- struct{}{}:
	case <-r.stopping:
		return false
	}
	select {
	case r.calls.slots <- struct{}{}:
		return true
	case <-r.stopping:
		<-r.calls.open
		return false
	}
}

// doAndRecord makes a call, lets the next one begin, and ends who waited for it once the answer is recorded.
func (r *Reactor) doAndRecord(key string, o *order.State, asked trace.Span, request Request) {
	ctx, span := r.beginCall(context.Background(), asked, o.ID, request)
	answer, callErr := r.do(ctx, o, request)
	endCall(span, callErr)
	<-r.calls.slots
	about := func(e *zerolog.Event) *zerolog.Event {
		return e.Stringer("entity_id", o.ID).Stringer("trace_id", tracing.IDOf(span)).Str("call", request.Key())
	}
	if callErr != nil {
		about(r.deps.Log.Warn().Err(callErr)).Msg("call failed")
	}
	next, err := r.record(&reply{entity: o.ID, request: request, answer: answer, err: callErr, from: span.SpanContext()})
	version := 0
	if err == nil {
		version = next.state.Version(r.spec.Owns)
	}
	errands := r.calls.leave(key, version, r.deps.Clock())
	if err != nil {
		about(r.deps.Log.Error().Err(err)).Msg("answer not recorded")
	} else if len(next.requests) > 0 {
		// They go on waiting, now for these as well. If they are stale, whoever recorded the answer saw all that we saw.
		r.call(next.state, next.span, next.requests, errands...)
	}
	r.over(errands, err, false)
}

func (r *Reactor) do(ctx context.Context, o *order.State, request Request) (answer any, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.pace.callTimeout)
	defer cancel()
	began := time.Now()
	err = guarded(func() (err error) {
		answer, err = r.spec.Calls.Do(ctx, o, request)
		return err
	})
	r.metrics.called(time.Since(began), err)
	return answer, err
}

// over counts a call of the errands as done, and ends those that were waiting for it alone.
func (r *Reactor) over(errands []*errand, err error, abandoned bool) {
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	for _, e := range r.calls.ran(errands, err, abandoned) {
		switch {
		case e.err != nil:
			w := &Work{Entity: e.entity, items: e.items, err: fmt.Errorf("record: %w", e.err)}
			if err := r.putOff(ctx, []*Work{w}); err != nil {
				r.deps.Log.Error().Err(err).Msg("not put off; the message is delivered again") // never acked, so it comes
			}
		case e.abandoned:
			for _, it := range e.items {
				it.giveBack(0)
			}
		case e.joined:
			r.lookAgain(e.items)
		default:
			r.end(ctx, e.items...)
		}
	}
}

// lookAgain puts items back into the queue of the loop; where that stops they are given back.
func (r *Reactor) lookAgain(items []*item) {
	for _, it := range items {
		it.where.CompareAndSwap(withCall, inBatch)
		select {
		case <-r.stopping:
			it.giveBack(0)
			continue
		default:
		}
		select {
		case r.inbox <- it:
		case <-r.stopping:
			it.giveBack(0)
		}
	}
}

// keepInHand tells the broker, as long as calls are under way, that their messages are being worked on: delivered
// again, another replica would make the same calls.
func (r *Reactor) keepInHand(ctx context.Context) {
	if r.calls == nil {
		return
	}
	every(ctx, r.pace.inHand, func() {
		for _, h := range r.calls.holds() {
			_ = h.msg.InProgress()
		}
	})
}

func (p *pool) holds() []*hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	var holds []*hold
	for _, errands := range p.underWay {
		for _, e := range errands {
			for _, it := range e.items {
				if it.hold != nil && it.hold.msg != nil {
					holds = append(holds, it.hold)
				}
			}
		}
	}
	return holds
}
