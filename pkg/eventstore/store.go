// Package eventstore is the truth: streams of events in Postgres, appended and never changed.
//
// A stream is (category, entity). What a decision appends, to however many streams, is a Unit: it is stored whole,
// found stored whole, or in conflict. A batch of units is one insert statement and one transaction, with one outbox
// row that lists what was appended; units in conflict are left out and the others go in.
package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"
)

// Store reads and appends. It is safe for use by many goroutines.
type Store struct {
	pool  *pgxpool.Pool
	vault *seal.Vault
}

// New makes a store on a migrated database.
func New(pool *pgxpool.Pool, vault *seal.Vault) *Store { return &Store{pool: pool, vault: vault} }

// Append is what a unit adds to one stream.
type Append struct {
	Entity   ident.Entity
	Category event.Category
	// Expected is the version of the stream's last event that the decision saw; 0 for a new stream.
	Expected int
	Events   []event.New
	// Snapshot is the stream's state after these events, written with them; nil for streams that are read whole.
	Snapshot proto.Message
}

// Unit is one decision with all its streams and everything that is to be written with it.
type Unit struct {
	Appends []Append
	// Timers are written (again), Clear are deleted.
	Timers []Timer
	Clear  []ident.Cause
	// Links are names that lead to an entity from now on; what was parked under them becomes due.
	Links []Link
	// Wake are references whose parked timers become due without leading to an entity: sku:MUG when stock came.
	Wake []string
	// Tx writes a service's own rows in the same transaction; nil if there are none.
	Tx func(ctx context.Context, tx pgx.Tx) error
}

// Link is a name that leads to an entity.
type Link struct {
	Ref    string
	Entity ident.Entity
	// Moves says that the name leads here also if it led somewhere else before.
	Moves bool
}

// Timer is something that a service looks at again later.
type Timer struct {
	Service string
	ID      ident.Cause
	Entity  ident.Entity // zero if it is not known yet
	Kind    string
	DueAt   time.Time // zero: parked until one of Refs is linked or woken
	Refs    []string
	Attempt int
	Payload []byte
	// CreatedAt is when it was first written; set on reading.
	CreatedAt time.Time
}

// Snapshot is the state of a stream as it was written with its latest event.
type Snapshot struct {
	Version int
	Data    []byte
}

// Load reads every event of the orders in one statement, by category and version. A type that this build does not
// know has no Message. Stock streams have no end and are not read here: their state is a snapshot.
func (s *Store) Load(ctx context.Context, ids []ident.Entity) (map[ident.Entity][]event.Recorded, error) {
	return load(ctx, s.pool, ids)
}

func load(ctx context.Context, q querier, ids []ident.Entity) (map[ident.Entity][]event.Recorded, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM orderflow.events WHERE entity_id = ANY($1) AND category <> 'stock'
		ORDER BY entity_id, category, version`, uuids(ids))
	if err != nil {
		return nil, fmt.Errorf("load events: %w", err)
	}
	events, err := scan(rows)
	if err != nil {
		return nil, err
	}
	byEntity := make(map[ident.Entity][]event.Recorded, len(ids))
	for _, e := range events {
		byEntity[e.Entity] = append(byEntity[e.Entity], e)
	}
	return byEntity, nil
}

// LoadAbove reads one stream's events above a version, at most limit of them: for streams that have no end.
func (s *Store) LoadAbove(ctx context.Context, c event.Category, id ident.Entity, above, limit int) ([]event.Recorded, error) {
	return loadAbove(ctx, s.pool, c, id, above, limit)
}

func loadAbove(ctx context.Context, q querier, c event.Category, id ident.Entity, above, limit int) ([]event.Recorded, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM orderflow.events
		WHERE entity_id = $1 AND category = $2 AND version > $3 ORDER BY version LIMIT $4`, uuid.UUID(id), string(c), above, limit)
	if err != nil {
		return nil, fmt.Errorf("load %s-%s above %d: %w", c, id, above, err)
	}
	return scan(rows)
}

// Snapshots reads the states of streams that are not read whole. A stream without events is not in the map.
func (s *Store) Snapshots(ctx context.Context, c event.Category, ids []ident.Entity) (map[ident.Entity]Snapshot, error) {
	return readSnapshots(ctx, s.pool, c, ids)
}

func readSnapshots(ctx context.Context, q querier, c event.Category, ids []ident.Entity) (map[ident.Entity]Snapshot, error) {
	rows, err := q.Query(ctx, `SELECT entity_id, version, data FROM orderflow.snapshots
		WHERE entity_id = ANY($1) AND category = $2`, uuids(ids), string(c))
	if err != nil {
		return nil, fmt.Errorf("read snapshots: %w", err)
	}
	snapshots := make(map[ident.Entity]Snapshot, len(ids))
	var id uuid.UUID
	var snapshot Snapshot
	_, err = pgx.ForEachRow(rows, []any{&id, &snapshot.Version, &snapshot.Data}, func() error {
		snapshots[ident.Entity(id)] = snapshot
		snapshot.Data = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read snapshots: %w", err)
	}
	return snapshots, nil
}

// Moved lists entities with events recorded since a time, in the order of their ids and in pages of at most so many: for
// the sweep. The zero time lists all of them. Of a category it only matters whether it is stock's, whose entities are
// SKUs. After an error there are no more pages.
func (s *Store) Moved(ctx context.Context, c event.Category, since time.Time, page int) iter.Seq2[[]ident.Entity, error] {
	if since.IsZero() {
		return s.all(ctx, c, page)
	}
	return func(yield func([]ident.Entity, error) bool) {
		// In one go: few of many events are recent, and finding them again for every page would take longer the more they
		// are. An id takes 16 bytes.
		ids, err := s.list(ctx, `WITH moved AS MATERIALIZED (
				SELECT DISTINCT entity_id FROM orderflow.events WHERE recorded_at >= $1 AND (category = 'stock') = $2
			) SELECT entity_id FROM moved ORDER BY entity_id`, since, c == event.Stock)
		if err != nil {
			yield(nil, err)
			return
		}
		for some := range slices.Chunk(ids, page) {
			if !yield(some, nil) {
				return
			}
		}
	}
}

// all lists every entity by the primary key, page by page.
func (s *Store) all(ctx context.Context, c event.Category, page int) iter.Seq2[[]ident.Entity, error] {
	return func(yield func([]ident.Entity, error) bool) {
		var after ident.Entity
		for {
			ids, err := s.list(ctx, `SELECT DISTINCT entity_id FROM orderflow.events
				WHERE entity_id > $1 AND (category = 'stock') = $2 ORDER BY entity_id LIMIT $3`, uuid.UUID(after), c == event.Stock, page)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(ids) == 0 || !yield(ids, nil) {
				return
			}
			after = ids[len(ids)-1]
		}
	}
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]ident.Entity, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	entities := make([]ident.Entity, len(ids))
	for i, id := range ids {
		entities[i] = ident.Entity(id)
	}
	return entities, nil
}

const columns = `entity_id, category, version, event_id, type, data, cause_id, occurred_at, recorded_at, trace_id`

func scan(rows pgx.Rows) ([]event.Recorded, error) {
	defer rows.Close()
	var events []event.Recorded
	for rows.Next() {
		var e event.Recorded
		var entity, id, cause pgtype.UUID
		var category string
		var trace []byte
		err := rows.Scan(&entity, &category, &e.Version, &id, &e.Type, &e.Data, &cause, &e.OccurredAt, &e.RecordedAt, &trace)
		if err != nil {
			return nil, fmt.Errorf("read an event: %w", err)
		}
		e.Entity, e.ID, e.Cause, e.Category = entity.Bytes, id.Bytes, cause.Bytes, event.Category(category)
		e.OccurredAt, e.RecordedAt = e.OccurredAt.UTC(), e.RecordedAt.UTC()
		copy(e.Trace[:], trace)
		e.Message, err = event.Decode(e.Type, e.Data)
		if err != nil && !errors.Is(err, event.ErrUnknownType) {
			e.Damaged = err
		}
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

// uuids are ids as pgx sends them without asking each how it wants to be sent, which takes it ten times as long.
func uuids[ID ~[16]byte](ids []ID) pgtype.FlatArray[pgtype.UUID] {
	out := make(pgtype.FlatArray[pgtype.UUID], len(ids))
	for i, id := range ids {
		out[i] = asUUID(id)
	}
	return out
}

func asUUID[ID ~[16]byte](id ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }
