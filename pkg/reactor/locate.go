package reactor

import (
	"context"
	"time"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
)

// locate finds the entity of facts that only name references, and parks those of which nobody knows where they lead.
// What it returns is in the order in which it came.
func (r *Reactor) locate(ctx context.Context, batch []*item) ([]*item, error) {
	lost, refs := r.lost(ctx, batch)
	if len(lost) > 0 {
		known, err := r.deps.Store.Resolve(ctx, refs)
		if err != nil {
			return nil, err
		}
		if err := r.park(ctx, leadTo(known, lost)); err != nil {
			return nil, err
		}
	}
	var located []*item
	for _, it := range remaining(batch) {
		if !it.entity.IsZero() {
			located = append(located, it)
		}
	}
	return located, nil
}

// lost are the items without an entity. Without a reference either they would wait for ever, so they are given up.
func (r *Reactor) lost(ctx context.Context, batch []*item) (lost []*item, refs []string) {
	for _, it := range batch {
		names := it.trigger.Fact.GetReferences()
		switch {
		case !it.entity.IsZero():
		case len(names) == 0:
			r.giveUp(ctx, &Work{items: []*item{it}, err: fault.New(fault.Rejected, "it names neither an order nor a reference to one")})
		default:
			lost, refs = append(lost, it), append(refs, names...)
		}
	}
	return lost, refs
}

// leadTo gives items the entity that one of their references leads to, and returns those that stay without.
func leadTo(known map[string]ident.Entity, lost []*item) []*item {
	var still []*item
	for _, it := range lost {
		for _, ref := range it.trigger.Fact.GetReferences() {
			if id, ok := known[ref]; ok {
				it.entity = id
				break
			}
		}
		if it.entity.IsZero() {
			still = append(still, it)
		}
	}
	return still
}

// park leaves facts waiting for one of their references. One that was linked at this very moment gets its entity.
func (r *Reactor) park(ctx context.Context, lost []*item) error {
	if len(lost) == 0 {
		return nil
	}
	timers := make([]eventstore.Timer, len(lost))
	for i, it := range lost {
		t, err := r.asTimer(it, time.Time{}, it.trigger.Fact.GetReferences())
		if err != nil {
			return err
		}
		t.Attempt = 0 // waiting is no attempt
		timers[i] = t
	}
	linked, err := r.deps.Store.Park(ctx, timers)
	if err != nil {
		return err
	}
	for i, it := range lost {
		if id, ok := linked[timers[i].ID]; ok {
			it.entity = id
			continue
		}
		r.metrics.parked.Inc()
		it.finish() // the row is what waits now
	}
	return nil
}

// group makes one work of everything about one entity, in the order of arrival.
func group(items []*item) []*Work {
	var works []*Work
	byEntity := map[ident.Entity]*Work{}
	for _, it := range items {
		w := byEntity[it.entity]
		if w == nil {
			w = &Work{Entity: it.entity}
			byEntity[it.entity] = w
			works = append(works, w)
		}
		w.items = append(w.items, it)
	}
	return works
}
