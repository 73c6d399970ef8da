package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// ErrFull says that the broker does not keep up: the caller should tell its own caller to come again.
var ErrFull = errors.New("the broker does not keep up")

// Gatherer takes publishes from many goroutines and makes batches of what has queued up while the last one was on its
// way. So one request alone waits for nothing, and hundreds share one sync to disk.
type Gatherer struct {
	publisher *Publisher
	queue     chan *parcel
	ended     chan struct{} // closed when Run has ended
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
	return &Gatherer{publisher: p, queue: make(chan *parcel, 4*batchMost), ended: make(chan struct{})}
}

// Publish returns when the message is durable, or with an error that wraps ErrFull: then it may be durable all the
// same, and publishing it again under the same id is right. The bool says that the stream had it already. The message
// carries the span of ctx.
func (g *Gatherer) Publish(ctx context.Context, subject string, id ident.Delivery, data []byte) (bool, error) {
	m := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{"Nats-Msg-Id": []string{id.String()}}}
	tracing.Put(ctx, m)
	p := &parcel{ctx, m, make(chan answer, 1)}
	select {
	case g.queue <- p:
	case <-ctx.Done():
		return false, ErrFull
	case <-g.ended:
		return false, fmt.Errorf("%w: it is stopping", ErrFull)
	}
	select {
	case a := <-p.answer:
		return a.result()
	case <-ctx.Done():
		return false, fmt.Errorf("%w: no ack in time", ErrFull)
	case <-g.ended:
	}
	select { // it may have been answered with the last batch
	case a := <-p.answer:
		return a.result()
	default:
		return false, fmt.Errorf("%w: it is stopping", ErrFull)
	}
}

func (a answer) result() (bool, error) {
	if a.err != nil {
		return false, refused{a.err}
	}
	return a.duplicate, nil
}

// refused is an ErrFull with the broker's own words.
type refused struct{ err error }

func (r refused) Error() string   { return ErrFull.Error() + ": " + r.err.Error() }
func (r refused) Unwrap() []error { return []error{ErrFull, r.err} }

// Run publishes until ctx ends and the queue is empty. Whoever publishes after that is refused. It runs once.
func (g *Gatherer) Run(ctx context.Context) error {
	defer close(g.ended)
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

// halve publishes what is few one by one. A larger batch that is refused for a repeat is halved; refused for another
// reason, each message learns by itself what becomes of it.
func (g *Gatherer) halve(ctx context.Context, batch []*parcel, tell func(*parcel, answer)) {
	if len(batch) < g.publisher.from {
		g.singly(ctx, batch, tell)
		return
	}
	messages := make([]*nats.Msg, len(batch))
	for i, p := range batch {
		messages[i] = p.msg
	}
	err := g.publisher.Atomic(ctx, messages)
	switch {
	case err == nil, ctx.Err() != nil:
		for _, p := range batch {
			tell(p, answer{err: err})
		}
	case errors.Is(err, jetstreamext.ErrBatchPublishDuplicateMsgID):
		g.halve(ctx, batch[:len(batch)/2], tell)
		g.halve(ctx, batch[len(batch)/2:], tell)
	default:
		g.singly(ctx, batch, tell)
	}
}

func (g *Gatherer) singly(ctx context.Context, batch []*parcel, tell func(*parcel, answer)) {
	var all sync.WaitGroup
	for _, p := range batch {
		all.Go(func() {
			duplicate, err := g.publisher.One(ctx, p.msg)
			tell(p, answer{duplicate, err})
		})
	}
	all.Wait()
}
