package reactor

import (
	"context"
	"time"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
)

// Timers are looked at five times a second. A claimed one is ours for the lease; if we die it rings again after it.
const (
	ringEvery = 200 * time.Millisecond
	ringMost  = 500
	ringLease = 30 * time.Second
)

func (r *Reactor) ringTimers(ctx context.Context) {
	trouble := bus.Sparing(r.deps.Log, "timers")
	every(ctx, ringEvery, func() {
		for {
			due, err := r.deps.Store.Due(ctx, r.spec.Service, ringMost, r.pace.ringLease)
			if err != nil {
				if ctx.Err() == nil {
					trouble(err)
				}
				return
			}
			for _, t := range due {
				it, err := fromTimer(t, r.pace.ringLease)
				if err != nil {
					r.deps.Log.Error().Err(err).Msg("timer cannot be read; it stays")
					continue
				}
				if !r.offer(ctx, it) {
					return
				}
			}
			if len(due) < ringMost {
				return
			}
		}
	})
}

func (r *Reactor) offer(ctx context.Context, it *item) bool {
	select {
	case r.inbox <- it:
		return true
	case <-ctx.Done():
		return false
	}
}

// The sweep looks again at what moved since the last one, at start and every hour, and once a day at everything. It
// heals doorbells that were lost after they were told, with the broker that kept them or because they were not heard
// for longer than EVENTS keeps them.
const (
	sweepEvery  = time.Hour
	sweepAll    = 24
	sweepAtOnce = 5000
)

func (r *Reactor) sweepEntities(ctx context.Context) {
	round := 0
	every(ctx, r.pace.sweepEvery, func() {
		round++
		for pause := firstPause; ; pause = min(2*pause, mostPause) { // an hour is too long for what a moment's trouble kept from being rung
			err := r.sweep(ctx, round%sweepAll == 0)
			if err == nil || ctx.Err() != nil {
				return
			}
			r.deps.Log.Warn().Err(err).Dur("retry_in", pause).Msg("sweep")
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
		}
	})
}

func (r *Reactor) sweep(ctx context.Context, all bool) error {
	if len(r.spec.Rings) == 0 {
		return nil
	}
	began := r.deps.Clock()
	since, err := r.deps.Store.SweepSince(ctx, r.spec.Service)
	if err != nil {
		return err
	}
	if all {
		since = time.Time{}
	}
	swept := &hold{handled: make(chan struct{})}
	swept.open.Store(1)
	if err := r.sweepSince(ctx, since, swept); err != nil {
		return err
	}
	swept.done()
	select { // what was only queued is forgotten when we die, and has to be found again by the next sweep
	case <-swept.handled:
		return r.deps.Store.MarkSwept(ctx, r.spec.Service, began)
	case <-time.After(r.pace.sweepEvery):
	case <-ctx.Done():
	}
	return nil
}

func (r *Reactor) sweepSince(ctx context.Context, since time.Time, swept *hold) error {
	for ids, err := range r.deps.Store.Moved(ctx, r.spec.Owns, since, sweepAtOnce) {
		if err != nil {
			return err
		}
		for _, id := range ids {
			swept.open.Add(1)
			it := &item{entity: id, hold: swept, trigger: Trigger{Kind: Ring, Cause: ident.Named("sweep", r.spec.Service, id.String()), At: r.deps.Clock()}}
			if !r.offer(ctx, it) {
				return ctx.Err()
			}
		}
	}
	return nil
}
