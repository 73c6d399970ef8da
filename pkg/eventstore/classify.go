package eventstore

import (
	"cmp"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

type stream struct {
	entity   ident.Entity
	category event.Category
}

// classify looks, after a batch was refused, at what the streams hold now and leaves units out: a unit whose events
// are all there is a repeat, one whose streams have moved is in conflict, and so is every later unit that shares a
// stream with one that is left out. At least one unit is left out each time, so trying again comes to an end.
func (s *Store) classify(ctx context.Context, units []*prepared) error {
	heads, stored, err := s.heads(ctx, units)
	if err != nil {
		return err
	}
	leftOut := map[stream]bool{}
	moved := false
	for _, u := range units {
		if u.outcome != Stored {
			continue
		}
		outcome := u.judge(heads, stored, leftOut)
		if outcome == Stored {
			for i, a := range u.Appends { // a later unit of this batch may build upon it
				heads[stream{a.Entity, a.Category}] += len(u.rows[i])
			}
			continue
		}
		u.outcome, moved = outcome, true
		for _, a := range u.Appends {
			leftOut[stream{a.Entity, a.Category}] = true
		}
	}
	if !moved {
		// The batch was refused, yet every stream stands where it was expected: somebody's transaction was undone in
		// between. Leaving nothing out and trying again is right; a canceled context ends it.
		return ctx.Err()
	}
	return nil
}

func (u *prepared) judge(heads map[stream]int, stored map[ident.Event]bool, leftOut map[stream]bool) Outcome {
	total, there := 0, 0
	for _, rows := range u.rows {
		for _, e := range rows {
			total++
			if stored[e.ID] {
				there++
			}
		}
	}
	if total > 0 && there == total {
		return Repeat
	}
	for _, a := range u.Appends {
		at := stream{a.Entity, a.Category}
		if leftOut[at] || heads[at] != a.Expected {
			return Conflict
		}
	}
	return Stored
}

// heads reads the last version of every stream in the batch, and which of its events are there already. It looks only
// at what came after the version that was expected: the past of a SKU has no end.
func (s *Store) heads(ctx context.Context, units []*prepared) (map[stream]int, map[ident.Event]bool, error) {
	from := map[stream]int{}
	for _, u := range units {
		for _, a := range u.Appends {
			at := stream{a.Entity, a.Category}
			if lowest, ok := from[at]; !ok || a.Expected < lowest {
				from[at] = a.Expected
			}
		}
	}
	var ids []ident.Entity
	var categories []string
	var versions []int
	for at, version := range from {
		ids, categories, versions = append(ids, at.entity), append(categories, string(at.category)), append(versions, version)
	}
	heads, stored := map[stream]int{}, map[ident.Event]bool{}
	// OFFSET 0 keeps the planner from turning the look-ups into a scan of the table.
	rows, err := s.pool.Query(ctx, `SELECT e.entity_id, e.category, e.version, e.event_id
		FROM unnest($1::uuid[], $2::text[], $3::int[]) AS s (entity_id, category, version)
		CROSS JOIN LATERAL (SELECT * FROM orderflow.events e
			WHERE e.entity_id = s.entity_id AND e.category = s.category AND e.version >= s.version OFFSET 0) e`,
		uuids(ids), categories, versions)
	if err != nil {
		return nil, nil, fmt.Errorf("look at the streams: %w", err)
	}
	var entity, id uuid.UUID
	var category string
	var version int
	_, err = pgx.ForEachRow(rows, []any{&entity, &category, &version, &id}, func() error {
		at := stream{ident.Entity(entity), event.Category(category)}
		heads[at] = max(heads[at], version)
		stored[ident.Event(id)] = true
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look at the streams: %w", err)
	}
	return heads, stored, nil
}

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

func protoValue(m proto.Message) protoreflect.Value {
	return protoreflect.ValueOfMessage(m.ProtoReflect())
}
