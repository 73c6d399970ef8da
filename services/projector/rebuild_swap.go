package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderflow/orderflow/pkg/eventstore"
)

// compare looks, at one moment, at the rows of entities of which both generations show the same events.
func (r *rebuild) compare(ctx context.Context) error {
	return pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, f := range families {
			for _, t := range f.tables {
				c, err := r.compareTable(ctx, tx, f, t)
				if err != nil {
					return err
				}
				r.out.Tables = append(r.out.Tables, c)
			}
		}
		return nil
	})
}

func (r *rebuild) compareTable(ctx context.Context, tx pgx.Tx, f family, t table) (Compared, error) {
	c := Compared{Table: t.name}
	g, key := f.guard(), f.guard().key()
	// Entities that the two show at different states are merely behind, as long as what is recorded bears it out; so are
	// those that only the live tables have, and orders that appeared while we folded. The rest differs.
	skip := `SELECT l.` + key + ` FROM ` + g.in(r.live) + ` l LEFT JOIN ` + g.in(r.next) + ` n USING (` + key + `)
		WHERE (n.events_seen IS NULL OR (l.fold_version, l.events_seen) <> (n.fold_version, n.events_seen))
		  AND l.events_seen <= (` + recordedOf(f, "l."+key) + `)`
	args := []any{}
	if f.name == orderFamily.name {
		skip += ` UNION ALL SELECT n.order_id FROM ` + g.in(r.next) + ` n WHERE n.last_event_at >= $1
			AND NOT EXISTS (SELECT 1 FROM ` + g.in(r.live) + ` l WHERE l.order_id = n.order_id)`
		args = append(args, r.started.Add(-time.Minute))
	}
	side := func(generation int) string {
		return `SELECT t::text FROM ` + t.in(generation) + ` t WHERE NOT EXISTS (SELECT 1 FROM skip s WHERE s.` + key + ` = t.` + key + `)`
	}
	query := `WITH skip AS MATERIALIZED (` + skip + `), a AS MATERIALIZED (` + side(r.live) + `), b AS MATERIALIZED (` + side(r.next) + `)
		SELECT (SELECT count(*) FROM ` + t.in(r.next) + `),
		       (SELECT count(*) FROM (TABLE a EXCEPT ALL TABLE b) x), (SELECT count(*) FROM (TABLE b EXCEPT ALL TABLE a) y)`
	if err := tx.QueryRow(ctx, query, args...).Scan(&c.Rows, &c.OnlyLive, &c.OnlyRebuilt); err != nil {
		return c, fmt.Errorf("compare %s: %w", t.name, err)
	}
	return c, nil
}

// swap takes the generation row alone, which waits for every projector transaction and keeps new ones waiting; folds
// what they had written and we have not; and lets the views look at the new tables.
func (r *rebuild) swap(ctx context.Context) error {
	return r.patiently(ctx, func(tx pgx.Tx) error {
		// The table's lock is asked for in turn; the row's alone could be passed over for ever by those who share it.
		if _, err := tx.Exec(ctx, `LOCK TABLE projection.generation IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		generation, err := live(ctx, tx, alone)
		if err != nil {
			return err
		}
		if generation != r.live {
			return fmt.Errorf("the live generation is %d and was %d: somebody else has swapped", generation, r.live)
		}
		for _, f := range families {
			if err := r.last(ctx, tx, f); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE projection.generation SET generation = $1, fold_version = $2`, r.next, FoldVersion); err != nil {
			return fmt.Errorf("swap: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE projection.rebuild SET done = total, ended_at = clock_timestamp()`); err != nil {
			return fmt.Errorf("swap: %w", err)
		}
		if _, err := tx.Exec(ctx, `SELECT projection.show($1)`, r.next); err != nil {
			return fmt.Errorf("swap: %w", err)
		}
		return nil
	})
}

// last folds every entity of which the live tables show more than the new ones. Nobody writes to either meanwhile.
func (r *rebuild) last(ctx context.Context, tx pgx.Tx, f family) error {
	g := f.guard()
	rows, err := tx.Query(ctx, `SELECT l.`+g.key()+` FROM `+g.in(r.live)+` l LEFT JOIN `+g.in(r.next)+` n USING (`+g.key()+`)
		WHERE n.events_seen IS NULL OR n.events_seen < l.events_seen`)
	if err != nil {
		return fmt.Errorf("look for the last changes: %w", err)
	}
	ids, err := collectEntities(rows)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), batchMost)
		out, err := r.fold(ctx, eventstore.Within(tx), f, ids[:n])
		if err != nil {
			return err
		}
		if len(out.folded) > 0 {
			if _, err := replaceAll(ctx, tx, f, r.next, out.folded); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return nil
}

// patience is how long a long SELECT may keep a swap from happening.
const patience = 10 * time.Minute

// A wait for a lock is short, since everybody else queues behind it. It grows, since we must come to our turn; and it
// stays shorter than Postgres takes to suspect a deadlock, so that it is always we who give way.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 800 * time.Millisecond
)

// patiently tries again while somebody holds a lock that is needed.
func (r *rebuild) patiently(ctx context.Context, try func(tx pgx.Tx) error) error {
	end := time.Now().Add(patience)
	for wait := firstWait; ; wait = min(wait*3/2, longestWait) {
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, wait.Milliseconds())); err != nil {
				return err
			}
			return try(tx)
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55P03" && pg.Code != "40P01" || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(2 * wait): // who waited behind us goes first
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
