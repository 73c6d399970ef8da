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
//
// While a fold is replaced by a newer one, projectors of both share the bells. What the older one wrote has to be written
// again, and builds up to the one of fold 4 acked the bells of rows that a newer fold had written and wrote nothing. So for
// some time after a start, and after every sweep that finds rows of an older fold, it looks every few seconds at what
// moved lately: in a rolling update the last older one goes while somebody is still looking.
const (
	sweepEvery    = time.Hour
	sweepAll      = 24
	sweepAtOnce   = batchMost
	latelyEvery   = 15 * time.Second
	latelyFor     = 10 * time.Minute
	latelyOverlap = time.Minute // clocks that differ, and transactions that were open
)

// sweeper is what a projector remembers from one sweep to the next.
type sweeper struct {
	*collector
	looked time.Time // when the last sweep began that came to its end
	often  time.Time // until when it sweeps every few seconds
}

func newSweeper(c *collector) *sweeper {
	return &sweeper{collector: c, often: c.clock().Add(latelyFor)}
}

func (s *sweeper) run(ctx context.Context) {
	tick, lately := time.NewTicker(sweepEvery), time.NewTicker(s.latelyEvery)
	defer tick.Stop()
	defer lately.Stop()
	for round := 0; ; round++ {
		s.untilDone(ctx, round)
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				due = true
			case <-lately.C:
				s.tryStuck(ctx)
				s.lately(ctx)
			}
		}
	}
}

// untilDone tries again soon where the database is away: an hour is too long for what a moment's trouble kept from
// being seen.
func (s *sweeper) untilDone(ctx context.Context, round int) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := s.round(ctx, round)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log.Warn().Err(err).Dur("retry_in", pause).Msg("sweep")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// tryStuck looks again at what could not be folded: nobody rings when it is mended.
func (s *sweeper) tryStuck(ctx context.Context) {
	stuck, err := s.store.StuckEntities(ctx)
	if err != nil {
		return // the database is away, which others tell
	}
	for _, e := range stuck {
		for _, f := range []*family{&orderFamily, &stockFamily} { // which it is of is not known; of the other there is nothing
			if e.Service == service && !s.offer(ctx, &bell{entity: e.Entity, family: f, at: s.clock()}) {
				return
			}
		}
	}
}

// lately looks at what moved since the last sweep, while an older fold may be at work beside this one.
func (s *sweeper) lately(ctx context.Context) {
	if s.clock().After(s.often) {
		return
	}
	if err := s.look(ctx, s.looked.Add(-latelyOverlap)); err != nil && ctx.Err() == nil {
		s.log.Warn().Err(err).Dur("retry_in", s.latelyEvery).Msg("sweep")
	}
}

// round looks at everything if it is time for that, or if rows may stand there that an older fold wrote.
func (s *sweeper) round(ctx context.Context, round int) error {
	var swept int
	if err := s.pool.QueryRow(ctx, `SELECT fold_version FROM projection.generation`).Scan(&swept); err != nil {
		return fmt.Errorf("read the version of the last sweep: %w", err)
	}
	if swept > s.foldVersion {
		s.log.Warn().Int("fold", s.foldVersion).Int("newer", swept).
			Msg("a newer fold was at work: its rows stay until their order moves, or until 'orderctl rebuild'")
		if err := s.mark(ctx, s.foldVersion); err != nil { // from now on there are rows of this one among them
			return err
		}
	}
	since, err := s.store.SweepSince(ctx, "projector")
	if err != nil {
		return err
	}
	if swept < s.foldVersion || round%sweepAll == sweepAll-1 {
		since = time.Time{}
	}
	if err := s.look(ctx, since); err != nil {
		return err
	}
	if err := s.store.MarkSwept(ctx, "projector", s.looked); err != nil {
		return err
	}
	if swept < s.foldVersion {
		return s.mark(ctx, s.foldVersion)
	}
	return nil
}

// mark says with which fold everything was looked at: a newer one has to do it again.
func (s *sweeper) mark(ctx context.Context, foldVersion int) error {
	if _, err := s.pool.Exec(ctx, `UPDATE projection.generation SET fold_version = $1`, foldVersion); err != nil {
		return fmt.Errorf("mark what was swept: %w", err)
	}
	return nil
}

// look rings for what moved since a time and is behind, and returns when that is projected.
func (s *sweeper) look(ctx context.Context, since time.Time) error {
	began := s.clock()
	var rung sync.WaitGroup
	for _, category := range []event.Category{event.Order, event.Stock} {
		if err := s.ring(ctx, category, since, &rung); err != nil {
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
	s.looked = began
	return nil
}

func (s *sweeper) ring(ctx context.Context, category event.Category, since time.Time, rung *sync.WaitGroup) error {
	for ids, err := range s.store.Moved(ctx, category, since, sweepAtOnce) {
		if err != nil {
			return err
		}
		behind, older, err := s.behind(ctx, *familyFor(category), ids)
		if err != nil {
			return err
		}
		if older {
			s.often = s.clock().Add(latelyFor)
		}
		for _, id := range behind {
			rung.Add(1)
			if !s.offer(ctx, &bell{entity: id, family: familyFor(category), at: s.clock(), over: sync.OnceFunc(rung.Done)}) {
				return ctx.Err()
			}
		}
		s.metrics.swept.Add(float64(len(behind)))
	}
	return nil
}

// behind are those of the entities whose rows show less than is recorded, or were written by an older fold; older says
// that there are some of the latter.
func (p *projection) behind(ctx context.Context, f family, ids []ident.Entity) (behind []ident.Entity, older bool, err error) {
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		generation, err := live(ctx, tx, unlocked)
		if err != nil {
			return err
		}
		behind, older, err = p.behindIn(ctx, tx, f, generation, ids)
		return err
	})
	return behind, older, err
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

func (p *projection) behindIn(ctx context.Context, tx pgx.Tx, f family, generation int, ids []ident.Entity) (behind []ident.Entity, older bool, err error) {
	t := f.guard()
	rows, err := tx.Query(ctx, `SELECT r.entity_id, coalesce(t.fold_version < $2, false) FROM (`+recorded(f)+`) r LEFT JOIN `+t.in(generation)+` t
		ON t.`+t.key()+` = r.entity_id WHERE t.events_seen IS NULL OR t.events_seen < r.n OR t.fold_version < $2`, uuids(ids), p.foldVersion)
	if err != nil {
		return nil, false, fmt.Errorf("look for what is behind: %w", err)
	}
	var key uuid.UUID
	var ofOlder bool
	_, err = pgx.ForEachRow(rows, []any{&key, &ofOlder}, func() error {
		behind, older = append(behind, ident.Entity(key)), older || ofOlder
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("look for what is behind: %w", err)
	}
	return behind, older, nil
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
