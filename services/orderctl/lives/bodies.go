package lives

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"
)

type object = map[string]any

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return data
}

func (o *tale) decimal(minor int64) string {
	return money.Amount{Minor: minor, Currency: o.currency}.Decimal()
}

func home() object {
	return object{"line1": "1 Harbour Street", "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"}
}

// stripe is one of Stripe's events.
func (o *tale) stripe(kind string, content object) {
	o.events++
	content["livemode"], content["currency"] = false, strings.ToLower(o.currency)
	o.tell(kind, Delivery{Source: "stripe", Account: o.account, Body: encode(object{
		"id": fmt.Sprintf("evt_%s_%d", o.number, o.events), "object": "event", "created": o.clock.Unix(), "type": kind, "livemode": false,
		"data": object{"object": content},
	})})
}

func (o *tale) metadata(withItems bool) object {
	m := object{"order_number": o.reference()}
	if withItems {
		var items []object
		for _, l := range o.lines {
			items = append(items, object{"sku": l.sku, "quantity": l.quantity, "price": o.decimal(l.price)})
		}
		m["items"] = string(encode(items))
	}
	return m
}

func (o *tale) intent(kind string, p *pay, more object) {
	content := object{
		"id": p.intent(), "object": "payment_intent", "amount": p.amount, "created": o.clock.Unix(), "metadata": o.metadata(p.describes),
		"receipt_email": o.email(), "shipping": object{"name": "Robin Example", "address": home()},
	}
	if p.namesCharge {
		content["latest_charge"] = p.charge()
	}
	for k, v := range more {
		content[k] = v
	}
	o.stripe("payment_intent."+kind, content)
}

func (o *tale) charge(kind string, p *pay, more object) {
	content := object{
		"id": p.charge(), "object": "charge", "amount": p.amount, "amount_captured": p.captured, "amount_refunded": p.refunded,
		"captured": true, "created": o.clock.Unix(), "metadata": o.metadata(false), "payment_intent": p.intent(), "status": "succeeded",
		"outcome": object{"risk_level": "normal"}, "payment_method_details": object{"type": "card", "card": object{"country": "US"}},
	}
	for k, v := range more {
		content[k] = v
	}
	o.stripe("charge."+kind, content)
}

func (o *tale) refundObject(kind string, p *pay, r *refund, status string) {
	o.stripe(kind, object{
		"id": r.id, "object": "refund", "amount": r.amount, "charge": p.charge(), "payment_intent": p.intent(), "status": status, "created": o.clock.Unix(),
	})
}

func (o *tale) disputeObject(kind string, p *pay, status string, amount int64) {
	o.stripe("charge.dispute."+kind, object{
		"id": "dp_" + p.id, "object": "dispute", "amount": amount, "charge": p.charge(), "payment_intent": p.intent(), "status": status, "reason": "fraudulent",
	})
}

func (o *tale) stamp() string { return o.clock.UTC().Format(time.RFC3339) }

// checkout is one of our own checkout's events.
func (o *tale) checkout(kind string, data object) {
	o.events++
	if _, stock := data["sku"]; !stock {
		data["order_number"] = o.number
		data["currency"] = o.currency
	}
	o.tell(kind, Delivery{
		Source: "checkout", ID: fmt.Sprintf("msg_%s_%d", o.number, o.events),
		Body: encode(object{"type": kind, "timestamp": o.stamp(), "data": data}),
	})
}

func (o *tale) checkoutOrder() object {
	items := []object{}
	for _, l := range o.lines {
		item := object{"id": l.id, "sku": l.sku, "quantity": l.quantity, "price": o.decimal(l.price), "title": "Item"}
		if l.digital {
			item["fulfilled_by"] = "nobody"
		}
		items = append(items, item)
	}
	to := home()
	to["name"] = "Robin Example"
	return object{
		"items": items, "total": o.decimal(o.total()), "customer": object{"email": o.email(), "name": "Robin Example"}, "shipping_address": to,
		"placed_at": o.placed.UTC().Format(time.RFC3339), "updated_at": o.stamp(),
	}
}

// email is the order's own: whoever orders often is a risk of his own.
func (o *tale) email() string { return "robin." + o.number + "@example.com" }

// shopify is one of Shopify's webhooks: the order as it stands.
func (o *tale) shopify(topic string) {
	lines := []object{}
	for _, l := range o.lines {
		lines = append(lines, object{
			"id": json.Number(l.id), "sku": l.sku, "title": "Item", "quantity": l.quantity, "current_quantity": l.quantity, "price": o.decimal(l.price),
			"total_discount": "0", "requires_shipping": !l.digital, "gift_card": false, "fulfillment_service": "manual", "tax_lines": []object{},
		})
	}
	to := object{
		"name": "Robin Example", "address1": "1 Harbour Street", "city": "Portland", "province_code": "ME", "zip": "04101", "country_code": "US",
	}
	order := object{
		"id": json.Number(o.shopID), "order_number": json.Number(o.number), "name": "#" + o.number, "email": o.email(), "currency": o.currency,
		"created_at": o.placed.UTC().Format(time.RFC3339), "updated_at": o.stamp(), "financial_status": o.financial(), "test": false,
		"total_price": o.decimal(o.total()), "current_total_price": o.decimal(o.total()), "subtotal_price": o.decimal(o.total()),
		"current_subtotal_price": o.decimal(o.total()), "total_tax": "0", "taxes_included": false, "shipping_lines": []object{},
		"total_outstanding": o.decimal(max(0, o.total()-o.inBooks())), "line_items": lines, "shipping_address": to, "billing_address": to,
		"payment_gateway_names": []string{"stripe"}, "cancelled_at": nil, "refunds": o.shopRefunds(),
	}
	if o.cancelled != "" {
		order["cancelled_at"], order["cancel_reason"] = o.cancelled, "customer"
	}
	o.shopifyTells(topic, order)
}

func (o *tale) shopifyTells(topic string, body object) {
	o.events++
	o.tell(topic, Delivery{Source: "shopify", Topic: topic, ID: fmt.Sprintf("%s-%d", o.number, o.events), Body: encode(body)})
}

func (o *tale) shopRefunds() []object {
	all := []object{}
	for _, r := range o.refunds {
		all = append(all, object{"id": json.Number(r.number), "order_id": json.Number(o.shopID), "transactions": []object{o.shopRefund(r)}})
	}
	return all
}

func (o *tale) shopRefund(r *refund) object {
	return object{
		"id": json.Number(r.number), "order_id": json.Number(o.shopID), "parent_id": json.Number(r.of.number), "kind": "refund", "status": "success",
		"gateway": "stripe", "amount": o.decimal(r.amount), "currency": o.currency, "processed_at": r.at,
		"receipt": object{"id": r.id, "payment_intent": r.of.intent(), "charge": r.of.charge()},
	}
}

// transaction is Shopify's word on one payment. Whether it knows Stripe's names for it is drawn.
func (o *tale) transaction(p *pay, kind, status string, amount int64) {
	number := p.number
	if status != "success" {
		o.events++
		number += strconv.Itoa(o.events)
	}
	body := object{
		"id": json.Number(number), "order_id": json.Number(o.shopID), "kind": kind, "status": status, "gateway": "stripe",
		"amount": o.decimal(amount), "currency": o.currency, "processed_at": o.stamp(),
	}
	if p.shopKnowsNames && status == "success" {
		body["receipt"] = object{"id": p.intent(), "latest_charge": p.charge()}
	}
	o.shopifyTells("order_transactions/create", body)
}

// woo is one of WooCommerce's webhooks: the order as it stands.
func (o *tale) woo(topic string) {
	const clock = "2006-01-02T15:04:05"
	lines := []object{}
	for _, l := range o.lines {
		lines = append(lines, object{
			"id": json.Number(l.id), "name": "Item", "quantity": l.quantity, "sku": l.sku, "price": json.Number(o.decimal(l.price)),
			"subtotal": o.decimal(l.quantity * l.price), "subtotal_tax": "0.00", "total": o.decimal(l.quantity * l.price), "total_tax": "0.00",
		})
	}
	person := object{
		"first_name": "Robin", "last_name": "Example", "address_1": "1 Harbour Street", "city": "Portland", "state": "ME", "postcode": "04101",
		"country": "US", "email": o.email(),
	}
	refunds := []object{}
	for _, r := range o.refunds {
		refunds = append(refunds, object{"id": json.Number(r.number), "reason": "", "total": "-" + o.decimal(r.amount)})
	}
	order := object{
		"id": json.Number(o.shopID), "number": o.number, "order_key": "wc_order_1", "status": o.wooStatus(), "currency": o.currency, "prices_include_tax": false,
		"date_created_gmt": o.placed.UTC().Format(clock), "date_modified_gmt": o.clock.UTC().Format(clock), "discount_total": "0.00",
		"shipping_total": "0.00", "total": o.decimal(o.total()), "total_tax": "0.00", "billing": person, "shipping": person,
		"payment_method": "stripe", "transaction_id": "", "date_paid_gmt": nil, "line_items": lines, "refunds": refunds,
	}
	if p := o.first(); p != nil && p.captured > 0 {
		order["date_paid_gmt"] = o.paidAt
		if p.shopKnowsNames {
			order["transaction_id"] = p.charge()
		} else {
			order["payment_method"] = "bogus"
		}
	}
	o.events++
	o.tell(topic, Delivery{Source: "woocommerce", Topic: topic, ID: fmt.Sprintf("%s-%d", o.number, o.events), Body: encode(order)})
}

// Scanned is the carrier's word on a parcel.
func Scanned(tracking string, s Scan) Delivery {
	return Delivery{Source: "sandbox", ID: tracking + s.ID, Says: "carrier " + s.Status, Body: encode(object{
		"type": "tracking.updated", "timestamp": s.At.UTC().Format(time.RFC3339), "data": object{
			"tracking_number": tracking, "scan_id": s.ID, "status": s.Status, "occurred_at": s.At.UTC().Format(time.RFC3339),
		},
	})}
}
