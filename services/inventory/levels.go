package inventory

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// foldLevels is what one event of a SKU does to its levels. The row that is written with an append and the check of
// that row both come from here.
func foldLevels(l *stockv1.Levels, m proto.Message) {
	switch m := m.(type) {
	case *stockv1.StockReceived:
		l.Sku = m.GetSku()
		at := level(l, m.GetLocation())
		at.OnHand = plus(at.GetOnHand(), m.GetQuantity())
	case *stockv1.StockAdjusted:
		l.Sku = m.GetSku()
		adjust(level(l, m.GetLocation()), m)
	case *stockv1.StockReserved:
		l.Sku = m.GetSku()
		for _, q := range m.GetOrders() {
			at := level(l, q.GetLocation())
			at.Reserved = plus(at.GetReserved(), q.GetQuantity())
			if q.GetOwn() {
				at.Own = plus(at.GetOwn(), q.GetQuantity())
			}
		}
	case *stockv1.StockReleased:
		for _, q := range m.GetOrders() {
			giveBack(level(l, q.GetLocation()), q)
		}
	case *stockv1.StockShipped:
		for _, q := range m.GetOrders() {
			at := level(l, q.GetLocation())
			giveBack(at, q)
			// A count may have said that there was less: what shipped was there all the same, and is gone now.
			at.OnHand = max(0, at.GetOnHand()-q.GetQuantity())
		}
	}
}

// adjust is a count. The shop that counts at a location stays the one that does; what it told holds until everything is
// counted.
func adjust(at *stockv1.Level, m *stockv1.StockAdjusted) {
	at.OnHand, at.ToldAt, at.Short = m.GetOnHand(), m.GetToldAt(), m.GetShort()
	if by := m.GetToldBy(); by != "" && by != at.GetToldBy() {
		at.ToldBy, at.Own = by, 0
	}
}

func giveBack(at *stockv1.Level, q *stockv1.OrderQuantity) {
	at.Reserved = max(0, at.GetReserved()-q.GetQuantity())
	if q.GetOwn() {
		at.Own = max(0, at.GetOwn()-q.GetQuantity())
	}
}

// level finds a location's level, or puts one in its place in the order of names.
func level(l *stockv1.Levels, location string) *stockv1.Level {
	i, found := slices.BinarySearchFunc(l.GetLevels(), location, func(have *stockv1.Level, want string) int {
		return strings.Compare(have.GetLocation(), want)
	})
	if !found {
		l.Levels = slices.Insert(l.GetLevels(), i, &stockv1.Level{Location: location})
	}
	return l.GetLevels()[i]
}

// free is what a location has and nobody has a claim on.
func free(l *stockv1.Level) int64 { return max(0, l.GetOnHand()-l.GetReserved()) }

// plus adds two quantities that are not negative and stays at the end of int64 instead of wrapping around.
func plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Ledger is what the whole stream of a SKU comes to.
type Ledger struct {
	Levels *stockv1.Levels
	// Open is what is still reserved, by order and location.
	Open map[ident.Entity]map[string]int64
	// Version is that of the last event; Unknown counts events of types that this build does not know.
	Version int
	Unknown int
}

// FoldStock reads a SKU's stream from its beginning. It is for checking: the services read the row instead.
func FoldStock(events []event.Recorded) (Ledger, error) {
	l := Ledger{Levels: &stockv1.Levels{}, Open: map[ident.Entity]map[string]int64{}}
	for _, e := range events {
		if e.Category != event.Stock {
			return l, fmt.Errorf("event %s is of category %q: not a SKU's", e.ID, e.Category)
		}
		if e.Version != l.Version+1 {
			return l, fmt.Errorf("gap in versions: stock %s %d follows %d", e.Entity, e.Version, l.Version)
		}
		l.Version = e.Version
		if e.Message == nil {
			l.Unknown++
			continue
		}
		foldLevels(l.Levels, e.Message)
		l.open(e.Message)
	}
	return l, nil
}

func (l *Ledger) open(m proto.Message) {
	sign, orders := int64(-1), []*stockv1.OrderQuantity(nil)
	switch m := m.(type) {
	case *stockv1.StockReserved:
		sign, orders = 1, m.GetOrders()
	case *stockv1.StockReleased:
		orders = m.GetOrders()
	case *stockv1.StockShipped:
		orders = m.GetOrders()
	}
	for _, q := range orders {
		var id ident.Entity
		copy(id[:], q.GetOrderId())
		if l.Open[id] == nil {
			l.Open[id] = map[string]int64{}
		}
		l.Open[id][q.GetLocation()] += sign * q.GetQuantity()
		if l.Open[id][q.GetLocation()] == 0 {
			delete(l.Open[id], q.GetLocation())
		}
		if len(l.Open[id]) == 0 {
			delete(l.Open, id)
		}
	}
}
