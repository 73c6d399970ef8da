package orderctl

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/services/orderctl/load"
	"github.com/orderflow/orderflow/services/projector"
)

// benchStored is how the stored orders were made.
type benchStored struct {
	Orders  int     `json:"orders"`
	Events  int     `json:"events"`
	Seconds float64 `json:"seconds"`
}

// benchRebuild is how fast all tables are folded anew.
type benchRebuild struct {
	Orders int `json:"orders"`
	Events int `json:"events"`
	// PerSecond is events by the time of folding and writing, Seconds the whole rebuild with its comparison and swap.
	PerSecond float64 `json:"folded_per_second"`
	Seconds   float64 `json:"seconds"`
}

// withStored fills the event store with orders, folds the tables anew, and carries orders beside them.
func (b *bench) withStored(ctx context.Context) error {
	return b.with(ctx, "stored", Services(), func(ctx context.Context, s *benchSystem) error {
		if err := b.fillShelves(ctx, s); err != nil {
			return err
		}
		if err := b.fillStore(ctx, s); err != nil {
			return err
		}
		b.say("rebuild")
		rebuilt, err := projector.Rebuild(ctx, s.pool, s.store, s.vault, nil)
		if err != nil {
			return err
		}
		if len(rebuilt.Failed) > 0 {
			return fmt.Errorf("%s cannot be folded", count(len(rebuilt.Failed), "stored order"))
		}
		if b.wants(partRebuild) {
			b.report.Rebuild = &benchRebuild{
				Orders: rebuilt.Orders, Events: rebuilt.Events, PerSecond: float64(rebuilt.Events) / rebuilt.Folding.Seconds(), Seconds: rebuilt.Took.Seconds(),
			}
		}
		if !b.wants(partOrders) {
			return nil
		}
		return b.carried(ctx, s, "plain", false, b.stored)
	})
}

// Orders are stored after the pattern of some that were carried for real.
const (
	patternOrders = 20
	storeBatch    = 256
	storeWriters  = 2
)

// fillStore appends the lives of many orders. Nobody is told of them: they are as if all of it had been done long ago.
func (b *bench) fillStore(ctx context.Context, s *benchSystem) error {
	orders := b.newOrders(false)
	if _, err := b.carry(ctx, s, orders, load.Phase{Duration: time.Hour, Most: patternOrders}); err != nil {
		return err
	}
	patterns, err := s.patterns(ctx, orders, patternOrders)
	if err != nil {
		return err
	}
	b.say("storing %d orders", b.stored)
	began := time.Now()
	copies := b.newOrders(false)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var writers sync.WaitGroup
	var mu sync.Mutex
	events := 0
	for w := range storeWriters {
		writers.Go(func() {
			n, err := b.storeShare(ctx, s, patterns, copies, w)
			if err != nil {
				fail(err)
			}
			mu.Lock()
			events += n
			mu.Unlock()
		})
	}
	writers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.report.Stored = &benchStored{Orders: b.stored, Events: events, Seconds: time.Since(began).Seconds()}
	// As a database that has stood for a while: its statistics are of what is in it.
	if _, err := s.pool.Exec(ctx, `VACUUM (ANALYZE)`); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return nil
}

// storeShare stores every storeWriters-th order, with SKUs that no other writer has.
func (b *bench) storeShare(ctx context.Context, s *benchSystem, patterns []*pattern, copies load.Orders, writer int) (events int, err error) {
	shelf, err := s.shelf(ctx, b.skus, writer)
	if err != nil {
		return 0, err
	}
	var told []eventstore.OutboxID
	var units []eventstore.Unit
	for n := writer; n < b.stored; n += storeWriters {
		p := patterns[n/storeWriters%len(patterns)]
		unit, many := p.copy(copies, n, shelf)
		units, events = append(units, unit), events+many
		if len(units) < storeBatch && n+storeWriters < b.stored {
			continue
		}
		moves := shelf.flush(copies.Number(n))
		appended, err := s.store.Append(ctx, "orders", append(units, moves...), told)
		if err != nil {
			return events, err
		}
		for i, outcome := range appended.Outcomes {
			if outcome != eventstore.Stored {
				return events, fmt.Errorf("unit %d of a batch was not stored: %s", i, outcome)
			}
		}
		told, units, events = []eventstore.OutboxID{appended.Outbox}, units[:0], events+2*len(moves)
	}
	return events, s.store.DeleteOutbox(ctx, told)
}
