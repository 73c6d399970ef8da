package amazon

import (
	"fmt"

	"github.com/orderflow/orderflow/services/ingress/source"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// purse reads an order's amounts, all of them in the currency of its total.
type purse struct {
	currency string
	total    int64
	trouble  *source.Trouble
}

func (x *reading) purse(o *order) (purse, bool) {
	if o.Total == nil {
		x.trouble.Missing("OrderTotal")
		return purse{}, false
	}
	p := purse{currency: source.Currency(o.Total.Currency.String()), trouble: &x.trouble}
	if p.currency == "" {
		x.trouble.Bad("OrderTotal.CurrencyCode", "is no code of three letters")
		return p, false
	}
	p.total = p.need("OrderTotal", o.Total)
	return p, true
}

// most is more than any amount of an order, in minor units; below it sums stay in int64.
const most = 1 << 46

// read reads an amount; what is not told is nothing.
func (p purse) read(field string, a *amount) int64 {
	if a == nil || a.Amount.String() == "" {
		return 0
	}
	m, err := source.Money(a.Amount, p.currency)
	switch minor := m.GetMinorUnits(); {
	case a.Currency.String() != "" && source.Currency(a.Currency.String()) != p.currency:
		p.trouble.Bad(field, "is in another currency than the order")
	case err != nil:
		p.trouble.Bad(field, source.Why(err))
	case minor > most || minor < 0:
		p.trouble.Bad(field, "is below nothing, or more than any order comes to")
	default:
		return minor
	}
	return 0
}

// need reads an amount that has to be there.
func (p purse) need(field string, a *amount) int64 {
	if a == nil || a.Amount.String() == "" {
		p.trouble.Missing(field)
		return 0
	}
	return p.read(field, a)
}

func (p purse) money(minor int64) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: p.currency}
}

// sums are what an order comes to, as its items tell.
type sums struct{ subtotal, discount, shipping, tax int64 }

// mostItems is more than an order has, so that its sums stay in int64.
const mostItems = 1 << 12

// lines are the items as lines, and the order's totals. Whether prices hold the tax depends on the country and is told
// nowhere: where the total is what the items come to without it, they do.
func (p purse) lines(o *reread, fulfiller typev1.Fulfiller) ([]*typev1.Line, *typev1.Totals) {
	if len(o.Items) > mostItems {
		p.trouble.Bad("OrderItems", "are more than an order has")
		return nil, nil
	}
	var s sums
	lines := make([]*typev1.Line, 0, len(o.Items))
	for i := range o.Items {
		field := fmt.Sprintf("OrderItems[%d].", i)
		lines = append(lines, p.line(field, &o.Items[i], fulfiller, &s))
		if wrap := p.giftWrap(field, &o.Items[i], &s); wrap != nil {
			lines = append(lines, wrap)
		}
	}
	source.Distinct(lines)
	return lines, &typev1.Totals{
		Subtotal: p.money(s.subtotal), Discount: p.money(s.discount), Shipping: p.money(s.shipping), Tax: p.money(s.tax), Total: p.money(p.total),
		TaxIncluded: s.tax != 0 && p.total == s.subtotal-s.discount+s.shipping,
	}
}

func (p purse) line(field string, i *item, fulfiller typev1.Fulfiller, s *sums) *typev1.Line {
	if i.ID.String() == "" {
		p.trouble.Missing(field + "OrderItemId")
	}
	if sku := i.sku(); !source.IsName(i.ID.String()+sku) || sku == "" {
		p.trouble.Bad(field+"SellerSKU", "is missing, or too long")
	}
	quantity := p.quantity(field+"QuantityOrdered", i.Ordered)
	var price int64
	if quantity > 0 { // what was cancelled has none
		price = p.need(field+"ItemPrice", i.Price)
	}
	unit, rounded := split(price, quantity)
	discount := p.read(field+"PromotionDiscount", i.Promotion) + rounded
	tax := p.read(field+"ItemTax", i.Tax) - p.read(field+"PromotionDiscountTax", i.PromotionTax)
	s.subtotal += price + rounded
	s.discount += discount + p.read(field+"ShippingDiscount", i.ShippingDiscount)
	s.shipping += p.read(field+"ShippingPrice", i.Shipping)
	s.tax += tax + p.read(field+"ShippingTax", i.ShippingTax) - p.read(field+"ShippingDiscountTax", i.ShippingDiscountTax)
	return &typev1.Line{
		Id: i.ID.String(), Sku: i.sku(), Title: clean(i.Title), Quantity: quantity, UnitPrice: p.money(unit), Discount: p.money(discount), Tax: p.money(tax), Fulfiller: fulfiller,
	}
}

// giftWrap is a line of its own: nobody ships it; nil if there is none.
func (p purse) giftWrap(field string, i *item, s *sums) *typev1.Line {
	price, tax := p.read(field+"BuyerInfo.GiftWrapPrice", i.Buyer.GiftWrap), p.read(field+"BuyerInfo.GiftWrapTax", i.Buyer.GiftWrapTax)
	if price == 0 && tax == 0 {
		return nil
	}
	s.subtotal += price
	s.tax += tax
	return &typev1.Line{
		Id: i.ID.String() + "-gift-wrap", Title: "Gift wrap", Quantity: 1, UnitPrice: p.money(price), Discount: p.money(0), Tax: p.money(tax),
		Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY,
	}
}

func (p purse) quantity(field string, told source.Scalar) int64 {
	n, ok := told.Int()
	switch {
	case told.String() == "":
		p.trouble.Missing(field)
	case !ok || n < 0 || n > 1<<31:
		p.trouble.Bad(field, "is not a whole number from nothing up, or more than anybody orders")
	default:
		return n
	}
	return 0
}

// split divides a price for all pieces: the price of one, rounded up, and how much more than the price all of them come
// to by that, which is a discount.
func split(price, quantity int64) (unit, rounded int64) {
	if quantity == 0 {
		return 0, 0
	}
	unit = price / quantity
	if price%quantity != 0 {
		unit++
	}
	return unit, unit*quantity - price
}

// sku is the seller's name of it; Amazon's own where there is none.
func (i *item) sku() string {
	if sku := clean(i.SKU); sku != "" {
		return sku
	}
	return clean(i.ASIN)
}
