package eventstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/ident"
)

// queueTimers writes what the units want looked at later, takes away what they no longer want, and links names.
//
// All names (those that are linked, woken or waited for) are locked first and in one order, and only then timers are
// touched: whoever wakes a name locks it and then the timers that wait for it, so whoever begins to wait must not come
// with a timer in hand.
func queueTimers(batch *pgx.Batch, service string, live []*prepared) {
	var timers []Timer
	var unwanted []ident.Cause
	var links []Link
	var wake []string
	for _, u := range live {
		timers, unwanted = append(timers, u.Timers...), append(unwanted, u.Clear...)
		links, wake = append(links, u.Links...), append(wake, u.Wake...)
	}
	holdNames(batch, timers, links, wake)
	if len(unwanted) > 0 {
		batch.Queue(`DELETE FROM orderflow.timers WHERE service = $1 AND id = ANY($2)`, service, uuids(unwanted))
	}
	putTimers(batch, timers)
	wakeLinked(batch, links)
	awaken(batch, wake)
}

// holdNames locks every name that is about to be linked, woken or waited for, and writes the links. A name that leads
// somewhere already stays where it is: the first one to link it was right, or it is for a person to say. Unless the link
// says that it moves.
func holdNames(batch *pgx.Batch, timers []Timer, links []Link, wake []string) {
	entities, moved := map[string]pgtype.UUID{}, map[string]bool{}
	for _, t := range timers {
		for _, ref := range t.Refs {
			entities[ref] = pgtype.UUID{}
		}
	}
	for _, ref := range wake {
		entities[ref] = pgtype.UUID{}
	}
	for _, l := range links {
		if l.Moves || !entities[l.Ref].Valid {
			entities[l.Ref], moved[l.Ref] = nullable(l.Entity), l.Moves
		}
	}
	if len(entities) == 0 {
		return
	}
	refs, lead := slices.Sorted(maps.Keys(entities)), make(pgtype.FlatArray[pgtype.UUID], 0, len(entities))
	for _, ref := range refs {
		lead = append(lead, entities[ref])
	}
	moving := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return !moved[ref] })
	batch.Queue(`INSERT INTO orderflow.refs (ref, entity_id) SELECT * FROM unnest($1::text[], $2::uuid[]) ORDER BY 1
		ON CONFLICT (ref) DO UPDATE SET entity_id = CASE WHEN refs.ref = ANY($3) THEN excluded.entity_id
			ELSE coalesce(refs.entity_id, excluded.entity_id) END`, refs, lead, moving)
}

// PutTimers writes timers that belong to no event: a message that is to be tried again.
func (s *Store) PutTimers(ctx context.Context, timers []Timer) error {
	batch := &pgx.Batch{}
	putTimers(batch, timers)
	return send(ctx, s.pool, batch, "write timers")
}

// EndTimers takes away timers that rang, unless they were set anew since they were claimed.
func (s *Store) EndTimers(ctx context.Context, timers []Timer) error {
	ids, due := make(pgtype.FlatArray[pgtype.UUID], len(timers)), make([]time.Time, len(timers))
	services := make([]string, len(timers))
	for i, t := range timers {
		services[i], ids[i], due[i] = t.Service, asUUID(t.ID), t.DueAt
	}
	_, err := s.pool.Exec(ctx, `DELETE FROM orderflow.timers t USING unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS e (service, id, due_at)
		WHERE t.service = e.service AND t.id = e.id AND t.due_at = e.due_at`, services, ids, due)
	if err != nil {
		return fmt.Errorf("end timers: %w", err)
	}
	return nil
}

// putTimers writes timers in the order of their ids, so that two who write the same ones do not lock each other out.
func putTimers(batch *pgx.Batch, timers []Timer) {
	if len(timers) == 0 {
		return
	}
	at := map[timerKey]int{} // one statement touches a row once: the last one counts
	var rows timerRows
	var parked parkedRows
	for _, t := range timers {
		k := timerKey{t.Service, t.ID}
		i, again := at[k]
		if !again {
			i = rows.grow()
			at[k] = i
		}
		rows.set(i, t)
		parked.add(t)
	}
	batch.Queue(`INSERT INTO orderflow.timers (service, id, entity_id, kind, due_at, attempt, payload)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::int[], $7::bytea[]) ORDER BY 1, 2
		ON CONFLICT (service, id) DO UPDATE SET entity_id = excluded.entity_id, kind = excluded.kind, due_at = excluded.due_at,
		attempt = excluded.attempt, payload = excluded.payload`,
		rows.services, rows.ids, rows.entities, rows.kinds, rows.due, rows.attempts, rows.payloads)
	if len(parked.refs) > 0 {
		batch.Queue(`INSERT INTO orderflow.parked (ref, service, id)
			SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[]) ON CONFLICT DO NOTHING`, parked.refs, parked.services, parked.ids)
	}
}

type timerKey struct {
	service string
	id      ident.Cause
}

// timerRows are timers as columns.
type timerRows struct {
	services, kinds []string
	ids, entities   pgtype.FlatArray[pgtype.UUID]
	due             []*time.Time
	attempts        []int32
	payloads        [][]byte
}

func (r *timerRows) grow() int {
	r.services, r.kinds, r.ids = append(r.services, ""), append(r.kinds, ""), append(r.ids, pgtype.UUID{})
	r.entities, r.due = append(r.entities, pgtype.UUID{}), append(r.due, nil)
	r.attempts, r.payloads = append(r.attempts, 0), append(r.payloads, nil)
	return len(r.ids) - 1
}

func (r *timerRows) set(i int, t Timer) {
	r.services[i], r.kinds[i], r.ids[i] = t.Service, t.Kind, asUUID(t.ID)
	r.entities[i], r.due[i] = nullable(t.Entity), instant(t.DueAt)
	r.attempts[i], r.payloads[i] = int32(t.Attempt), t.Payload //nolint:gosec // attempts are few
}

// parkedRows are the names that timers wait for, as columns.
type parkedRows struct {
	refs, services []string
	ids            pgtype.FlatArray[pgtype.UUID]
}

func (r *parkedRows) add(t Timer) {
	for _, ref := range t.Refs {
		r.refs, r.services, r.ids = append(r.refs, ref), append(r.services, t.Service), append(r.ids, asUUID(t.ID))
	}
}

// wakeLinked makes due what was parked under names that were linked, now with its entity. It is a new statement after
// the names are locked: it sees what was parked until a moment ago.
func wakeLinked(batch *pgx.Batch, links []Link) {
	if len(links) == 0 {
		return
	}
	refs := make([]string, len(links))
	for i, l := range links {
		refs[i] = l.Ref
	}
	batch.Queue(`UPDATE orderflow.timers t SET due_at = clock_timestamp(), entity_id = r.entity_id
		FROM orderflow.parked p JOIN orderflow.refs r ON r.ref = p.ref
		WHERE p.ref = ANY($1) AND t.service = p.service AND t.id = p.id AND t.due_at IS NULL`, refs)
}

// awaken makes parked timers due that wait for something that is no name of an order. Its names are locked by now.
func awaken(batch *pgx.Batch, refs []string) {
	if len(refs) > 0 {
		batch.Queue(`UPDATE orderflow.timers t SET due_at = clock_timestamp() FROM orderflow.parked p
			WHERE p.ref = ANY($1) AND t.service = p.service AND t.id = p.id AND t.due_at IS NULL`, refs)
	}
}

func lockRefs(ctx context.Context, tx pgx.Tx, sorted []string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO orderflow.refs (ref) SELECT unnest($1::text[]) ORDER BY 1
		ON CONFLICT (ref) DO UPDATE SET entity_id = refs.entity_id`, sorted); err != nil {
		return fmt.Errorf("lock names: %w", err)
	}
	return nil
}

// Park stores timers that wait for a name, unless one of the names turned out to lead somewhere meanwhile: those are
// returned with their entity and not stored. Who parks and who links lock the same row, and look again in a new
// statement after that, so neither can miss the other.
func (s *Store) Park(ctx context.Context, timers []Timer) (map[ident.Cause]ident.Entity, error) {
	linked := map[ident.Cause]ident.Entity{}
	var refs []string
	for _, t := range timers {
		refs = append(refs, t.Refs...)
	}
	refs = slices.Compact(slices.Sorted(slices.Values(refs)))
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockRefs(ctx, tx, refs); err != nil {
			return err
		}
		known, err := resolve(ctx, tx, refs)
		if err != nil {
			return err
		}
		var wait []Timer
		for _, t := range timers {
			if id, ok := firstKnown(known, t.Refs); ok {
				linked[t.ID] = id
			} else {
				wait = append(wait, t)
			}
		}
		batch := &pgx.Batch{}
		putTimers(batch, wait)
		return send(ctx, tx, batch, "write timers")
	})
	if err != nil {
		return nil, fmt.Errorf("park: %w", err)
	}
	return linked, nil
}

func firstKnown(known map[string]ident.Entity, refs []string) (ident.Entity, bool) {
	for _, ref := range refs {
		if id, ok := known[ref]; ok {
			return id, true
		}
	}
	return ident.Entity{}, false
}

// Resolve reads where names lead; names that lead nowhere are not in the map.
func (s *Store) Resolve(ctx context.Context, refs []string) (map[string]ident.Entity, error) {
	return resolve(ctx, s.pool, refs)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func resolve(ctx context.Context, q querier, refs []string) (map[string]ident.Entity, error) {
	rows, err := q.Query(ctx, `SELECT ref, entity_id FROM orderflow.refs WHERE ref = ANY($1) AND entity_id IS NOT NULL`, refs)
	if err != nil {
		return nil, fmt.Errorf("resolve names: %w", err)
	}
	known := map[string]ident.Entity{}
	var ref string
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&ref, &id}, func() error {
		known[ref] = ident.Entity(id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("resolve names: %w", err)
	}
	return known, nil
}

// Due claims timers of a service that are due, oldest first, and moves them on by lease: whoever claims one and dies
// leaves it to be claimed again. The statement's time is compared, since a time that changes while the statement runs
// finds nothing in an index.
func (s *Store) Due(ctx context.Context, service string, limit int, lease time.Duration) ([]Timer, error) {
	rows, err := s.pool.Query(ctx, `UPDATE orderflow.timers t SET due_at = clock_timestamp() + $3::interval
		FROM (SELECT service, id FROM orderflow.timers WHERE service = $1 AND due_at <= statement_timestamp()
		      ORDER BY due_at, created_at LIMIT $2 FOR UPDATE SKIP LOCKED) d
		WHERE t.service = d.service AND t.id = d.id
		RETURNING t.service, t.id, t.entity_id, t.kind, t.due_at, t.attempt, t.payload, t.created_at`, service, limit, lease)
	if err != nil {
		return nil, fmt.Errorf("look for due timers: %w", err)
	}
	timers, err := pgx.CollectRows(rows, scanTimer)
	if err != nil {
		return nil, fmt.Errorf("look for due timers: %w", err)
	}
	slices.SortFunc(timers, func(a, b Timer) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return timers, nil
}

func scanTimer(row pgx.CollectableRow) (Timer, error) {
	var t Timer
	var id uuid.UUID
	var entity *uuid.UUID
	err := row.Scan(&t.Service, &id, &entity, &t.Kind, &t.DueAt, &t.Attempt, &t.Payload, &t.CreatedAt)
	t.ID = ident.Cause(id)
	if entity != nil {
		t.Entity = ident.Entity(*entity)
	}
	return t, err
}

func queueSnapshots(batch *pgx.Batch, live []*prepared) error {
	at := map[stream]int{} // one statement touches a row once: the last append to a stream counts
	var entities pgtype.FlatArray[pgtype.UUID]
	var categories []string
	var versions []int32
	var states [][]byte
	for _, u := range live {
		for i, a := range u.Appends {
			if a.Snapshot == nil || len(u.rows[i]) == 0 {
				continue
			}
			data, err := proto.Marshal(a.Snapshot)
			if err != nil {
				return fmt.Errorf("write the state of %s-%s: %w", a.Category, a.Entity, err)
			}
			version := int32(a.Expected + len(u.rows[i])) //nolint:gosec // a stream is far shorter
			if n, again := at[stream{a.Entity, a.Category}]; again {
				versions[n], states[n] = version, data
				continue
			}
			at[stream{a.Entity, a.Category}] = len(entities)
			entities, categories = append(entities, asUUID(a.Entity)), append(categories, string(a.Category))
			versions, states = append(versions, version), append(states, data)
		}
	}
	if len(entities) > 0 {
		batch.Queue(`INSERT INTO orderflow.snapshots AS s (entity_id, category, version, data)
			SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bytea[])
			ON CONFLICT (entity_id, category) DO UPDATE SET version = excluded.version, data = excluded.data WHERE s.version < excluded.version`,
			entities, categories, versions, states)
	}
	return nil
}

// nullable is NULL where the entity is not known.
func nullable(id ident.Entity) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: !id.IsZero()} }

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
