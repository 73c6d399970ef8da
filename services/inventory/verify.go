package inventory

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// HeldBy is what an order's own stream says is reserved for it, by SKU and location.
func HeldBy(o *order.State) map[string]map[string]int64 {
	held := quantities{}
	for _, a := range o.Inventory.Allocations {
		put(held, a.GetSku(), a.GetLocation(), a.GetQuantity())
	}
	return held
}

// Differences says in words where a SKU's stream, the row that was written with it and the orders' own streams do not
// agree. Held is what the orders say is reserved of this SKU, by order and location. Empty means that all is well.
func (l *Ledger) Differences(row *stockv1.Levels, rowVersion int, held map[ident.Entity]map[string]int64) []string {
	var found []string
	if rowVersion != l.Version {
		found = append(found, fmt.Sprintf("the row stands at version %d, the stream at %d", rowVersion, l.Version))
	} else if !proto.Equal(row, l.Levels) && (row != nil || len(l.Levels.GetLevels()) > 0) {
		found = append(found, fmt.Sprintf("the row says %s, the stream comes to %s", words(row), words(l.Levels)))
	}
	reserved := map[string]int64{}
	for _, id := range sortedOrders(l.Open, held) {
		for _, location := range sortedKeys(l.Open[id], held[id]) {
			if ours, theirs := l.Open[id][location], held[id][location]; ours != theirs {
				found = append(found, fmt.Sprintf("order %s: %d reserved at %s by the SKU, %d by the order", id, ours, location, theirs))
			}
			reserved[location] += l.Open[id][location]
		}
	}
	for _, at := range l.Levels.GetLevels() {
		if at.GetReserved() != reserved[at.GetLocation()] {
			found = append(found, fmt.Sprintf("%d reserved at %s, its orders' claims come to %d", at.GetReserved(), at.GetLocation(), reserved[at.GetLocation()]))
		}
	}
	return found
}

func words(l *stockv1.Levels) string {
	s := l.GetSku() + ":"
	for _, at := range l.GetLevels() {
		s += fmt.Sprintf(" %s %d on hand, %d reserved;", at.GetLocation(), at.GetOnHand(), at.GetReserved())
	}
	return s
}

func sortedOrders(a, b map[ident.Entity]map[string]int64) []ident.Entity {
	ids := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	sortIDs(ids)
	return slices.Compact(ids)
}

func sortIDs(ids []ident.Entity) {
	slices.SortFunc(ids, func(x, y ident.Entity) int { return slices.Compare(x[:], y[:]) })
}

func sortedKeys(all ...map[string]int64) []string {
	var keys []string
	for _, m := range all {
		keys = slices.AppendSeq(keys, maps.Keys(m))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
