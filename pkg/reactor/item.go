package reactor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// item is one trigger on its way, with what has to be ended when it is done.
type item struct {
	entity  ident.Entity // zero: only references lead to it
	trigger Trigger
	ordinal int // of the fact in its delivery
	hold    *hold
	timer   *eventstore.Timer
	attempt int
	twins   []*item // the same news, told again in the same batch: they end with it

	where atomic.Int32
}

// Where an item is. Whoever tries a batch again leaves out what is no longer in the batch; what has ended stays so.
const (
	inBatch int32 = iota
	withCall
	ended
)

// finish lets go of the message, once.
func (it *item) finish() {
	if it.where.Swap(ended) == ended {
		return
	}
	it.hold.done()
	for _, twin := range it.twins {
		twin.finish()
	}
}

// giveBack has the message delivered again at once, after a pause if there is one: it was not handled. A timer comes
// again by itself when its lease is over.
func (it *item) giveBack(pause time.Duration) {
	if it.where.Swap(ended) == ended {
		return
	}
	it.hold.giveBack(pause)
	for _, twin := range it.twins {
		twin.giveBack(pause)
	}
}

// remaining are the items of a batch that are still to be brought to an end.
func remaining(batch []*item) []*item {
	var left []*item
	for _, it := range batch {
		if it.where.Load() == inBatch {
			left = append(left, it)
		}
	}
	return left
}

// hold is a message whose parts are all to be done before it is acked, or a sweep with all that it found.
type hold struct {
	msg     jetstream.Msg
	handled chan struct{} // of a sweep, which has no message
	open    atomic.Int32
}

func (h *hold) done() {
	switch {
	case h == nil || h.open.Add(-1) != 0:
	case h.msg == nil:
		close(h.handled)
	default:
		_ = h.msg.Ack() // a lost ack brings the message again, which does no harm
	}
}

func (h *hold) giveBack(pause time.Duration) {
	if h != nil && h.msg != nil {
		_ = h.msg.NakWithDelay(pause) // if it is lost, the message comes when its time in hand is over
	}
}

// read takes a message apart.
func (r *Reactor) read(m jetstream.Msg) ([]*item, error) {
	h := &hold{msg: m}
	var items []*item
	var err error
	switch kind, _, _ := strings.Cut(m.Subject(), "."); kind {
	case "intake":
		items, err = r.readDelivery(m.Data())
	case "events":
		items, err = readDoorbell(m.Data())
	case "commands":
		items, err = readCommand(m.Data())
		if about, unknown := m.Metadata(); err == nil && unknown == nil {
			items[0].trigger.At = about.Timestamp
		}
	default:
		return nil, fmt.Errorf("subject %s is none of ours", m.Subject())
	}
	if err != nil {
		return nil, err
	}
	h.open.Store(int32(len(items))) //nolint:gosec // a delivery has few facts
	from := tracing.Get(m.Headers())
	for _, it := range items {
		it.hold, it.trigger.from = h, from
	}
	return items, nil
}

func (r *Reactor) readDelivery(data []byte) ([]*item, error) {
	d := &intakev1.Delivery{}
	if err := proto.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("decode a delivery: %w", err)
	}
	d.Body, d.Headers = nil, nil
	var items []*item
	for n, f := range d.GetFacts() {
		if bus.OwnerOf(f) == r.spec.Facts {
			items = append(items, factItem(d, f, n))
		}
	}
	return items, nil
}

func factItem(d *intakev1.Delivery, f *intakev1.Fact, ordinal int) *item {
	var id ident.Delivery
	copy(id[:], d.GetId())
	it := &item{ordinal: ordinal, trigger: Trigger{
		Kind: Fact, Cause: ident.Fact(id, ordinal, d.GetRevision()), Report: ident.Fact(id, ordinal, 0), Revision: d.GetRevision(),
		Fact: f, Delivery: d, At: d.GetReceivedAt().AsTime(),
	}}
	it.entity, _ = bus.EntityOf(f)
	return it
}

func readDoorbell(data []byte) ([]*item, error) {
	d := &envelopev1.Doorbell{}
	if err := proto.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("decode a doorbell: %w", err)
	}
	if len(d.GetEntityId()) != len(ident.Entity{}) || len(d.GetEventId()) != len(ident.Cause{}) {
		return nil, fmt.Errorf("a doorbell without entity or event")
	}
	return []*item{{entity: ident.Entity(d.GetEntityId()), trigger: Trigger{
		Kind: Ring, Cause: ident.Cause(d.GetEventId()), At: d.GetRecordedAt().AsTime(),
	}}}, nil
}

func readCommand(data []byte) ([]*item, error) {
	c := &commandv1.Command{}
	if err := proto.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("decode a command: %w", err)
	}
	if len(c.GetEntityId()) != len(ident.Entity{}) || len(c.GetId()) != len(ident.Cause{}) {
		return nil, fmt.Errorf("a command without id or entity")
	}
	return []*item{{entity: ident.Entity(c.GetEntityId()), trigger: Trigger{Kind: Command, Cause: ident.Cause(c.GetId()), Command: c}}}, nil
}

// Kinds of timers that the loop itself writes; all others are a service's own.
const (
	timerFact    = "fact:"
	timerCommand = "command"
	timerRetry   = "retry"
)

// reserved says that a kind of timer is the loop's: a service that used it would not be rung.
func reserved(kind string) bool {
	return strings.HasPrefix(kind, timerFact) || kind == timerCommand || kind == timerRetry
}

// fromTimer makes a timer's row the trigger that it stands for. Claiming it has put it off by lease.
func fromTimer(t eventstore.Timer, lease time.Duration) (*item, error) {
	it := &item{}
	switch {
	case strings.HasPrefix(t.Kind, timerFact):
		d := &intakev1.Delivery{}
		ordinal, err := strconv.Atoi(strings.TrimPrefix(t.Kind, timerFact))
		if err != nil || proto.Unmarshal(t.Payload, d) != nil || len(d.GetFacts()) != 1 {
			return nil, fmt.Errorf("timer %s holds no fact", t.ID)
		}
		it = factItem(d, d.GetFacts()[0], ordinal)
	case t.Kind == timerCommand:
		items, err := readCommand(t.Payload)
		if err != nil {
			return nil, fmt.Errorf("timer %s: %w", t.ID, err)
		}
		it = items[0]
		it.trigger.At = t.CreatedAt
	case t.Kind == timerRetry:
		it.trigger = Trigger{Kind: Ring, Cause: t.ID, At: t.CreatedAt}
	default:
		it.trigger = Trigger{Kind: TimerRing, Cause: t.ID, TimerKind: t.Kind, At: t.DueAt.Add(-lease)}
	}
	if !t.Entity.IsZero() {
		it.entity = t.Entity
	}
	it.timer, it.attempt = &t, t.Attempt
	return it, nil
}

// asTimer is the row that brings an item back later: at a time, or when one of its references is linked.
func (r *Reactor) asTimer(it *item, at time.Time, refs []string) (eventstore.Timer, error) {
	t := eventstore.Timer{Service: r.spec.Service, ID: it.trigger.Cause, Entity: it.entity, DueAt: at, Refs: refs, Attempt: it.attempt + 1}
	var err error
	switch it.trigger.Kind {
	case Fact:
		d := proto.CloneOf(it.trigger.Delivery)
		d.Facts = []*intakev1.Fact{it.trigger.Fact}
		t.Kind = timerFact + strconv.Itoa(it.ordinal)
		t.Payload, err = proto.Marshal(d)
	case Command:
		t.Kind = timerCommand
		t.Payload, err = proto.Marshal(it.trigger.Command)
	case TimerRing:
		t.Kind, t.ID = it.trigger.TimerKind, it.timer.ID
	default:
		t.Kind, t.ID = timerRetry, TimerID(r.spec.Service, it.entity, timerRetry)
	}
	if err != nil {
		return t, fmt.Errorf("put off: %w", err)
	}
	return t, nil
}

// end acks the message and takes the timer away, once everything that it led to is stored.
func (r *Reactor) end(ctx context.Context, items ...*item) {
	var timers []eventstore.Timer
	var healed []ident.Entity
	for _, it := range items {
		if it.timer != nil {
			timers = append(timers, *it.timer)
		}
		if it.attempt > 0 { // only what was put off can have been marked stuck
			healed = append(healed, it.entity)
		}
	}
	if len(healed) > 0 {
		if err := r.deps.Store.ClearStuck(ctx, r.spec.Service, healed...); err != nil {
			r.deps.Log.Warn().Err(err).Msg("still marked stuck")
		}
	}
	if len(timers) > 0 {
		if err := r.deps.Store.EndTimers(ctx, timers); err != nil {
			r.deps.Log.Warn().Err(err).Msg("timers ring once more") // harmless: they find nothing to do
		}
	}
	for _, it := range items {
		it.finish()
	}
}

// unique keeps one of what is in the batch twice, the same fact or command. The others end when that one does.
func unique(batch []*item) []*item {
	seen := map[ident.Cause]*item{}
	var kept []*item
	for _, it := range batch {
		if it.trigger.Kind != Fact && it.trigger.Kind != Command {
			kept = append(kept, it)
			continue
		}
		first := seen[it.trigger.Cause]
		if first == nil {
			seen[it.trigger.Cause] = it
			kept = append(kept, it)
			continue
		}
		first.twins, first.attempt = append(first.twins, it), max(first.attempt, it.attempt)
		if first.timer == nil {
			first.timer = it.timer
		}
		if first.entity.IsZero() {
			first.entity = it.entity
		}
	}
	return kept
}
