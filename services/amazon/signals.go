package amazon

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/services/ingress/amazon"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// signals reads an order again when a delivery says that it has changed.
type signals struct {
	js      jetstream.JetStream
	bus     *bus.Publisher
	api     *api
	keep    *keeper
	metrics *metrics
	clock   func() time.Time
	log     zerolog.Logger
	// read are the orders that were read lately, each with the end of INTAKE when that began: what was told by then is in
	// what was read. Losing it costs a few calls.
	read map[string]uint64
}

const (
	// readTimeout is how long reading an order may take, turns of the usage plans included.
	readTimeout = 45 * time.Second
	// remembered is how many orders are remembered.
	remembered = 10000
	// staleMost is how often an order is read again that is older than its signal: Amazon's answers may lag behind.
	staleMost = 6
	// The pauses before something is tried again.
	firstPause, longestPause = 2 * time.Second, 5 * time.Minute
)

// Run reads orders until ctx ends, one after the other: Amazon gives no more than that in the long run.
func (s *signals) Run(ctx context.Context) error {
	work := context.WithoutCancel(ctx)
	consuming, err := bus.Consume(ctx, s.js, bus.SourceDurable(service, service), func(m jetstream.Msg) {
		if ctx.Err() != nil {
			_ = m.Nak() // whoever goes on gets it at once
			return
		}
		s.take(work, m)
	}, trouble(s.log, "broker"))
	if err != nil {
		return err
	}
	<-ctx.Done()
	consuming.Drain()
	return nil
}

func (s *signals) take(ctx context.Context, m jetstream.Msg) {
	d := &intakev1.Delivery{}
	if err := proto.Unmarshal(m.Data(), d); err != nil {
		s.bury(ctx, m, "undecodable", errors.New("it is no delivery"))
		return
	}
	change, ok := amazon.Change{}, false
	if d.GetTopic() == amazon.OrderChange && d.GetAccount() == s.keep.account.Name {
		change, ok = amazon.ChangeOf(d.GetBody())
	}
	if !ok {
		_ = m.Ack() // a lost ack brings it again, and it means nothing again
		return
	}
	meta, err := m.Metadata()
	if err != nil {
		_ = m.NakWithDelay(longestPause) // no broker sends such a message
		return
	}
	number, tries := meta.Sequence.Stream, meta.NumDelivered
	if s.read[change.OrderID] >= number {
		s.ack(m, known)
		return
	}
	switch again, err := s.reread(ctx, change, number, tries < staleMost); {
	case err == nil && again:
		s.ack(m, known)
	case err == nil:
		s.ack(m, done)
	case fault.KindOf(err) == fault.Rejected:
		s.bury(ctx, m, "rejected", err)
	default:
		pause := pauseOf(err, tries)
		s.log.Warn().Err(err).Str("order", change.OrderID).Dur("retry_in", pause).Msg("Amazon's order not read yet")
		s.metrics.signals.WithLabelValues(later).Inc()
		_ = m.NakWithDelay(pause)
	}
}

// reread reads an order because of a message, and keeps what it is. Again says that it is as it was.
func (s *signals) reread(ctx context.Context, change amazon.Change, number uint64, mayWait bool) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if stream, err := s.js.Stream(ctx, bus.Intake); err == nil {
		number = max(number, stream.CachedInfo().State.LastSeq)
	}
	o, err := s.api.order(ctx, change.OrderID)
	if err != nil {
		return false, err
	}
	if mayWait && stale(change, o) {
		return false, fault.New(fault.Transient, "the order is still as it was before it changed")
	}
	again, err = s.keep.keep(ctx, o.body)
	if err != nil {
		return false, err
	}
	if len(s.read) >= remembered {
		clear(s.read)
	}
	s.read[change.OrderID] = number
	return again, nil
}

// stale says that an order was not yet what a signal says that it became.
func stale(change amazon.Change, o orderAt) bool {
	return change.Status != "" && change.Status != o.status && !change.At.IsZero() && o.updated.Before(change.At)
}

// pauseOf is how long to wait: what Amazon says, and longer each time.
func pauseOf(err error, tries uint64) time.Duration {
	pause := longestPause
	if tries < 9 {
		pause = min(firstPause<<(tries-1), longestPause)
	}
	var b *busy
	if errors.As(err, &b) {
		return max(b.after, pause)
	}
	return pause
}

func (s *signals) ack(m jetstream.Msg, outcome string) {
	s.metrics.signals.WithLabelValues(outcome).Inc()
	_ = m.Ack() // a lost ack brings it again, and the order was read
}

// bury gives a message up: with a copy in DEAD, so that it can be looked into and redriven.
func (s *signals) bury(ctx context.Context, m jetstream.Msg, reason string, cause error) {
	s.log.Error().Err(cause).Str("subject", m.Subject()).Msg("given up: " + reason)
	err := s.bus.Bury(ctx, &envelopev1.Dead{
		Service: service, Reason: reason, Error: cause.Error(), Subject: m.Subject(), Message: m.Data(), At: timestamppb.New(s.clock()),
	})
	if err != nil {
		_ = m.NakWithDelay(longestPause)
		return
	}
	s.metrics.signals.WithLabelValues(givenUp).Inc()
	_ = m.TermWithReason(reason)
}
