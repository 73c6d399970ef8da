package projector

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
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
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
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

// Run writes deliveries down until ctx ends.
func (j *journal) Run(ctx context.Context) error {
	consuming, err := bus.Consume(ctx, j.js, bus.JournalDurable(), func(m jetstream.Msg) { j.receive(ctx, m) }, func(err error) {
		j.log.Warn().Err(err).Msg("broker")
	})
	if err != nil {
		return err
	}
	var helpers sync.WaitGroup
	helpers.Go(func() { j.keep(ctx) })
	j.loop(ctx)
	consuming.Stop()
	helpers.Wait()
	return nil
}

func (j *journal) receive(ctx context.Context, m jetstream.Msg) {
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
	case <-ctx.Done(): // not acked: it is delivered again
	}
}

func (j *journal) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-j.inbox:
			batch := []arrival{first}
			for full := false; !full && len(batch) < journalMost; {
				select {
				case a := <-j.inbox:
					batch = append(batch, a)
				default:
					full = true
				}
			}
			j.handle(context.WithoutCancel(ctx), ctx.Done(), batch)
		}
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

// journalLock lets one batch at a time into the journal, over all replicas: only so can a repeat and a second body
// under one id be told for sure. Batches share it, so it costs little.
const journalLock = 7013003

// sameDelivery is how far apart the same delivery can be told: as long as the broker keeps one, and a day.
const sameDelivery = shortestRetention

// write puts deliveries into the journal. What is there already is left as it is.
func (j *journal) write(ctx context.Context, deliveries []*intakev1.Delivery) error {
	deliveries = distinct(deliveries)
	sealed, err := j.seal(ctx, deliveries)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, journalLock); err != nil {
			return fmt.Errorf("wait for the journal: %w", err)
		}
		batch := &pgx.Batch{}
		days := map[string]bool{}
		for _, d := range deliveries {
			if day := d.GetReceivedAt().AsTime().UTC().Format(time.DateOnly); !days[day] {
				days[day] = true
				batch.Queue(`SELECT journal.make_day($1::text::date)`, day)
			}
		}
		for i, d := range deliveries {
			queueDelivery(batch, d, sealed[i])
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("write to the journal: %w", err)
		}
		return nil
	})
}

func distinct(deliveries []*intakev1.Delivery) []*intakev1.Delivery {
	type key struct {
		id       string
		revision uint32
	}
	seen := map[key]bool{}
	var out []*intakev1.Delivery
	for _, d := range deliveries {
		k := key{string(d.GetId()), d.GetRevision()}
		if !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	return out
}

// seal encrypts every body under a key of its own, so that one delivery can be erased and others stay.
func (j *journal) seal(ctx context.Context, deliveries []*intakev1.Delivery) ([]*typev1.Sealed, error) {
	ids := make([]ident.Entity, len(deliveries))
	for i, d := range deliveries {
		ids[i] = ident.Entity(d.GetId())
	}
	if err := j.vault.Make(ctx, ids); err != nil {
		return nil, err
	}
	sealed := make([]*typev1.Sealed, len(deliveries))
	for i, d := range deliveries {
		var err error
		if sealed[i], err = j.vault.SealBytes(ctx, ids[i], d.GetBody()); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// The window around a delivery's own time keeps the look for repeats to a handful of partitions, whenever it is made.
const insertDelivery = `
	WITH new AS (
		SELECT $1::uuid AS id, $2::bigint AS revision, $3::text AS source, $4::text AS account, $5::text AS topic,
		       $6::text AS provider_delivery_id, $7::timestamptz AS received_at, $8::boolean AS test, $9::text AS outcome,
		       $10::text AS quarantine_reason, $11::text AS quarantine_detail, $12::int AS fact_count, $13::uuid[] AS order_ids,
		       $14::jsonb AS headers, $15::bytea AS body_nonce, $16::bytea AS body_sealed, $17::bytea AS body_sha256,
		       EXISTS (SELECT 1 FROM journal.deliveries d WHERE d.source = $3 AND d.account = $4 AND d.topic = $5
		           AND d.provider_delivery_id = $6 AND d.body_sha256 <> $17
		           AND d.received_at BETWEEN $18 AND $19) AS conflicting
	), flagged AS (
		INSERT INTO journal.conflicts SELECT source, account, topic, provider_delivery_id FROM new WHERE conflicting
		ON CONFLICT (source, account, topic, provider_delivery_id) DO NOTHING
	)
	INSERT INTO journal.deliveries (id, revision, source, account, topic, provider_delivery_id, received_at, test, outcome,
		quarantine_reason, quarantine_detail, fact_count, order_ids, headers, body_nonce, body_sealed, body_sha256, conflicting)
	SELECT * FROM new
	 WHERE NOT EXISTS (SELECT 1 FROM journal.deliveries d WHERE d.id = $1 AND d.revision = $2 AND d.received_at BETWEEN $18 AND $19)`

func queueDelivery(batch *pgx.Batch, d *intakev1.Delivery, body *typev1.Sealed) {
	at := d.GetReceivedAt().AsTime().UTC().Truncate(time.Microsecond)
	hash := sha256.Sum256(d.GetBody())
	batch.Queue(insertDelivery, uuid.UUID(d.GetId()), int64(d.GetRevision()), clean(d.GetSource()), clean(d.GetAccount()), clean(d.GetTopic()),
		clean(d.GetDeliveryId()), at, d.GetTest(), outcomeOf(d), some(d.GetQuarantine().GetReason()), some(d.GetQuarantine().GetDetail()),
		int32(len(d.GetFacts())), orderIDs(d), headers(d), present(body.GetNonce()), present(body.GetCiphertext()), hash[:], //nolint:gosec // facts are few
		at.Add(-sameDelivery), at.Add(sameDelivery))
}

// present is no bytes instead of none at all: what came again after its key was erased has an empty seal.
func present(b []byte) []byte { return append([]byte{}, b...) }

// outcomeOf is what became of a delivery.
func outcomeOf(d *intakev1.Delivery) string {
	switch {
	case d.GetQuarantine() != nil:
		return "quarantined"
	case len(d.GetFacts()) == 0:
		return "nothing_for_us"
	}
	return "accepted"
}

// orderIDs are the orders that a delivery names itself, each once; others are found by their references later.
func orderIDs(d *intakev1.Delivery) []uuid.UUID {
	ids := []uuid.UUID{}
	seen := map[ident.Entity]bool{}
	for _, f := range d.GetFacts() {
		k := f.GetOrder()
		if k.GetId() == "" {
			continue
		}
		if id := ident.Order(k.GetSource(), k.GetAccount(), k.GetId()); !seen[id] {
			seen[id] = true
			ids = append(ids, uuid.UUID(id))
		}
	}
	return ids
}

func headers(d *intakev1.Delivery) string {
	all := map[string]string{}
	for _, h := range d.GetHeaders() {
		all[h.GetName()] = h.GetValue()
	}
	data, err := json.Marshal(all)
	if err != nil {
		return "{}" // strings can always be written
	}
	return withoutNUL(string(data))
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
