package bus

import (
	"context"
	"time"
)

// Batches makes batches of what comes in. After each it takes a breath as long as that batch took: what comes meanwhile
// is handled together, so that the busier the machine is, the more messages share a read and a transaction. What comes
// when there was nothing to do is handled at once.
type Batches[T any] struct {
	Inbox  <-chan T
	Most   int           // how many a batch may hold
	Breath time.Duration // the longest pause between two batches
	Least  time.Duration // the shortest one, where being a moment later costs less than another batch
}

// Each handles one batch after the other until ctx ends.
func (b Batches[T]) Each(ctx context.Context, handle func(batch []T)) {
	var rested time.Time
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case first := <-b.Inbox:
			batch := b.fill(ctx, first, time.Until(rested))
			began := time.Now()
			handle(batch)
			rested = time.Now().Add(max(min(time.Since(began), b.Breath), b.Least))
		}
	}
}

// Rest handles what is there, and returns when nothing is.
func (b Batches[T]) Rest(ctx context.Context, handle func(batch []T)) {
	for {
		select {
		case first := <-b.Inbox:
			handle(b.fill(ctx, first, 0))
		default:
			return
		}
	}
}

// fill makes a batch of what is there, and of what comes within a pause.
func (b Batches[T]) fill(ctx context.Context, first T, pause time.Duration) []T {
	batch := []T{first}
	enough := time.After(pause)
	for len(batch) < b.Most {
		select {
		case next := <-b.Inbox:
			batch = append(batch, next)
			continue
		default:
		}
		select {
		case next := <-b.Inbox:
			batch = append(batch, next)
		case <-enough:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}
