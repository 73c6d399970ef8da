package bus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Pulling keeps a few hundred messages on the way. The heartbeat is short, because a consumer whose connection was
// lost goes on only when it misses one.
const (
	pullMessages  = 512
	pullHeartbeat = time.Second
	pullExpiry    = 3 * time.Second
)

// Consumption is a durable being consumed.
type Consumption struct {
	js     jetstream.JetStream
	ending chan struct{} // closed when it is told to end
	end    sync.Once

	mu      sync.Mutex
	context jetstream.ConsumeContext
}

// Consume hands each message of a durable to handle, one after the other, until Stop. Who handles a message acks it.
// onError hears of trouble with the broker; consumption goes on by itself, also when the durable was deleted meanwhile,
// alone or with its stream: as soon as it can be made again, for as long as ctx lasts.
func Consume(ctx context.Context, js jetstream.JetStream, d Durable, handle func(jetstream.Msg), onError func(error)) (*Consumption, error) {
	begin := func(ctx context.Context) (jetstream.ConsumeContext, error) {
		c, err := consumer(ctx, js, d)
		if err != nil {
			return nil, err
		}
		consuming, err := c.Consume(handle,
			jetstream.PullMaxMessages(pullMessages), jetstream.PullHeartbeat(pullHeartbeat), jetstream.PullExpiry(pullExpiry),
			jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { onError(fmt.Errorf("durable %s: %w", d.Name, err)) }))
		if err != nil {
			return nil, fmt.Errorf("consume durable %s: %w", d.Name, err)
		}
		return consuming, nil
	}
	first, err := begin(ctx)
	if err != nil {
		return nil, err
	}
	c := &Consumption{js: js, ending: make(chan struct{}), context: first}
	go c.keep(ctx, begin, onError)
	return c, nil
}

// beginAgain is how long to wait before a durable that is gone is made again.
const beginAgain = time.Second

// keep begins again when the consumption has ended without being told to.
func (c *Consumption) keep(ctx context.Context, begin func(context.Context) (jetstream.ConsumeContext, error), onError func(error)) {
	for {
		select {
		case <-c.ending:
			return
		case <-c.current().Closed():
		}
		select {
		case <-c.ending:
			return
		case <-ctx.Done():
			return
		case <-time.After(beginAgain):
		}
		next, err := begin(ctx)
		if err != nil {
			onError(err)
			continue
		}
		c.mu.Lock()
		c.context = next
		c.mu.Unlock()
		select {
		case <-c.ending: // it was told to end meanwhile, and may have ended the one before
			next.Stop()
			return
		default:
		}
	}
}

func (c *Consumption) current() jetstream.ConsumeContext {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.context
}

// Stop ends the consumption: no more messages are pulled, those on their way are delivered again later.
func (c *Consumption) Stop() {
	c.end.Do(func() { close(c.ending) })
	current := c.current()
	current.Stop()
	<-current.Closed()
}

// Drain ends the consumption too, and still hands over what was on its way, so that it can be given back at once
// instead of waiting for its time in hand to pass. Where the broker is away nothing can be given back, and handle may
// still be called for a moment after Drain has returned.
func (c *Consumption) Drain() {
	if !c.js.Conn().IsConnected() {
		c.Stop()
		return
	}
	c.end.Do(func() { close(c.ending) })
	current := c.current()
	current.Drain()
	select {
	case <-current.Closed():
	case <-time.After(drainTimeout):
	}
}

// drainTimeout is enough for some hundred messages to be given back.
const drainTimeout = 3 * time.Second
