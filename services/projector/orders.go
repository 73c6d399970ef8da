package projector

import (
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// erasedWord stands where personal data was.
const erasedWord = "erased"

// orders is one row per order: the guard of everything that belongs to it.
var orders = guard("orders", "order_id", orderOf,
	one("order_number", text, func(f *facts) any { return some(f.described().GetNumber()) }),
	one("source", text, func(f *facts) any { return some(f.described().GetKey().GetSource()) }),
	one("account", text, func(f *facts) any { return some(f.described().GetKey().GetAccount()) }),
	one("shop_order_id", text, func(f *facts) any { return some(f.described().GetKey().GetId()) }),
	one("status", text, func(f *facts) any { return string(f.state.Status()) }),
	one("payment_status", text, func(f *facts) any { return f.state.PaymentStatus() }),
	one("currency", text, func(f *facts) any { return some(f.funds.Currency) }),
	amount("total", func(f *facts) money.Amount { return f.amount(f.funds.Total) }),
	amount("subtotal", func(f *facts) money.Amount { return f.told((*typev1.Totals).GetSubtotal) }),
	amount("discount", func(f *facts) money.Amount { return f.told((*typev1.Totals).GetDiscount) }),
	amount("shipping", func(f *facts) money.Amount { return f.told((*typev1.Totals).GetShipping) }),
	amount("tax", func(f *facts) money.Amount { return f.told((*typev1.Totals).GetTax) }),
	amount("paid", func(f *facts) money.Amount { return f.amount(f.funds.Captured) }),
	amount("refunded", func(f *facts) money.Amount { return f.amount(f.funds.Refunded) }),
	amount("disputed", func(f *facts) money.Amount { return f.amount(plus(f.funds.Disputed, f.funds.ChargedBy)) }),
	amount("due", func(f *facts) money.Amount { return f.amount(f.due()) }),
	one("item_count", whole, func(f *facts) any { return f.pieces() }),
	one("customer_email", text, func(f *facts) any { return f.personal(f.person.GetEmail()) }),
	one("customer_name", text, func(f *facts) any { return f.personal(f.name()) }),
	one("shipping_country", text, func(f *facts) any { return some(f.described().GetShippingCountry()) }),
	one("placed_at", instant, func(f *facts) any { return when(f.state.Order.PlacedAt) }),
	one("recorded_at", instant, func(f *facts) any { return when(f.state.Order.RecordedAt) }),
	one("released_at", instant, func(f *facts) any { return when(f.releasedAt()) }),
	one("shipped_at", instant, func(f *facts) any { return when(f.shippedAt()) }),
	one("delivered_at", instant, func(f *facts) any { return when(f.deliveredAt()) }),
	one("completed_at", instant, func(f *facts) any { return when(f.state.CompletedAt()) }),
	one("cancelled_at", instant, func(f *facts) any { return f.closed(f.state.Order.Cancelled) }),
	one("expired_at", instant, func(f *facts) any { return f.closed(f.state.Order.Expired) }),
	one("is_test", flag, func(f *facts) any { return f.described().GetTest() }),
	one("is_historic", flag, func(f *facts) any { return f.state.Order.Historic }),
	one("is_draft", flag, func(f *facts) any { return f.described().GetDraft() }),
	one("is_erased", flag, func(f *facts) any { return f.erased }),
	one("is_held", flag, func(f *facts) any { return len(f.state.Order.Holds) > 0 }),
	one("hold_reasons", list, func(f *facts) any { return f.holdReasons() }),
	one("waits_for", list, func(f *facts) any { return f.waitsFor() }),
	one("risk_score", decimal, func(f *facts) any { return f.risk() }),
	one("last_event_at", instant, func(f *facts) any { return when(f.state.LastRecorded) }),
	one("fold_version", whole, func(f *facts) any { return int64(f.foldVersion) }),
	one("events_seen", whole, func(f *facts) any { return int64(f.state.Events) }),
)

// described is never used without a nil-safe getter: an order may be known by its payment alone.
func (f *facts) described() *orderv1.Description { return f.state.Order.Description }

func (f *facts) amount(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: f.funds.Currency}
}

func (f *facts) told(part func(*typev1.Totals) *typev1.Money) money.Amount {
	m := part(f.described().GetTotals())
	if m.GetCurrency() != "" && m.GetCurrency() != f.funds.Currency {
		return f.amount(0) // the row has one currency; the shop's own words stand in the timeline
	}
	return f.amount(m.GetMinorUnits())
}

// due is what somebody still has to pay: nobody has to for what will not be shipped.
func (f *facts) due() int64 {
	if !f.state.Order.Placed || f.state.Order.Ended() || f.state.Order.Historic {
		return 0 // nothing is asked for
	}
	return f.funds.Due()
}

func (f *facts) pieces() int64 {
	var n int64
	for _, l := range f.described().GetLines() {
		n = plus(n, l.GetQuantity())
	}
	return n
}

func (f *facts) personal(s string) any {
	if f.erased {
		return erasedWord
	}
	return some(s)
}

func (f *facts) name() string {
	if n := f.person.GetName(); n != "" {
		return n
	}
	return f.person.GetShipping().GetName()
}

func (f *facts) releasedAt() time.Time {
	if r := f.state.Order.LatestRelease(); r != nil {
		return r.At
	}
	return time.Time{}
}

// shippedAt is the first scan of any parcel.
func (f *facts) shippedAt() (first time.Time) {
	for _, s := range f.state.Fulfillment.Scans {
		if at, ok := f.state.Fulfillment.ShippedAt(s.Tracking); ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// deliveredAt is when the last of the parcels that were delivered was.
func (f *facts) deliveredAt() (last time.Time) {
	for _, s := range f.state.Fulfillment.Scans {
		if at, ok := f.state.Fulfillment.DeliveredAt(s.Tracking); ok && at.After(last) {
			last = at
		}
	}
	return last
}

func (f *facts) closed(like bool) any {
	if !like {
		return nil
	}
	return when(f.state.Order.ClosedAt)
}

func (f *facts) holdReasons() []string {
	reasons := make([]string, 0, len(f.state.Order.Holds))
	for _, h := range f.state.Order.Holds {
		reasons = append(reasons, clean(order.HoldName(h.Kind)+":"+h.Reason))
	}
	return reasons
}

// waitsFor names the closed gates of an order that may still be released.
func (f *facts) waitsFor() []string {
	waits := []string{}
	o := &f.state.Order
	if o.Ended() || f.state.Completed() || o.Historic {
		return waits
	}
	for _, g := range f.state.Gates() {
		if !g.Open {
			waits = append(waits, g.Name)
		}
	}
	return waits
}

func (f *facts) risk() any {
	if !f.state.Fraud.Scored {
		return nil
	}
	return thousandths(f.state.Fraud.ScoreMillis)
}

// orderItems is one row per line.
var orderItems = children("order_items", "order_id", orderOf, func(f *facts) []order.Line { return f.state.Lines() },
	one("line_id", text, func(l order.Line) any { return some(l.ID) }),
	one("sku", text, func(l order.Line) any { return some(l.SKU) }),
	one("title", text, func(l order.Line) any { return some(l.Described.GetTitle()) }),
	one("quantity", whole, func(l order.Line) any { return l.Ordered }),
	one("currency", text, func(l order.Line) any { return some(l.Described.GetUnitPrice().GetCurrency()) }),
	amount("unit_price", func(l order.Line) money.Amount { return money.FromProto(l.Described.GetUnitPrice()) }),
	amount("discount", func(l order.Line) money.Amount { return ofLine(l, l.Described.GetDiscount()) }),
	amount("tax", func(l order.Line) money.Amount { return ofLine(l, l.Described.GetTax()) }),
	one("fulfilled_by", text, func(l order.Line) any { return fulfiller(l) }),
	one("cancelled", whole, func(l order.Line) any { return l.Cancelled }),
	one("allocated", whole, func(l order.Line) any { return l.Allocated }),
	one("backordered", whole, func(l order.Line) any { return l.Backordered }),
	one("released", whole, func(l order.Line) any { return l.Released }),
	one("shipped", whole, func(l order.Line) any { return l.Shipped }),
	one("delivered", whole, func(l order.Line) any { return l.Delivered }),
	one("returned", whole, func(l order.Line) any { return l.Returned }),
)

// ofLine is a part of what a line costs. What was not told is nothing in the line's currency, so that sums over lines
// come out.
func ofLine(l order.Line, part *typev1.Money) money.Amount {
	if part.GetCurrency() == "" {
		return money.Amount{Minor: part.GetMinorUnits(), Currency: l.Described.GetUnitPrice().GetCurrency()}
	}
	return money.FromProto(part)
}

func fulfiller(l order.Line) string {
	if order.Ours(l.Described) {
		return "us"
	}
	return word(l.Described.GetFulfiller().String(), "FULFILLER_")
}

// word is an enum's value as people read it.
func word(value, prefix string) string { return strings.ToLower(strings.TrimPrefix(value, prefix)) }

// hold is one hold with its end.
type hold struct {
	order.Hold
	releasedAt time.Time
	releasedBy string
}

// holds is one row per hold that was ever placed.
var holds = children("holds", "order_id", orderOf, (*facts).holds,
	one("kind", text, func(h hold) any { return order.HoldName(h.Kind) }),
	one("reason", text, func(h hold) any { return some(h.Reason) }),
	one("detail", text, func(h hold) any { return some(h.Detail) }),
	one("is_open", flag, func(h hold) any { return h.releasedAt.IsZero() }),
	one("placed_at", instant, func(h hold) any { return when(h.Since) }),
	one("deadline", instant, func(h hold) any { return when(h.Deadline) }),
	one("released_at", instant, func(h hold) any { return when(h.releasedAt) }),
	one("released_by", text, func(h hold) any { return some(h.releasedBy) }),
)

// holds reads them from the events: the state knows only those that stand.
func (f *facts) holds() []hold {
	var all []hold
	for _, e := range f.events {
		if e.Category != event.Order {
			continue
		}
		switch m := e.Message.(type) {
		case *orderv1.HoldPlaced:
			if openHold(all, m.GetKind(), m.GetReason()) != nil {
				continue
			}
			h := hold{Hold: order.Hold{Kind: m.GetKind(), Reason: m.GetReason(), Detail: m.GetDetail(), Since: e.RecordedAt}}
			if m.GetDeadline() != nil {
				h.Deadline = m.GetDeadline().AsTime()
			}
			all = append(all, h)
		case *orderv1.HoldReleased:
			if h := openHold(all, m.GetKind(), m.GetHoldReason()); h != nil {
				h.releasedAt, h.releasedBy = e.RecordedAt, m.GetBy()
			}
		}
	}
	return all
}

func openHold(all []hold, k orderv1.HoldKind, reason string) *hold {
	for i := range all {
		if all[i].Kind == k && all[i].Reason == reason && all[i].releasedAt.IsZero() {
			return &all[i]
		}
	}
	return nil
}
