package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orderflow/orderflow/pkg/ident"
)

// ErrFull says that the broker does not keep up: the caller should tell its own caller to come again.
var ErrFull = errors.New("the broker does not keep up")

// Gatherer takes publishes from many goroutines and makes batches of what has queued up while the last one was on its
// way. So one request alone waits for nothing, and hundreds share one sync to disk.
type Gatherer struct {
	publisher *Publisher
	queue     chan *parcel
}

// parcel is one message and where its answer goes.
type parcel struct {
	ctx    context.Context //nolint:containedctx // it is the caller's, and the answer is due to him
	msg    *nats.Msg
	answer chan answer
}

type answer struct {
	duplicate bool
	err       error
}

// gatherers is how many batches are on their way at once: one is written while the next one fills.
const gatherers = 4

// publishTimeout is the longest that a batch may take; who asked may give up earlier.
const publishTimeout = 5 * time.Second

// NewGatherer makes a gatherer; Run makes it work.
func NewGatherer(p *Publisher) *Gatherer {
	return &Gatherer{publisher: p, queue: make(chan *parcel, 4*batchMost)}
}

// Publish returns when the message is durable, or with an error: then it may be durable all the same, and publishing
// it again under the same id is right. The bool says that the stream had it already.
func (g *Gatherer) Publish(ctx context.Context, subject string, id ident.Delivery, data []byte) (bool, error) {
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{"Nats-Msg-Id": []string{id.String()}}}
	p := &parcel{ctx, m, make(chan answer, 1)}
	select {
	case g.queue <- p:
	case <-ctx.Done():
		return false, ErrFull
	}
	select {
	case a := <-p.answer:
		return a.duplicate, a.err
	case <-ctx.Done():
		return false, fmt.Errorf("%w: no ack in time", ErrFull)
	}
}

// Run publishes until ctx ends and the queue is empty.
func (g *Gatherer) Run(ctx context.Context) error {
	done := make(chan struct{})
	for range gatherers {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				batch := g.next(ctx)
				if len(batch) == 0 {
					return
				}
				g.send(context.WithoutCancel(ctx), batch)
			}
		}()
	}
	for range gatherers {
		<-done
	}
	return nil
}

// next waits for one message and takes along what has queued behind it. Nothing after ctx has ended and the queue is
// empty.
func (g *Gatherer) next(ctx context.Context) []*parcel {
	var batch []*parcel
	select {
	case p := <-g.queue:
		batch = append(batch, p)
	default:
		select {
		case p := <-g.queue:
			batch = append(batch, p)
		case <-ctx.Done():
			return nil
		}
	}
	for len(batch) < batchMost {
		select {
		case p := <-g.queue:
			if p.ctx.Err() == nil { // who has given up will come again
				batch = append(batch, p)
			}
		default:
			return batch
		}
	}
	return batch
}

// send publishes a batch. The same id twice, in the batch or in the stream, refuses the whole of it: repeats within are
// answered with their first, and a batch that is refused is halved until the repeat stands alone.
func (g *Gatherer) send(ctx context.Context, batch []*parcel) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	first := map[string]*parcel{}
	followers := map[*parcel][]*parcel{}
	var distinct []*parcel
	for _, p := range batch {
		id := p.msg.Header.Get("Nats-Msg-Id")
		if leader, ok := first[id]; ok {
			followers[leader] = append(followers[leader], p)
			continue
		}
		first[id] = p
		distinct = append(distinct, p)
	}
	g.halve(ctx, distinct, func(p *parcel, a answer) {
		p.answer <- a
		for _, f := range followers[p] {
			f.answer <- answer{duplicate: a.err == nil, err: a.err}
		}
	})
}

func (g *Gatherer) halve(ctx context.Context, batch []*parcel, tell func(*parcel, answer)) {
	if len(batch) < batchFrom {
		done := make(chan struct{})
		for _, p := range batch {
			go func() {
				duplicate, err := g.publisher.One(ctx, p.msg)
				tell(p, answer{duplicate, err})
				done <- struct{}{}
			}()
		}
		for range batch {
			<-done
		}
		return
	}
	messages := make([]*nats.Msg, len(batch))
	for i, p := range batch {
		messages[i] = p.msg
	}
	if err := g.publisher.Atomic(ctx, messages); err != nil {
		if ctx.Err() != nil {
			for _, p := range batch {
				tell(p, answer{err: err})
			}
			return
		}
		g.halve(ctx, batch[:len(batch)/2], tell)
		g.halve(ctx, batch[len(batch)/2:], tell)
		return
	}
	for _, p := range batch {
		tell(p, answer{})
	}
}
