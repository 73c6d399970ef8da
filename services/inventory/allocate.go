package inventory

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strings"

	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// quantities are pieces by SKU and location.
type quantities = map[string]map[string]int64

func put(q quantities, sku, location string, pieces int64) {
	if q[sku] == nil {
		q[sku] = map[string]int64{}
	}
	q[sku][location] = plus(q[sku][location], pieces)
}

func total(at map[string]int64) int64 {
	var sum int64
	for _, pieces := range at {
		sum = plus(sum, pieces)
	}
	return sum
}

// maxExact is up to how many locations every choice of them is looked at: 2⁸ − 1 choices.
const maxExact = 8

// choose finds the locations for what is needed of each SKU: as few as possible that the order does not draw on yet,
// then as few as possible at all, then the first by name. It is nil if not everything is there.
func choose(need map[string]int64, available quantities, used map[string]bool) quantities {
	names := map[string]int64{}
	for sku, wanted := range need {
		if total(available[sku]) < wanted {
			return nil
		}
		maps.Copy(names, available[sku])
	}
	locations := slices.Sorted(maps.Keys(names))
	if len(locations) > maxExact {
		return take(need, available, locations)
	}
	var best []string
	bestCost := [3]int{1 << maxExact}
	for mask := 1; mask < 1<<len(locations); mask++ {
		chosen, fresh := subset(locations, mask, used)
		cost := [3]int{fresh, bits.OnesCount(uint(mask)), mask}
		if slices.Compare(cost[:], bestCost[:]) < 0 && covers(need, available, chosen) {
			best, bestCost = chosen, cost
		}
	}
	return take(need, available, best)
}

func subset(locations []string, mask int, used map[string]bool) (chosen []string, fresh int) {
	for i, l := range locations {
		if mask&(1<<i) == 0 {
			continue
		}
		chosen = append(chosen, l)
		if !used[l] {
			fresh++
		}
	}
	return chosen, fresh
}

func covers(need map[string]int64, available quantities, locations []string) bool {
	for sku, wanted := range need {
		var there int64
		for _, l := range locations {
			there = plus(there, available[sku][l])
		}
		if there < wanted {
			return false
		}
	}
	return true
}

// take draws each SKU from where most of it is, so that it is split as little as may be.
func take(need map[string]int64, available quantities, locations []string) quantities {
	taken := quantities{}
	for sku, wanted := range need {
		by := slices.Clone(locations)
		slices.SortStableFunc(by, func(a, b string) int { return cmp.Compare(available[sku][b], available[sku][a]) })
		for _, l := range by {
			if pieces := min(wanted, available[sku][l]); pieces > 0 {
				put(taken, sku, l, pieces)
				wanted -= pieces
			}
		}
	}
	return taken
}

// giveUp takes surplus pieces of one SKU out of what an order holds, from where it holds least, and says which.
func giveUp(held map[string]int64, surplus int64) map[string]int64 {
	given := map[string]int64{}
	by := slices.Sorted(maps.Keys(held))
	slices.SortStableFunc(by, func(a, b string) int { return cmp.Compare(held[a], held[b]) })
	for _, l := range by {
		if pieces := min(surplus, held[l]); pieces > 0 {
			given[l] = pieces
			surplus -= pieces
		}
	}
	return given
}

// deal hands what an order holds to its lines, in their order.
func deal(lines []*orderv1.LineQuantity, held quantities) []*inventoryv1.Allocation {
	left := quantities{}
	for sku, at := range held {
		left[sku] = maps.Clone(at)
	}
	var dealt []*inventoryv1.Allocation
	for _, line := range lines {
		wanted, at := line.GetQuantity(), left[line.GetSku()]
		for _, l := range slices.Sorted(maps.Keys(at)) {
			if pieces := min(wanted, at[l]); pieces > 0 {
				dealt = append(dealt, &inventoryv1.Allocation{LineId: line.GetLineId(), Sku: line.GetSku(), Location: l, Quantity: pieces})
				at[l] -= pieces
				wanted -= pieces
			}
		}
	}
	return dealt
}

func sameAllocations(a, b []*inventoryv1.Allocation) bool {
	return slices.EqualFunc(a, b, func(x, y *inventoryv1.Allocation) bool {
		return x.GetLineId() == y.GetLineId() && x.GetSku() == y.GetSku() && x.GetLocation() == y.GetLocation() && x.GetQuantity() == y.GetQuantity()
	})
}

// sameShortages says that an order waits for what it waited for. That there is more or less of it by now, and still not
// enough, is no news: else every piece that comes or goes would be an event for each order that waits.
func sameShortages(a, b []*inventoryv1.Shortage) bool {
	return slices.EqualFunc(a, b, func(x, y *inventoryv1.Shortage) bool {
		return x.GetSku() == y.GetSku() && x.GetWanted() == y.GetWanted()
	})
}

func bySKU(a, b *inventoryv1.Shortage) int { return strings.Compare(a.GetSku(), b.GetSku()) }
