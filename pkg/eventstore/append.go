package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// Outcome is what became of a unit.
type Outcome int

// The outcomes.
const (
	Stored   Outcome = iota
	Repeat           // all of it was stored before: nothing to do, nothing to tell
	Conflict         // somebody was faster: load again and decide again
)

func (o Outcome) String() string { return [...]string{"stored", "repeat", "conflict"}[o] }

// OutboxID names an outbox row.
type OutboxID int64

// Appended is what became of a batch.
type Appended struct {
	// Outcomes and Events are by unit; Events only where it was stored.
	Outcomes []Outcome
	Events   [][]event.Recorded
	// Outbox is the row to delete once Doorbells were published; 0 if nothing was appended.
	Outbox    OutboxID
	Doorbells []*envelopev1.Doorbell
}

// Append stores the units in one transaction. Units that are in conflict, and those that share a stream with one, are
// left out and the rest is stored. The outbox rows in published are deleted in the same transaction.
//
// An event's id is computed from service, stream, cause, type and ordinal, so that the same decision made twice is
// known as a repeat.
func (s *Store) Append(ctx context.Context, service string, units []Unit, published []OutboxID) (Appended, error) {
	if err := s.vaultKeys(ctx, units); err != nil {
		return Appended{}, err
	}
	prepared := make([]*prepared, len(units))
	for i, u := range units {
		p, err := s.prepare(ctx, service, u)
		if err != nil {
			return Appended{}, err
		}
		prepared[i] = p
	}
	for {
		result, err := s.try(ctx, service, prepared, published)
		if !errors.Is(err, errConflict) {
			return result, err
		}
		if err := s.classify(ctx, prepared); err != nil {
			return Appended{}, err
		}
	}
}

// vaultKeys makes the keys that the batch seals with at once: one by one each would be a transaction.
func (s *Store) vaultKeys(ctx context.Context, units []Unit) error {
	var ids []ident.Entity
	for _, u := range units {
		for _, a := range u.Appends {
			if slices.ContainsFunc(a.Events, func(e event.New) bool { return e.Personal != nil }) {
				ids = append(ids, a.Entity)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return s.vault.Make(ctx, ids)
}

// errConflict says that some stream was not where a unit expected it.
var errConflict = errors.New("a stream has moved")

// prepared is a unit with its rows made and sealed.
type prepared struct {
	Unit
	outcome Outcome
	rows    [][]event.Recorded // by append
}

func (s *Store) prepare(ctx context.Context, service string, u Unit) (*prepared, error) {
	p := &prepared{Unit: u, rows: make([][]event.Recorded, len(u.Appends))}
	for i, a := range u.Appends {
		ordinals := map[string]int{}
		for n, e := range a.Events {
			row, err := s.row(ctx, service, a, e, ordinals)
			if err != nil {
				return nil, err
			}
			row.Version = a.Expected + n + 1
			p.rows[i] = append(p.rows[i], row)
		}
	}
	return p, nil
}

func (s *Store) row(ctx context.Context, service string, a Append, e event.New, ordinals map[string]int) (event.Recorded, error) {
	eventType := event.TypeOf(e.Message)
	if event.CategoryOf(eventType) != a.Category {
		return event.Recorded{}, fmt.Errorf("append %s to %s-%s: that category holds no such type", eventType, a.Category, a.Entity)
	}
	if e.Cause.IsZero() {
		return event.Recorded{}, fmt.Errorf("append %s to %s-%s: it has no cause", eventType, a.Category, a.Entity)
	}
	message, err := s.seal(ctx, a.Entity, e)
	if err != nil {
		return event.Recorded{}, err
	}
	data, err := proto.Marshal(message)
	if err != nil {
		return event.Recorded{}, fmt.Errorf("append %s: %w", eventType, err)
	}
	key := string(e.Cause[:]) + eventType
	id := ident.EventOf(service, string(a.Category), a.Entity, e.Cause, eventType, e.Ordinal+ordinals[key])
	ordinals[key]++
	return event.Recorded{
		ID: id, Entity: a.Entity, Category: a.Category, Type: eventType, Message: message, Data: data,
		Cause: e.Cause, Trace: tracing.IDOf(e.Span), OccurredAt: e.OccurredAt.UTC().Truncate(time.Microsecond),
	}, nil
}

// seal is the message with the encrypted person in its field "sealed". What was handed in stays as it is.
func (s *Store) seal(ctx context.Context, id ident.Entity, e event.New) (proto.Message, error) {
	if e.Personal == nil {
		return e.Message, nil
	}
	m := proto.Clone(e.Message).ProtoReflect()
	field := m.Descriptor().Fields().ByName("sealed")
	if field == nil {
		return nil, fmt.Errorf("%s has no place for personal data", event.TypeOf(e.Message))
	}
	sealed, err := s.vault.Seal(ctx, id, e.Personal)
	if err != nil {
		return nil, err
	}
	m.Set(field, protoValue(sealed))
	return m.Interface(), nil
}

// try stores everything that is not left out in one transaction.
func (s *Store) try(ctx context.Context, service string, units []*prepared, published []OutboxID) (Appended, error) {
	result := Appended{Outcomes: make([]Outcome, len(units)), Events: make([][]event.Recorded, len(units))}
	var live []*prepared
	for i, u := range units {
		result.Outcomes[i] = u.outcome
		if u.outcome == Stored {
			live = append(live, u)
		}
	}
	if !inOrder(live) {
		return Appended{}, errConflict
	}
	batch, err := s.script(service, live, published, &result)
	if err != nil {
		return Appended{}, err
	}
	if err := s.run(ctx, batch, live); err != nil {
		return Appended{}, err
	}
	for i, u := range units {
		if u.outcome == Stored {
			result.Events[i] = slices.Concat(u.rows...)
		}
	}
	return result, nil
}

// inOrder says that units which share a stream come in the order of its versions. Together they might fill a gap that
// one of them was decided across.
func inOrder(live []*prepared) bool {
	ends := map[stream]int{}
	for _, u := range live {
		for i, a := range u.Appends {
			at := stream{a.Entity, a.Category}
			if a.Expected < ends[at] {
				return false
			}
			ends[at] = a.Expected + len(u.rows[i])
		}
	}
	return true
}

// script is everything that a batch writes, as statements that need no answer of one another.
func (s *Store) script(service string, live []*prepared, published []OutboxID, result *Appended) (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	recordedAt := queueEvents(batch, live)
	for _, u := range live {
		for i := range u.rows {
			for n := range u.rows[i] {
				u.rows[i][n].RecordedAt = recordedAt
			}
		}
		result.Doorbells = append(result.Doorbells, doorbells(u, recordedAt)...)
	}
	if err := queueSnapshots(batch, live); err != nil {
		return nil, err
	}
	queueTimers(batch, service, live)
	if err := queueOutbox(batch, result.Doorbells, &result.Outbox); err != nil {
		return nil, err
	}
	deleteOutbox(batch, published)
	return batch, nil
}

// run sends the script in one piece, which is one transaction. Only where a service writes rows of its own is there
// more to say in the same transaction.
func (s *Store) run(ctx context.Context, batch *pgx.Batch, live []*prepared) error {
	const what = "append"
	if !slices.ContainsFunc(live, func(u *prepared) bool { return u.Tx != nil }) {
		return send(ctx, s.pool, batch, what)
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := send(ctx, tx, batch, what); err != nil {
			return err
		}
		for _, u := range live {
			if u.Tx != nil {
				if err := u.Tx(ctx, tx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// send runs a batch: as a transaction of its own on a pool, or within one. A conflict is told as such.
func send(ctx context.Context, on interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}, batch *pgx.Batch, what string,
) error {
	if batch.Len() == 0 {
		return nil
	}
	err := on.SendBatch(ctx, batch).Close()
	if conflict(err) {
		return errConflict
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// queueEvents is the one statement that appends. Rows go in by entity, so that pages of the index are touched in order. The
// primary key refuses a version that is there already; a version that does not follow is refused by looking at the
// one before it, which nobody can take away. That look is no EXISTS: the planner would hash the whole table for it.
func queueEvents(batch *pgx.Batch, live []*prepared) time.Time {
	rows := sorted(live)
	at := time.Now().UTC().Truncate(time.Microsecond)
	if len(rows) == 0 {
		return at
	}
	n := len(rows)
	entities, ids, causes := make(pgtype.FlatArray[pgtype.UUID], n), make(pgtype.FlatArray[pgtype.UUID], n), make(pgtype.FlatArray[pgtype.UUID], n)
	categories, types := make([]string, n), make([]string, n)
	versions, data, occurred, traces := make([]int32, n), make([][]byte, n), make([]time.Time, n), make([][]byte, n)
	for i, e := range rows {
		entities[i], ids[i], causes[i] = asUUID(e.Entity), asUUID(e.ID), asUUID(e.Cause)
		categories[i], types[i], versions[i] = string(e.Category), e.Type, int32(e.Version) //nolint:gosec // a stream is short
		data[i], occurred[i] = e.Data, e.OccurredAt
		if !e.Trace.IsZero() {
			traces[i] = e.Trace[:]
		}
	}
	batch.Queue(`
		WITH appended AS (
			SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::bytea[], $7::uuid[], $8::timestamptz[], $9::bytea[])
			  AS a (entity_id, category, version, event_id, type, data, cause_id, occurred_at, trace_id)
		), stored AS (
			INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at, trace_id, recorded_at)
			SELECT entity_id, category, version, event_id, type, data, cause_id, occurred_at, trace_id, $10 FROM appended
		)
		SELECT orderflow.must_be(count(*), $11) FROM appended a WHERE version = 1
		    OR EXISTS (SELECT 1 FROM appended b WHERE (b.entity_id, b.category, b.version) = (a.entity_id, a.category, a.version - 1))
		    OR (SELECT e.version FROM orderflow.events e WHERE (e.entity_id, e.category, e.version) = (a.entity_id, a.category, a.version - 1)) IS NOT NULL`,
		entities, categories, versions, ids, types, data, causes, occurred, traces, at, n)
	return at
}

// conflict knows a version that is taken: a unique violation, or a serialization failure where the table is distributed.
// A shard of the table has its name and a number.
func conflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "23505" && (pg.TableName == "events" || strings.HasPrefix(pg.TableName, "events_")) || pg.Code == "40001")
}

func sorted(live []*prepared) []event.Recorded {
	var rows []event.Recorded
	for _, u := range live {
		rows = append(rows, slices.Concat(u.rows...)...)
	}
	slices.SortStableFunc(rows, func(a, b event.Recorded) int {
		if c := slices.Compare(a.Entity[:], b.Entity[:]); c != 0 {
			return c
		}
		if c := compare(a.Category, b.Category); c != 0 {
			return c
		}
		return a.Version - b.Version
	})
	return rows
}

// doorbells are one per distinct type of each stream's append.
func doorbells(u *prepared, at time.Time) []*envelopev1.Doorbell {
	var bells []*envelopev1.Doorbell
	for i, rows := range u.rows {
		seen := map[string]bool{}
		for n, e := range rows {
			if seen[e.Type] {
				continue
			}
			seen[e.Type] = true
			bells = append(bells, &envelopev1.Doorbell{
				EntityId: slices.Clone(e.Entity[:]), Category: string(e.Category), EventId: slices.Clone(e.ID[:]),
				FromVersion: int32(rows[0].Version), ToVersion: int32(rows[len(rows)-1].Version), //nolint:gosec // a stream is short
				Type: event.NameOf(e.Type), RecordedAt: timestamppb.New(at), Trace: tracing.Stored(u.Appends[i].Events[n].Span),
			})
		}
	}
	return bells
}
