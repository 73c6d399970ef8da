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
	return r.patiently(ctx, r.approach, func(tx pgx.Tx) error {
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
			if _, err := r.last(ctx, tx, f, lastMost); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE projection.generation SET generation = $1, fold_version = $2`, r.next, r.foldVersion); err != nil {
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

// approach folds, before every attempt to swap, what the live tables have and we have not: what is left to be folded
// while everybody waits must stay little, however long a reader makes us try.
func (r *rebuild) approach(ctx context.Context) error {
	for round := 0; ; round++ {
		folded := 0
		for _, f := range families {
			err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
				n, err := r.last(ctx, tx, f, approachMost)
				folded += n
				return err
			})
			if err != nil {
				return err
			}
		}
		if folded <= catchUpLittle || folded < approachMost && round >= catchUpRounds {
			return nil
		}
	}
}

// How many entities are folded in one transaction while nobody waits, and at most while everybody does.
const (
	approachMost = 10 * batchMost
	lastMost     = 1 << 30
)

// last folds entities of which the live tables show more than the new ones, and returns how many that were. In the swap
// nobody writes to either meanwhile.
func (r *rebuild) last(ctx context.Context, tx pgx.Tx, f family, most int) (int, error) {
	g := f.guard()
	rows, err := tx.Query(ctx, `SELECT l.`+g.key()+` FROM `+g.in(r.live)+` l LEFT JOIN `+g.in(r.next)+` n USING (`+g.key()+`)
		WHERE n.events_seen IS NULL OR n.events_seen < l.events_seen LIMIT $1`, most)
	if err != nil {
		return 0, fmt.Errorf("look for the last changes: %w", err)
	}
	ids, err := collectEntities(rows)
	if err != nil {
		return 0, err
	}
	folded := 0
	for len(ids) > 0 {
		n := min(len(ids), batchMost)
		out, err := r.fold(ctx, eventstore.Within(tx), f, ids[:n])
		if err != nil {
			return folded, err
		}
		if len(out.folded) > 0 {
			if _, err := replace(ctx, tx, f, r.next, out.folded, nil); err != nil {
				return folded, err
			}
		}
		folded += len(out.folded)
		ids = ids[n:]
	}
	return folded, nil
}

// patience is how long a long SELECT may keep a swap from happening, unless somebody says otherwise; tidyPatience is how
// long tables that are not looked at any more may be read.
const (
	patience     = 30 * time.Minute
	tidyPatience = 10 * time.Second
)

// A wait for a lock is short, since everybody else queues behind it. It grows, since we must come to our turn; and it
// stays shorter than Postgres takes to suspect a deadlock, so that it is always we who give way.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 800 * time.Millisecond
)

// patiently tries again while somebody holds a lock that is needed, and says who. Before each attempt it does what can
// be done while nobody waits.
func (r *rebuild) patiently(ctx context.Context, before func(context.Context) error, try func(tx pgx.Tx) error) error {
	end := time.Now().Add(r.patience)
	told := map[string]bool{}
	for wait := firstWait; ; wait = min(wait*3/2, longestWait) {
		if before != nil {
			if err := before(ctx); err != nil {
				return err
			}
		}
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, wait.Milliseconds())); err != nil {
				return err
			}
			return try(tx)
		})
		if !locked(err) {
			return err
		}
		who := r.inTheWay(ctx)
		if time.Now().After(end) {
			return &busyError{who, r.patience, err}
		}
		if who != "" && !told[who] {
			told[who] = true
			r.waiting(who)
		}
		select {
		case <-time.After(2 * wait): // who waited behind us goes first
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// locked knows that somebody else held a lock.
func locked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

// busyError says who kept the tables from being changed, for how long, and that nothing is lost.
type busyError struct {
	who  string
	long time.Duration
	err  error
}

func (e *busyError) Error() string {
	who := e.who
	if who == "" {
		who = "somebody"
	}
	return fmt.Sprintf("%s kept the views as they are for %s; nothing has changed, and another rebuild goes on from here: end that transaction, or be more patient", who, e.long)
}

func (e *busyError) Unwrap() error { return e.err }

// inTheWay names who has held a lock on what people read for the longest time; empty if it is nobody who can be seen.
func (r *rebuild) inTheWay(ctx context.Context) string {
	var pid int
	var role, program, what string
	var since *time.Time
	err := r.pool.QueryRow(ctx, `SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''), a.xact_start,
			(SELECT string_agg(DISTINCT n.nspname || '.' || c.relname, ', ') FROM pg_locks k JOIN pg_class c ON c.oid = k.relation
			   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.pid = a.pid AND k.granted AND n.nspname = s.nspname AND c.relkind IN ('r', 'v'))
		FROM pg_locks l JOIN pg_class t ON t.oid = l.relation JOIN pg_namespace s ON s.oid = t.relnamespace JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		  AND s.nspname IN ('read', 'projection') AND t.relkind IN ('r', 'v')
		ORDER BY s.nspname <> 'read', a.xact_start NULLS LAST LIMIT 1`).Scan(&pid, &role, &program, &since, &what)
	if err != nil {
		return "" // nobody any more, or it cannot be seen
	}
	who := fmt.Sprintf("process %d of role %s", pid, role)
	if program != "" {
		who += " (" + program + ")"
	}
	who += ", which reads " + what
	if since != nil {
		who += " in a transaction that is open since " + since.UTC().Format(time.RFC3339)
	}
	return who
}

// leave drops the old tables. Where somebody reads them still, the next rebuild does it.
func (r *rebuild) leave(ctx context.Context) error {
	r.patience = min(r.patience, tidyPatience)
	err := r.tidy(ctx)
	if locked(err) {
		r.out.Left, err = true, nil
	}
	return err
}
