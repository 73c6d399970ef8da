package reactor

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// tellTimeout bounds one publish; what is not told by then the sweeper tells.
const tellTimeout = 5 * time.Second

// tell rings the doorbells of an append. If that fails the outbox row stays and the sweeper rings them.
func (r *Reactor) tell(ctx context.Context, row eventstore.OutboxID, bells []*envelopev1.Doorbell) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := r.publish(ctx, bells); err != nil {
		r.deps.Log.Warn().Err(err).Msg("doorbells are left to the sweeper")
		return
	}
	r.addPublished(row)
}

func (r *Reactor) publish(ctx context.Context, bells []*envelopev1.Doorbell) error {
	messages := make([]*nats.Msg, len(bells))
	for i, b := range bells {
		data, err := proto.Marshal(b)
		if err != nil {
			return fmt.Errorf("ring: %w", err)
		}
		messages[i] = &nats.Msg{Subject: bus.EventSubject(b), Data: data}
	}
	return r.deps.Bus.All(ctx, messages)
}

// sweepAfter is how old an outbox row is before it counts as left behind: longer than any publish takes.
const sweepAfter = 8 * time.Second

// sweepOutbox rings what was appended and never told, by us or by a process that died.
func (r *Reactor) sweepOutbox(ctx context.Context) {
	every(ctx, 2*time.Second, func() {
		n, err := r.deps.Store.ClaimOutbox(ctx, sweepAfter, 100, func(ctx context.Context, rows []eventstore.OutboxRow) error {
			var bells []*envelopev1.Doorbell
			for _, row := range rows {
				bells = append(bells, row.Doorbells...)
			}
			return r.publish(ctx, bells)
		})
		if err != nil && ctx.Err() == nil {
			r.deps.Log.Warn().Err(err).Msg("outbox sweep")
		}
		if n > 0 {
			r.metrics.swept.Add(float64(n))
		}
	})
}

// flushPublished clears outbox rows when no next append comes to do it along the way.
func (r *Reactor) flushPublished(ctx context.Context) {
	every(ctx, time.Second, func() {
		if err := r.clearPublished(ctx); err != nil && ctx.Err() == nil {
			r.deps.Log.Warn().Err(err).Msg("outbox rows are left to the sweeper")
		}
	})
}

func (r *Reactor) clearPublished(ctx context.Context) error {
	rows := r.takePublished()
	if len(rows) == 0 {
		return nil
	}
	if err := r.deps.Store.DeleteOutbox(ctx, rows); err != nil {
		r.addPublished(rows...)
		return err
	}
	return nil
}

func (r *Reactor) takePublished() []eventstore.OutboxID {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := r.published
	r.published = nil
	return rows
}

func (r *Reactor) addPublished(rows ...eventstore.OutboxID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, rows...)
}

// bury gives a message up that cannot even be read: a copy in DEAD first, and only then its end.
func (r *Reactor) bury(ctx context.Context, m jetstream.Msg, reason string, cause error) {
	r.deps.Log.Error().Err(cause).Str("subject", m.Subject()).Msg("given up: " + reason)
	err := r.deps.Bus.Bury(ctx, &envelopev1.Dead{
		Service: r.spec.Service, Reason: reason, Error: cause.Error(), Subject: m.Subject(), Message: m.Data(), At: timestamppb.New(r.deps.Clock()),
	})
	if err != nil {
		_ = m.NakWithDelay(5 * time.Second)
		return
	}
	r.metrics.dead.Inc()
	_ = m.TermWithReason(reason)
}

// giveUp ends a work whose decision was refused for good. Its items become dead messages that can be redriven.
func (r *Reactor) giveUp(ctx context.Context, w *Work) {
	for _, it := range w.items {
		subject, data := r.original(it)
		err := r.deps.Bus.Bury(ctx, &envelopev1.Dead{
			Service: r.spec.Service, Reason: "rejected", Error: w.err.Error(), Subject: subject, Message: data, EntityId: w.Entity[:],
			CauseId: it.trigger.Cause[:], Attempts: int32(it.attempt), At: timestamppb.New(r.deps.Clock()), //nolint:gosec // small
		})
		if err != nil {
			r.deps.Log.Warn().Err(err).Msg("not buried yet; it comes again")
			continue
		}
		r.metrics.dead.Inc()
		r.end(ctx, it)
	}
}

// original is the message that an item came from, made again where it came by a timer.
func (r *Reactor) original(it *item) (string, []byte) {
	if it.hold != nil {
		return it.hold.msg.Subject(), it.hold.msg.Data()
	}
	t, err := r.asTimer(it, time.Time{}, nil)
	if err != nil {
		return "", nil
	}
	switch it.trigger.Kind {
	case Fact:
		return bus.IntakeSubject(it.trigger.Delivery), t.Payload
	case Command:
		return bus.CommandSubject(r.spec.Service, it.trigger.Command), t.Payload
	}
	return "", nil
}

// every calls f at once and then at intervals, until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
