package eventstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

func timersOf(n int, at time.Time) []eventstore.Timer {
	timers := make([]eventstore.Timer, n)
	for i := range timers {
		timers[i] = eventstore.Timer{Service: service, ID: cause(fmt.Sprint("timer", i)), Entity: orderID(i), Kind: "look", DueAt: at}
	}
	return timers
}

func TestADueTimerIsClaimedByOne(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	const n = 300
	require.NoError(t, s.PutTimers(ctx, timersOf(n, time.Now().Add(-time.Second))))
	require.NoError(t, s.PutTimers(ctx, []eventstore.Timer{{Service: "other", ID: cause("x"), Kind: "look", DueAt: time.Unix(1, 0)}}))
	var mu sync.Mutex
	claimed := map[ident.Cause]int{}
	var ringers sync.WaitGroup
	for range 4 {
		ringers.Go(func() {
			for {
				due, err := s.Due(ctx, service, 7, time.Minute)
				if !assert.NoError(t, err) || len(due) == 0 { //nolint:testifylint // not in the test's own goroutine
					return
				}
				mu.Lock()
				for _, d := range due {
					claimed[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	ringers.Wait()
	// A ringer may see nothing while the others hold the rest: what is left is claimed now.
	rest, err := s.Due(ctx, service, n, time.Minute)
	require.NoError(t, err)
	for _, d := range rest {
		claimed[d.ID]++
	}
	assert.Len(t, claimed, n)
	for id, times := range claimed {
		assert.Equal(t, 1, times, id)
	}
}

func TestATimerWhoseClaimantDiedRingsAgain(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	require.NoError(t, s.PutTimers(ctx, timersOf(2, time.Now().Add(-time.Second))))
	first, err := s.Due(ctx, service, 10, time.Millisecond)
	require.NoError(t, err)
	require.Len(t, first, 2)
	var second []eventstore.Timer
	require.Eventually(t, func() bool {
		second, err = s.Due(ctx, service, 10, time.Minute)
		return err == nil && len(second) == 2
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, s.EndTimers(ctx, first), "the late end of whoever was thought dead")
	left, err := s.Due(ctx, service, 10, -time.Hour)
	require.NoError(t, err)
	assert.Empty(t, left, "they are leased")
	require.NoError(t, s.EndTimers(ctx, second), "to the microsecond as it was claimed")
	require.NoError(t, s.PutTimers(ctx, timersOf(1, time.Now().Add(time.Hour))))
	left, err = s.Due(ctx, service, 10, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, left, "not due yet")
}

func TestAUnitWritesAndTakesAwayTimersWithItsEvents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	u := unit(orderID(1), 0, "a")
	u.Timers = timersOf(2, time.Now().Add(-time.Second))
	appendTo(t, s, u)
	conflict := unit(orderID(1), 5, "b")
	conflict.Clear, conflict.Timers = []ident.Cause{cause("timer0")}, timersOf(3, time.Now().Add(-time.Second))[2:]
	appendTo(t, s, conflict)
	next := unit(orderID(1), 1, "c")
	next.Clear = []ident.Cause{cause("timer1")}
	appendTo(t, s, next)
	due, err := s.Due(ctx, service, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, due, 1, "a conflict neither writes nor clears")
	assert.Equal(t, cause("timer0"), due[0].ID)
}

// Many parkers and many linkers on the same names, several names to a fact: every fact is told where to go or comes
// due, and with the order that its name leads to.
func TestParkingAndLinkingByManyMissNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	const names, facts = 20, 3
	var mu sync.Mutex
	found := map[ident.Cause]ident.Entity{}
	var all sync.WaitGroup
	for n := range names {
		for f := range facts {
			all.Go(func() {
				timer := fact(fmt.Sprint("stripe:pi_", n), fmt.Sprint(n, "/", f))
				timer.Refs = append(timer.Refs, fmt.Sprint("stripe:ch_", n))
				linked, err := s.Park(ctx, []eventstore.Timer{timer})
				mu.Lock()
				defer mu.Unlock()
				assert.NoError(t, err)
				for id, entity := range linked {
					found[id] = entity
				}
			})
		}
		all.Go(func() {
			u := unit(orderID(n), 0, fmt.Sprint(n))
			u.Links = []eventstore.Link{{Ref: fmt.Sprint("stripe:ch_", n), Entity: orderID(n)}}
			_, err := s.Append(ctx, service, []eventstore.Unit{u}, nil)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	due, err := s.Due(ctx, "payment", names*facts, time.Minute)
	require.NoError(t, err)
	for _, d := range due {
		assert.NotContains(t, found, d.ID, "told and due")
		found[d.ID] = d.Entity
	}
	require.Len(t, found, names*facts)
	for n := range names {
		for f := range facts {
			assert.Equal(t, orderID(n), found[cause(fmt.Sprint(n, "/", f))])
		}
	}
}

func TestANameKeepsLeadingWhereItLedFirst(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	for n := range 2 {
		u := unit(orderID(n), 0, "a")
		u.Links = []eventstore.Link{{Ref: "number:1", Entity: orderID(n)}}
		appendTo(t, s, u)
	}
	known, err := s.Resolve(ctx, []string{"number:1", "number:2"})
	require.NoError(t, err)
	assert.Equal(t, map[string]ident.Entity{"number:1": orderID(0)}, known)
}

func TestWakingMakesDueWithoutLeadingAnywhere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	u := unit(orderID(1), 0, "a")
	u.Timers = []eventstore.Timer{{Service: service, ID: cause("t"), Entity: orderID(1), Kind: "backorder", Refs: []string{"sku:MUG", "sku:CUP"}}}
	appendTo(t, s, u)
	for _, sku := range []string{"sku:HAT", "sku:CUP", "sku:CUP"} {
		wake := unit(orderID(2), len(versions(t, s, orderID(2))), "wake"+sku+fmt.Sprint(len(versions(t, s, orderID(2)))))
		wake.Wake = []string{sku}
		appendTo(t, s, wake)
	}
	due, err := s.Due(ctx, service, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, due, 1)
	assert.Equal(t, orderID(1), due[0].Entity)
	known, err := s.Resolve(ctx, []string{"sku:CUP"})
	require.NoError(t, err)
	assert.Empty(t, known)
}

func TestASnapshotIsOfTheLatestVersion(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	sku := ident.SKU("MUG")
	received := func(expected int, quantity int64) eventstore.Unit {
		return eventstore.Unit{Appends: []eventstore.Append{{
			Entity: sku, Category: event.Stock, Expected: expected,
			Events:   event.Of(cause(fmt.Sprint(quantity)), time.Now(), &stockv1.StockReceived{Sku: "MUG", Quantity: quantity}),
			Snapshot: &stockv1.StockReceived{Sku: "MUG", Quantity: quantity},
		}}}
	}
	// Built on one another in one batch, then a conflict, then one more.
	appendTo(t, s, received(0, 1), received(1, 2))
	result := appendTo(t, s, received(0, 9))
	assert.Equal(t, eventstore.Conflict, result.Outcomes[0])
	result = appendTo(t, s, received(2, 3), received(3, 4), received(9, 99))
	assert.Equal(t, []eventstore.Outcome{eventstore.Stored, eventstore.Stored, eventstore.Conflict}, result.Outcomes)
	snapshots, err := s.Snapshots(ctx, event.Stock, []ident.Entity{sku, ident.SKU("HAT")})
	require.NoError(t, err)
	require.Len(t, snapshots, 1)
	assert.Equal(t, 4, snapshots[sku].Version)
	message, err := event.Decode("stock.v1.StockReceived", snapshots[sku].Data)
	require.NoError(t, err)
	assert.Equal(t, int64(4), quantityOf(t, message))
	above, err := s.LoadAbove(ctx, event.Stock, sku, 2, 1)
	require.NoError(t, err)
	require.Len(t, above, 1)
	assert.Equal(t, 3, above[0].Version)
	orders, err := s.Load(ctx, []ident.Entity{sku})
	require.NoError(t, err)
	assert.Empty(t, orders, "a stream without end is not read whole")
}

func TestMovedListsWhatMovedPageByPage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	want := map[ident.Entity]bool{}
	for n := range 25 {
		appendTo(t, s, unit(orderID(n), 0, "a", "b"))
		want[orderID(n)] = true
	}
	appendTo(t, s, eventstore.Unit{Appends: []eventstore.Append{{
		Entity: ident.SKU("MUG"), Category: event.Stock, Events: event.Of(cause("a"), time.Now(), &stockv1.StockReceived{}),
	}}})
	for what, since := range map[string]time.Time{"lately": time.Now().Add(-time.Minute), "ever": {}} {
		seen := map[ident.Entity]bool{}
		for page, err := range s.Moved(ctx, event.Order, since, 10) {
			require.NoError(t, err, what)
			assert.LessOrEqual(t, len(page), 10)
			for _, id := range page {
				assert.False(t, seen[id])
				seen[id] = true
			}
		}
		assert.Equal(t, want, seen, what)
		for skus, err := range s.Moved(ctx, event.Stock, since, 10) {
			require.NoError(t, err)
			assert.Equal(t, []ident.Entity{ident.SKU("MUG")}, skus)
		}
	}
	for later, err := range s.Moved(ctx, event.Order, time.Now().Add(time.Minute), 10) {
		require.NoError(t, err)
		assert.Empty(t, later)
	}
}

func TestTroubleWithTheDatabaseIsToldFromTroubleWithWhatIsAsked(t *testing.T) {
	t.Parallel()
	for code, passes := range map[string]bool{
		"08006": true, "40P01": true, "53300": true, "57P01": true, "55P03": true, "22021": false, "23505": false, "42501": false, "P0001": false,
	} {
		assert.Equal(t, passes, eventstore.Unreachable(fmt.Errorf("append: %w", &pgconn.PgError{Code: code})), code)
	}
	assert.True(t, eventstore.Unreachable(fmt.Errorf("load: %w", context.DeadlineExceeded)))
	assert.False(t, eventstore.Unreachable(assert.AnError))
	assert.False(t, eventstore.Unreachable(nil))
}

func quantityOf(t *testing.T, m proto.Message) int64 {
	t.Helper()
	received, ok := m.(*stockv1.StockReceived)
	require.True(t, ok)
	return received.GetQuantity()
}
