package reactor

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
)

// storeEach decides about every work by itself and stores all of it at once. It returns the works that are to be
// decided again, alone: those that met a conflict, and those of which one part fails.
func (r *Reactor) storeEach(ctx context.Context, works []*Work) ([]*Work, error) {
	now := r.deps.Clock().UTC()
	var decisions []decision
	var again []*Work
	for _, w := range works {
		var d decision
		err := guarded(func() (err error) {
			d, err = r.decide(w, now)
			return err
		})
		if err == nil {
			decisions = append(decisions, d)
			continue
		}
		alone, err := r.failed(ctx, []*Work{w}, err)
		if err != nil {
			return nil, err
		}
		again = append(again, alone...)
	}
	conflicted, err := r.store(ctx, decisions)
	return append(again, conflicted...), err
}

// store appends what was decided. Decisions without anything to store are simply done.
func (r *Reactor) store(ctx context.Context, decisions []decision) ([]*Work, error) {
	var units []eventstore.Unit
	var owners []int
	for i, d := range decisions {
		if !empty(d.unit) {
			units, owners = append(units, d.unit), append(owners, i)
		}
	}
	works := make([]*Work, len(decisions))
	for i, d := range decisions {
		works[i] = d.work
	}
	outcomes, err := r.append(ctx, units, works)
	if err != nil {
		return r.notStored(ctx, works, err)
	}
	conflicted := map[int]bool{}
	var again []*Work
	for u, outcome := range outcomes {
		d := decisions[owners[u]]
		// A repeat that asks for calls was decided by another replica too, and the calls are its own to make.
		if outcome == eventstore.Conflict || outcome == eventstore.Repeat && len(d.requests) > 0 {
			conflicted[owners[u]] = true
			again = append(again, d.work)
		}
	}
	var done []*item
	for i, d := range decisions {
		switch {
		case conflicted[i]:
		case len(d.requests) > 0:
			handedOver(d.work) // before the first call can be over
			if !r.call(d.state, d.span, d.requests, errandOf(d.work)) {
				takenBack(d.work)
				again = append(again, d.work) // the answer came while it was being decided
			}
		case r.overtaken(d):
			again = append(again, d.work)
		default:
			done = append(done, d.work.items...)
		}
	}
	r.end(ctx, done...)
	r.metrics.conflicts.Add(float64(len(again)))
	return again, nil
}

// overtaken says that a decision which appends nothing, and so meets no conflict, did not see the answer of a call that
// was being stored meanwhile.
func (r *Reactor) overtaken(d decision) bool {
	return r.calls != nil && len(d.unit.Appends) == 0 && r.calls.recorder.overtook(d.work.Entity, d.work.State.Version(r.spec.Owns))
}

// storeBatch lets the service decide about the whole batch. A unit that is in conflict sends back every work that has
// an entity in it.
func (r *Reactor) storeBatch(ctx context.Context, works []*Work) ([]*Work, error) {
	var units []eventstore.Unit
	err := guarded(func() (err error) {
		units, err = r.spec.Batch(ctx, works, r.deps.Clock().UTC())
		return err
	})
	if err != nil {
		return r.notStored(ctx, works, err)
	}
	give(units, works)
	outcomes, err := r.append(ctx, units, works)
	if err != nil {
		return r.notStored(ctx, works, err)
	}
	conflicted := map[ident.Entity]bool{}
	for u, outcome := range outcomes {
		if outcome == eventstore.Conflict {
			for _, id := range entitiesOf(units[u]) {
				conflicted[id] = true
			}
		}
	}
	var again []*Work
	var done []*item
	for _, w := range works {
		if conflicted[w.Entity] {
			again = append(again, w)
		} else {
			done = append(done, w.items...)
		}
	}
	r.end(ctx, done...)
	r.metrics.conflicts.Add(float64(len(again)))
	return again, nil
}

// errUnstorable says that the database answers, and refuses what was decided.
var errUnstorable = errors.New("it cannot be stored")

// notStored sorts what went wrong with works that were to be read for, decided or stored together. Trouble with the
// database is told, so that it is waited out. Anything else is the trouble of one of them, and alone each of them
// shows whose.
func (r *Reactor) notStored(ctx context.Context, works []*Work, err error) ([]*Work, error) {
	if eventstore.Unreachable(err) {
		return nil, err
	}
	if !errors.Is(err, errPanic) && !givenUp(err) {
		err = sorted{errUnstorable, err}
	}
	return r.failed(ctx, works, err)
}

// failed takes works apart until each is one thing about one entity; that is put off or given up.
func (r *Reactor) failed(ctx context.Context, works []*Work, err error) ([]*Work, error) {
	if len(works) > 1 {
		return works, nil
	}
	for _, w := range works {
		if parts := split(w); len(parts) > 1 {
			return parts, nil
		}
		w.err = err
	}
	return nil, r.putOff(ctx, works)
}

func entitiesOf(u eventstore.Unit) []ident.Entity {
	var ids []ident.Entity
	for _, a := range u.Appends {
		ids = append(ids, a.Entity)
	}
	for _, t := range u.Timers {
		ids = append(ids, t.Entity)
	}
	return ids
}

// append stores units and sets the news of them on its way. It returns when they are stored; telling goes on beside.
func (r *Reactor) append(ctx context.Context, units []eventstore.Unit, works []*Work) ([]eventstore.Outcome, error) {
	if len(units) == 0 {
		return nil, nil
	}
	published := r.takePublished()
	result, err := r.deps.Store.Append(ctx, r.spec.Service, units, published)
	if err != nil {
		r.addPublished(published...)
		return nil, err
	}
	for i, events := range result.Events {
		if result.Outcomes[i] == eventstore.Stored {
			tellSpans(units[i], events)
		}
	}
	r.metrics.stored(result.Events, works)
	if len(result.Doorbells) > 0 {
		r.background.Go(func() { r.tell(context.WithoutCancel(ctx), result.Outbox, result.Doorbells) })
	}
	return result.Outcomes, nil
}

// putOff ends works that failed: given up with a copy in DEAD, or written as timers that try again later.
func (r *Reactor) putOff(ctx context.Context, works []*Work) error {
	var timers []eventstore.Timer
	var later []*item
	for _, w := range works {
		if givenUp(w.err) {
			r.giveUp(ctx, w)
			continue
		}
		r.note(ctx, w)
		attempt := 0
		for _, it := range w.items {
			attempt = max(attempt, it.attempt) // bells become one timer: the latest attempt counts
		}
		for _, it := range w.items {
			it.attempt = attempt
			t, err := r.asTimer(it, r.deps.Clock().Add(r.pace.pause(attempt)), nil)
			if err != nil {
				return err
			}
			timers = append(timers, t)
		}
		later = append(later, w.items...)
	}
	if len(timers) == 0 {
		return nil
	}
	if err := r.deps.Store.PutTimers(ctx, timers); err != nil {
		return err
	}
	r.metrics.retries.Add(float64(len(timers)))
	for _, it := range later {
		it.finish()
	}
	return nil
}

// note logs why a work is put off, and marks its entity stuck where only a better program can help.
func (r *Reactor) note(ctx context.Context, w *Work) {
	r.deps.Log.Warn().Err(w.err).Stringer("entity_id", w.Entity).Str("trace_id", w.trace()).Msg("put off")
	if errors.Is(w.err, errPanic) || errors.Is(w.err, errFold) || errors.Is(w.err, errUnstorable) {
		if err := r.deps.Store.MarkStuck(ctx, r.spec.Service, w.Entity, w.err.Error()); err != nil {
			r.deps.Log.Warn().Err(err).Msg("not marked stuck")
		}
	}
}

// pause grows from a second to ten minutes.
func pause(attempt int) time.Duration { return min(time.Second<<min(attempt, 10), 10*time.Minute) }

func chain(a, b func(context.Context, pgx.Tx) error) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := a(ctx, tx); err != nil {
			return err
		}
		return b(ctx, tx)
	}
}
