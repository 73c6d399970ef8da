package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Whatever products say of an item, in whatever order and batches: it stands for the same in the end, and whoever reads
// the names that were linked on the way ends there as well.
func TestAnItemStandsForWhatWasToldLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Move {
			return Move{
				Kind: Name, SKU: rapid.SampledFrom(skus).Draw(t, "sku"), Items: rapid.SliceOfN(rapid.SampledFrom([]string{"item:1", "item:2"}), 0, 2).Draw(t, "items"),
				At: noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Minute), Revision: rapid.Uint32Range(0, 1).Draw(t, "revision"),
			}
		}), 0, 8).Draw(t, "told")
		a, b := linked(told, 1), linked(rapid.Permutation(append(told, told...)).Draw(t, "again"), rapid.IntRange(1, 4).Draw(t, "batch"))
		require.Equal(t, a, b)
	})
}

// What told of an item tells of it otherwise when it is read again, also where its time was read wrongly.
func TestAnItemThatIsReadAgainTakesThePlaceOfItself(t *testing.T) {
	t.Parallel()
	read := func(revision uint32, sku string, minute int) Move {
		return Move{Kind: Name, SKU: sku, Items: []string{"item:1"}, Report: ident.Named("report"), Revision: revision, At: noon.Add(time.Duration(minute) * time.Minute)}
	}
	wrong, right, later := read(0, "MUG", 60), read(1, "MUG", 1), Move{Kind: Name, SKU: "CUP", Items: []string{"item:1"}, At: noon.Add(2 * time.Minute)}
	require.Equal(t, "MUG", linked([]Move{wrong, later}, 1)["item:1"])
	require.Equal(t, "CUP", linked([]Move{wrong, right, later}, 1)["item:1"])
	require.Equal(t, "CUP", linked([]Move{right, wrong, later}, 1)["item:1"])
}

// linked is where items lead after products came in batches of so many.
func linked(told []Move, batch int) map[string]string {
	items, links := map[string]Item{}, map[string]string{}
	for len(told) > 0 {
		n := min(batch, len(told))
		var asks []Ask
		for i := range told[:n] {
			asks = append(asks, Ask{Entity: ident.SKU(told[i].SKU), Move: &told[i]})
		}
		named, rest := name(asks, items)
		if len(rest) > 0 {
			return map[string]string{"a product": "is no move"}
		}
		for _, each := range named {
			if each.Moves {
				links[each.Ref] = each.Item.SKU
			}
		}
		told = told[n:]
	}
	return links
}
