package eventstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// streamOf is one of a few streams: few, so that writers meet.
type streamOf struct {
	order    int
	category event.Category
}

// planned is a unit in the words of the model: what it adds where, because of which cause.
type planned struct {
	cause    string
	expected map[streamOf]int
	count    map[streamOf]int
}

// unit is the same for the store. The order of streams does not matter to either.
func (p planned) unit(salt string) eventstore.Unit {
	var u eventstore.Unit
	for at, n := range p.count {
		a := eventstore.Append{Entity: ident.Order(salt, "model", fmt.Sprint(at.order)), Category: at.category, Expected: p.expected[at]}
		for range n {
			e := event.New{Message: &orderv1.OrderCompleted{}, Cause: cause(p.cause), OccurredAt: time.Unix(1, 0)}
			if at.category == event.Payment {
				e.Message = &paymentv1.FundsCovered{}
			}
			a.Events = append(a.Events, e)
		}
		u.Appends = append(u.Appends, a)
	}
	return u
}

// model is what the store should hold: the cause of every event of every stream.
type model map[streamOf][]string

func (m model) holds(p planned) bool {
	for at, n := range p.count {
		for _, c := range m[at] {
			if c == p.cause {
				n--
			}
		}
		if n > 0 {
			return false
		}
	}
	return true
}

// append is what the package says about a batch: a unit that is there is a repeat, one that was decided on something
// else is in conflict, and so is whatever follows one that was left out.
func (m model) append(batch []planned) []eventstore.Outcome {
	outcomes := make([]eventstore.Outcome, len(batch))
	before := model{}
	for at, causes := range m {
		before[at] = causes
	}
	left := map[streamOf]bool{}
	for i, p := range batch {
		switch {
		case before.holds(p):
			outcomes[i] = eventstore.Repeat
		case !m.fits(p, left):
			outcomes[i] = eventstore.Conflict
		}
		for at, n := range p.count {
			if outcomes[i] != eventstore.Stored {
				left[at] = true
				continue
			}
			for range n {
				m[at] = append(m[at][:len(m[at]):len(m[at])], p.cause)
			}
		}
	}
	return outcomes
}

func (m model) fits(p planned, left map[streamOf]bool) bool {
	for at := range p.count {
		if left[at] || p.expected[at] != len(m[at]) {
			return false
		}
	}
	return true
}

func drawStream(t *rapid.T) streamOf {
	return streamOf{rapid.IntRange(1, 3).Draw(t, "order"), rapid.SampledFrom([]event.Category{event.Order, event.Payment}).Draw(t, "category")}
}

// Batches of units, some of them repeats, stale, ahead, or built upon one another: the store says and holds what the
// model does.
func TestTheStoreEqualsAModel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, _ := testkit.Store(t)
	rapid.Check(t, func(t *rapid.T) {
		salt, m := uuid.NewString(), model{}
		var told []planned
		for b := range rapid.IntRange(1, 4).Draw(t, "batches") {
			var batch []planned
			heads := map[streamOf]int{}
			for at, causes := range m {
				heads[at] = len(causes)
			}
			for n := range rapid.IntRange(1, 5).Draw(t, "units") {
				if len(told) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
					batch = append(batch, rapid.SampledFrom(told).Draw(t, "repeat"))
					continue
				}
				p := planned{fmt.Sprint(b, "/", n), map[streamOf]int{}, map[streamOf]int{}}
				for range rapid.IntRange(1, 2).Draw(t, "streams") {
					at := drawStream(t)
					if p.count[at] > 0 {
						continue
					}
					off := rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(t, "off")
					p.expected[at], p.count[at] = max(heads[at]+off, 0), rapid.IntRange(1, 2).Draw(t, "events")
				}
				for at, n := range p.count { // the next one may build upon it
					heads[at] = p.expected[at] + n
				}
				batch = append(batch, p)
			}
			var units []eventstore.Unit
			for _, p := range batch {
				units = append(units, p.unit(salt))
			}
			result, err := s.Append(ctx, service, units, nil)
			require.NoError(t, err)
			require.Equal(t, m.append(batch), result.Outcomes, "%+v", batch)
			told = append(told, batch...)
		}
		compareWith(t, s, salt, m)
	})
}

func compareWith(t *rapid.T, s *eventstore.Store, salt string, m model) {
	t.Helper()
	for order := 1; order <= 3; order++ {
		id := ident.Order(salt, "model", fmt.Sprint(order))
		loaded, err := s.Load(context.Background(), []ident.Entity{id})
		require.NoError(t, err)
		held := model{}
		for _, e := range loaded[id] {
			at := streamOf{order, e.Category}
			held[at] = append(held[at], e.Cause.String())
			require.Equal(t, len(held[at]), e.Version, "no gap")
		}
		for _, c := range []event.Category{event.Order, event.Payment} {
			var want []string
			for _, name := range m[streamOf{order, c}] {
				want = append(want, cause(name).String())
			}
			require.Equal(t, want, held[streamOf{order, c}])
		}
	}
}

// Several writers at once on the same few streams: whatever the order, a unit is there whole or not at all, as its
// writer was told, versions have no gap, and the outbox lists every event that was stored.
func TestManyWritersLeaveEveryUnitWholeOrAbsent(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, pool := testkit.Store(t)
	rapid.Check(t, func(t *rapid.T) {
		salt := uuid.NewString()
		plans := make([][][]streamOf, 3)
		for w := range plans {
			for range rapid.IntRange(1, 4).Draw(t, "units") {
				at := []streamOf{drawStream(t)}
				if second := drawStream(t); second != at[0] {
					at = append(at, second)
				}
				plans[w] = append(plans[w], at)
			}
		}
		var mu sync.Mutex
		stored, refused := map[string]int{}, map[string]bool{}
		var writers sync.WaitGroup
		for w, units := range plans {
			writers.Go(func() {
				for n, at := range units {
					name := fmt.Sprint(salt, w, "/", n)
					outcome, err := writeAtHead(ctx, s, salt, name, at)
					mu.Lock()
					switch {
					case err != nil:
						refused["error: "+err.Error()] = true
					case outcome == eventstore.Stored:
						stored[cause(name).String()] = len(at)
					default:
						refused[cause(name).String()] = true
					}
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		held := map[string]int{}
		total := 0
		for order := 1; order <= 3; order++ {
			id := ident.Order(salt, "model", fmt.Sprint(order))
			loaded, err := s.Load(ctx, []ident.Entity{id})
			require.NoError(t, err)
			heads := map[event.Category]int{}
			for _, e := range loaded[id] {
				heads[e.Category]++
				require.Equal(t, heads[e.Category], e.Version)
				held[e.Cause.String()]++
				total++
			}
		}
		require.Equal(t, stored, held)
		for name := range refused {
			require.NotContains(t, name, "error")
			require.NotContains(t, held, name)
		}
		n := 0
		_, err := s.ClaimOutbox(ctx, -time.Hour, 1000, func(_ context.Context, rows []eventstore.OutboxRow) error {
			for _, row := range rows {
				n += len(row.Doorbells)
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, total, n, "every append has its bell")
	})
	var left int
	require.NoError(t, pool.QueryRow(ctx, `SELECT count(*) FROM orderflow.outbox`).Scan(&left))
	require.Zero(t, left)
}

func writeAtHead(ctx context.Context, s *eventstore.Store, salt, name string, at []streamOf) (eventstore.Outcome, error) {
	p := planned{name, map[streamOf]int{}, map[streamOf]int{}}
	for _, each := range at {
		id := ident.Order(salt, "model", fmt.Sprint(each.order))
		above, err := s.LoadAbove(ctx, each.category, id, 0, 1000)
		if err != nil {
			return eventstore.Conflict, err
		}
		p.expected[each], p.count[each] = len(above), 1
	}
	result, err := s.Append(ctx, service, []eventstore.Unit{p.unit(salt)}, nil)
	if err != nil {
		return eventstore.Conflict, err
	}
	return result.Outcomes[0], nil
}
