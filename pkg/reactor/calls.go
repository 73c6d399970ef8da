package reactor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// pool bounds how many calls are under way and knows which, so that none is made twice at once.
type pool struct {
	slots chan struct{}

	mu       sync.Mutex
	underWay map[string][]*item // items that wait for the same call
}

func newPool(workers int) *pool {
	return &pool{slots: make(chan struct{}, max(workers, 1)), underWay: map[string][]*item{}}
}

// join says whether the call is to be made by whoever asks; if it is under way the items wait for its end.
func (p *pool) join(key string, items []*item) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting, ok := p.underWay[key]
	p.underWay[key] = append(waiting, items...)
	return !ok
}

func (p *pool) leave(key string) []*item {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.underWay[key]
	delete(p.underWay, key)
	return waiting
}

// call makes the requests of one decision, one after the other, and ends its items when the answers are recorded.
func (r *Reactor) call(id ident.Entity, o *order.State, requests []Request, items []*item) {
	for i, request := range requests {
		var waiting []*item
		if i == len(requests)-1 {
			waiting = items
		}
		key := id.String() + "/" + request.Key()
		if !r.calls.join(key, waiting) {
			continue
		}
		r.metrics.inFlight.Inc()
		r.background.Go(func() {
			defer r.metrics.inFlight.Dec()
			r.calls.slots <- struct{}{}
			defer func() { <-r.calls.slots }()
			r.doAndRecord(key, id, o, request)
		})
	}
}

// callTimeout bounds a call beyond the adapter's own time-out: no call may hold a place for ever.
const callTimeout = time.Minute

func (r *Reactor) doAndRecord(key string, id ident.Entity, o *order.State, request Request) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var answer any
	callErr := guarded(func() (err error) {
		answer, err = r.spec.Calls.Do(ctx, o, request)
		return err
	})
	if callErr != nil {
		r.deps.Log.Warn().Err(callErr).Stringer("entity_id", id).Str("call", request.Key()).Msg("call failed")
	}
	record, stop := context.WithTimeout(context.Background(), callTimeout)
	defer stop()
	err := r.recordUntilStored(record, id, request, answer, callErr)
	waiting := r.calls.leave(key)
	if err != nil {
		r.deps.Log.Error().Err(err).Stringer("entity_id", id).Msg("answer not recorded; the message comes again")
		r.putOffItems(record, id, waiting, err)
		return
	}
	r.end(record, waiting...)
}

func (r *Reactor) putOffItems(ctx context.Context, id ident.Entity, items []*item, cause error) {
	if len(items) == 0 {
		return
	}
	if err := r.putOff(ctx, []*Work{{Entity: id, State: order.New(id), items: items, err: fmt.Errorf("record: %w", cause)}}); err != nil {
		r.deps.Log.Error().Err(err).Msg("not put off; the message is delivered again") // never acked, so it comes
	}
}

// recordUntilStored decides about an answer on fresh state, again if somebody was faster.
func (r *Reactor) recordUntilStored(ctx context.Context, id ident.Entity, request Request, answer any, callErr error) error {
	for range conflictsMost {
		events, err := r.deps.Store.Load(ctx, []ident.Entity{id})
		if err != nil {
			return err
		}
		outcome, err := r.record(ctx, id, events[id], request, answer, callErr)
		if err != nil {
			return err
		}
		if outcome != eventstore.Conflict {
			return nil
		}
		r.metrics.conflicts.Inc()
	}
	return fmt.Errorf("%d conflicts in a row", conflictsMost)
}

func (r *Reactor) record(ctx context.Context, id ident.Entity, events []event.Recorded, request Request, answer any, callErr error) (eventstore.Outcome, error) {
	now := r.deps.Clock().UTC()
	w := &Work{Entity: id, Events: events}
	var d decision
	err := guarded(func() error {
		if err := r.fold(w); err != nil {
			return err
		}
		wanted, err := r.spec.Calls.Record(w.State.Clone(), request, answer, callErr, now)
		if err != nil {
			return err
		}
		d = decision{work: w, state: w.State}
		t := Trigger{Kind: Ring, Cause: ident.Named("call", r.spec.Service, id.String(), request.Key()), At: now}
		appended := r.add(&d, wanted, t, now, ordinalsOf(events, r.spec.Owns))
		if len(appended) > 0 {
			expected := w.State.Version(r.spec.Owns)
			d.unit.Appends = []eventstore.Append{{Entity: id, Category: r.spec.Owns, Expected: expected, Events: appended}}
		}
		return nil
	})
	if err != nil || empty(d.unit) {
		return eventstore.Stored, err
	}
	outcomes, err := r.append(ctx, []eventstore.Unit{d.unit})
	if err != nil {
		return eventstore.Stored, err
	}
	if outcomes[0] == eventstore.Stored && len(d.requests) > 0 {
		r.call(id, d.state, d.requests, nil)
	}
	return outcomes[0], nil
}
