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

// Consumption is a durable being consumed.
type Consumption struct {
	context jetstream.ConsumeContext
	js      jetstream.JetStream
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
	consuming, err := c.Consume(handle, options...)
	if err != nil {
		return nil, fmt.Errorf("consume durable %s: %w", d.Name, err)
	}
	return &Consumption{consuming, js}, nil
}

// Stop ends the consumption: no more messages are pulled, those on their way are delivered again later.
func (c *Consumption) Stop() {
	c.context.Stop()
	<-c.context.Closed()
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
}

// drainTimeout is enough for some hundred messages to be given back.
const drainTimeout = 3 * time.Second
