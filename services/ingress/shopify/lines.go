package shopify

import (
	"fmt"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// lines are the order's lines as they stand now: what was taken off or refunded is no longer in their quantity, and
// discount and tax are the part of what is left. A line that is gone stays with a quantity of zero, so that its stock
// finds its way back.
func (r *reader) lines(o *order, p purse) []*typev1.Line {
	lines := make([]*typev1.Line, 0, len(o.Lines))
	for i := range o.Lines {
		l := &o.Lines[i]
		field := fmt.Sprintf("line_items[%d].", i)
		ordered, current := r.quantities(o, l, field)
		lines = append(lines, &typev1.Line{
			Id: r.lineID(field, l), Sku: r.sku(field, l.SKU), Title: title(l), Quantity: current,
			UnitPrice: p.money(p.need(field+"price", l.Price, l.PriceSet)),
			Discount:  p.money(share(lineDiscount(l, field, p), current, ordered)),
			Tax:       p.money(share(lineTax(l, field, p), current, ordered)),
			Fulfiller: fulfiller(o, l),
		})
	}
	return lines
}

// quantities are how many were ordered, and how many are still wanted.
func (r *reader) quantities(o *order, l *line, field string) (ordered, current int64) {
	ordered = r.count(field+"quantity", l.Quantity)
	if l.CurrentQuantity.String() != "" {
		return ordered, r.count(field+"current_quantity", l.CurrentQuantity)
	}
	current = ordered
	for i := range o.Refunds {
		for j, rl := range o.Refunds[i].Lines {
			if rl.LineID.String() == l.ID.String() {
				current -= min(current, max(0, r.count(fmt.Sprintf("refunds[%d].refund_line_items[%d].quantity", i, j), rl.Quantity)))
			}
		}
	}
	return ordered, current
}

func (r *reader) count(field string, told text) int64 {
	n, ok := told.Int()
	switch {
	case told.String() == "":
		r.trouble.Missing(field)
	case !ok:
		r.trouble.Bad(field, "is not a whole number")
	}
	return n
}

// lineID is the shop's; empty where it tells none.
func (r *reader) lineID(field string, l *line) string {
	if l.ID.String() == "" {
		return ""
	}
	return r.trouble.ID(field+"id", l.ID)
}

func (r *reader) sku(field string, told text) string {
	sku := clean(told)
	if sku != "" && !source.IsName(sku) {
		r.trouble.Bad(field+"sku", "is too long")
	}
	return sku
}

// title is the name with the variant in it.
func title(l *line) string {
	if n := clean(l.Name); n != "" {
		return n
	}
	return clean(l.Title)
}

// lineDiscount is what came off the line as it was ordered. Allocations tell everything that was spread over the line;
// total_discount repeats a part of it, and stands alone in old orders.
func lineDiscount(l *line, field string, p purse) int64 {
	var sum int64
	for i, a := range l.Allocations {
		minor, _ := p.read(fmt.Sprintf("%sdiscount_allocations[%d].amount", field, i), a.Amount, a.Set)
		sum = plus(sum, minor)
	}
	total, _ := p.read(field+"total_discount", l.TotalDiscount, l.TotalDiscountSet)
	return max(sum, total)
}

func lineTax(l *line, field string, p purse) int64 {
	var sum int64
	for i, t := range l.Taxes {
		minor, _ := p.read(fmt.Sprintf("%stax_lines[%d].price", field, i), t.Price, t.Set)
		sum = plus(sum, minor)
	}
	return sum
}

// share is the part of an amount that belongs to what is left of a line.
func share(minor, current, ordered int64) int64 {
	switch {
	case current >= ordered || ordered <= 0:
		return minor
	case current <= 0:
		return 0
	}
	parts, err := money.Amount{Minor: minor}.Split(current, ordered-current)
	if err != nil {
		return minor // only beyond int64, where no sum is right anyway
	}
	return parts[0].Minor
}

// fulfiller says who hands the line over.
func fulfiller(o *order, l *line) typev1.Fulfiller {
	service := strings.ToLower(l.FulfillmentService.String())
	switch {
	case l.GiftCard.String() == "true", l.RequiresShipping.String() == "false":
		return typev1.Fulfiller_FULFILLER_NOBODY
	case service != "" && service != "manual", fulfilledAtOnce(o, l):
		return typev1.Fulfiller_FULFILLER_CHANNEL
	}
	return typev1.Fulfiller_FULFILLER_US
}

// atOnce is how soon after its order a fulfilment was made by whoever sold it: at a till, or by the channel that the
// order comes from. Later ones may be the echo of our own parcel, which must not make the line anybody else's.
const atOnce = time.Minute

func fulfilledAtOnce(o *order, l *line) bool {
	placed := source.Time(o.CreatedAt.String())
	if l.FulfillmentStatus.String() != "fulfilled" || placed == nil {
		return false
	}
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		made := source.Time(f.CreatedAt.String())
		if made == nil || f.Status.String() == "cancelled" || made.AsTime().Sub(placed.AsTime()) > atOnce {
			continue
		}
		for j := range f.Lines {
			if f.Lines[j].ID == l.ID {
				return true
			}
		}
	}
	return false
}
