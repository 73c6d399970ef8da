package projector

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Two replicas take turns, each remembers what it wrote itself, and one of them loses its memory now and then: the
// rows are those of a fold from nothing at every step.
func TestOnlyWhatDiffersIsWrittenAndTheRowsAreThoseOfAFoldFromNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	replicas := []*projection{w.p, newProjection(w.pool, w.store, w.vault, zerolog.Nop(), newMemory())}
	for n := range 6 {
		name := fmt.Sprintf("M-%d", n)
		for i, said := range life(r, name) {
			w.append(orderID(name), said)
			if r.IntN(8) == 0 {
				replicas[1].memory = newMemory()
			}
			require.NoError(t, replicas[r.IntN(2)].project(w.ctx, orderFamily, []ident.Entity{orderID(name)}))
			if i%3 == 0 {
				require.Empty(t, w.verify().Findings)
			}
		}
	}
	live := w.all()
	w.rebuild()
	assert.Equal(t, w.all(), live)
}

func TestNoTwoRowsAreSpeltAlike(t *testing.T) {
	t.Parallel()
	rows := [][]any{
		{nil}, {""}, {"a"}, {"a", nil}, {"a", ""}, {nil, "a"}, {"ab"}, {"a", "b"}, {[]string{"a", "b"}}, {[]string{"ab"}}, {[]string{}, "a"},
		{int64(1)}, {int64(2)}, {true}, {false}, {noon}, {noon.UnixMicro()},
	}
	seen := map[string]int{}
	for i, row := range rows {
		spelt := string(spell(nil, row))
		before, twice := seen[spelt]
		assert.False(t, twice, "%v and %v", rows[before], row)
		seen[spelt] = i
	}
}

// Two replicas are rung for the same orders at once, and each remembers what it wrote itself. Neither may hold a guard
// that the other waits for while it waits for one of the other's.
func TestReplicasThatRememberDifferentOrdersDoNotLockEachOtherOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := w.crowd(10_000, 40)
	slices.SortFunc(ids, func(a, b ident.Entity) int { return slices.Compare(a[:], b[:]) })
	replicas := []*projection{w.p, newProjection(w.pool, w.store, w.vault, zerolog.Nop(), newMemory())}
	halves := []map[ident.Entity]remembered{{}, {}}
	for i, id := range ids {
		halves[i%2][id] = w.p.memory.entries[id]
	}
	for range 30 {
		var both sync.WaitGroup
		errs := make([]error, len(replicas))
		for i, r := range replicas {
			r.memory.entries = maps.Clone(halves[i])
			both.Go(func() { errs[i] = r.project(w.ctx, orderFamily, slices.Clone(ids)) })
		}
		both.Wait()
		require.NoError(t, errors.Join(errs...))
	}
}
