package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// service is the name under which this service appends, waits and listens.
const service = "inventory"

// timerBackorder is the kind of timer under which an order waits for SKUs.
const timerBackorder = "backorder"

// skuRef is the name that orders wait under until there is more of a SKU.
func skuRef(sku string) string { return "sku:" + sku }

// rings are the news of an order that may change what it has a claim on.
var rings = []bus.Ring{
	{Category: event.Order, Types: []string{"OrderPlaced", "OrderEdited", "OrderCancelling", "OrderCancelled", "OrderExpired", "CancellationRefused"}},
	{Category: event.Fulfillment, Types: []string{
		"FulfillmentClosed", "LabelPurchased", "LabelPurchaseFailed", "LabelVoided", "ShipmentScanned", "ShipmentDelivered", "ShipmentReported",
	}},
	{Category: event.Inventory, Types: []string{"CommandRefused"}}, // a bell in the same batch gave way to it
}

// Rings are the news of an order that inventory listens to.
func Rings() []bus.Ring { return rings }

// handler reads what a batch needs, lets the rules decide and says how that is written.
type handler struct {
	rules Config
	store *eventstore.Store
	told  told
}

func (h *handler) spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Inventory, Facts: bus.OwnerStock, Rings: rings, Commands: true, Batch: h.batch,
		Single: true, // one batcher keeps a hot SKU's batches full; the versions would keep several of them right
	}
}

func (h *handler) batch(ctx context.Context, works []*reactor.Work, now time.Time) ([]eventstore.Unit, error) {
	asks, err := h.told.news(ctx, AsksOf(works, now.Truncate(time.Microsecond)))
	if err != nil {
		return nil, err
	}
	items, asks, err := h.told.items(ctx, asks)
	if err != nil {
		return nil, err
	}
	named, asks := name(asks, items)
	stock, err := h.stock(ctx, asks)
	if err != nil {
		return nil, err
	}
	var units []eventstore.Unit
	if len(named) > 0 {
		units = append(units, unitOf(named))
	}
	for _, u := range h.rules.Plan(asks, stock, now) {
		units = append(units, h.unit(u))
	}
	return units, nil
}

// AsksOf takes works apart: every move is asked about by itself, an order once however many bells rang.
func AsksOf(works []*reactor.Work, now time.Time) []Ask {
	var asks []Ask
	for _, w := range works {
		rung := false
		for _, t := range w.Triggers {
			ask := Ask{Entity: w.Entity, Cause: t.Cause, Order: w.State}
			switch {
			case t.Kind == reactor.Fact:
				ask.Move = reported(t)
			case t.Kind == reactor.Command:
				ask.Move, ask.Unknown = commanded(t.Command, now)
			case rung || w.State == nil:
				continue
			default:
				rung, ask.Last = true, lastAllocations(w.Events)
			}
			if ask.Move != nil {
				ask.Order = nil
			}
			if ask.Move != nil || ask.Order != nil {
				ask.Before = before(w.Events, t.Cause)
				asks = append(asks, ask)
			}
		}
	}
	return oneStream(asks)
}

// oneStream keeps one ask about each order's own stream in a batch; a refused command goes before a bell, which will
// be looked at again when the refusal rings.
func oneStream(asks []Ask) []Ask {
	seen := map[ident.Entity]bool{}
	return slices.DeleteFunc(asks, func(a Ask) bool {
		if a.Move != nil {
			return false
		}
		again := seen[a.Entity]
		seen[a.Entity] = true
		return again
	})
}

func reported(t reactor.Trigger) *Move {
	at := t.At
	if t.Fact.GetOccurredAt() != nil {
		at = t.Fact.GetOccurredAt().AsTime()
	}
	at = at.UTC().Truncate(time.Microsecond) // as the database keeps it, so that it compares equal when it is told again
	switch body := t.Fact.GetBody().(type) {
	case *intakev1.Fact_StockReported:
		r := body.StockReported
		m := &Move{Kind: Report, SKU: r.GetSku(), Location: r.GetLocation(), Quantity: r.GetOnHand(), At: at, Report: t.Report, Revision: t.Revision}
		if m.SKU == "" {
			m.Items = t.Fact.GetReferences()
		}
		if r.GetNetOfOrders() {
			m.Shop = shopName(t.Delivery.GetSource(), t.Delivery.GetAccount())
		}
		return m
	case *intakev1.Fact_ProductReported:
		p := body.ProductReported
		return &Move{Kind: Name, SKU: p.GetSku(), Title: p.GetTitle(), Items: t.Fact.GetReferences(), At: at, Report: t.Report, Revision: t.Revision}
	}
	return nil
}

// commanded is the move that a command asks for, or the name of a command that inventory does not know.
func commanded(c *commandv1.Command, at time.Time) (m *Move, unknown string) {
	switch body := c.GetBody().(type) {
	case *commandv1.Command_SetStock:
		s := body.SetStock
		return &Move{Kind: Count, SKU: s.GetSku(), Location: s.GetLocation(), Quantity: s.GetOnHand(), Reason: c.GetReason(), At: at}, ""
	case *commandv1.Command_ReceiveStock:
		s := body.ReceiveStock
		return &Move{Kind: Receive, SKU: s.GetSku(), Location: s.GetLocation(), Quantity: s.GetQuantity(), At: at}, ""
	case nil:
		return nil, "unknown"
	}
	return nil, fmt.Sprintf("%T", c.GetBody())[len("*commandv1.Command_"):]
}

// stock reads the rows of every SKU that the asks may touch.
func (h *handler) stock(ctx context.Context, asks []Ask) (map[ident.Entity]Stock, error) {
	ids := touched(asks)
	rows, err := h.store.Snapshots(ctx, event.Stock, ids)
	if err != nil {
		return nil, err
	}
	stock := make(map[ident.Entity]Stock, len(rows))
	for id, row := range rows {
		levels := &stockv1.Levels{}
		if err := proto.Unmarshal(row.Data, levels); err != nil {
			return nil, fmt.Errorf("read the levels of SKU %s: %w", id, err)
		}
		stock[id] = Stock{Version: row.Version, Levels: levels}
	}
	return stock, h.told.counted(ctx, asks, stock)
}

func touched(asks []Ask) []ident.Entity {
	ids := map[ident.Entity]bool{}
	for _, a := range asks {
		if a.Order == nil {
			ids[a.Entity] = true
			continue
		}
		for sku := range a.Order.Demand() {
			ids[ident.SKU(sku)] = true
		}
		for _, held := range slices.Concat(a.Order.Inventory.Allocations, a.Last) {
			ids[ident.SKU(held.GetSku())] = true
		}
	}
	return slices.Collect(maps.Keys(ids))
}

// unit says how a part of a plan is written.
func (h *handler) unit(u Unit) eventstore.Unit {
	out := eventstore.Unit{Tx: h.told.write(u)}
	for _, s := range u.Orders {
		out.Appends = append(out.Appends, eventstore.Append{Entity: s.Entity, Category: event.Inventory, Expected: s.Expected, Events: s.Events})
	}
	for _, s := range u.Stocks {
		out.Appends = append(out.Appends, eventstore.Append{
			Entity: s.Entity, Category: event.Stock, Expected: s.Expected, Events: s.Events, Snapshot: s.Levels,
		})
	}
	for _, w := range u.Waits {
		t := eventstore.Timer{Service: service, ID: reactor.TimerID(service, w.Entity, timerBackorder), Entity: w.Entity, Kind: timerBackorder}
		for _, sku := range w.SKUs {
			t.Refs = append(t.Refs, skuRef(sku))
		}
		out.Timers = append(out.Timers, t)
	}
	for _, id := range u.Settled {
		out.Clear = append(out.Clear, reactor.TimerID(service, id, timerBackorder))
	}
	for _, sku := range u.Freed {
		out.Wake = append(out.Wake, skuRef(sku))
	}
	return out
}

// lastAllocations is what was last reserved for an order, whether or not it still is.
func lastAllocations(events []event.Recorded) []*inventoryv1.Allocation {
	for i := len(events) - 1; i >= 0; i-- {
		if m, ok := events[i].Message.(*inventoryv1.StockAllocated); ok {
			return m.GetAllocations()
		}
	}
	return nil
}

// before counts what a cause led to in an order's stream, by type.
func before(events []event.Recorded, cause ident.Cause) map[string]int {
	counts := map[string]int{}
	for _, e := range events {
		if e.Category == event.Inventory && e.Cause == cause {
			counts[e.Type]++
		}
	}
	return counts
}
