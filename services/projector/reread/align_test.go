package reread

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

func about(owner bus.Owner, order string) place {
	if order == "" {
		return place{owner: owner}
	}
	return place{owner, ident.Order("checkout", "default", order)}
}

func TestFactsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	const order, payment = bus.OwnerOrder, bus.OwnerPayment
	for name, c := range map[string]struct {
		stood map[int]place
		now   []place
		want  []int // which fact stands where; -1 for none
		left  []int
	}{
		"nothing stood":                        {nil, []place{about(order, "A"), about(payment, "A")}, []int{0, 1}, nil},
		"the same":                             {map[int]place{0: about(order, "A"), 1: about(payment, "A")}, []place{about(order, "A"), about(payment, "A")}, []int{0, 1}, nil},
		"one more between":                     {map[int]place{0: about(order, "A"), 1: about(order, "C")}, []place{about(order, "A"), about(order, "B"), about(order, "C")}, []int{0, 2, 1}, nil},
		"one more before":                      {map[int]place{0: about(payment, "A")}, []place{about(order, "A"), about(payment, "A")}, []int{1, 0}, nil},
		"what is not known leads anywhere":     {map[int]place{0: about(payment, "A")}, []place{about(order, "A"), about(payment, "")}, []int{1, 0}, nil},
		"what waits stood somewhere":           {map[int]place{1: about(payment, "")}, []place{about(payment, "B")}, []int{-1, 0}, nil},
		"one less":                             {map[int]place{0: about(order, "A"), 1: about(payment, "A")}, []place{about(order, "A")}, []int{0}, []int{1}},
		"about another order":                  {map[int]place{0: about(payment, "A")}, []place{about(payment, "B")}, []int{-1, 0}, []int{0}},
		"nothing any more":                     {map[int]place{0: about(payment, "A"), 3: about(payment, "B")}, nil, nil, []int{0, 3}},
		"what left no event has any place":     {map[int]place{1: about(payment, "A")}, []place{about(payment, "A"), about(payment, "A")}, []int{0, 1}, nil},
		"two of one kind stay in their order":  {map[int]place{0: about(payment, "A"), 1: about(payment, "A")}, []place{about(payment, "A"), about(payment, "A")}, []int{0, 1}, nil},
		"what is new keeps off an empty place": {map[int]place{0: about(order, "A"), 1: about(order, "B")}, []place{about(order, "A"), about(order, "X"), about(order, "B")}, []int{0, 2, 1}, nil},
	} {
		facts := make([]*intakev1.Fact, len(c.now))
		for i := range facts {
			facts[i] = &intakev1.Fact{References: []string{name}}
		}
		aligned, left := align(c.stood, facts, c.now)
		require.Len(t, aligned, len(c.want), name)
		for at, want := range c.want {
			if want < 0 {
				assert.Empty(t, aligned[at].GetReferences(), name)
			} else {
				assert.Same(t, facts[want], aligned[at], "%s: place %d", name, at)
			}
		}
		assert.Equal(t, c.left, left, name)
	}
}

// No fact is lost or doubled, and whatever stood is replaced by one that is about the same or told to be left.
func TestEveryFactHasOnePlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		somewhere := rapid.Custom(func(t *rapid.T) place {
			return about(rapid.SampledFrom([]bus.Owner{bus.OwnerOrder, bus.OwnerPayment}).Draw(t, "owner"), rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "order"))
		})
		stood := rapid.MapOfN(rapid.IntRange(0, 6), somewhere, 0, 5).Draw(t, "stood")
		now := rapid.SliceOfN(somewhere, 0, 6).Draw(t, "now")
		facts := make([]*intakev1.Fact, len(now))
		index := map[*intakev1.Fact]int{}
		for i := range facts {
			facts[i] = &intakev1.Fact{Historic: true}
			index[facts[i]] = i
		}
		aligned, left := align(stood, facts, now)
		seen := map[int]bool{}
		for at, f := range aligned {
			i, told := index[f]
			p, was := stood[at]
			require.False(t, told && seen[i])
			seen[i] = seen[i] || told
			if was && told {
				require.True(t, p.is(now[i]))
			}
			if was && !told {
				require.Contains(t, left, at)
			}
		}
		for i := range facts {
			require.True(t, seen[i])
		}
		again, leftAgain := align(stood, facts, now)
		require.Equal(t, left, leftAgain)
		require.Len(t, again, len(aligned))
	})
}
