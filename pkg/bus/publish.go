package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// A batch is one sync to disk instead of one per message. A server with one replica stages it in files first, which
// takes as long as a dozen syncs; a stream with replicas, one in memory, and our embedded server stage in memory, which
// takes less than one. The server takes at most 1,000 messages.
const (
	batchFrom      = 12
	smallBatchFrom = 2
	batchMost      = 500
)

// Publisher publishes many messages at once and waits until they are durable.
type Publisher struct {
	js jetstream.JetStream
	// from is how many messages are worth a batch.
	from int
}

// NewPublisher makes a publisher for a server of which nothing is known.
func NewPublisher(js jetstream.JetStream) *Publisher { return &Publisher{js, batchFrom} }

// Staging is the same publisher for a server that stages batches in memory: small ones are worth it too.
func (p *Publisher) Staging() *Publisher { return &Publisher{p.js, smallBatchFrom} }

// All publishes messages to one stream and returns when every one is acked. After an error some may be there and some
// not: publishing them again is right, since nothing here depends on a message coming once.
func (p *Publisher) All(ctx context.Context, messages []*nats.Msg) error {
	for len(messages) >= p.from {
		n := min(len(messages), batchMost)
		if err := p.Atomic(ctx, messages[:n]); err != nil {
			return p.singly(ctx, messages)
		}
		messages = messages[n:]
	}
	return p.singly(ctx, messages)
}

// Atomic publishes messages as one batch: all of them or none.
func (p *Publisher) Atomic(ctx context.Context, messages []*nats.Msg) error {
	copies := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		copies[i] = &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
		for name, values := range m.Header {
			copies[i].Header[name] = values
		}
	}
	if _, err := jetstreamext.PublishMsgBatch(ctx, p.js, copies); err != nil {
		return fmt.Errorf("publish a batch of %d: %w", len(messages), err)
	}
	return nil
}

// One publishes a message and says whether the stream had it already, by its message id.
func (p *Publisher) One(ctx context.Context, m *nats.Msg) (duplicate bool, err error) {
	copied := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: m.Header}
	ack, err := p.js.PublishMsg(ctx, copied)
	if err != nil {
		return false, fmt.Errorf("publish to %s: %w", m.Subject, err)
	}
	return ack.Duplicate, nil
}

func (p *Publisher) singly(ctx context.Context, messages []*nats.Msg) error {
	errs := make([]error, len(messages))
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() { _, errs[i] = p.One(ctx, m) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
