package demo

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"
)

// item is one line of a cart; prices are in minor units.
type item struct {
	sku      string
	quantity int64
	price    int64
}

// cart is what a customer orders.
type cart struct {
	number   string
	id       int64 // at shops that number their orders by themselves
	currency string
	items    []item
	email    string
	at       time.Time
	// extra is what the total says beyond the lines.
	extra int64
}

func (c cart) total() int64 {
	sum := c.extra
	for _, i := range c.items {
		sum += i.quantity * i.price
	}
	return sum
}

func (c cart) decimal(minor int64) string {
	return money.Amount{Minor: minor, Currency: c.currency}.Decimal()
}

type object = map[string]any

func body(o object) []byte { return encode(o) }

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return data
}

func (c cart) metadata(withItems bool) object {
	m := object{"order_number": c.number}
	if !withItems {
		return m
	}
	var items []object
	for n, i := range c.items {
		var price any = c.decimal(i.price)
		if n%2 == 1 {
			price = json.Number(c.decimal(i.price)) // some send strings, some numbers
		}
		items = append(items, object{"sku": i.sku, "quantity": i.quantity, "price": price})
	}
	m["items"] = string(encode(items))
	return m
}

// address is where everything goes; fraud has nothing against it.
func address() object {
	return object{"line1": "1 Harbour Street", "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"}
}

const stripeVersion = "2023-10-16"

func stripeEvent(c cart, kind string, o object) []byte {
	id := fmt.Sprintf("evt_%s_%s", c.number, kind)
	return body(object{
		"id": id, "object": "event", "api_version": stripeVersion, "created": c.at.Unix(), "type": kind, "livemode": false,
		"pending_webhooks": 1, "request": object{"id": nil, "idempotency_key": nil}, "data": object{"object": o},
	})
}

func (c cart) intent() string { return "pi_" + c.number }
func (c cart) charge() string { return "ch_" + c.number }

func stripeIntent(c cart, withItems bool) []byte {
	return stripeEvent(c, "payment_intent.succeeded", object{
		"id": c.intent(), "object": "payment_intent", "amount": c.total(), "amount_received": c.total(), "currency": strings.ToLower(c.currency),
		"created": c.at.Unix(), "latest_charge": c.charge(), "livemode": false, "metadata": c.metadata(withItems), "receipt_email": c.email,
		"shipping": object{"name": "Robin Example", "address": address()}, "status": "succeeded",
	})
}

func stripeCharge(c cart) []byte {
	return stripeEvent(c, "charge.succeeded", object{
		"id": c.charge(), "object": "charge", "amount": c.total(), "amount_captured": c.total(), "amount_refunded": 0, "captured": true,
		"currency": strings.ToLower(c.currency), "created": c.at.Unix(), "livemode": false, "metadata": c.metadata(false), "paid": true,
		"payment_intent": c.intent(), "status": "succeeded", "refunded": false,
		"outcome":                object{"risk_level": "normal", "network_status": "approved_by_network"},
		"payment_method_details": object{"type": "card", "card": object{"country": "US"}},
	})
}

func shopifyOrder(c cart, financial string, cancelled bool, updated time.Time) []byte {
	var lines []object
	for n, i := range c.items {
		lines = append(lines, object{
			"id": c.id*10 + int64(n), "sku": i.sku, "title": "Item " + i.sku, "quantity": i.quantity, "current_quantity": i.quantity,
			"price": c.decimal(i.price), "total_discount": c.decimal(0), "requires_shipping": true, "gift_card": false,
			"fulfillment_service": "manual", "tax_lines": []object{}, "discount_allocations": []object{},
		})
	}
	order := object{
		"id": c.id, "order_number": c.id % 1_000_000, "name": "#" + strconv.FormatInt(c.id%1_000_000, 10), "email": c.email, "contact_email": c.email,
		"currency": c.currency, "created_at": c.at.Format(time.RFC3339), "processed_at": c.at.Format(time.RFC3339),
		"updated_at": updated.Format(time.RFC3339), "financial_status": financial, "fulfillment_status": nil, "test": false, "cancelled_at": nil,
		"total_price": c.decimal(c.total()), "subtotal_price": c.decimal(c.total()), "total_line_items_price": c.decimal(c.total()),
		"current_total_price": c.decimal(c.total()), "current_subtotal_price": c.decimal(c.total()),
		"total_discounts": c.decimal(0), "total_tax": c.decimal(0), "taxes_included": false, "shipping_lines": []object{},
		"line_items": lines, "shipping_address": shopAddress(), "billing_address": shopAddress(), "payment_gateway_names": []string{"bogus"},
	}
	if financial == "paid" {
		order["total_outstanding"] = c.decimal(0)
	} else {
		order["total_outstanding"] = c.decimal(c.total())
	}
	if cancelled {
		order["cancelled_at"], order["cancel_reason"] = updated.Format(time.RFC3339), "customer"
	}
	return body(order)
}

func shopAddress() object {
	return object{
		"first_name": "Robin", "last_name": "Example", "name": "Robin Example", "address1": "1 Harbour Street", "city": "Portland",
		"province": "Maine", "province_code": "ME", "zip": "04101", "country": "United States", "country_code": "US",
	}
}

func wooOrder(c cart, status, transaction string, modified time.Time) []byte {
	const clock = "2006-01-02T15:04:05"
	var lines []object
	for n, i := range c.items {
		lines = append(lines, object{
			"id": n + 1, "name": "Item " + i.sku, "product_id": 10 + n, "quantity": i.quantity, "sku": i.sku, "price": json.Number(c.decimal(i.price)),
			"subtotal": c.decimal(i.quantity * i.price), "subtotal_tax": "0.00", "total": c.decimal(i.quantity * i.price), "total_tax": "0.00",
			"taxes": []object{}, "meta_data": []object{},
		})
	}
	person := object{
		"first_name": "Robin", "last_name": "Example", "company": "", "address_1": "1 Harbour Street", "address_2": "", "city": "Portland",
		"state": "ME", "postcode": "04101", "country": "US", "email": c.email, "phone": "",
	}
	order := object{
		"id": c.id, "number": strconv.FormatInt(c.id, 10), "status": status, "currency": c.currency, "prices_include_tax": false,
		"date_created": c.at.Format(clock), "date_created_gmt": c.at.Format(clock),
		"date_modified": modified.Format(clock), "date_modified_gmt": modified.Format(clock),
		"discount_total": "0.00", "discount_tax": "0.00", "shipping_total": "0.00", "shipping_tax": "0.00", "cart_tax": "0.00",
		"total": c.decimal(c.total()), "total_tax": "0.00", "customer_id": 0, "billing": person, "shipping": person,
		"payment_method": "bogus", "payment_method_title": "Card", "transaction_id": transaction, "date_paid_gmt": nil, "date_completed_gmt": nil,
		"line_items": lines, "tax_lines": []object{}, "shipping_lines": []object{}, "fee_lines": []object{}, "coupon_lines": []object{}, "refunds": []object{},
	}
	if status == "processing" {
		order["date_paid_gmt"] = modified.Format(clock)
	}
	return body(order)
}

func checkoutOrder(c cart) []byte {
	var items []object
	for _, i := range c.items {
		items = append(items, object{"sku": i.sku, "quantity": i.quantity, "price": c.decimal(i.price), "title": "Item " + i.sku})
	}
	home := address()
	home["name"] = "Robin Example"
	return body(object{
		"type": "order.created", "timestamp": c.at.Format(time.RFC3339), "data": object{
			"order_number": c.number, "currency": c.currency, "items": items, "total": c.decimal(c.total()),
			"customer": object{"email": c.email, "name": "Robin Example"}, "shipping_address": home,
			"placed_at": c.at.Format(time.RFC3339), "updated_at": c.at.Format(time.RFC3339),
		},
	})
}
