package projector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// The sweep finds entities whose bell was lost: at start and every hour those that moved since the last sweep, once a
// day all of them. It asks the event store, never the tables it is to heal, and rings only for what is behind.
const (
	sweepEvery  = time.Hour
	sweepAll    = 24
	sweepAtOnce = batchMost
	stuckEvery  = 30 * time.Second
)

func (c *collector) sweep(ctx context.Context) {
	tick, again := time.NewTicker(sweepEvery), time.NewTicker(stuckEvery)
	defer tick.Stop()
	defer again.Stop()
	for round := 0; ; round++ {
		c.sweepUntilDone(ctx, round)
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				due = true
			case <-again.C:
				c.tryStuck(ctx)
			}
		}
	}
}

// sweepUntilDone tries again soon where the database is away: an hour is too long for what a moment's trouble kept from
// being seen.
func (c *collector) sweepUntilDone(ctx context.Context, round int) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := c.sweepRound(ctx, round)
		if err == nil || ctx.Err() != nil {
			return
		}
		c.log.Warn().Err(err).Dur("retry_in", pause).Msg("sweep")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// tryStuck looks again at what could not be folded: nobody rings when it is mended.
func (c *collector) tryStuck(ctx context.Context) {
	stuck, err := c.store.StuckEntities(ctx)
	if err != nil {
		return // the database is away, which others tell
	}
	for _, s := range stuck {
		for _, f := range []*family{&orderFamily, &stockFamily} { // which it is of is not known; of the other there is nothing
			if s.Service == service && !c.offer(ctx, &bell{entity: s.Entity, family: f, at: c.clock()}) {
				return
			}
		}
	}
}

// sweepRound looks at everything if it is time for that, or if rows may stand there that an older fold wrote.
func (c *collector) sweepRound(ctx context.Context, round int) error {
	var swept int
	if err := c.pool.QueryRow(ctx, `SELECT fold_version FROM projection.generation`).Scan(&swept); err != nil {
		return fmt.Errorf("read the version of the last sweep: %w", err)
	}
	began := c.clock()
	since, err := c.store.SweepSince(ctx, "projector")
	if err != nil {
		return err
	}
	if swept < FoldVersion || round%sweepAll == sweepAll-1 {
		since = time.Time{}
	}
	var rung sync.WaitGroup
	for _, category := range []event.Category{event.Order, event.Stock} {
		if err := c.sweepSince(ctx, category, since, &rung); err != nil {
			return err
		}
	}
	projected := make(chan struct{})
	go func() {
		rung.Wait()
		close(projected)
	}()
	select { // what was only queued is forgotten when we die, and has to be found again by the next sweep
	case <-projected:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := c.store.MarkSwept(ctx, "projector", began); err != nil {
		return err
	}
	if swept < FoldVersion {
		_, err := c.pool.Exec(ctx, `UPDATE projection.generation SET fold_version = greatest(fold_version, $1)`, FoldVersion)
		return err
	}
	return nil
}

func (c *collector) sweepSince(ctx context.Context, category event.Category, since time.Time, rung *sync.WaitGroup) error {
	for ids, err := range c.store.Moved(ctx, category, since, sweepAtOnce) {
		if err != nil {
			return err
		}
		behind, err := c.behind(ctx, *familyFor(category), ids)
		if err != nil {
			return err
		}
		for _, id := range behind {
			rung.Add(1)
			if !c.offer(ctx, &bell{entity: id, family: familyFor(category), at: c.clock(), over: sync.OnceFunc(rung.Done)}) {
				return ctx.Err()
			}
		}
		c.metrics.swept.Add(float64(len(behind)))
	}
	return nil
}

// behind are those of the entities whose rows show less than is recorded, or were written by an older fold.
func (p *projection) behind(ctx context.Context, f family, ids []ident.Entity) (behind []ident.Entity, err error) {
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		generation, err := live(ctx, tx, unlocked)
		if err != nil {
			return err
		}
		behind, err = behindIn(ctx, tx, f, generation, ids)
		return err
	})
	return behind, err
}

// recorded says how much there is of each entity of a family.
func recorded(f family) string {
	if f.name == stockFamily.name {
		return `SELECT entity_id, version AS n FROM orderflow.snapshots WHERE category = 'stock' AND entity_id = ANY($1)`
	}
	return `SELECT entity_id, count(*) AS n FROM orderflow.events WHERE category <> 'stock' AND entity_id = ANY($1) GROUP BY entity_id`
}

// recordedOf says how much there is of one entity; nothing (NULL or 0) if it is not known.
func recordedOf(f family, id string) string {
	if f.name == stockFamily.name {
		return `SELECT s.version FROM orderflow.snapshots s WHERE s.category = 'stock' AND s.entity_id = ` + id
	}
	return `SELECT nullif(count(*), 0) FROM orderflow.events e WHERE e.category <> 'stock' AND e.entity_id = ` + id
}

func behindIn(ctx context.Context, tx pgx.Tx, f family, generation int, ids []ident.Entity) ([]ident.Entity, error) {
	t := f.guard()
	rows, err := tx.Query(ctx, `SELECT r.entity_id FROM (`+recorded(f)+`) r LEFT JOIN `+t.in(generation)+` t ON t.`+t.key()+` = r.entity_id
		WHERE t.events_seen IS NULL OR t.events_seen < r.n OR t.fold_version < $2`, uuids(ids), FoldVersion)
	if err != nil {
		return nil, fmt.Errorf("look for what is behind: %w", err)
	}
	return collectEntities(rows)
}

func collectEntities(rows pgx.Rows) ([]ident.Entity, error) {
	keys, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	ids := make([]ident.Entity, len(keys))
	for i, k := range keys {
		ids[i] = ident.Entity(k)
	}
	return ids, nil
}
