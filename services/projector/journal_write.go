package projector

// How deliveries are put into the journal: a batch is one transaction and one statement.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/projector/reread"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

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
		batch := &pgx.Batch{}
		// A plan that was kept from when the day's partition was empty would read all of it for every row, for ever.
		batch.Queue(`SELECT pg_advisory_xact_lock($1), set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true)`, journalLock)
		days := map[string]bool{}
		for _, d := range deliveries {
			if day := d.GetReceivedAt().AsTime().UTC().Format(time.DateOnly); !days[day] {
				days[day] = true
				batch.Queue(`SELECT journal.make_day($1::text::date)`, day)
			}
		}
		batch.Queue(insertDeliveries, rowsOf(deliveries, sealed).arguments()...)
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
// The looks are no EXISTS: as such the planner would join them, and read whole partitions.
const insertDeliveries = `
	WITH new AS (
		SELECT n.id, n.revision, n.source, n.account, n.topic, n.provider_delivery_id, n.received_at, n.test, n.outcome,
		       nullif(n.quarantine_reason, ''), nullif(n.quarantine_detail, ''), n.fact_count, n.order_ids::uuid[], n.headers::jsonb,
		       n.body_nonce, n.body_sealed, n.body_sha256, n.reader, n.reading_sha256,
		       n.conflicting OR (SELECT true FROM journal.deliveries d WHERE d.source = n.source AND d.account = n.account AND d.topic = n.topic
		           AND d.provider_delivery_id = n.provider_delivery_id AND d.body_sha256 <> n.body_sha256
		           AND d.received_at BETWEEN n.received_at - $19::interval AND n.received_at + $19::interval LIMIT 1) IS NOT NULL AS conflicting
		  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::boolean[], $9::text[],
		       $10::text[], $11::text[], $12::int[], $13::text[], $14::text[], $15::bytea[], $16::bytea[], $17::bytea[], $18::boolean[],
		       $20::text[], $21::bytea[])
		       AS n (id, revision, source, account, topic, provider_delivery_id, received_at, test, outcome, quarantine_reason,
		       quarantine_detail, fact_count, order_ids, headers, body_nonce, body_sealed, body_sha256, conflicting, reader, reading_sha256)
		 WHERE (SELECT true FROM journal.deliveries d WHERE d.id = n.id AND d.revision = n.revision
		           AND d.received_at BETWEEN n.received_at - $19::interval AND n.received_at + $19::interval LIMIT 1) IS NULL
	), flagged AS (
		INSERT INTO journal.conflicts SELECT DISTINCT source, account, topic, provider_delivery_id FROM new WHERE conflicting
		ON CONFLICT (source, account, topic, provider_delivery_id) DO NOTHING
	)
	INSERT INTO journal.deliveries (id, revision, source, account, topic, provider_delivery_id, received_at, test, outcome,
		quarantine_reason, quarantine_detail, fact_count, order_ids, headers, body_nonce, body_sealed, body_sha256, reader, reading_sha256, conflicting)
	SELECT * FROM new`

// rows are deliveries as columns.
type rows struct {
	ids                              []uuid.UUID
	revisions                        []int64
	sources, accounts, topics, names []string
	received                         []time.Time
	tests                            []bool
	outcomes                         []string
	reasons, details                 []string
	facts                            []int32
	orders, headers                  []string
	nonces, bodies, hashes           [][]byte
	conflicting                      []bool
	readers                          []string
	readings                         [][]byte
}

func (r *rows) arguments() []any {
	return []any{
		r.ids, r.revisions, r.sources, r.accounts, r.topics, r.names, r.received, r.tests, r.outcomes, r.reasons, r.details,
		r.facts, r.orders, r.headers, r.nonces, r.bodies, r.hashes, r.conflicting, sameDelivery,
		r.readers, r.readings,
	}
}

func rowsOf(deliveries []*intakev1.Delivery, sealed []*typev1.Sealed) *rows {
	r := &rows{}
	bodies := map[string][]byte{} // the first hash under each id of a provider: another one in this batch conflicts
	for i, d := range deliveries {
		hash := sha256.Sum256(d.GetBody())
		r.ids, r.revisions = append(r.ids, uuid.UUID(d.GetId())), append(r.revisions, int64(d.GetRevision()))
		r.sources, r.accounts = append(r.sources, clean(d.GetSource())), append(r.accounts, clean(d.GetAccount()))
		r.topics, r.names = append(r.topics, clean(d.GetTopic())), append(r.names, clean(d.GetDeliveryId()))
		r.received = append(r.received, d.GetReceivedAt().AsTime().UTC().Truncate(time.Microsecond))
		r.tests, r.outcomes = append(r.tests, d.GetTest()), append(r.outcomes, outcomeOf(d))
		r.reasons, r.details = append(r.reasons, clean(d.GetQuarantine().GetReason())), append(r.details, clean(d.GetQuarantine().GetDetail()))
		r.facts = append(r.facts, int32(len(d.GetFacts()))) //nolint:gosec // facts are few
		r.orders, r.headers = append(r.orders, orderIDs(d)), append(r.headers, headers(d))
		r.nonces, r.bodies = append(r.nonces, present(sealed[i].GetNonce())), append(r.bodies, present(sealed[i].GetCiphertext()))
		r.hashes = append(r.hashes, hash[:])
		r.readers, r.readings = append(r.readers, clean(d.GetReader())), append(r.readings, reread.Hash(d))
		name := strings.Join([]string{d.GetSource(), d.GetAccount(), d.GetTopic(), d.GetDeliveryId()}, "\x00")
		first, told := bodies[name]
		if !told {
			bodies[name] = hash[:]
		}
		r.conflicting = append(r.conflicting, told && !bytes.Equal(first, hash[:]))
	}
	return r
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

// orderIDs are the orders that a delivery names itself, each once, as an array's text; others are found by their
// references later.
func orderIDs(d *intakev1.Delivery) string {
	var ids []string
	seen := map[ident.Entity]bool{}
	for _, f := range d.GetFacts() {
		k := f.GetOrder()
		if k.GetId() == "" {
			continue
		}
		if id := ident.Order(k.GetSource(), k.GetAccount(), k.GetId()); !seen[id] {
			seen[id] = true
			ids = append(ids, id.String())
		}
	}
	return "{" + strings.Join(ids, ",") + "}"
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
