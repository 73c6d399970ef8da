package projector

import (
	"fmt"
	"math/rand/v2"
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
	replicas := []*projection{w.p, {pool: w.pool, store: w.store, vault: w.vault, log: zerolog.Nop(), memory: newMemory()}}
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
