package woocommerce

import (
	"fmt"

	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// purse reads an order's amounts. Lines are told without tax, always. Where the shop shows prices with it
// (prices_include_tax) lines, fees, shipping and discounts are told here with it too: then a line's price is the one
// that the customer saw, and divides evenly, which 9.99 without its 19 % does not.
type purse struct {
	currency string
	included bool
	trouble  *source.Trouble
}

func (r *reader) purse(o *order) (purse, bool) {
	p := purse{currency: source.Currency(o.Currency.String()), included: o.IncludesTax.String() == "true", trouble: &r.trouble}
	switch {
	case o.Currency.String() == "":
		r.trouble.Missing("currency")
	case p.currency == "":
		r.trouble.Bad("currency", "is no code of three letters")
	}
	return p, p.currency != ""
}

// most is more than any amount of an order, in minor units; below it sums stay in int64.
const most = 1 << 46

// read reads an amount; an empty one is nothing.
func (p purse) read(field string, decimal text) int64 {
	if decimal.String() == "" {
		return 0
	}
	m, err := source.Money(decimal, p.currency)
	switch minor := m.GetMinorUnits(); {
	case err != nil:
		p.trouble.Bad(field, source.Why(err))
	case minor > most || minor < -most:
		p.trouble.Bad(field, "is more than any order comes to")
	default:
		return minor
	}
	return 0
}

// told is an amount with the name of its field.
type told struct {
	field  string
	amount text
}

// shown is an amount as the customer saw it.
func (p purse) shown(net, tax told) int64 {
	minor := p.read(net.field, net.amount)
	if p.included {
		minor += p.read(tax.field, tax.amount)
	}
	return minor
}

func (l *line) subtotal(p purse, field string) int64 {
	return p.shown(told{field + "subtotal", l.Subtotal}, told{field + "subtotal_tax", l.SubtotalTax})
}

func (l *line) total(p purse, field string) int64 {
	return p.shown(told{field + "total", l.Total}, told{field + "total_tax", l.TotalTax})
}

func (p purse) money(minor int64) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: p.currency}
}

// lines are the line items, and what they come to before discounts.
func (r *reader) lines(o *order, p purse) (lines []*typev1.Line, subtotal int64) {
	lines = make([]*typev1.Line, 0, len(o.Lines)+len(o.Fees))
	for i := range o.Lines {
		l := &o.Lines[i]
		field := fmt.Sprintf("line_items[%d].", i)
		quantity := r.quantity(field+"quantity", l.Quantity)
		amounts := l.amounts(p, field, quantity)
		subtotal += amounts.before
		unit, discount := priced(amounts, quantity)
		lines = append(lines, &typev1.Line{
			Id: r.lineID(field, l), Sku: r.sku(field, l.SKU), Title: plain(l.Name), Quantity: quantity,
			UnitPrice: p.money(unit), Discount: p.money(discount), Tax: p.money(p.read(field+"total_tax", l.TotalTax)),
			Fulfiller: o.fulfiller(l),
		})
	}
	return lines, subtotal
}

func (r *reader) quantity(field string, told text) int64 {
	n, ok := told.Int()
	switch {
	case told.String() == "":
		r.trouble.Missing(field)
	case !ok:
		r.trouble.Bad(field, "is not a whole number")
	case n > most || n < -most:
		r.trouble.Bad(field, "is more than anybody orders")
		return 0
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

// amount is a line before and after its discount.
type amount struct{ before, after int64 }

// amounts are the line's sums. Its price is a number that was divided and rounded: taken only where there is nothing else.
func (l *line) amounts(p purse, field string, quantity int64) amount {
	switch {
	case l.Total.String() != "" && l.Subtotal.String() != "":
		return amount{l.subtotal(p, field), l.total(p, field)}
	case l.Total.String() != "":
		after := l.total(p, field)
		return amount{after, after}
	case l.Price.String() == "":
		p.trouble.Missing(field + "total")
		return amount{}
	}
	price := p.read(field+"price", l.Price)
	if price != 0 && (quantity > most/price || quantity < -most/price) {
		p.trouble.Bad(field+"price", "is more than any order comes to")
		return amount{}
	}
	return amount{price * quantity, price * quantity}
}

// priced finds the price of one and the discount of the line so that price × quantity − discount is exactly what the
// line comes to. A sum that does not divide is rounded up, and the discount takes what that is too much. What is below
// zero is a discount on nothing.
func priced(a amount, quantity int64) (unit, discount int64) {
	before := max(a.before, a.after, 0)
	if quantity <= 0 {
		return before, before - a.after
	}
	unit = before / quantity
	if before%quantity > 0 {
		unit++
	}
	return unit, unit*quantity - a.after
}

// fees are lines that nobody ships. A fee below zero is how plugins give a discount.
func (r *reader) fees(o *order, p purse) []*typev1.Line {
	var lines []*typev1.Line
	for i := range o.Fees {
		f := &o.Fees[i]
		field := fmt.Sprintf("fee_lines[%d].", i)
		after := f.total(p, field)
		unit, discount := priced(amount{after, after}, 1)
		lines = append(lines, &typev1.Line{
			Id: r.lineID(field, f), Title: plain(f.Name), Quantity: 1, UnitPrice: p.money(unit), Discount: p.money(discount),
			Tax: p.money(p.read(field+"total_tax", f.TotalTax)), Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY,
		})
	}
	return lines
}

// fulfiller says who hands a line over. An order does not tell which lines are virtual; what has no SKU is taken for
// it, unless the order is shipped and no line has one: then something has to be sent, and a person has to say what.
func (o *order) fulfiller(l *line) typev1.Fulfiller {
	if l.SKU.String() != "" {
		return typev1.Fulfiller_FULFILLER_US
	}
	if len(o.ShippingWays) > 0 && !o.anySKU() {
		return typev1.Fulfiller_FULFILLER_US
	}
	return typev1.Fulfiller_FULFILLER_NOBODY
}

func (o *order) anySKU() bool {
	for i := range o.Lines {
		if o.Lines[i].SKU.String() != "" {
			return true
		}
	}
	return false
}

// totals are the order's sums. WooCommerce's total is what its lines, fees and shipping come to after discounts, so the
// discount never goes beyond that of the lines, even where the order tells more after somebody edited it by hand.
func (o *order) totals(p purse, lines []*typev1.Line, subtotal int64) *typev1.Totals {
	if o.Total.String() == "" {
		p.trouble.Missing("total")
	}
	var ofLines, ofFees int64
	for i, l := range lines {
		ofLines += l.GetDiscount().GetMinorUnits()
		if i >= len(o.Lines) {
			ofFees += l.GetDiscount().GetMinorUnits()
		}
	}
	discount := p.shown(told{"discount_total", o.Discount}, told{"discount_tax", o.DiscountTax}) + ofFees
	shipping := p.shown(told{"shipping_total", o.Shipping}, told{"shipping_tax", o.ShippingTax})
	return &typev1.Totals{
		Subtotal: p.money(subtotal), Discount: p.money(min(discount, ofLines)), Shipping: p.money(shipping),
		Tax: p.money(p.read("total_tax", o.Tax)), Total: p.money(p.read("total", o.Total)), TaxIncluded: p.included,
	}
}
