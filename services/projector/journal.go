package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// journalMost is how many deliveries share a transaction. They have bodies, so it is fewer than bells.
const journalMost = 200

// journal writes down every delivery as it came. It is no projection: nothing else holds what it holds.
type journal struct {
	pool   *pgxpool.Pool
	vault  *seal.Vault
	js     jetstream.JetStream
	bus    *bus.Publisher
	config Config
	clock  func() time.Time
	log    zerolog.Logger
	inbox  chan arrival
}

// arrival is a delivery with its message.
type arrival struct {
	msg jetstream.Msg
	*intakev1.Delivery
}

func newJournal(d host.Deps, config Config) *journal {
	return &journal{
		pool: d.Pool, vault: d.Vault, js: d.JS, bus: d.Bus, config: config, clock: d.Clock, log: d.Log,
		inbox: make(chan arrival, journalMost),
	}
}

// Run writes deliveries down until ctx ends; then it gives back what it has not taken, finishes what is in hand and returns.
func (j *journal) Run(ctx context.Context) error {
	consuming, err := bus.Consume(ctx, j.js, bus.JournalDurable(), func(m jetstream.Msg) { j.receive(ctx, m) }, bus.Sparing(j.log, "broker"))
	if err != nil {
		return err
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { j.keep(ctx) })
	helpers.Go(func() {
		<-ctx.Done()
		consuming.Drain()
	})
	work := context.WithoutCancel(ctx)
	batches := bus.Batches[arrival]{Inbox: j.inbox, Most: journalMost, Breath: breathMost, Least: breathLeast}
	handle := func(batch []arrival) { j.handle(work, ctx.Done(), batch) }
	batches.Each(ctx, handle)
	helpers.Wait()
	batches.Rest(work, handle) // nobody adds to it any more
	return nil
}

func (j *journal) receive(ctx context.Context, m jetstream.Msg) {
	if ctx.Err() != nil {
		giveBack(m)
		return
	}
	d := &intakev1.Delivery{}
	if err := proto.Unmarshal(m.Data(), d); err != nil || len(d.GetId()) != len(ident.Delivery{}) {
		j.bury(context.WithoutCancel(ctx), m, "undecodable", errors.New("it is no delivery"))
		return
	}
	if d.GetReceivedAt() == nil {
		if meta, err := m.Metadata(); err == nil {
			d.ReceivedAt = timestamppb.New(meta.Timestamp)
		}
	}
	select {
	case j.inbox <- arrival{m, d}:
	case <-ctx.Done():
		giveBack(m)
	}
}

// handle writes a batch and acks it. While the database is away it waits. What can never be written is buried alone.
func (j *journal) handle(ctx context.Context, stop <-chan struct{}, batch []arrival) {
	deliveries := make([]*intakev1.Delivery, len(batch))
	for i, a := range batch {
		deliveries[i] = a.Delivery
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := j.write(ctx, deliveries)
		switch {
		case err == nil:
			for _, a := range batch {
				_ = a.msg.Ack() // a lost ack brings it again, and it is known
			}
			return
		case unstorable(err) && len(batch) == 1:
			j.bury(ctx, batch[0].msg, "unstorable", err)
			return
		case unstorable(err):
			for _, a := range batch {
				j.handle(ctx, stop, []arrival{a})
			}
			return
		}
		j.log.Warn().Err(err).Int("deliveries", len(batch)).Dur("retry_in", pause).Msg("not in the journal yet")
		select {
		case <-time.After(pause):
		case <-stop:
			for _, a := range batch {
				giveBack(a.msg)
			}
			return
		}
	}
}

// bury gives a message up: with a copy in DEAD, so that it can be looked into and redriven.
func (j *journal) bury(ctx context.Context, m jetstream.Msg, reason string, cause error) {
	j.log.Error().Err(cause).Str("subject", m.Subject()).Msg("not written to the journal: " + reason)
	err := j.bus.Bury(ctx, &envelopev1.Dead{
		Service: "journal", Reason: reason, Error: cause.Error(), Subject: m.Subject(), Message: m.Data(), At: timestamppb.New(j.clock()),
	})
	if err != nil {
		_ = m.NakWithDelay(longestPause)
		return
	}
	_ = m.TermWithReason(reason)
}

// Partitions are made some days ahead and dropped when their day is older than the retention.
const (
	keepEvery = time.Hour
	daysAhead = 3
)

func (j *journal) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if err := j.keepDays(ctx, j.clock()); err != nil && ctx.Err() == nil {
			j.log.Warn().Err(err).Msg("the journal's days; tried again in an hour")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (j *journal) keepDays(ctx context.Context, now time.Time) error {
	for n := range daysAhead + 1 {
		day := now.UTC().AddDate(0, 0, n).Format(time.DateOnly)
		if _, err := j.pool.Exec(ctx, `SELECT journal.make_day($1::text::date)`, day); err != nil {
			return fmt.Errorf("make the journal's day %s: %w", day, err)
		}
	}
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		// Dropping waits for who reads the journal; meanwhile others would wait behind it, so it gives up soon.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '1s'`); err != nil {
			return err
		}
		before := now.UTC().Add(-j.config.JournalRetention).Format(time.DateOnly)
		var dropped int
		if err := tx.QueryRow(ctx, `SELECT journal.drop_before($1::text::date)`, before).Scan(&dropped); err != nil {
			return fmt.Errorf("drop the journal's days before %s: %w", before, err)
		}
		if dropped > 0 {
			j.log.Info().Int("days", dropped).Str("before", before).Msg("the journal's oldest days were dropped")
		}
		return nil
	})
}
