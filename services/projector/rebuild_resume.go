package projector

// A rebuild of many millions of events may be stopped: by a person, a kill, or a reader who outlasted its patience. What
// it has folded by then stands in its tables, each entity whole, and says by itself how far it came.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
)

// resume goes on with the tables that a stopped rebuild left, if they are what this one would make: of the generation
// after the live one, in the shape of today, and folded as this program folds.
func (r *rebuild) resume(ctx context.Context) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		generation, err := live(ctx, tx, unlocked)
		if err != nil {
			return err
		}
		var began time.Time
		err = tx.QueryRow(ctx, `SELECT started_at FROM projection.rebuild WHERE ended_at IS NULL`).Scan(&began)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for a stopped rebuild: %w", err)
		}
		usable, err := r.usable(ctx, tx, generation+1)
		if err != nil || !usable {
			return err
		}
		r.live, r.next, r.started, r.resumed = generation, generation+1, began, true
		r.out.Generation = r.next
		if err := r.countFolded(ctx, tx); err != nil {
			return err
		}
		return r.countAll(ctx, tx)
	})
}

// usable says that the tables of a generation are there, have the columns that their templates have now, and hold no
// row of another fold.
func (p *projection) usable(ctx context.Context, tx pgx.Tx, generation int) (bool, error) {
	const same = `SELECT count(*) = 2 AND count(DISTINCT columns) = 1 FROM (
		SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns
		  FROM pg_attribute a WHERE a.attrelid IN (to_regclass($1), to_regclass($2)) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid) t`
	for _, f := range families {
		for _, t := range f.tables {
			var is bool
			err := tx.QueryRow(ctx, same, t.in(generation), "projection_template."+t.name).Scan(&is)
			if err != nil || !is {
				return false, err
			}
		}
		var others bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+f.guard().in(generation)+` WHERE fold_version <> $1)`, p.foldVersion).Scan(&others)
		if err != nil || others {
			return false, err
		}
	}
	return true, nil
}

// countFolded counts what was folded before, as if we had done it.
func (r *rebuild) countFolded(ctx context.Context, tx pgx.Tx) error {
	for _, f := range families {
		var entities, events int
		err := tx.QueryRow(ctx, `SELECT count(*), coalesce(sum(events_seen), 0)::bigint FROM `+f.guard().in(r.next)).Scan(&entities, &events)
		if err != nil {
			return fmt.Errorf("count what was folded before: %w", err)
		}
		if f.name == stockFamily.name {
			r.out.SKUs += entities
		} else {
			r.out.Orders, r.out.Events = r.out.Orders+entities, r.out.Events+events
		}
		r.out.Resumed += entities
	}
	return nil
}

// unfolded are the entities of a page that no earlier rebuild has folded. What moved since is caught up with later, like
// everything that moves while we fold.
func (r *rebuild) unfolded(ctx context.Context, p page) ([]ident.Entity, error) {
	if !r.resumed {
		return p.ids, nil
	}
	g := p.guard()
	rows, err := r.pool.Query(ctx, `SELECT id FROM unnest($1::uuid[]) id WHERE NOT EXISTS (SELECT FROM `+g.in(r.next)+` g WHERE g.`+g.key()+` = id)`, uuids(p.ids))
	if err != nil {
		return nil, fmt.Errorf("look for what is not folded: %w", err)
	}
	return collectEntities(rows)
}
