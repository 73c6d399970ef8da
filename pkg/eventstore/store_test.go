package eventstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const service = "orders"

func orderID(n int) ident.Entity { return ident.Order("checkout", "default", fmt.Sprint(n)) }

func cause(name string) ident.Cause { return ident.Named(name) }

// unit appends one OrderCompleted because of a cause.
func unit(id ident.Entity, expected int, causes ...string) eventstore.Unit {
	a := eventstore.Append{Entity: id, Category: event.Order, Expected: expected}
	for _, c := range causes {
		a.Events = append(a.Events, event.New{Message: &orderv1.OrderCompleted{}, Cause: cause(c), OccurredAt: time.Unix(1, 0)})
	}
	return eventstore.Unit{Appends: []eventstore.Append{a}}
}

func appendTo(t *testing.T, s *eventstore.Store, units ...eventstore.Unit) eventstore.Appended {
	t.Helper()
	result, err := s.Append(context.Background(), service, units, nil)
	require.NoError(t, err)
	return result
}

func versions(t *testing.T, s *eventstore.Store, id ident.Entity) []int {
	t.Helper()
	events, err := s.Load(context.Background(), []ident.Entity{id})
	require.NoError(t, err)
	var all []int
	for _, e := range events[id] {
		all = append(all, e.Version)
	}
	return all
}

func TestAppendAndLoad(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	result := appendTo(t, s, unit(orderID(1), 0, "a", "b"), unit(orderID(2), 0, "c"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Stored, eventstore.Stored}, result.Outcomes)
	assert.Len(t, result.Doorbells, 2, "one per type and stream")
	assert.Equal(t, []int{1, 2}, versions(t, s, orderID(1)))

	loaded, err := s.Load(context.Background(), []ident.Entity{orderID(2)})
	require.NoError(t, err)
	e := loaded[orderID(2)][0]
	assert.Equal(t, "order.v1.OrderCompleted", e.Type)
	assert.Equal(t, cause("c"), e.Cause)
	assert.True(t, e.OccurredAt.Equal(time.Unix(1, 0)))
	assert.IsType(t, &orderv1.OrderCompleted{}, e.Message)
}

func TestARepeatIsToldApartFromAConflict(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	appendTo(t, s, unit(orderID(1), 0, "a"))
	result := appendTo(t, s, unit(orderID(1), 0, "a"), unit(orderID(2), 0, "b"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Repeat, eventstore.Stored}, result.Outcomes)
	assert.Len(t, result.Doorbells, 1, "a repeat is not told again")

	result = appendTo(t, s, unit(orderID(1), 0, "other"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Conflict}, result.Outcomes)
	assert.Equal(t, []int{1}, versions(t, s, orderID(1)))
}

func TestOneConflictAmongManyLeavesTheOthersWhole(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	appendTo(t, s, unit(orderID(50), 0, "first"))
	var units []eventstore.Unit
	for n := range 100 {
		units = append(units, unit(orderID(n), 0, fmt.Sprint("cause", n)))
	}
	// A unit of two streams, one of them moved: neither may be stored.
	two := unit(orderID(200), 0, "two")
	two.Appends = append(two.Appends, unit(orderID(50), 0, "two").Appends...)
	units = append(units, two)
	result := appendTo(t, s, units...)
	for n, outcome := range result.Outcomes {
		want := eventstore.Stored
		if n == 50 || n == 100 {
			want = eventstore.Conflict
		}
		assert.Equal(t, want, outcome, "unit %d", n)
	}
	assert.Empty(t, versions(t, s, orderID(200)), "nothing half stored")
	assert.Equal(t, []int{1}, versions(t, s, orderID(50)))
	assert.Equal(t, []int{1}, versions(t, s, orderID(99)))
}

func TestUnitsThatShareAStreamFollowOneAnother(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	result := appendTo(t, s, unit(orderID(1), 0, "a"), unit(orderID(1), 1, "b"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Stored, eventstore.Stored}, result.Outcomes)

	// The first is in conflict: the second was decided on top of it and must not stand alone.
	result = appendTo(t, s, unit(orderID(1), 1, "c"), unit(orderID(1), 2, "d"), unit(orderID(2), 0, "e"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Conflict, eventstore.Conflict, eventstore.Stored}, result.Outcomes)
	assert.Equal(t, []int{1, 2}, versions(t, s, orderID(1)))
}

func TestAGapIsAConflict(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	result := appendTo(t, s, unit(orderID(1), 3, "a"), unit(orderID(2), 0, "b"))
	assert.Equal(t, []eventstore.Outcome{eventstore.Conflict, eventstore.Stored}, result.Outcomes)
	assert.Empty(t, versions(t, s, orderID(1)))
}

func TestManyWritersOfOneStreamLeaveNoGapAndLoseNothing(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := 0; n < 5; {
				head := len(versions(t, s, orderID(1)))
				result, err := s.Append(context.Background(), service, []eventstore.Unit{unit(orderID(1), head, fmt.Sprint(w, "/", n))}, nil)
				if assert.NoError(t, err) && result.Outcomes[0] != eventstore.Conflict {
					n++
				}
			}
		})
	}
	wg.Wait()
	all := versions(t, s, orderID(1))
	require.Len(t, all, 40)
	for i, v := range all {
		assert.Equal(t, i+1, v)
	}
}

func TestEventsAreAppendOnly(t *testing.T) {
	t.Parallel()
	s, pool := testkit.Store(t)
	appendTo(t, s, unit(orderID(1), 0, "a"))
	for _, sql := range []string{
		`UPDATE orderflow.events SET type = 'x'`, `DELETE FROM orderflow.events`, `TRUNCATE orderflow.events`,
	} {
		_, err := pool.Exec(context.Background(), sql)
		require.ErrorContains(t, err, "append-only", sql)
	}
}

func TestTheOutboxListsWhatWasAppendedUntilItIsTold(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	told := appendTo(t, s, unit(orderID(1), 0, "a"))
	appendTo(t, s, unit(orderID(2), 0, "b"))
	_, err := s.Append(ctx, service, []eventstore.Unit{unit(orderID(3), 0, "c")}, []eventstore.OutboxID{told.Outbox})
	require.NoError(t, err)

	var rows []eventstore.OutboxRow
	refuse := func(context.Context, []eventstore.OutboxRow) error { return assert.AnError }
	_, err = s.ClaimOutbox(ctx, 0, 10, refuse)
	require.ErrorIs(t, err, assert.AnError, "what could not be told stays")
	n, err := s.ClaimOutbox(ctx, 0, 10, func(_ context.Context, r []eventstore.OutboxRow) error { rows = r; return nil })
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	two := orderID(2)
	assert.Equal(t, two[:], rows[0].Doorbells[0].GetEntityId())
	n, err = s.ClaimOutbox(ctx, 0, 10, refuse)
	require.NoError(t, err)
	assert.Zero(t, n)
}

func TestASnapshotIsWrittenWithItsEvents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	sku := ident.SKU("MUG")
	received := eventstore.Unit{Appends: []eventstore.Append{{
		Entity: sku, Category: event.Stock, Events: event.Of(cause("a"), time.Now(), &stockv1.StockReceived{Sku: "MUG", Quantity: 3}),
		Snapshot: &stockv1.Levels{Sku: "MUG"},
	}}}
	appendTo(t, s, received)
	snapshots, err := s.Snapshots(ctx, event.Stock, []ident.Entity{sku})
	require.NoError(t, err)
	assert.Equal(t, 1, snapshots[sku].Version)
}

func TestPersonsAreSealedAndErased(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	vault := testkit.Vault(t, pool)
	s := eventstore.New(pool, vault)
	id := orderID(1)
	given := &orderv1.OrderPlaced{}
	_, err := s.Append(ctx, service, []eventstore.Unit{{Appends: []eventstore.Append{{Entity: id, Category: event.Order, Events: []event.New{{
		Message: given, Cause: cause("a"), Personal: &typev1.Person{Email: "ada@example.com"},
	}}}}}}, nil)
	require.NoError(t, err)
	assert.Nil(t, given.GetSealed(), "what was handed in is another's too")
	loaded, err := s.Load(ctx, []ident.Entity{id})
	require.NoError(t, err)
	assert.NotContains(t, string(loaded[id][0].Data), "ada@example.com")
	placed, ok := loaded[id][0].Message.(*orderv1.OrderPlaced)
	require.True(t, ok)
	person, erased, err := vault.Open(ctx, id, placed.GetSealed())
	require.NoError(t, err)
	assert.False(t, erased)
	assert.Equal(t, "ada@example.com", person.GetEmail())

	_, _, err = vault.Open(ctx, orderID(2), placed.GetSealed())
	require.NoError(t, err, "no key of another order opens it, nor does its absence")
	require.NoError(t, vault.Erase(ctx, id))
	_, erased, err = testkit.Vault(t, pool).Open(ctx, id, placed.GetSealed())
	require.NoError(t, err)
	assert.True(t, erased)
}

func fact(ref, name string) eventstore.Timer {
	return eventstore.Timer{Service: "payment", ID: cause(name), Kind: "fact:0", Refs: []string{ref}, Payload: []byte(name)}
}

func TestWhatIsParkedComesBackWhenItsNameIsLinked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	linked, err := s.Park(ctx, []eventstore.Timer{fact("stripe:pi_1", "a")})
	require.NoError(t, err)
	assert.Empty(t, linked)
	due, err := s.Due(ctx, "payment", 10, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, due)

	u := unit(orderID(1), 0, "b")
	u.Links = []eventstore.Link{{Ref: "stripe:pi_1", Entity: orderID(1)}}
	appendTo(t, s, u)
	due, err = s.Due(ctx, "payment", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, due, 1)
	assert.Equal(t, orderID(1), due[0].Entity)
	assert.Equal(t, "a", string(due[0].Payload))
	again, err := s.Due(ctx, "payment", 10, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, again, "it is leased")

	linked, err = s.Park(ctx, []eventstore.Timer{fact("stripe:pi_1", "late")})
	require.NoError(t, err)
	assert.Equal(t, orderID(1), linked[cause("late")], "who parks after the link is told so")
}

// Parking and linking at the same moment: in whatever order they come, the fact is either told where to go or comes
// due with its order. It is never left waiting.
func TestANameStaysUnlessItMoves(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	lead := func(links ...eventstore.Link) string {
		_, err := s.Append(t.Context(), service, []eventstore.Unit{{Links: links}}, nil)
		require.NoError(t, err)
		known, err := s.Resolve(t.Context(), []string{"item:1"})
		require.NoError(t, err)
		return known["item:1"].String()
	}
	to := func(n int, moves bool) eventstore.Link {
		return eventstore.Link{Ref: "item:1", Entity: orderID(n), Moves: moves}
	}
	assert.Equal(t, orderID(1).String(), lead(to(1, false)))
	assert.Equal(t, orderID(1).String(), lead(to(2, false)), "the first one stands")
	assert.Equal(t, orderID(3).String(), lead(to(3, true)))
	assert.Equal(t, orderID(5).String(), lead(to(4, true), to(5, true)), "the last one of a batch stands")
}

func TestParkingAndLinkingNeverMissEachOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	const rounds = 60
	var told int
	for n := range rounds {
		ref := fmt.Sprint("stripe:pi_", n)
		var wg sync.WaitGroup
		wg.Go(func() {
			linked, err := s.Park(ctx, []eventstore.Timer{fact(ref, ref)})
			told += len(linked)
			assert.NoError(t, err)
		})
		wg.Go(func() {
			u := unit(orderID(n), 0, ref)
			u.Links = []eventstore.Link{{Ref: ref, Entity: orderID(n)}}
			_, err := s.Append(ctx, service, []eventstore.Unit{u}, nil)
			assert.NoError(t, err)
		})
		wg.Wait()
	}
	due, err := s.Due(ctx, "payment", rounds, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, rounds, told+len(due))
}

func TestATimerSetAnewIsNotEndedByItsOldRing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	timer := eventstore.Timer{Service: service, ID: cause("t"), Entity: orderID(1), Kind: "look", DueAt: time.Now().Add(-time.Second)}
	require.NoError(t, s.PutTimers(ctx, []eventstore.Timer{timer}))
	due, err := s.Due(ctx, service, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, s.PutTimers(ctx, []eventstore.Timer{timer}), "set anew while it rings")
	require.NoError(t, s.EndTimers(ctx, due))
	again, err := s.Due(ctx, service, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	require.NoError(t, s.EndTimers(ctx, again))
	again, err = s.Due(ctx, service, 10, -time.Minute)
	require.NoError(t, err)
	assert.Empty(t, again)
}

func TestMigrationsMayRunAtOnce(t *testing.T) {
	t.Parallel()
	dsn := testkit.DSN(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { assert.NoError(t, eventstore.Migrate(context.Background(), dsn)) })
	}
	wg.Wait()
	pending, err := eventstore.Pending(context.Background(), dsn, "eventstore", nil)
	require.NoError(t, err)
	assert.False(t, pending)
}

func TestAnEventOfAnotherCategoryIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	u := unit(orderID(1), 0, "a")
	u.Appends[0].Category = event.Payment
	_, err := s.Append(context.Background(), service, []eventstore.Unit{u}, nil)
	require.Error(t, err)
	assert.NotEqual(t, uuid.UUID{}, uuid.UUID(orderID(1)))
}
