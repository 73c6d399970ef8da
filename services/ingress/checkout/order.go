package checkout

import (
	"strconv"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func (x *reading) cancelled() {
	if x.number() == "" {
		x.trouble.Missing("data.order_number")
		return
	}
	reason := source.Clean(x.data.Reason.String(), keep)
	x.fact(nil, &intakev1.Fact{Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{Reason: reason}}})
}

// described tells of the whole order. Of one that cannot be read to its end nothing is told: half an order is none.
func (x *reading) described() {
	d, currency := x.data, x.currency()
	if x.number() == "" {
		x.trouble.Missing("data.order_number")
	}
	if d.Items == nil {
		x.trouble.Missing("data.items")
	}
	if x.number() == "" || d.Items == nil || currency == "" {
		return
	}
	lines, ok := x.lines(currency)
	totals, summed := x.totals(lines, currency)
	if !ok || !summed {
		return
	}
	placed, updated := x.time("data.placed_at", d.PlacedAt), x.time("data.updated_at", d.UpdatedAt)
	if updated == nil {
		updated = x.at
	}
	if placed == nil && x.topic != "order.updated" { // what is told for the first time was placed just now
		placed = x.at
	}
	x.fact(nil, &intakev1.Fact{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: x.number(), Currency: currency, Lines: lines, Totals: totals, Person: d.person(), PlacedAt: placed, UpdatedAt: updated,
		Test: d.Test == "true",
	}}})
}

func (x *reading) lines(currency string) ([]*typev1.Line, bool) {
	lines := make([]*typev1.Line, 0, len(x.data.Items))
	good := true
	for n := range x.data.Items {
		l, ok := x.line("data.items["+strconv.Itoa(n)+"]", &x.data.Items[n], currency)
		good = good && ok
		lines = append(lines, l)
	}
	source.Distinct(lines)
	return lines, good
}

func (x *reading) line(field string, i *item, currency string) (*typev1.Line, bool) {
	quantity, whole := i.Quantity.Int()
	switch {
	case i.Quantity.String() == "":
		x.trouble.Missing(field + ".quantity")
	case !whole:
		x.trouble.Bad(field+".quantity", "is not a whole number of 64 bits")
	}
	fits := (i.SKU.String() == "" || source.IsName(i.SKU.String())) && (i.ID.String() == "" || source.IsName(i.ID.String()))
	if !fits {
		x.trouble.Bad(field, "has a sku or an id that is too long")
	}
	price, a := x.amount(field+".price", i.Price, currency)
	tax, b := x.optional(field+".tax", i.Tax, currency)
	discount, c := x.optional(field+".discount", i.Discount, currency)
	who, d := fulfillers[i.FulfilledBy.String()]
	if !d {
		x.trouble.Bad(field+".fulfilled_by", "is neither us nor channel nor nobody")
	}
	return &typev1.Line{
		Id: i.ID.String(), Sku: i.SKU.String(), Title: i.Title.String(), Quantity: quantity, UnitPrice: price, Tax: tax, Discount: discount, Fulfiller: who,
	}, whole && fits && a && b && c && d
}

var fulfillers = map[string]typev1.Fulfiller{
	"":        typev1.Fulfiller_FULFILLER_US,
	"us":      typev1.Fulfiller_FULFILLER_US,
	"channel": typev1.Fulfiller_FULFILLER_CHANNEL,
	"nobody":  typev1.Fulfiller_FULFILLER_NOBODY,
}

// totals are the sums as they were told; what was not told is added up.
func (x *reading) totals(lines []*typev1.Line, currency string) (*typev1.Totals, bool) {
	d := x.data
	t := &typev1.Totals{TaxIncluded: d.TaxIncluded == "true"}
	good := true
	for _, each := range []struct {
		field string
		told  source.Scalar
		into  **typev1.Money
	}{
		{"data.subtotal", d.Subtotal, &t.Subtotal}, {"data.discount", d.Discount, &t.Discount}, {"data.shipping", d.Shipping, &t.Shipping},
		{"data.tax", d.Tax, &t.Tax}, {"data.total", d.Total, &t.Total},
	} {
		amount, ok := x.optional(each.field, each.told, currency)
		*each.into, good = amount, good && ok
	}
	if !good {
		return nil, false
	}
	s := sum(lines, t, currency)
	if t.Total == nil && s.left {
		x.trouble.Bad("data.total", "is missing, and the items add up to more than 64 bits")
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
