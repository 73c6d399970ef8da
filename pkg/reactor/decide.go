package reactor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// errNewer says that the service's own stream holds types that this build does not know: a newer replica wrote them,
// and it is for a newer replica to go on.
var errNewer = errors.New("the stream holds events of a newer version")

// errFold says that an entity's events do not make a state: only a better program, or a repaired stream, can help.
var errFold = errors.New("the events do not fold")

// sorted is an error that is also of a sort of ours.
type sorted struct{ sort, err error }

func (e sorted) Error() string   { return e.sort.Error() + ": " + e.err.Error() }
func (e sorted) Unwrap() []error { return []error{e.sort, e.err} }

// load reads and folds every entity of the works. A fold that fails is that entity's trouble alone.
func (r *Reactor) load(ctx context.Context, works []*Work) error {
	events, err := r.deps.Store.Load(ctx, entities(works))
	if err != nil {
		return err
	}
	for _, w := range works {
		w.Events, w.State, w.Triggers, w.err, w.Extra = events[w.Entity], nil, nil, nil, nil
		w.err = guarded(func() error { return r.fold(w) })
		if w.err == nil {
			w.Triggers = r.triggers(w)
		}
	}
	return nil
}

func (r *Reactor) fold(w *Work) error {
	w.State = order.New(w.Entity)
	for _, e := range w.Events {
		if e.Message == nil && e.Damaged == nil && e.Category == r.spec.Owns {
			return fmt.Errorf("%w: %s", errNewer, e.Type)
		}
		if err := w.State.Apply(e); err != nil {
			return sorted{errFold, err}
		}
	}
	return nil
}

// triggers are what there is to decide: every fact and command that has not led to an event yet, then every kind of
// timer that is due, then all doorbells as one.
func (r *Reactor) triggers(w *Work) []Trigger {
	caused := map[ident.Cause]bool{}
	for _, e := range w.Events {
		if e.Category == r.spec.Owns {
			caused[e.Cause] = true
		}
	}
	var news, rings []Trigger
	rung := map[string]bool{}
	for _, it := range w.items {
		t := it.trigger
		if t.Kind == Fact || t.Kind == Command {
			if !caused[t.Cause] {
				news = append(news, t)
				continue
			}
			if r.spec.Calls == nil {
				continue
			}
			// It was decided, but what it planned may not have been called: that is seen by looking at the entity.
			t = Trigger{Kind: Ring, Cause: t.Cause, At: t.At}
		}
		if rung[t.TimerKind] {
			continue
		}
		rung[t.TimerKind] = true
		rings = append(rings, t)
	}
	slices.SortStableFunc(rings, func(a, b Trigger) int { return int(b.Kind) - int(a.Kind) })
	return append(news, rings...)
}

// split makes a work of each thing that there is to decide about an entity, so that one of them that fails does not
// fail the others.
func split(w *Work) []*Work {
	var works []*Work
	rings := map[string]*Work{}
	for _, it := range w.items {
		t := it.trigger
		if t.Kind == Fact || t.Kind == Command {
			works = append(works, &Work{Entity: w.Entity, items: []*item{it}})
			continue
		}
		rung := rings[t.TimerKind]
		if rung == nil {
			rung = &Work{Entity: w.Entity}
			rings[t.TimerKind] = rung
			works = append(works, rung)
		}
		rung.items = append(rung.items, it)
	}
	return works
}

// setAside takes works out that cannot be decided now: those whose fold failed.
func (r *Reactor) setAside(ctx context.Context, works []*Work) ([]*Work, error) {
	var good, bad []*Work
	for _, w := range works {
		if w.err != nil {
			bad = append(bad, w)
		} else {
			good = append(good, w)
		}
	}
	return good, r.putOff(ctx, bad)
}

// decision is what came of one work: its unit and what is to happen once that is stored.
type decision struct {
	work     *Work
	unit     eventstore.Unit
	requests []Request
	span     trace.Span // in which the first of the requests was decided
	state    *order.State
}

// decide asks the service about each trigger in turn; each sees what the ones before it led to.
func (r *Reactor) decide(w *Work, now time.Time) (decision, error) {
	d := decision{work: w, state: w.State}
	ordinals := ordinalsOf(w.Events, r.spec.Owns)
	appended := eventstore.Append{Entity: w.Entity, Category: r.spec.Owns, Expected: w.State.Version(r.spec.Owns)}
	for _, t := range w.Triggers {
		t.Extra = w.Extra
		wanted, err := r.spec.Decide(d.state.Clone(), t, now)
		if err != nil {
			return d, err
		}
		if len(wanted.Requests) > 0 && r.spec.Calls == nil {
			return d, fmt.Errorf("%s wants a call and is not set up for calls", r.spec.Service)
		}
		appended.Events = append(appended.Events, r.add(&d, wanted, t, now, ordinals)...)
	}
	if len(appended.Events) > 0 {
		d.unit.Appends = []eventstore.Append{appended}
	}
	return d, nil
}

// add takes over what a decision wants, and returns its events as they will be stored.
func (r *Reactor) add(d *decision, wanted Decision, t Trigger, now time.Time, ordinals map[ordinalKey]int) []event.New {
	events := wanted.Events
	for i := range events {
		if events[i].Cause.IsZero() {
			events[i].Cause = t.Cause
		}
		if events[i].OccurredAt.IsZero() {
			events[i].OccurredAt = now
			if t.Kind == Fact && t.Fact.GetOccurredAt().IsValid() {
				events[i].OccurredAt = t.Fact.GetOccurredAt().AsTime()
			}
		}
		events[i].Span = t.span
		// The store counts on from here within one append.
		events[i].Ordinal = ordinals[ordinalKey{events[i].Cause, event.TypeOf(events[i].Message)}]
	}
	d.state = d.state.With(r.spec.Owns, events...)
	if len(d.requests) == 0 {
		d.span = t.span
	}
	d.requests = append(d.requests, wanted.Requests...)
	r.addRows(&d.unit, d.work.Entity, wanted)
	return events
}

// addRows takes over timers, names and the service's own rows.
func (r *Reactor) addRows(u *eventstore.Unit, id ident.Entity, wanted Decision) {
	for _, t := range wanted.Timers {
		if reserved(t.Kind) {
			panic(fmt.Sprintf("reactor: %s sets a timer %q, which is a name of the loop's own", r.spec.Service, t.Kind))
		}
		u.Timers = append(u.Timers, eventstore.Timer{
			Service: r.spec.Service, ID: TimerID(r.spec.Service, id, t.Kind), Entity: id, Kind: t.Kind, DueAt: t.At, Refs: t.Refs,
		})
	}
	for _, kind := range wanted.Clear {
		u.Clear = append(u.Clear, TimerID(r.spec.Service, id, kind))
	}
	for _, ref := range wanted.Links {
		u.Links = append(u.Links, eventstore.Link{Ref: ref, Entity: id})
	}
	u.Wake = append(u.Wake, wanted.Wake...)
	if wanted.Tx != nil {
		before := u.Tx
		u.Tx = wanted.Tx
		if before != nil {
			u.Tx = chain(before, wanted.Tx)
		}
	}
}

type ordinalKey struct {
	cause     ident.Cause
	eventType string
}

// ordinalsOf counts what each cause led to before, by type.
func ordinalsOf(events []event.Recorded, c event.Category) map[ordinalKey]int {
	counts := map[ordinalKey]int{}
	for _, e := range events {
		if e.Category == c {
			counts[ordinalKey{e.Cause, e.Type}]++
		}
	}
	return counts
}

func empty(u eventstore.Unit) bool {
	return len(u.Appends) == 0 && len(u.Timers) == 0 && len(u.Clear) == 0 && len(u.Links) == 0 && len(u.Wake) == 0 && u.Tx == nil
}

// errPanic marks a decision or a fold that panicked: a mistake in the program, kept to its entity.
var errPanic = errors.New("panic")

func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s\n%s", errPanic, fault.Panicked(p), debug.Stack())
		}
	}()
	return f()
}

// givenUp says that trying again will not help.
func givenUp(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Rejected || k == fault.Invalid
}
