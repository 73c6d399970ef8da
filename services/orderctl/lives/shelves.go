package lives

import (
	"maps"
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/services/inventory"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// shelves are the stock: the rows that stand beside the SKUs' streams, and which moves were taken.
type shelves struct {
	rules inventory.Config
	rows  map[ident.Entity]inventory.Stock
	told  map[ident.Cause]bool
	// shipped is what left the building, by SKU.
	shipped map[string]int64
}

func newShelves() *shelves {
	return &shelves{
		rules: inventory.Config{BackorderDeadline: 72 * time.Hour, DefaultLocation: "main"}, rows: map[ident.Entity]inventory.Stock{},
		told: map[ident.Cause]bool{}, shipped: map[string]int64{},
	}
}

// batch is a plan of inventory that is not stored yet.
type batch struct{ units []inventory.Unit }

// plan lets inventory decide about what is in hand.
func (m *Memory) plan(h *inHand) {
	w := &reactor.Work{Entity: h.entity, State: m.State(h.entity).Clone(), Events: m.Events[h.entity]}
	for _, n := range h.items {
		w.Triggers = append(w.Triggers, n.trigger)
	}
	asks := slices.DeleteFunc(inventory.AsksOf([]*reactor.Work{w}, m.Now), func(a inventory.Ask) bool { return a.Move != nil && m.shelves.told[a.Cause] })
	h.batch = &batch{m.shelves.rules.Plan(asks, maps.Clone(m.shelves.rows), m.Now)}
}

func (m *Memory) movedStock(b *batch) bool {
	for _, u := range b.units {
		for _, s := range u.Orders {
			if m.State(s.Entity).Version(event.Inventory) != s.Expected {
				return true
			}
		}
		for _, s := range u.Stocks {
			if m.shelves.rows[s.Entity].Version != s.Expected {
				return true
			}
		}
		for id, version := range u.Looked {
			if m.shelves.rows[id].Version != version {
				return true
			}
		}
		if slices.ContainsFunc(u.Taken, func(t inventory.Taken) bool { return m.shelves.told[t.Cause] }) {
			return true
		}
	}
	return false
}

// store writes a plan.
func (m *Memory) store(s *service, b *batch) {
	for _, u := range b.units {
		for _, o := range u.Orders {
			m.record(o.Entity, event.Inventory, o.Events)
		}
		for _, stream := range u.Stocks {
			m.shelves.write(stream, u.Taken)
		}
		for _, t := range u.Taken {
			m.shelves.told[t.Cause] = true
		}
		for _, id := range u.Settled {
			s.clear(id, "backorder")
		}
		for _, w := range u.Waits {
			var refs []string
			for _, sku := range w.SKUs {
				refs = append(refs, "sku:"+sku)
			}
			s.set(timer{entity: w.Entity, kind: "backorder", refs: refs})
		}
		for _, sku := range u.Freed {
			m.wake([]string{"sku:" + sku})
		}
	}
}

func (s *shelves) write(stream inventory.Stream, taken []inventory.Taken) {
	row := inventory.Stock{Version: stream.Expected + len(stream.Events), Levels: stream.Levels, Counted: maps.Clone(s.rows[stream.Entity].Counted)}
	if row.Counted == nil {
		row.Counted = map[string]inventory.Counted{}
	}
	for _, t := range taken {
		if t.Entity == stream.Entity && t.Location != "" {
			row.Counted[t.Location] = t.Counted
		}
	}
	s.rows[stream.Entity] = row
	for _, e := range stream.Events {
		if m, ok := e.Message.(*stockv1.StockShipped); ok {
			for _, q := range m.GetOrders() {
				s.shipped[m.GetSku()] += q.GetQuantity()
			}
		}
	}
}
