package projector

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"
)

// Rebuilt is what a rebuild came to.
type Rebuilt struct {
	Generation int           `json:"generation"`
	Orders     int           `json:"orders"`
	SKUs       int           `json:"skus"`
	Events     int           `json:"events"`
	Folding    time.Duration `json:"folding_ns"` // of the first pass over everything
	Took       time.Duration `json:"took_ns"`
	Tables     []Compared    `json:"tables"`
	// Failed are entities that cannot be folded: they have no rows, and say why.
	Failed map[string]string `json:"failed,omitempty"`
}

// Compared is one table of the live generation beside the rebuilt one, as far as both show the same events.
type Compared struct {
	Table       string `json:"table"`
	Rows        int    `json:"rows"`         // rebuilt
	OnlyLive    int    `json:"only_live"`    // rows that the live table has and the fold does not come to
	OnlyRebuilt int    `json:"only_rebuilt"` // rows that the fold comes to and the live table lacks
}

// Differing is how many rows were not as the fold says.
func (r Rebuilt) Differing() int {
	n := 0
	for _, t := range r.Tables {
		n += max(t.OnlyLive, t.OnlyRebuilt)
	}
	return n
}

// ErrRebuilding says that another rebuild is under way.
var ErrRebuilding = errors.New("another rebuild is under way")

// rebuildLock is held by a rebuild's own connection, so that it goes with the process that held it.
const rebuildLock = 7013004

// rebuildWorkers share the first pass; more than two only wait for Postgres on two cores.
const rebuildWorkers = 2

// Rebuild folds everything into new tables beside the live ones, compares, and lets the views look at them. Readers see
// the old tables until they see the new ones; the projector goes on all the time. Stopped in the middle it leaves the
// live tables as they were, and the next one sweeps up what it left.
func Rebuild(
	ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, vault *seal.Vault, progress func(done, total int),
) (Rebuilt, error) {
	started := time.Now()
	lock, err := pool.Acquire(ctx)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild: %w", err)
	}
	defer lock.Release()
	var mine bool
	if err := lock.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, rebuildLock).Scan(&mine); err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild: %w", err)
	}
	if !mine {
		return Rebuilt{}, ErrRebuilding
	}
	defer lock.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, rebuildLock) //nolint:errcheck // it goes with the connection otherwise

	r := &rebuild{projection: &projection{pool: pool, store: store, vault: vault, log: zerolog.Nop()}, progress: progress, started: started}
	r.out.Failed = map[string]string{}
	for _, step := range []func(context.Context) error{r.prepare, r.fill, r.catchUp, r.analyze, r.compare, r.swap, r.tidy} {
		if err := step(ctx); err != nil {
			return r.out, fmt.Errorf("rebuild: %w", err)
		}
	}
	r.out.Took = time.Since(started)
	return r.out, nil
}

// rebuild is one run.
type rebuild struct {
	*projection
	live, next int
	started    time.Time
	progress   func(done, total int)
	done       atomic.Int64
	total      int

	mu  sync.Mutex
	out Rebuilt
}

// prepare drops what an earlier rebuild left and makes the new, empty tables.
func (r *rebuild) prepare(ctx context.Context) error {
	if err := r.tidy(ctx); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var err error
		if r.live, err = live(ctx, tx, unlocked); err != nil {
			return err
		}
		r.next = r.live + 1
		r.out.Generation = r.next
		if _, err := tx.Exec(ctx, `SELECT projection.make($1)`, r.next); err != nil {
			return fmt.Errorf("make the new tables: %w", err)
		}
		const count = `SELECT (SELECT count(*) FROM (SELECT DISTINCT entity_id FROM orderflow.events WHERE category <> 'stock') e)
			+ (SELECT count(*) FROM orderflow.snapshots WHERE category = 'stock')`
		if err := tx.QueryRow(ctx, count).Scan(&r.total); err != nil {
			return fmt.Errorf("count what there is: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO projection.rebuild (done, total, started_at) VALUES (0, $1, $2)
			ON CONFLICT (one) DO UPDATE SET done = 0, total = $1, started_at = $2, ended_at = NULL`, r.total, r.started)
		return err
	})
}

var generationOf = regexp.MustCompile(`_g(\d+)$`)

// tidy drops the tables of every generation that is not live. It waits for who still reads one.
func (r *rebuild) tidy(ctx context.Context) error {
	return r.patiently(ctx, func(tx pgx.Tx) error {
		keep, err := live(ctx, tx, unlocked)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r'`)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			m := generationOf.FindStringSubmatch(name)
			if len(m) < 2 || m[1] == strconv.Itoa(keep) {
				continue
			}
			if _, err := tx.Exec(ctx, `DROP TABLE projection.`+pgx.Identifier{name}.Sanitize()); err != nil {
				return fmt.Errorf("drop %s: %w", name, err)
			}
		}
		return nil
	})
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
	out, err := r.fold(ctx, r.store, p.family, p.ids)
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
	r.report(ctx, len(out.folded)+len(out.failed))
	return nil
}

// add writes what was folded into the new generation; what cannot be stored fails by itself. It returns how many rows
// were let through. Fresh entities were never written there.
func (r *rebuild) add(ctx context.Context, f family, out outcome, fresh bool) (int, error) {
	write := func(all []folded) (n int, err error) {
		err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			through, err := put(ctx, tx, f, r.next, all, fresh)
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
	var after ident.Entity
	f, total := *familyFor(c), 0
	for {
		ids, err := r.store.Moved(ctx, c, since, after, batchMost)
		if err != nil || len(ids) == 0 {
			return total, err
		}
		after = ids[len(ids)-1]
		var behind []ident.Entity
		err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			behind, err = behindIn(ctx, tx, f, r.next, ids)
			return err
		})
		if err != nil {
			return total, err
		}
		out, err := r.fold(ctx, r.store, f, behind)
		if err != nil {
			return total, err
		}
		n, err := r.add(ctx, f, out, false)
		if err != nil {
			return total, err
		}
		total += n
	}
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
			if _, err := replace(ctx, tx, f, r.next, out.folded); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return nil
}
