package projector

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// batchMost is how many bells one turn takes: 500 entities at a time measured best, and it is milliseconds of work.
const batchMost = 500

// The pause between two turns is how much later a row may show what happened. An order moves a dozen times within a
// second, and is written once for what comes within a pause.
const (
	breathLeast = 50 * time.Millisecond
	breathMost  = 100 * time.Millisecond
)

// Trouble with the database is waited out, at first for a moment and then for longer.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// bell says that an entity moved. Those of the sweep have no message.
type bell struct {
	msg    jetstream.Msg
	entity ident.Entity
	family *family
	at     time.Time
	from   trace.SpanContext
	over   func() // nil, or called when it was answered or is given up
}

func (b *bell) ack() {
	if b.msg != nil {
		_ = b.msg.Ack() // a lost ack brings the bell again, which does no harm
	}
}

// giveBack has a message handled by another projector, or by the next one, at once.
func giveBack(m jetstream.Msg) {
	if m != nil { // as of what the sweep rings
		_ = m.NakWithDelay(0) // if it is lost, the message comes when its time in hand is over
	}
}

// collector gathers bells and has their entities projected, many at a time.
type collector struct {
	*projection
	js      jetstream.JetStream
	clock   func() time.Time
	log     zerolog.Logger
	inbox   chan *bell
	rung    *rung
	metrics *metrics
	tracer  trace.Tracer
	// latelyEvery is how often the sweep looks at what moved lately.
	latelyEvery time.Duration
}

func newCollector(d host.Deps) *collector {
	c := &collector{
		projection: newProjection(d.Pool, d.Store, d.Vault, d.Log, newMemory()),
		js:         d.JS, clock: d.Clock, log: d.Log, tracer: tracing.Or(d.Tracer), inbox: make(chan *bell, batchMost), rung: newRung(d.Clock),
		latelyEvery: latelyEvery,
	}
	c.metrics = newMetrics(d.Registry, c.rung.lag)
	return c
}

// durable brings the bells of every category.
func durable() bus.Durable {
	rings := make([]bus.Ring, len(event.Categories))
	for i, c := range event.Categories {
		rings[i] = bus.Ring{Category: c}
	}
	return bus.RingsDurable(service, rings...)
}

// Run projects until ctx ends; then it gives back what it has not taken, finishes what is in hand and returns.
func (c *collector) Run(ctx context.Context) error {
	consuming, err := bus.Consume(ctx, c.js, durable(), func(m jetstream.Msg) { c.receive(ctx, m) }, bus.Sparing(c.log, "broker"))
	if err != nil {
		return err
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { newSweeper(c).run(ctx) })
	helpers.Go(func() { c.watchRebuild(ctx) })
	helpers.Go(func() {
		<-ctx.Done()
		consuming.Drain()
	})
	work := context.WithoutCancel(ctx)
	batches := bus.Batches[*bell]{Inbox: c.inbox, Most: batchMost, Breath: breathMost, Least: breathLeast}
	handle := func(batch []*bell) { c.handle(work, ctx.Done(), batch) }
	batches.Each(ctx, handle)
	helpers.Wait()
	batches.Rest(work, handle) // nobody adds to it any more
	return nil
}

// receive queues a bell; it waits while the loop is busy, which slows pulling down.
func (c *collector) receive(ctx context.Context, m jetstream.Msg) {
	d := &envelopev1.Doorbell{}
	if err := proto.Unmarshal(m.Data(), d); err != nil || len(d.GetEntityId()) != len(ident.Entity{}) {
		c.log.Error().Str("subject", m.Subject()).Msg("a doorbell that cannot be read; the sweep will find what it was about")
		_ = m.TermWithReason("undecodable")
		return
	}
	b := &bell{
		msg: m, entity: ident.Entity(d.GetEntityId()), family: familyFor(event.Category(d.GetCategory())), at: d.GetRecordedAt().AsTime(),
		from: tracing.Get(m.Headers()),
	}
	if ctx.Err() != nil || !c.offer(ctx, b) {
		giveBack(m)
	}
}

func familyFor(c event.Category) *family {
	if c == event.Stock {
		return &stockFamily
	}
	return &orderFamily
}

func (c *collector) offer(ctx context.Context, b *bell) bool {
	c.rung.add(b)
	select {
	case c.inbox <- b:
		return true
	case <-ctx.Done():
		c.rung.done(b)
		return false
	}
}

// handle projects a batch and acks it. While the database is away it waits, and gives the batch back if we are stopped
// meanwhile.
func (c *collector) handle(ctx context.Context, stop <-chan struct{}, batch []*bell) {
	defer func() {
		for _, b := range batch {
			c.rung.done(b)
		}
	}()
	began := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := c.projectAll(ctx, batch)
		if err == nil {
			break
		}
		c.log.Warn().Err(err).Int("bells", len(batch)).Dur("retry_in", pause).Msg("not projected yet")
		select {
		case <-time.After(pause):
		case <-stop:
			for _, b := range batch {
				giveBack(b.msg)
			}
			return
		}
	}
	for _, b := range batch {
		b.ack()
		c.trace(ctx, b, began)
	}
}

// trace says that a row shows what a bell told of. It is written when that is so: what a bell waits for is the batch.
func (c *collector) trace(ctx context.Context, b *bell, began time.Time) {
	if !b.from.IsSampled() {
		return
	}
	_, span := c.tracer.Start(tracing.From(ctx, b.from), service+" project", trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("orderflow.entity.id", b.entity.String())))
	span.End()
}

// projectAll projects the entities of a batch, each once however many bells rang for it.
func (c *collector) projectAll(ctx context.Context, batch []*bell) error {
	for _, f := range []*family{&orderFamily, &stockFamily} {
		var ids []ident.Entity
		seen := map[ident.Entity]bool{}
		for _, b := range batch {
			if b.family == f && !seen[b.entity] {
				seen[b.entity] = true
				ids = append(ids, b.entity)
			}
		}
		if err := c.project(ctx, *f, ids); err != nil {
			return err
		}
		c.metrics.projected.WithLabelValues(f.name).Add(float64(len(ids)))
	}
	return nil
}
