package woocommerce_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

// shop makes orders as WooCommerce tells them: it counts in fractions of a cent and rounds each figure for itself when
// it shows it.
type shop struct {
	t        *rapid.T
	currency string
	included bool
	rate     *big.Rat
}

func (s shop) minor(most int64, label string) int64 {
	return rapid.Int64Range(0, most).Draw(s.t, label)
}

// rounded is half up, away from zero, as PHP has it.
func rounded(r *big.Rat) int64 {
	sign, a := int64(1), new(big.Rat).Set(r)
	if a.Sign() < 0 {
		sign, a = -1, a.Neg(a)
	}
	twice := new(big.Int).Add(new(big.Int).Mul(a.Num(), big.NewInt(2)), a.Denom())
	return sign * new(big.Int).Div(twice, new(big.Int).Mul(a.Denom(), big.NewInt(2))).Int64()
}

func (s shop) show(r *big.Rat) string {
	return money.Amount{Minor: rounded(r), Currency: s.currency}.Decimal()
}

// net and tax are the parts of a price as the shop enters it.
func (s shop) split(price int64) (net, tax *big.Rat) {
	p := new(big.Rat).SetInt64(price)
	if !s.included {
		return p, new(big.Rat).Mul(p, s.rate)
	}
	net = new(big.Rat).Quo(p, new(big.Rat).Add(big.NewRat(1, 1), s.rate))
	return net, new(big.Rat).Sub(p, net)
}

func plus(a *big.Rat, more ...*big.Rat) *big.Rat {
	sum := new(big.Rat).Set(a)
	for _, m := range more {
		sum.Add(sum, m)
	}
	return sum
}

func (s shop) order() map[string]any {
	zero := new(big.Rat)
	total, tax, discount, discountTax := zero, zero, zero, zero
	var lines, fees []any
	for range rapid.IntRange(1, 6).Draw(s.t, "lines") {
		quantity, price := rapid.Int64Range(1, 9).Draw(s.t, "quantity"), s.minor(1_000_000, "price")
		off := s.minor(price*quantity, "off")
		sub, subTax := s.split(price * quantity)
		after, afterTax := s.split(price*quantity - off)
		total, tax = plus(total, after), plus(tax, afterTax)
		discount, discountTax = plus(discount, sub, new(big.Rat).Neg(after)), plus(discountTax, subTax, new(big.Rat).Neg(afterTax))
		lines = append(lines, map[string]any{
			"id": rapid.Int64Range(1, 1<<40).Draw(s.t, "id"), "sku": "A", "name": "A", "quantity": quantity, "subtotal": s.show(sub), "subtotal_tax": s.show(subTax),
			"total": s.show(after), "total_tax": s.show(afterTax), "price": 0.1,
		})
	}
	for range rapid.IntRange(0, 2).Draw(s.t, "fees") {
		fee := rapid.Int64Range(-1000, 10_000).Draw(s.t, "fee")
		net, feeTax := s.split(fee)
		total, tax = plus(total, net), plus(tax, feeTax)
		fees = append(fees, map[string]any{"id": 1, "name": "Fee", "total": s.show(net), "total_tax": s.show(feeTax)})
	}
	shipping := new(big.Rat).SetInt64(s.minor(50_000, "shipping")) // entered without tax, always
	shippingTax := new(big.Rat).Mul(shipping, s.rate)
	all := plus(total, tax, shipping, shippingTax)
	return map[string]any{
		"id": 1, "number": "1", "status": "pending", "currency": s.currency, "date_modified_gmt": "2026-11-25T10:00:00", "prices_include_tax": s.included,
		"line_items": lines, "fee_lines": fees, "discount_total": s.show(discount), "discount_tax": s.show(discountTax), "shipping_total": s.show(shipping),
		"shipping_tax": s.show(shippingTax), "total_tax": s.show(plus(tax, shippingTax)), "total": s.show(all),
	}
}

// An order whose money adds up at WooCommerce is never held because it does not add up here.
func TestConsistentOrdersAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := shop{
			t, rapid.SampledFrom([]string{"USD", "EUR", "JPY", "KWD"}).Draw(t, "currency"), rapid.Bool().Draw(t, "tax included"),
			big.NewRat(rapid.SampledFrom([]int64{0, 50, 70, 190, 200, 255, 81}).Draw(t, "rate"), 1000),
		}
		o := s.order()
		body, err := json.Marshal(o)
		require.NoError(t, err)
		reading := woocommerce.New().Read(source.Request{Body: body, Header: map[string][]string{"X-Wc-Webhook-Topic": {"order.updated"}}, ReceivedAt: now()}, account())
		require.Nil(t, reading.Quarantine)
		d := reading.Facts[0].GetOrderDescribed()
		require.NotNil(t, d)
		require.NoError(t, addsUp(d), string(body))
		require.Equal(t, o["total"], money.FromProto(d.GetTotals().GetTotal()).Decimal())
		for _, l := range d.GetLines() {
			require.GreaterOrEqual(t, l.GetDiscount().GetMinorUnits(), int64(0))
		}
	})
}
