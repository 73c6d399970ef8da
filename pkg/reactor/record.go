package reactor

// Answers of calls are recorded many at a time: those that came while others were being written share a transaction.

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
)

// reply is the answer of one call, on its way into the store.
type reply struct {
	entity  ident.Entity
	request Request
	answer  any
	err     error // of the call
	from    trace.SpanContext

	since     time.Time // when it came
	conflicts int

	// done is closed once decision and failed are set.
	done     chan struct{}
	decision decision
	failed   error
}

func (a *reply) finish(d decision, err error) {
	a.decision, a.failed = d, err
	close(a.done)
}

// recorder gathers answers. It runs only while there are some.
type recorder struct {
	mu      sync.Mutex
	waiting []*reply
	running bool

	// now are the entities of the answers that are being decided about and stored; stored is closed when they are.
	now    map[ident.Entity]bool
	stored chan struct{}
	// lately are the versions that hold what was stored.
	lately map[ident.Entity]answered
}

// begin marks the entities of a batch.
func (q *recorder) begin(ids []ident.Entity) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now, q.stored = map[ident.Entity]bool{}, make(chan struct{})
	for _, id := range ids {
		q.now[id] = true
	}
}

// end takes the marks away and keeps what was stored by entity.
func (q *recorder) end(versions map[ident.Entity]int, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, version := range versions {
		q.lately[id] = answered{version, now}
		forget(q.lately, now)
	}
	q.now = nil
	close(q.stored)
}

// overtook says that an answer about an entity was stored after somebody had looked at it at that version, once that is
// so. The answer may have been decided about before the news that led to the look, and the look did not see the answer:
// neither did what follows from both.
func (q *recorder) overtook(id ident.Entity, version int) bool {
	q.mu.Lock()
	for q.now[id] {
		stored := q.stored
		q.mu.Unlock()
		<-stored
		q.mu.Lock()
	}
	defer q.mu.Unlock()
	return version < q.lately[id].version
}

// record decides about an answer on fresh state and returns when that is stored. Whoever else has an answer meanwhile
// is recorded with it.
func (r *Reactor) record(a *reply) (decision, error) {
	a.since, a.done = r.deps.Clock(), make(chan struct{})
	q := &r.calls.recorder
	q.mu.Lock()
	q.waiting = append(q.waiting, a)
	if !q.running {
		q.running = true
		r.background.Go(r.recordWaiting)
	}
	q.mu.Unlock()
	<-a.done
	return a.decision, a.failed
}

func (r *Reactor) recordWaiting() {
	for {
		batch := r.calls.recorder.take()
		if len(batch) == 0 {
			return
		}
		r.recordBatch(batch)
	}
}

// take takes one answer of each entity: the next one about it is decided when the first is stored.
func (q *recorder) take() []*reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch, left []*reply
	seen := map[ident.Entity]bool{}
	for _, a := range q.waiting {
		if seen[a.entity] || len(batch) == batchMost {
			left = append(left, a)
			continue
		}
		seen[a.entity] = true
		batch = append(batch, a)
	}
	q.waiting = left
	q.running = len(batch) > 0
	return batch
}

// recordBatch brings every answer to an end: stored, again if somebody was faster, or failed. It waits for a database
// that is away: an answer that is lost is a call that is made once more.
func (r *Reactor) recordBatch(batch []*reply) {
	for pause := firstPause; len(batch) > 0; {
		left, err := r.recordOnce(batch)
		switch {
		case err == nil:
			batch, pause = left, firstPause
		case eventstore.Unreachable(err):
			if batch = r.inTime(batch, err); len(batch) > 0 {
				time.Sleep(pause)
				pause = min(2*pause, mostPause)
			}
		case len(batch) == 1:
			batch[0].finish(decision{}, err)
			return
		default: // the trouble of one of them: alone each of them shows whose
			for _, a := range batch {
				r.recordBatch([]*reply{a})
			}
			return
		}
	}
}

// inTime are the answers that may wait longer for a database that is away.
func (r *Reactor) inTime(batch []*reply, err error) []*reply {
	var left []*reply
	for _, a := range batch {
		if r.deps.Clock().Sub(a.since) > recordTimeout {
			a.finish(decision{}, err)
		} else {
			left = append(left, a)
		}
	}
	return left
}

// recordOnce decides about the answers, stores what came of it, and returns those for which somebody was faster. After
// an error all are as they were.
func (r *Reactor) recordOnce(batch []*reply) ([]*reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	ids := make([]ident.Entity, len(batch))
	for i, a := range batch {
		ids[i] = a.entity
	}
	versions := map[ident.Entity]int{}
	r.calls.recorder.begin(ids)
	defer func() { r.calls.recorder.end(versions, r.deps.Clock()) }()
	began := time.Now()
	loaded, err := r.deps.Store.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	works := r.answers(batch, loaded)
	r.beginSpans(ctx, works, began)
	defer endSpans(works)
	decisions, failures, units := make([]decision, len(batch)), make([]error, len(batch)), []eventstore.Unit(nil)
	var owners []int
	for i, a := range batch {
		failures[i] = guarded(func() (err error) {
			decisions[i], err = r.decideRecord(works[i], a)
			return err
		})
		if failures[i] == nil && !empty(decisions[i].unit) {
			units, owners = append(units, decisions[i].unit), append(owners, i)
		}
	}
	outcomes, err := r.append(ctx, units, works)
	if err != nil {
		if !eventstore.Unreachable(err) {
			err = sorted{errUnstorable, err}
		}
		return nil, err
	}
	conflicted := map[int]bool{}
	for u, outcome := range outcomes {
		// Of a repeat it is another replica's answer to the same call that is stored, which need not be ours.
		conflicted[owners[u]] = outcome != eventstore.Stored
		if outcome == eventstore.Stored && len(units[u].Appends) > 0 {
			versions[batch[owners[u]].entity] = decisions[owners[u]].state.Version(r.spec.Owns)
		}
	}
	return r.ended(batch, decisions, failures, conflicted), nil
}

// ended finishes what is stored, and returns what is to be decided again.
func (r *Reactor) ended(batch []*reply, decisions []decision, failures []error, conflicted map[int]bool) []*reply {
	var again []*reply
	for i, a := range batch {
		if !conflicted[i] {
			a.finish(decisions[i], failures[i])
			continue
		}
		r.metrics.conflicts.Inc()
		a.conflicts++
		if a.conflicts > conflictsMost {
			a.finish(decision{}, fmt.Errorf("%d conflicts in a row", a.conflicts))
			continue
		}
		again = append(again, a)
	}
	return again
}

// answers makes a work of each answer, about which there is one thing to decide.
func (r *Reactor) answers(batch []*reply, loaded map[ident.Entity][]event.Recorded) []*Work {
	now := r.deps.Clock().UTC()
	works := make([]*Work, len(batch))
	for i, a := range batch {
		works[i] = &Work{Entity: a.entity, Events: loaded[a.entity], Triggers: []Trigger{{
			Kind: Ring, Cause: ident.Named("call", r.spec.Service, a.entity.String(), a.request.Key()), At: now, from: a.from,
		}}}
	}
	return works
}

func (r *Reactor) decideRecord(w *Work, a *reply) (decision, error) {
	if err := r.fold(w); err != nil {
		return decision{}, err
	}
	t := w.Triggers[0]
	now := t.At
	wanted, err := r.spec.Calls.Record(w.State.Clone(), a.request, a.answer, a.err, now)
	if err != nil {
		return decision{}, err
	}
	d := decision{work: w, state: w.State}
	appended := r.add(&d, wanted, t, now, ordinalsOf(w.Events, r.spec.Owns))
	if len(appended) > 0 {
		d.unit.Appends = []eventstore.Append{{
			Entity: w.Entity, Category: r.spec.Owns, Expected: w.State.Version(r.spec.Owns), Events: appended,
		}}
	}
	return d, nil
}
