package fraud

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// reading is a reader with what it reads from.
type reading struct {
	reader
	pool  *pgxpool.Pool
	vault *seal.Vault
}

func newReader(t *testing.T) reading {
	t.Helper()
	pool := testkit.DB(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), pool.Config().ConnString(), service, migrations))
	vault := testkit.Vault(t, pool)
	return reading{reader{vault: vault, count: counter{pool}.count}, pool, vault}
}

// paidBy is a paid order of a customer, recorded so long after noon.
func (r reading) paidBy(t *testing.T, name, email string, after time.Duration) *reactor.Work {
	t.Helper()
	entity := ident.Order("checkout", "default", name)
	m := placed(50)
	if email != "" {
		sealed, err := r.vault.Seal(t.Context(), entity, &typev1.Person{Email: email})
		require.NoError(t, err)
		m.Sealed = sealed
	}
	s := order.New(entity)
	at := noon.Add(after)
	require.NoError(t, s.Apply(event.Recorded{Entity: entity, Category: event.Order, Version: 1, Message: m, RecordedAt: at}))
	require.NoError(t, s.Apply(event.Recorded{Entity: entity, Category: event.Payment, Version: 1, Message: captured(), RecordedAt: at}))
	return &reactor.Work{Entity: entity, State: s}
}

func (r reading) read(t *testing.T, works ...*reactor.Work) []*fraudv1.Signals {
	t.Helper()
	require.NoError(t, r.enrich(t.Context(), works))
	var out []*fraudv1.Signals
	for _, w := range works {
		s, ok := w.Extra.(*fraudv1.Signals)
		require.True(t, ok)
		out = append(out, s)
	}
	return out
}

func TestCustomersAreCounted(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	first := r.paidBy(t, "1", "a@example.com", 0)
	s := r.read(t, first)[0]
	assert.Equal(t, int64(1), s.GetOrdersLastHour())
	assert.True(t, s.GetNewCustomer())

	again := r.read(t, first)[0]
	assert.Equal(t, s.GetOrdersLastHour(), again.GetOrdersLastHour(), "the same order is counted once")
	assert.True(t, again.GetNewCustomer())

	all := r.read(t, r.paidBy(t, "2", "A@Example.com ", 59*time.Minute), r.paidBy(t, "3", "a@example.com", 61*time.Minute),
		r.paidBy(t, "4", "b@example.com", 61*time.Minute), r.paidBy(t, "5", "a@example.com", 25*time.Hour), r.paidBy(t, "6", "", 0))
	assert.Equal(t, int64(2), all[0].GetOrdersLastHour(), "one address however it is written")
	assert.Equal(t, int64(2), all[1].GetOrdersLastHour(), "the first one is more than an hour ago")
	assert.Equal(t, int64(3), all[1].GetOrdersLastDay())
	assert.False(t, all[1].GetNewCustomer())
	assert.Equal(t, int64(1), all[2].GetOrdersLastHour(), "somebody else")
	assert.True(t, all[2].GetNewCustomer())
	assert.Equal(t, int64(2), all[3].GetOrdersLastDay(), "itself and the one that is not a day old")
	assert.True(t, all[4].GetNoEmail())
	assert.Zero(t, all[4].GetOrdersLastHour())

	// The past does not change: what came later is not counted.
	assert.Equal(t, int64(1), r.read(t, first)[0].GetOrdersLastDay())

	var emails int
	require.NoError(t, r.pool.QueryRow(t.Context(), `SELECT count(*) FROM fraud.sightings WHERE encode(customer, 'escape') LIKE '%example%'`).Scan(&emails))
	assert.Zero(t, emails, "nobody's address is kept")
}

func TestCountingAtTheSameTime(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	var works [][]*reactor.Work
	for replica := range 4 {
		var batch []*reactor.Work
		for n := range 10 { // every replica is given the same orders, in another order
			batch = append(batch, r.paidBy(t, strconv.Itoa((n+replica*3)%10), "a@example.com", 0))
		}
		works = append(works, batch)
	}
	var wg sync.WaitGroup
	for _, batch := range works {
		wg.Go(func() { assert.NoError(t, r.enrich(t.Context(), batch)) })
	}
	wg.Wait()
	var rows int
	require.NoError(t, r.pool.QueryRow(t.Context(), `SELECT count(*) FROM fraud.sightings`).Scan(&rows))
	assert.Equal(t, 10, rows)
	assert.Equal(t, int64(10), r.read(t, r.paidBy(t, "0", "a@example.com", 0))[0].GetOrdersLastHour())
}

func TestWhoseDataWasErasedHasNoAddressAndNoDoubt(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	w := r.paidBy(t, "1", "a@example.com", 0)
	require.NoError(t, r.vault.Erase(t.Context(), w.Entity))
	s := r.read(t, w)[0]
	assert.False(t, s.GetNoEmail(), "there was one")
	assert.Zero(t, s.GetOrdersLastHour())
}

func TestOneThatCannotBeReadLeavesItsNeighboursAlone(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	bad, good := r.paidBy(t, "1", "a@example.com", 0), r.paidBy(t, "2", "b@example.com", 0)
	bad.State.Order.Sealed.Ciphertext[0] ^= 1
	require.NoError(t, r.enrich(t.Context(), []*reactor.Work{bad, good}))
	assert.Implements(t, (*error)(nil), bad.Extra)
	assert.IsType(t, &fraudv1.Signals{}, good.Extra)
}

func TestNothingIsReadForOrdersThatAreNotDue(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	unpaid := &reactor.Work{Entity: id, State: given(t, placed(50))}
	sku := &reactor.Work{Entity: ident.SKU("MUG")}
	require.NoError(t, r.enrich(t.Context(), []*reactor.Work{unpaid, sku}))
	assert.Nil(t, unpaid.Extra)
	assert.Nil(t, sku.Extra)
}

func TestADatabaseThatIsDownIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	w := r.paidBy(t, "1", "a@example.com", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, r.enrich(ctx, []*reactor.Work{w}))
}
