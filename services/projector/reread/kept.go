package reread

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Kept is a delivery at its latest reading, as the journal keeps it: without its facts, which are not kept, and without
// its body until it is opened.
type Kept struct {
	*intakev1.Delivery

	Outcome string
	// Facts is how many it had, and MostFacts how many any reading of it had.
	Facts, MostFacts int
	// Orders are those that it names itself.
	Orders []uuid.UUID

	sealed  *typev1.Sealed
	hash    []byte
	reading []byte
}

// ID is our id of it.
func (k Kept) ID() ident.Delivery { return ident.Delivery(k.GetId()) }

// At is where it stands in the journal.
func (k Kept) At() Position { return Position{k.GetReceivedAt().AsTime(), uuid.UUID(k.GetId())} }

// Position is where a delivery stands in the journal: by the time at which it came, then by its id.
type Position struct {
	At time.Time
	ID uuid.UUID
}

// Filter says which deliveries are wanted; what is empty excludes none.
type Filter struct {
	IDs                     []uuid.UUID
	Source, Outcome, Reason string
	// Since and Until are when it came: Since included, Until not.
	Since, Until time.Time
	// NotBy excludes those that this build has read.
	NotBy string
}

// Hash is of what was read: the facts, and why not everything.
func Hash(d *intakev1.Delivery) []byte {
	// It was decoded from valid UTF-8 or is about to be published, so it can be encoded.
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&intakev1.Delivery{
		Facts: d.GetFacts(), Quarantine: &intakev1.Quarantine{Reason: d.GetQuarantine().GetReason()},
	})
	hash := sha256.Sum256(data)
	return hash[:]
}

// Journal is where deliveries are kept.
type Journal struct {
	Pool  *pgxpool.Pool
	Vault *seal.Vault
}

// A newer reading of a delivery stands beside it: in the same partition, since it came when it came.
const wanted = ` FROM journal.deliveries d
	WHERE d.received_at >= $1 AND d.received_at < $2 AND (d.received_at, d.id) > ($1, $3)
	  AND ($4::uuid[] IS NULL OR d.id = ANY($4)) AND ($5 = '' OR d.source = $5) AND ($6 = '' OR d.outcome = $6)
	  AND ($7 = '' OR d.quarantine_reason = $7) AND ($8 = '' OR d.reader <> $8)
	  AND NOT EXISTS (SELECT FROM journal.deliveries n WHERE n.id = d.id AND n.received_at = d.received_at AND n.revision > d.revision)`

func (f Filter) arguments(after Position) []any {
	since, until := f.Since, f.Until
	if after.At.After(since) {
		since = after.At
	}
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	if until.IsZero() {
		until = time.Now().AddDate(1, 0, 0)
	}
	return []any{since, until, after.ID, f.IDs, f.Source, f.Outcome, f.Reason, f.NotBy}
}

// Count is how many are wanted.
func (j Journal) Count(ctx context.Context, f Filter) (n int, err error) {
	err = j.Pool.QueryRow(ctx, `SELECT count(*)`+wanted, append([]any{pgx.QueryExecModeCacheDescribe}, f.arguments(Position{})...)...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}

// Page reads the next wanted deliveries, at most so many, in the order in which they came.
func (j Journal) Page(ctx context.Context, f Filter, after Position, most int) ([]Kept, error) {
	rows, err := j.Pool.Query(ctx, `SELECT d.id, d.revision, d.source, d.account, d.topic, d.provider_delivery_id, d.received_at, d.test, d.outcome,
		coalesce(d.quarantine_reason, ''), coalesce(d.quarantine_detail, ''), d.fact_count, d.order_ids, d.headers, d.body_nonce, d.body_sealed,
		d.body_sha256, d.reader, d.reading_sha256,
		(SELECT max(o.fact_count) FROM journal.deliveries o WHERE o.id = d.id AND o.received_at = d.received_at)`+wanted+
		` ORDER BY d.received_at, d.id LIMIT `+fmt.Sprint(most), append([]any{pgx.QueryExecModeCacheDescribe}, f.arguments(after)...)...) // planned for these times
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	page, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	ids := make([]ident.Entity, len(page))
	for i, k := range page {
		ids[i] = ident.Entity(k.ID())
	}
	return page, j.Vault.Prefetch(ctx, ids)
}

func scan(row pgx.CollectableRow) (Kept, error) {
	k := Kept{Delivery: &intakev1.Delivery{}, sealed: &typev1.Sealed{}}
	var id uuid.UUID
	var received time.Time
	var reason, detail string
	var headers map[string]string
	err := row.Scan(&id, &k.Revision, &k.Source, &k.Account, &k.Topic, &k.DeliveryId, &received, &k.Test, &k.Outcome, &reason, &detail,
		&k.Facts, &k.Orders, &headers, &k.sealed.Nonce, &k.sealed.Ciphertext, &k.hash, &k.Reader, &k.reading, &k.MostFacts)
	k.Id, k.ReceivedAt = id[:], timestamppb.New(received)
	if reason != "" {
		k.Quarantine = &intakev1.Quarantine{Reason: reason, Detail: detail}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		k.Headers = append(k.Headers, &intakev1.Header{Name: name, Value: headers[name]})
	}
	return k, err
}

// Open fills in the body; false if it was erased.
func (j Journal) Open(ctx context.Context, k Kept) (bool, error) {
	body, erased, err := j.Vault.OpenBytes(ctx, ident.Entity(k.ID()), k.sealed)
	if err != nil || erased {
		return false, err
	}
	if hash := sha256.Sum256(body); !bytes.Equal(hash[:], k.hash) {
		return false, fmt.Errorf("the body of %s is not the one that came", k.ID())
	}
	k.Body = body
	return true, nil
}
