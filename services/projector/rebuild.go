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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/eventstore"
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
	// Resumed is how many entities an earlier rebuild had folded that was stopped.
	Resumed int        `json:"resumed,omitempty"`
	Tables  []Compared `json:"tables"`
	// Left says that somebody still reads the old tables; the next rebuild drops them.
	Left bool `json:"old_tables_left,omitempty"`
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

// Option says how a rebuild is done.
type Option func(*rebuild)

// Anew begins from zero, also where an earlier rebuild was stopped.
func Anew() Option { return func(r *rebuild) { r.anew = true } }

// Patience is how long the swap waits for whoever reads the views.
func Patience(d time.Duration) Option { return func(r *rebuild) { r.patience = d } }

// Waiting hears whom the swap waits for, once for each of them.
func Waiting(hear func(who string)) Option { return func(r *rebuild) { r.waiting = hear } }

// Rebuild folds everything into new tables beside the live ones, compares, and lets the views look at them. Readers see
// the old tables until they see the new ones; the projector goes on all the time. Stopped in the middle it leaves the
// live tables as they were, and the next one goes on with what it had folded.
func Rebuild(
	ctx context.Context, pool *pgxpool.Pool, store *eventstore.Store, vault *seal.Vault, progress func(done, total int), options ...Option,
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

	r := &rebuild{
		projection: newProjection(pool, store, vault, zerolog.Nop(), nil), progress: progress, started: started,
		patience: patience, waiting: func(string) {},
	}
	for _, o := range options {
		o(r)
	}
	r.out.Failed = map[string]string{}
	for _, step := range []func(context.Context) error{r.prepare, r.fill, r.catchUp, r.analyze, r.compare, r.swap, r.leave} {
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
	// started is when the first of the rebuilds began that this one goes on with.
	started  time.Time
	anew     bool
	resumed  bool
	patience time.Duration
	waiting  func(who string)
	progress func(done, total int)
	done     atomic.Int64
	total    int

	mu  sync.Mutex
	out Rebuilt
}

// prepare goes on with what an earlier rebuild left, or drops it and makes new, empty tables.
func (r *rebuild) prepare(ctx context.Context) error {
	if !r.anew {
		if err := r.resume(ctx); err != nil || r.resumed {
			return err
		}
	}
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
		if err := r.countAll(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO projection.rebuild (done, total, started_at) VALUES (0, $1, $2)
			ON CONFLICT (one) DO UPDATE SET done = 0, total = $1, started_at = $2, ended_at = NULL`, r.total, r.started)
		return err
	})
}

func (r *rebuild) countAll(ctx context.Context, tx pgx.Tx) error {
	const count = `SELECT (SELECT count(*) FROM (SELECT DISTINCT entity_id FROM orderflow.events WHERE category <> 'stock') e)
		+ (SELECT count(*) FROM orderflow.snapshots WHERE category = 'stock')`
	if err := tx.QueryRow(ctx, count).Scan(&r.total); err != nil {
		return fmt.Errorf("count what there is: %w", err)
	}
	return nil
}

var generationOf = regexp.MustCompile(`_g(\d+)$`)

// tidy drops the tables of every generation that is not live. It waits for who still reads one.
func (r *rebuild) tidy(ctx context.Context) error {
	return r.patiently(ctx, nil, func(tx pgx.Tx) error {
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
