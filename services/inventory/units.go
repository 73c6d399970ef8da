package inventory

import (
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// units puts results that share a SKU into one unit, in the order in which they came. What came to nothing is in none.
func (b *batch) units(results []*result) []Unit {
	leader := make([]int, len(results)) // union-find over results
	owner := map[ident.Entity]int{}     // a result of each SKU
	for i, r := range results {
		leader[i] = i
		if !r.matters() {
			continue
		}
		for id := range r.skus {
			if first, ok := owner[id]; ok {
				join(leader, first, i)
			} else {
				owner[id] = i
			}
		}
	}
	var units []Unit
	at := map[int]int{}
	for i, r := range results {
		if !r.matters() {
			continue
		}
		root := find(leader, i)
		n, ok := at[root]
		if !ok {
			n = len(units)
			at[root], units = n, append(units, Unit{})
		}
		units[n].add(r, b)
		for _, id := range sortedIDs(r.skus) {
			if s := b.shelves[id]; s != nil {
				units[n].put(s, b)
				delete(b.shelves, id)
			}
		}
	}
	return units
}

func (r *result) matters() bool {
	return len(r.events) > 0 || len(r.waits) > 0 || r.settled || r.ask.Move != nil
}

func (u *Unit) add(r *result, b *batch) {
	if len(r.events) > 0 {
		u.Orders = append(u.Orders, Stream{Entity: r.ask.Entity, Expected: r.ask.Order.Version(event.Inventory), Events: r.events})
	}
	if len(r.waits) > 0 {
		u.Waits = append(u.Waits, Wait{Entity: r.ask.Entity, SKUs: r.waits})
		if u.Looked == nil {
			u.Looked = map[ident.Entity]int{}
		}
		for _, sku := range r.waits {
			u.Looked[ident.SKU(sku)] = b.stock[ident.SKU(sku)].Version
		}
	}
	if r.settled {
		u.Settled = append(u.Settled, r.ask.Entity)
	}
}

func (u *Unit) put(s *shelf, b *batch) {
	stream, moved := s.stream(b.stock[s.entity].Levels, b.now)
	if moved {
		u.Stocks = append(u.Stocks, stream)
	}
	u.Taken = append(u.Taken, s.taken...)
	if s.freed {
		u.Freed = append(u.Freed, s.sku)
	}
}

func find(leader []int, i int) int {
	for leader[i] != i {
		leader[i] = leader[leader[i]]
		i = leader[i]
	}
	return i
}

// join lets the earlier result lead, so that units stay in the order of arrival.
func join(leader []int, a, b int) {
	a, b = find(leader, a), find(leader, b)
	leader[max(a, b)] = min(a, b)
}

func sortedIDs(ids map[ident.Entity]bool) []ident.Entity {
	sorted := make([]ident.Entity, 0, len(ids))
	for id := range ids {
		sorted = append(sorted, id)
	}
	sortIDs(sorted)
	return sorted
}
