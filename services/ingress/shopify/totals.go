package shopify

import (
	"fmt"
	"math"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Shopify tells an order's sums twice, as it was placed and as it stands after edits and refunds, and it depends on
// the order's history which of its figures contain which: whether the discounts include what came off the shipping,
// whether a tip is a line of its own, whether a goodwill refund lowers the total. So every reading that is possible is
// tried, the most direct first, and the one that adds up to the total is the one that is meant. If none does, the first
// stands, and the order will be held for it.

// extra is an amount that may be part of the total without being in any line.
type extra struct {
	id, title string
	minor     int64
}

// sums is one reading of an order's totals.
type sums struct {
	discount, shipping int64
	extras             []extra
}

// totals are the order's sums, and the lines with whatever else is in the total.
func (r *reader) totals(o *order, p purse, lines []*typev1.Line) (*typev1.Totals, []*typev1.Line) {
	total, current := p.read("current_total_price", o.CurrentTotalPrice, o.CurrentTotalPriceSet)
	if !current {
		total = p.need("total_price", o.TotalPrice, o.TotalPriceSet)
	}
	tax, told := p.read("current_total_tax", o.CurrentTax, o.CurrentTaxSet)
	if !told {
		tax, _ = p.read("total_tax", o.Tax, o.TaxSet)
	}
	subtotal, told := p.read("current_subtotal_price", o.CurrentSubtotal, o.CurrentSubtotalSet)
	if !told {
		subtotal, _ = p.read("subtotal_price", o.Subtotal, o.SubtotalSet)
	}
	included := o.TaxesIncluded.String() == "true"
	base := base{total: total, lines: lines}
	if !included {
		base.tax = tax
	}
	best := base.choose(o.readings(p, lines))
	for _, e := range best.extras {
		lines = append(lines, e.line(p))
	}
	return &typev1.Totals{
		Subtotal: p.money(subtotal), Discount: p.money(best.told()), Shipping: p.money(best.shipping), Tax: p.money(tax),
		Total: p.money(total), TaxIncluded: included,
	}, lines
}

// told is the discount with what the extras take off: it has to cover the discounts of all lines.
func (s sums) told() int64 {
	discount := s.discount
	for _, e := range s.extras {
		discount = plus(discount, max(0, negated(e.minor)))
	}
	return discount
}

// line shows an extra: nobody ships it, and what takes off is a discount on nothing.
func (e extra) line(p purse) *typev1.Line {
	return &typev1.Line{
		Id: e.id, Title: e.title, Quantity: 1, UnitPrice: p.money(max(0, e.minor)), Discount: p.money(max(0, negated(e.minor))),
		Tax: p.money(0), Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY,
	}
}

// readings are all ways to read discount, shipping and extras, the most direct first.
func (o *order) readings(p purse, lines []*typev1.Line) []sums {
	var ofLines int64
	for _, l := range lines {
		ofLines = plus(ofLines, l.GetDiscount().GetMinorUnits())
	}
	discounts := []int64{}
	if d, told := p.read("current_total_discounts", o.CurrentDiscounts, o.CurrentDiscountsSet); told {
		discounts = append(discounts, d)
	} else if d, told := p.read("total_discounts", o.Discounts, o.DiscountsSet); told {
		discounts = append(discounts, d)
	}
	discounts = append(discounts, ofLines)
	extras, shippings := o.extras(p), o.shippings(p)
	var out []sums
	for mask := 1<<len(extras) - 1; mask >= 0; mask-- {
		var some []extra
		for i, e := range extras {
			if mask&(1<<i) != 0 {
				some = append(some, e)
			}
		}
		for _, d := range discounts {
			for _, s := range shippings {
				out = append(out, sums{discount: d, shipping: s, extras: some})
			}
		}
	}
	return out
}

// shippings are what the shipping may come to: before discounts where nothing was changed since, as then the order's
// discounts include its; after them otherwise.
func (o *order) shippings(p purse) []int64 {
	var before, after []int64
	if s, told := p.read("total_shipping_price", "", o.ShippingSet); told {
		before = append(before, s)
	}
	if s, told := p.read("current_shipping_price", "", o.CurrentShippingSet); told {
		after = append(after, s)
	}
	if len(o.ShippingLines) > 0 {
		gross, net := o.shippingLines(p)
		before, after = append(before, gross), append(after, net)
	}
	all := append(after, before...) //nolint:gocritic // a new list of both is meant
	if o.untouched() {
		all = append(before, after...) //nolint:gocritic // a new list of both is meant
	}
	if len(all) == 0 {
		return []int64{0}
	}
	return all
}

func (o *order) shippingLines(p purse) (gross, net int64) {
	for i, l := range o.ShippingLines {
		if l.Removed.String() == "true" {
			continue
		}
		price, _ := p.read(fmt.Sprintf("shipping_lines[%d].price", i), l.Price, l.PriceSet)
		discounted, told := p.read(fmt.Sprintf("shipping_lines[%d].discounted_price", i), l.Discounted, l.DiscountedSet)
		if !told {
			discounted = price
		}
		gross, net = plus(gross, price), plus(net, discounted)
	}
	return gross, net
}

// untouched says that the order stands as it was placed.
func (o *order) untouched() bool {
	for i := range o.Lines {
		if c := o.Lines[i].CurrentQuantity.String(); c != "" && c != o.Lines[i].Quantity.String() {
			return false
		}
	}
	return len(o.Refunds) == 0 && (o.CurrentTotalPrice == "" || o.TotalPrice == "" || o.CurrentTotalPrice == o.TotalPrice)
}

// extras are tip, duties, fees and what refunds adjusted.
func (o *order) extras(p purse) []extra {
	var out []extra
	add := func(id, title string, minor int64) {
		if minor != 0 {
			out = append(out, extra{id, title, minor})
		}
	}
	var shipping, rest int64
	for i, rf := range o.Refunds {
		for j, a := range rf.Adjustments {
			field := fmt.Sprintf("refunds[%d].order_adjustments[%d].", i, j)
			amount, _ := p.read(field+"amount", a.Amount, a.AmountSet)
			tax, _ := p.read(field+"tax_amount", a.Tax, a.TaxSet)
			if a.Kind.String() == "shipping_refund" {
				shipping = plus(shipping, plus(amount, tax))
			} else {
				rest = plus(rest, plus(amount, tax))
			}
		}
	}
	add("shipping_refund", "Shipping refunded", shipping)
	add("refund_discrepancy", "Refund adjustment", rest)
	if !o.tipIsLine() && !p.presentment { // Shopify tells it in the shop's currency only
		tip, _ := p.read("total_tip_received", o.Tip, nil)
		add("tip", "Tip", tip)
	}
	if o.DutiesIncluded.String() != "true" {
		add("duties", "Duties", currentOr(p, "total_duties", o.CurrentDutiesSet, o.DutiesSet))
	}
	add("additional_fees", "Additional fees", currentOr(p, "total_additional_fees", o.CurrentFeesSet, o.FeesSet))
	return out
}

func (o *order) tipIsLine() bool {
	for i := range o.Lines {
		if o.Lines[i].TipGateway != "" || o.Lines[i].TipMethod != "" {
			return true
		}
	}
	return false
}

func currentOr(p purse, field string, current, original *priceSet) int64 {
	minor, told := p.read("current_"+field, "", current)
	if !told {
		minor, _ = p.read("original_"+field, "", original)
	}
	return minor
}

// base is what every reading has in common.
type base struct {
	total, tax int64
	lines      []*typev1.Line
}

// choose takes the first reading that adds up; the very first if none does.
func (b base) choose(readings []sums) sums {
	var goods, off int64
	for _, l := range b.lines {
		goods = plus(goods, times(l.GetUnitPrice().GetMinorUnits(), l.GetQuantity()))
		off = plus(off, l.GetDiscount().GetMinorUnits())
	}
	for _, exact := range []bool{true, false} {
		for _, s := range readings {
			sum := plus(plus(goods, negated(max(off, s.discount))), plus(s.shipping, b.tax))
			for _, e := range s.extras {
				sum = plus(sum, e.minor)
			}
			difference := plus(sum, negated(b.total))
			tolerated := int64(len(b.lines) + len(s.extras))
			if difference == 0 || !exact && -tolerated <= difference && difference <= tolerated {
				return s
			}
		}
	}
	return readings[0]
}

// Sums here only choose between readings, so beyond int64 they stay at its edge instead of coming out small.

func plus(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

func negated(a int64) int64 {
	if a == math.MinInt64 {
		return math.MaxInt64
	}
	return -a
}

func times(price, quantity int64) int64 {
	if price <= 0 || quantity <= 0 {
		return 0
	}
	if price > math.MaxInt64/quantity {
		return math.MaxInt64
	}
	return price * quantity
}
