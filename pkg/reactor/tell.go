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
	"github.com/orderflow/orderflow/pkg/tracing"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
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
		from := tracing.From(ctx, tracing.Restored(b.GetTrace()))
		b.Trace = nil // the header says it
		data, err := proto.Marshal(b)
		if err != nil {
			return fmt.Errorf("ring: %w", err)
		}
		messages[i] = &nats.Msg{Subject: bus.EventSubject(b), Data: data}
		tracing.Put(from, messages[i])
	}
	return r.deps.Bus.All(ctx, messages)
}

// sweepAfter is how old an outbox row is before it counts as left behind: longer than any publish takes.
const sweepAfter = 8 * time.Second

// sweepOutbox rings what was appended and never told, by us or by a process that died.
func (r *Reactor) sweepOutbox(ctx context.Context) {
	trouble := bus.Sparing(r.deps.Log, "outbox sweep")
	every(ctx, 2*time.Second, func() {
		n, err := r.deps.Store.ClaimOutbox(ctx, r.pace.sweepOutbox, 100, func(ctx context.Context, rows []eventstore.OutboxRow) error {
			var bells []*envelopev1.Doorbell
			for _, row := range rows {
				bells = append(bells, row.Doorbells...)
			}
			return r.publish(ctx, bells)
		})
		if err != nil && ctx.Err() == nil {
			trouble(err)
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

// buryAgain is when a message comes again that could not be put into DEAD.
const buryAgain = 5 * time.Second

// bury gives a message up that cannot even be read: a copy in DEAD first, and only then its end.
func (r *Reactor) bury(ctx context.Context, m jetstream.Msg, reason string, cause error) {
	r.deps.Log.Error().Err(cause).Str("subject", m.Subject()).Msg("given up: " + reason)
	err := r.deps.Bus.Bury(ctx, &envelopev1.Dead{
		Service: r.spec.Service, Reason: reason, Error: cause.Error(), Subject: m.Subject(), Message: m.Data(), At: timestamppb.New(r.deps.Clock()),
	})
	if err != nil {
		_ = m.NakWithDelay(buryAgain)
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
			it.giveBack(buryAgain)
			continue
		}
		r.metrics.dead.Inc()
		r.end(ctx, it)
	}
}

// original is the message that an item came from, made again where it came by a timer. A bell is made one that the
// service listens to: all of them say no more than which entity to look at.
func (r *Reactor) original(it *item) (string, []byte) {
	if it.hold != nil && it.hold.msg != nil {
		return it.hold.msg.Subject(), it.hold.msg.Data()
	}
	switch it.trigger.Kind {
	case Fact:
		d := alone(it.trigger.Delivery, it.trigger.Fact, it.ordinal)
		return bus.IntakeSubject(d), marshal(d)
	case Command:
		return bus.CommandSubject(r.spec.Service, it.trigger.Command), marshal(it.trigger.Command)
	case Ring, TimerRing:
	}
	if len(r.spec.Rings) == 0 {
		return "", nil
	}
	ring := r.spec.Rings[0]
	bell := &envelopev1.Doorbell{EntityId: it.entity[:], Category: string(ring.Category), EventId: it.trigger.Cause[:], Type: "Redriven"}
	if len(ring.Types) > 0 {
		bell.Type = ring.Types[0]
	}
	return bus.EventSubject(bell), marshal(bell)
}

// alone is a delivery with one of its facts, still at its place: the place is part of the fact's identity.
func alone(d *intakev1.Delivery, f *intakev1.Fact, place int) *intakev1.Delivery {
	d = proto.CloneOf(d)
	d.Facts = make([]*intakev1.Fact, place+1)
	for i := range d.GetFacts() {
		d.Facts[i] = &intakev1.Fact{}
	}
	d.Facts[place] = f
	return d
}

// marshal cannot fail on a message that was read from its bytes.
func marshal(m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil
	}
	return data
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
