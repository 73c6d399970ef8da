package bus

import (
	"context"
	"fmt"
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

// singleGroup is the one group of a durable that serves one replica at a time. The server takes 16 characters at most,
// fewer than a durable's name may have.
const singleGroup = "single"

// Consumption is a durable being consumed.
type Consumption struct {
	context jetstream.ConsumeContext
	js      jetstream.JetStream
	durable Durable
}

// Consume hands each message of a durable to handle, one after the other, until Stop. Who handles a message acks it.
// onError hears of trouble with the broker; consumption goes on by itself.
func Consume(ctx context.Context, js jetstream.JetStream, d Durable, handle func(jetstream.Msg), onError func(error)) (*Consumption, error) {
	c, err := consumer(ctx, js, d)
	if err != nil {
		return nil, err
	}
	options := []jetstream.PullConsumeOpt{
		jetstream.PullMaxMessages(pullMessages), jetstream.PullHeartbeat(pullHeartbeat), jetstream.PullExpiry(pullExpiry),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { onError(fmt.Errorf("durable %s: %w", d.Name, err)) }),
	}
	if d.Single {
		options = append(options, jetstream.PullPriorityGroup(singleGroup))
	}
	consuming, err := c.Consume(handle, options...)
	if err != nil {
		return nil, fmt.Errorf("consume durable %s: %w", d.Name, err)
	}
	return &Consumption{consuming, js, d}, nil
}

// Stop ends the consumption: no more messages are pulled, those on their way are delivered again later.
func (c *Consumption) Stop() {
	c.context.Stop()
	<-c.context.Closed()
	c.unpin()
}

// Drain ends the consumption too, and still hands over what was on its way, so that it can be given back at once
// instead of waiting for its time in hand to pass. Where the broker is away nothing can be given back, and handle may
// still be called for a moment after Drain has returned.
func (c *Consumption) Drain() {
	if !c.js.Conn().IsConnected() {
		c.Stop()
		return
	}
	c.context.Drain()
	select {
	case <-c.context.Closed():
	case <-time.After(drainTimeout):
	}
	c.unpin()
}

// drainTimeout is enough for some hundred messages to be given back.
const drainTimeout = 3 * time.Second

// unpin lets another replica be served at once. Where it fails the broker notices by itself that nobody pulls.
func (c *Consumption) unpin() {
	if !c.durable.Single || !c.js.Conn().IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pullHeartbeat)
	defer cancel()
	if stream, err := c.js.Stream(ctx, c.durable.Stream); err == nil {
		_ = stream.UnpinConsumer(ctx, c.durable.Name, singleGroup)
	}
}
