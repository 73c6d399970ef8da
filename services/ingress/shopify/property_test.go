package shopify_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// shop makes orders as Shopify tells them, with figures that add up, in minor units.
type shop struct {
	t        *rapid.T
	currency string
	included bool
}

func (s shop) money(minor int64) string {
	return money.Amount{Minor: minor, Currency: s.currency}.Decimal()
}

func (s shop) minor(most int64, label string) int64 {
	return rapid.Int64Range(0, most).Draw(s.t, label)
}

func (s shop) flag(label string) bool { return rapid.Bool().Draw(s.t, label) }

func (s shop) set(minor int64) map[string]any {
	return map[string]any{"shop_money": map[string]any{"amount": s.money(minor), "currency_code": s.currency}}
}

// sums are an order's: placed is at first, now after some units were sent back.
type sums struct{ goods, discount, shipping, shippingDiscount, tax, extra int64 }

func (s sums) total(included bool) int64 {
	total := s.goods - s.discount + s.shipping - s.shippingDiscount + s.extra
	if !included {
		total += s.tax
	}
	return total
}

// lines draws lines and adds them up, as ordered and as still wanted. What comes off a line is spread over its units.
func (s shop) lines(edited bool) (lines []any, placed, now sums) {
	for range rapid.IntRange(1, 6).Draw(s.t, "lines") {
		quantity, price := rapid.Int64Range(1, 9).Draw(s.t, "quantity"), s.minor(1_000_000, "price")
		discount, tax := s.minor(price*quantity, "discount"), s.minor(price*quantity/4, "tax")
		current := quantity
		if edited {
			current = rapid.Int64Range(0, quantity).Draw(s.t, "current")
		}
		left := func(minor int64) int64 { return minor * current / quantity } // Shopify cuts off, we round: a unit at most
		placed.goods, placed.discount, placed.tax = placed.goods+price*quantity, placed.discount+discount, placed.tax+tax
		now.goods, now.discount, now.tax = now.goods+price*current, now.discount+left(discount), now.tax+left(tax)
		first := s.minor(discount, "first discount")
		line := map[string]any{
			"id": rapid.Int64Range(1, 1<<62).Draw(s.t, "id"), "sku": "A", "title": "A", "quantity": quantity, "price": s.money(price),
			"total_discount":       s.money(first),
			"discount_allocations": []any{map[string]any{"amount": s.money(first)}, map[string]any{"amount": s.money(discount - first)}},
			"tax_lines":            []any{map[string]any{"price": s.money(tax)}},
		}
		if edited || s.flag("current quantity told") {
			line["current_quantity"] = current
		}
		lines = append(lines, line)
	}
	return lines, placed, now
}

func (s shop) order() map[string]any {
	edited := s.flag("edited")
	lines, placed, now := s.lines(edited)
	unallocated := s.minor(placed.goods-placed.discount, "discount of the order alone")
	if edited {
		unallocated = 0 // Shopify spreads all of it; what old orders do not, nobody could take apart
	}
	placed.discount, now.discount = placed.discount+unallocated, now.discount+unallocated
	placed.shipping = s.minor(50_000, "shipping")
	placed.shippingDiscount = s.minor(placed.shipping, "off the shipping")
	now.shipping, now.shippingDiscount = placed.shipping, placed.shippingDiscount
	if edited && s.flag("shipping given back") {
		now.shipping, now.shippingDiscount = 0, 0
	}
	tip, duties, fees := s.minor(10_000, "tip"), s.minor(10_000, "duties"), s.minor(10_000, "fees")
	placed.extra, now.extra = tip+duties+fees, tip+duties+fees
	o := map[string]any{
		"id": 1, "order_number": 1, "currency": s.currency, "presentment_currency": s.currency, "taxes_included": s.included, "test": false,
		"created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:00:00Z", "financial_status": "paid", "line_items": lines,
		"total_price": s.money(placed.total(s.included)), "total_tax": s.money(placed.tax),
		"total_discounts":          s.money(placed.discount + placed.shippingDiscount),
		"total_shipping_price_set": s.set(placed.shipping), "total_tip_received": s.money(tip),
		"current_total_duties_set": s.set(duties), "current_total_additional_fees_set": s.set(fees),
		"shipping_lines": []any{map[string]any{"price": s.money(now.shipping), "discounted_price": s.money(now.shipping - now.shippingDiscount), "is_removed": now.shipping == 0 && placed.shipping > 0}},
	}
	if edited || s.flag("current figures told") {
		discounts := now.discount
		if s.flag("the current discounts include the shipping's") {
			discounts += now.shippingDiscount
		}
		o["current_total_price"], o["current_total_tax"] = s.money(now.total(s.included)), s.money(now.tax)
		o["current_total_discounts"] = s.money(discounts)
		if s.flag("current shipping told") {
			o["current_shipping_price_set"] = s.set(now.shipping - now.shippingDiscount)
		}
	}
	return o
}

// An order whose money adds up at Shopify is never held because it does not add up here.
func TestConsistentOrdersAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := shop{t, rapid.SampledFrom([]string{"USD", "EUR", "JPY", "KWD"}).Draw(t, "currency"), rapid.Bool().Draw(t, "tax included")}
		o := s.order()
		body, err := json.Marshal(o)
		require.NoError(t, err)
		reading := shopify.New().Read(source.Request{Body: body, Header: map[string][]string{"X-Shopify-Topic": {"orders/updated"}}, ReceivedAt: now()}, account())
		require.Nil(t, reading.Quarantine)
		d := reading.Facts[0].GetOrderDescribed()
		require.NotNil(t, d)
		require.NoError(t, addsUp(d), string(body))
		total := o["total_price"]
		if current, told := o["current_total_price"]; told {
			total = current
		}
		require.Equal(t, total, money.FromProto(d.GetTotals().GetTotal()).Decimal())
	})
}

func BenchmarkRead(b *testing.B) {
	body, err := os.ReadFile("testdata/orders_create.json")
	require.NoError(b, err)
	r := source.Request{Header: map[string][]string{"X-Shopify-Topic": {"orders/create"}}, Body: body, ReceivedAt: now()}
	for b.Loop() {
		shopify.New().Read(r, account())
	}
}
