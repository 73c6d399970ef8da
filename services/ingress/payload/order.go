package payload

import (
	"strconv"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func (x *Reader) cancelled() {
	if x.id() == "" {
		x.missing(x.Name.Field)
		return
	}
	reason := source.Clean(x.Data.Reason.String(), keep)
	x.fact(nil, nil, &intakev1.Fact{Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{Reason: reason}}})
}

// described tells of the whole order. Of one that cannot be read to its end nothing is told: half an order is none.
func (x *Reader) described() {
	d, currency := x.Data, x.currency()
	if x.id() == "" {
		x.missing(x.Name.Field)
	}
	if d.Items == nil {
		x.missing("items")
	}
	if x.id() == "" || d.Items == nil || currency == "" {
		return
	}
	lines, rounded, ok := x.lines(currency)
	totals, summed := x.totals(lines, rounded, currency)
	if !ok || !summed {
		return
	}
	placed, updated := x.Time("placed_at", d.PlacedAt), x.Time("updated_at", d.UpdatedAt)
	if updated == nil {
		updated = x.At
	}
	if placed == nil && x.kind != "order.updated" { // what is told for the first time was placed just now
		placed = x.At
	}
	number := x.Name.Number
	if number == "" {
		number = x.id()
	}
	x.fact(nil, nil, &intakev1.Fact{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: number, Currency: currency, Lines: lines, Totals: totals, Person: d.person(), PlacedAt: placed, UpdatedAt: updated,
		Test: d.Test == "true",
	}}})
	x.money(currency)
}

// lines are the items, and how much rounding the prices of all of them up added.
func (x *Reader) lines(currency string) (lines []*typev1.Line, rounded money.Amount, good bool) {
	lines, rounded, good = make([]*typev1.Line, 0, len(x.Data.Items)), money.Amount{Currency: currency}, true
	for n := range x.Data.Items {
		l, more, ok := x.line("items["+strconv.Itoa(n)+"]", &x.Data.Items[n], currency)
		sum, err := rounded.Add(more)
		if err != nil {
			x.bad("items", "come to more than 64 bits")
			return nil, rounded, false
		}
		rounded, good = sum, good && ok
		lines = append(lines, l)
	}
	source.Distinct(lines)
	return lines, rounded, good
}

func (x *Reader) line(field string, i *Item, currency string) (*typev1.Line, money.Amount, bool) {
	none := money.Amount{Currency: currency}
	quantity, whole := i.Quantity.Int()
	switch {
	case i.Quantity.String() == "":
		x.missing(field + ".quantity")
	case !whole:
		x.bad(field+".quantity", "is not a whole number of 64 bits")
	}
	fits := (i.SKU.String() == "" || source.IsName(i.SKU.String())) && (i.ID.String() == "" || source.IsName(i.ID.String()))
	if !fits {
		x.bad(field, "has a sku or an id that is too long")
	}
	one := i.Currency.String() == "" || source.Currency(i.Currency.String()) == currency
	if !one {
		x.bad(field+".currency", "is not the order's")
	}
	price, more, a := none, none, false
	if whole {
		price, more, a = x.price(field, i, quantity, currency)
	}
	tax, b := x.optional(field+".tax", i.Tax, currency)
	discount, c := x.optional(field+".discount", i.Discount, currency)
	who, d := fulfillers[i.FulfilledBy.String()]
	if !d {
		x.bad(field+".fulfilled_by", "is neither us nor channel nor nobody")
	}
	if more.Minor != 0 {
		sum, err := more.Add(money.Amount{Minor: discount.GetMinorUnits(), Currency: currency})
		if err != nil {
			x.bad(field+".discount", "is more than 64 bits")
		}
		discount, c = sum.Proto(), c && err == nil
	}
	return &typev1.Line{
		Id: i.ID.String(), Sku: i.SKU.String(), Title: i.Title.String(), Quantity: quantity, UnitPrice: price.Proto(), Tax: tax, Discount: discount, Fulfiller: who,
	}, more, whole && fits && one && a && b && c && d
}

var fulfillers = map[string]typev1.Fulfiller{
	"":        typev1.Fulfiller_FULFILLER_US,
	"us":      typev1.Fulfiller_FULFILLER_US,
	"channel": typev1.Fulfiller_FULFILLER_CHANNEL,
	"nobody":  typev1.Fulfiller_FULFILLER_NOBODY,
}

// totals are the sums as they were told; what was not told is added up. What rounding prices up added stands in subtotal
// and discount alike, as it does in the lines.
func (x *Reader) totals(lines []*typev1.Line, rounded money.Amount, currency string) (*typev1.Totals, bool) {
	d := x.Data
	t := &typev1.Totals{TaxIncluded: d.TaxIncluded == "true"}
	good := true
	for _, each := range []struct {
		field string
		told  source.Scalar
		into  **typev1.Money
		more  int64
	}{
		{"subtotal", d.Subtotal, &t.Subtotal, rounded.Minor}, {"discount", d.Discount, &t.Discount, rounded.Minor}, {"shipping", d.Shipping, &t.Shipping, 0},
		{"tax", d.Tax, &t.Tax, 0}, {"total", d.Total, &t.Total, 0},
	} {
		amount, ok := x.optional(each.field, each.told, currency)
		if ok && amount != nil && each.more != 0 {
			sum, err := money.FromProto(amount).Add(money.Amount{Minor: each.more, Currency: currency})
			if err != nil {
				x.bad(each.field, "is more than 64 bits")
			}
			amount, ok = sum.Proto(), err == nil
		}
		*each.into, good = amount, good && ok
	}
	if !good {
		return nil, false
	}
	s := sum(lines, t, currency)
	if t.Total == nil && s.left {
		x.bad("total", "is missing, and the items add up to more than 64 bits")
		return nil, false
	}
	s.fill(t)
	return t, true
}

// sums are the sums of the lines.
type sums struct {
	subtotal, discount, tax, total money.Amount
	left                           bool // 64 bits
}

func sum(lines []*typev1.Line, t *typev1.Totals, currency string) sums {
	zero := money.Amount{Currency: currency}
	s := sums{subtotal: zero, discount: zero, tax: zero, total: zero}
	plus := func(into *money.Amount, a money.Amount, err error) {
		if err == nil && a.Currency != "" {
			*into, err = into.Add(a)
		}
		s.left = s.left || err != nil
	}
	for _, l := range lines {
		whole, err := money.FromProto(l.GetUnitPrice()).Times(l.GetQuantity())
		plus(&s.subtotal, whole, err)
		plus(&s.discount, money.FromProto(l.GetDiscount()), nil)
		plus(&s.tax, money.FromProto(l.GetTax()), nil)
	}
	if t.GetDiscount() != nil { // the order's discount holds that of its lines
		s.discount = money.FromProto(t.GetDiscount())
	}
	if t.GetTax() != nil {
		s.tax = money.FromProto(t.GetTax())
	}
	less, err := s.discount.Times(-1)
	s.total = s.subtotal
	plus(&s.total, less, err)
	plus(&s.total, money.FromProto(t.GetShipping()), nil)
	if !t.GetTaxIncluded() {
		plus(&s.total, s.tax, nil)
	}
	return s
}

// fill gives every sum that was not told.
func (s sums) fill(t *typev1.Totals) {
	if s.left {
		return
	}
	for _, each := range []struct {
		into **typev1.Money
		sum  money.Amount
	}{{&t.Subtotal, s.subtotal}, {&t.Discount, s.discount}, {&t.Tax, s.tax}, {&t.Total, s.total}} {
		if *each.into == nil {
			*each.into = each.sum.Proto()
		}
	}
}
