package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// page is some entities of a family.
type page struct {
	family
	ids []ident.Entity
}

// fill folds everything that there is, page by page.
func (r *rebuild) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := time.Now()
	pages := make(chan page, rebuildWorkers)
	var workers sync.WaitGroup
	for range rebuildWorkers {
		workers.Go(func() {
			for p := range pages {
				if err := r.fillPage(ctx, p); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := r.list(ctx, pages)
	close(pages)
	workers.Wait()
	r.out.Folding = time.Since(begun)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *rebuild) list(ctx context.Context, pages chan<- page) error {
	for _, f := range families {
		var after ident.Entity
		for {
			ids, err := entitiesAfter(ctx, r.pool, f, after, batchMost)
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			if len(ids) == 0 {
				break
			}
			after = ids[len(ids)-1]
			select {
			case pages <- page{f, ids}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// entitiesAfter lists a family's entities in the order of their ids. Orders are found by jumping from one id to the
// next in the index, which does not read the events between.
func entitiesAfter(ctx context.Context, q querier, f family, after ident.Entity, limit int) ([]ident.Entity, error) {
	query := `WITH RECURSIVE e AS (
			(SELECT entity_id FROM orderflow.events WHERE entity_id > $1 ORDER BY entity_id LIMIT 1)
			UNION ALL
			SELECT (SELECT n.entity_id FROM orderflow.events n WHERE n.entity_id > e.entity_id ORDER BY n.entity_id LIMIT 1)
			  FROM e WHERE e.entity_id IS NOT NULL
		) SELECT entity_id FROM e WHERE entity_id IS NOT NULL LIMIT $2`
	if f.name == stockFamily.name {
		query = `SELECT entity_id FROM orderflow.snapshots WHERE category = 'stock' AND entity_id > $1 ORDER BY entity_id LIMIT $2`
	}
	rows, err := q.Query(ctx, query, uuid.UUID(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", f.name, err)
	}
	return collectEntities(rows)
}

// fillPage folds a page and writes it.
func (r *rebuild) fillPage(ctx context.Context, p page) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ids, err := r.unfolded(ctx, p)
	if err != nil {
		return err
	}
	out, err := r.fold(ctx, r.store, p.family, ids)
	if err != nil {
		return err
	}
	written, err := r.add(ctx, p.family, out, true)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(p.family, written, out)
	r.report(ctx, len(p.ids)-len(ids)+len(out.folded)+len(out.failed))
	return nil
}

// add writes what was folded into the new generation; what cannot be stored fails by itself. It returns how many rows
// were let through. Fresh entities were never written there.
func (r *rebuild) add(ctx context.Context, f family, out outcome, fresh bool) (int, error) {
	write := func(all []folded) (n int, err error) {
		err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			write := fill
			if !fresh {
				write = replaceAll
			}
			through, err := write(ctx, tx, f, r.next, all)
			n = len(through)
			return err
		})
		return n, err
	}
	if len(out.folded) == 0 {
		return 0, nil
	}
	n, err := write(out.folded)
	if !unstorable(err) {
		return n, err
	}
	for _, one := range out.folded {
		m, err := write([]folded{one})
		switch {
		case unstorable(err):
			out.failed[one.entity] = err
		case err != nil:
			return n, err
		}
		n += m
	}
	return n, nil
}

func (r *rebuild) count(f family, written int, out outcome) {
	if f.name == stockFamily.name {
		r.out.SKUs += written
	} else {
		r.out.Orders += written
		r.out.Events += out.events
	}
	for id, err := range out.failed {
		r.out.Failed[id.String()] = err.Error()
	}
}

// report tells the caller, and the database for the projector's metrics, how far we are.
func (r *rebuild) report(ctx context.Context, n int) {
	done := int(r.done.Add(int64(n)))
	if r.progress != nil {
		r.progress(done, max(r.total, done))
	}
	_, _ = r.pool.Exec(ctx, `UPDATE projection.rebuild SET done = $1`, done) // for show; the next one is as good
}

// Catching up ends when a round found little, or after so many of them: the rest is folded under the lock.
const (
	catchUpRounds = 5
	catchUpLittle = 50
	// overlap covers events whose transaction was open, and clocks that differ, when we began.
	overlap = 10 * time.Minute
)

// catchUp folds what moved while everything was folded.
func (r *rebuild) catchUp(ctx context.Context) error {
	since := r.started.Add(-overlap)
	for range catchUpRounds {
		again := 0
		for _, c := range []event.Category{event.Order, event.Stock} {
			n, err := r.catchUpCategory(ctx, c, since)
			if err != nil {
				return err
			}
			again += n
		}
		if again <= catchUpLittle {
			return nil
		}
	}
	return nil
}

func (r *rebuild) catchUpCategory(ctx context.Context, c event.Category, since time.Time) (int, error) {
	f, total := *familyFor(c), 0
	for ids, err := range r.store.Moved(ctx, c, since, batchMost) {
		if err != nil {
			return total, err
		}
		n, err := r.catchUpPage(ctx, f, ids)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (r *rebuild) catchUpPage(ctx context.Context, f family, ids []ident.Entity) (int, error) {
	var behind []ident.Entity
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) (err error) {
		behind, _, err = r.behindIn(ctx, tx, f, r.next, ids)
		return err
	})
	if err != nil || len(behind) == 0 {
		return 0, err
	}
	out, err := r.fold(ctx, r.store, f, behind)
	if err != nil {
		return 0, err
	}
	return r.add(ctx, f, out, false)
}

// analyze counts what is in the new tables, so that Postgres plans well from the first question on.
func (r *rebuild) analyze(ctx context.Context) error {
	for _, f := range families {
		for _, t := range f.tables {
			if _, err := r.pool.Exec(ctx, `ANALYZE `+t.in(r.next)); err != nil {
				return fmt.Errorf("analyze %s: %w", t.name, err)
			}
		}
	}
	return nil
}
