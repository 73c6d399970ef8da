package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	one, two = [32]byte{1}, [32]byte{2}
	mug      = ident.Order("checkout", "default", "1")
	hat      = ident.Order("checkout", "default", "2")
	ada      = &typev1.Person{Email: "ada@example.com", Name: "Ada Canary", Shipping: &typev1.Address{Line1: "1 Canary Wharf", City: "Canaryville"}}
)

func vault(t *testing.T, pool *pgxpool.Pool, masters ...[32]byte) *seal.Vault {
	t.Helper()
	v, err := seal.NewVault(pool, masters)
	require.NoError(t, err)
	return v
}

func sealed(t *testing.T, v *seal.Vault, id ident.Entity) *typev1.Sealed {
	t.Helper()
	s, err := v.Seal(context.Background(), id, ada)
	require.NoError(t, err)
	return s
}

func opens(t *testing.T, v *seal.Vault, id ident.Entity, s *typev1.Sealed) {
	t.Helper()
	p, erased, err := v.Open(context.Background(), id, s)
	require.NoError(t, err)
	assert.False(t, erased)
	assert.True(t, proto.Equal(ada, p))
}

func isErased(t *testing.T, v *seal.Vault, id ident.Entity, s *typev1.Sealed) {
	t.Helper()
	p, erased, err := v.Open(context.Background(), id, s)
	require.NoError(t, err)
	assert.True(t, erased)
	assert.True(t, proto.Equal(&typev1.Person{}, p))
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	t.Parallel()
	pool := testkit.DB(t)
	v := vault(t, pool, one)
	s := sealed(t, v, mug)
	opens(t, v, mug, s)
	opens(t, vault(t, pool, one), mug, s)
	again := sealed(t, v, mug)
	assert.NotEqual(t, s.GetCiphertext(), again.GetCiphertext(), "the same person looks different each time")

	nothing, err := v.Seal(context.Background(), mug, nil)
	require.NoError(t, err)
	assert.Nil(t, nothing)
	p, erased, err := v.Open(context.Background(), mug, nil)
	require.NoError(t, err)
	assert.False(t, erased, "nothing was there, so nothing was erased")
	assert.Empty(t, p.GetEmail())
}

func TestNoOtherKeyOpensIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	v := vault(t, testkit.DB(t), one)
	s := sealed(t, v, mug)
	sealed(t, v, hat)
	_, _, err := v.Open(ctx, hat, s)
	require.ErrorContains(t, err, "another key")
	changed := proto.CloneOf(s)
	changed.Ciphertext[0] ^= 1
	_, _, err = v.Open(ctx, mug, changed)
	require.Error(t, err)
	short := proto.CloneOf(s)
	short.Nonce = short.GetNonce()[:3]
	_, _, err = v.Open(ctx, mug, short)
	require.Error(t, err, "a damaged nonce is an error, and no panic")
}

func TestAMasterKeyIsChanged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	old := sealed(t, vault(t, pool, one), mug)
	both := vault(t, pool, two, one)
	opens(t, both, mug, old)
	young := sealed(t, both, hat)
	opens(t, vault(t, pool, two), hat, young)
	_, _, err := vault(t, pool, two).Open(ctx, mug, old)
	require.ErrorContains(t, err, "MASTER_KEY", "the old one is still needed")
}

func TestWhatIsErasedStaysErased(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	here, there := vault(t, pool, one), vault(t, pool, one)
	s := sealed(t, here, mug)
	opens(t, there, mug, s)
	require.NoError(t, here.Erase(ctx, mug))
	isErased(t, here, mug, s)
	there.Forget(mug)
	isErased(t, there, mug, s)

	later := sealed(t, here, mug)
	assert.Empty(t, later.GetCiphertext(), "the key is never made again")
	isErased(t, here, mug, later)
	require.NoError(t, here.Erase(ctx, mug), "twice is fine")
	require.NoError(t, here.Erase(ctx, hat), "also what never had a key")
	isErased(t, there, hat, sealed(t, there, hat))
}

func TestManyMakeTheFirstKeyAtOnce(t *testing.T) {
	t.Parallel()
	pool := testkit.DB(t)
	var mu sync.Mutex
	var all []*typev1.Sealed
	var makers sync.WaitGroup
	for range 16 {
		v := vault(t, pool, one)
		makers.Go(func() {
			s, err := v.Seal(context.Background(), mug, ada)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, s)
			assert.NoError(t, err)
		})
	}
	makers.Wait()
	v := vault(t, pool, one)
	for _, s := range all {
		opens(t, v, mug, s)
	}
}

// While one process erases, others seal and open: afterwards nobody who has forgotten the key reads anything.
func TestErasingWhileOthersSeal(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	v := vault(t, pool, one)
	s := sealed(t, v, mug)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				_, errSeal := v.Seal(ctx, mug, ada)
				_, _, errOpen := v.Open(ctx, mug, s)
				assert.NoError(t, errors.Join(errSeal, errOpen))
			}
		})
	}
	all.Go(func() { assert.NoError(t, v.Erase(ctx, mug)) })
	all.Wait()
	isErased(t, v, mug, s)
}

func TestManyKeysAreReadAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	v := vault(t, pool, one)
	s, other := sealed(t, v, mug), sealed(t, v, hat)
	require.NoError(t, v.Erase(ctx, hat))
	fresh := vault(t, pool, one)
	never := ident.Order("checkout", "default", "3")
	require.NoError(t, fresh.Prefetch(ctx, []ident.Entity{mug, hat, never}))
	opens(t, fresh, mug, s)
	isErased(t, fresh, hat, other)
	require.NoError(t, fresh.Prefetch(ctx, nil))
	require.NoError(t, vault(t, pool, two).Prefetch(ctx, []ident.Entity{mug}), "a key of another master is for Open to complain about")
}

func TestHMACKeepsUsesApart(t *testing.T) {
	t.Parallel()
	a, b := vault(t, nil, one), vault(t, nil, two)
	assert.Equal(t, a.HMAC("email", "x"), vault(t, nil, one, two).HMAC("email", "x"))
	for _, other := range [][]byte{a.HMAC("phone", "x"), a.HMAC("email", "y"), b.HMAC("email", "x")} {
		assert.NotEqual(t, a.HMAC("email", "x"), other)
	}
}

func TestParseMasters(t *testing.T) {
	t.Parallel()
	key := func(n byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)) }
	masters, err := seal.ParseMasters(key(1) + ", " + key(2))
	require.NoError(t, err)
	assert.Len(t, masters, 2)
	for _, wrong := range []string{"", "short", key(1)[:20], key(1) + ",", "!" + key(1)} {
		_, err := seal.ParseMasters(wrong)
		require.Error(t, err)
		if wrong != "" {
			assert.NotContains(t, err.Error(), wrong, "a key is never told")
		}
	}
	_, err = seal.NewVault(nil, nil)
	require.Error(t, err)
}

// No table holds a word of a person after an event with personal data was appended.
func TestNoTableHoldsAPersonInTheOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store, pool := testkit.Store(t)
	result, err := store.Append(ctx, "orders", []eventstore.Unit{{
		Appends: []eventstore.Append{{Entity: mug, Category: event.Order, Events: []event.New{{
			Message: &orderv1.OrderPlaced{}, Cause: ident.Named("a"), OccurredAt: time.Now(), Personal: ada,
		}}}},
		Timers: []eventstore.Timer{{Service: "orders", ID: ident.Named("t"), Entity: mug, Kind: "look", DueAt: time.Now()}},
	}}, nil)
	require.NoError(t, err)
	require.Equal(t, eventstore.Stored, result.Outcomes[0])
	rows, err := pool.Query(ctx, `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
		WHERE table_schema = 'orderflow' AND table_type = 'BASE TABLE'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 5)
	for _, table := range tables {
		// As text, with every bytea decoded as if its bytes were letters.
		rows, err := pool.Query(ctx, fmt.Sprintf(`SELECT t::text FROM %s t`, table))
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, text := range texts {
			for _, word := range []string{"ada@example", "Canary"} {
				assert.NotContains(t, text, word, table)
				assert.NotContains(t, strings.ToLower(text), fmt.Sprintf("%x", word), table)
			}
		}
	}
}

func TestManyKeysAreMadeAtOnceAndNeverAnew(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool := testkit.DB(t)
	one, other := testkit.Vault(t, pool), testkit.Vault(t, pool)
	var ids []ident.Entity
	for n := range 50 {
		ids = append(ids, ident.Order("checkout", "default", fmt.Sprint(n)))
	}
	before, err := one.SealBytes(ctx, ids[7], []byte("before"))
	require.NoError(t, err)
	require.NoError(t, one.Erase(ctx, ids[8]))
	var both sync.WaitGroup
	errs := make([]error, 2)
	both.Go(func() { errs[0] = one.Make(ctx, append(slices.Clone(ids), ids...)) })
	both.Go(func() {
		backwards := slices.Clone(ids)
		slices.Reverse(backwards)
		errs[1] = other.Make(ctx, backwards)
	})
	both.Wait()
	require.NoError(t, errors.Join(errs...))
	for n, id := range ids {
		sealed, err := one.SealBytes(ctx, id, []byte("x"))
		require.NoError(t, err)
		plain, erased, err := other.OpenBytes(ctx, id, sealed)
		require.NoError(t, err, "both have the same key of order %d", n)
		assert.Equal(t, n == 8, erased)
		assert.Equal(t, n != 8, string(plain) == "x")
	}
	plain, _, err := other.OpenBytes(ctx, ids[7], before)
	require.NoError(t, err)
	assert.Equal(t, "before", string(plain))
}
