package fuzz_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An engine that turns bits rarely hits what a normaliser reads: most of what it makes is no JSON. So a script of four
// bytes a step changes the JSON value itself: what happens, where (two bytes), and with which word.

// mark stands in everything personal that the words hold; no quarantine may repeat it.
const mark = "zq7"

// words are put where something else was.
var words = []string{
	`null`, `true`, `false`, `{}`, `[]`, `[null]`, `[[]]`, `[{}]`, `{"id":"x"}`, `{"id":{}}`, `""`, `" "`, `"\u0000"`, `"a\u0000b"`, `"\ud800"`,
	`0`, `-0`, `1`, `-1`, `2.0`, `1.5`, `0.001`, `-3.05`, `1e2`, `12.5E-1`, `1e39`, `1e99`, `1e-40`, `1e999999999`, `"1e2"`, `".5"`, `"5."`, `"-"`, `"1,00"`, `" 7 "`, `"007"`,
	`9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `18446744073709551616`, `"92233720368547758.07"`, `"-92233720368547758.08"`,
	`70368744177664`, `"703687441776.64"`, `4503599627370497`, `"USD"`, `"eur"`, `"JPY"`, `"KWD"`, `"CLF"`, `"ISK"`, `"UGX"`, `"MGA"`, `"XXX"`, `"QQQ"`, `"EURO"`,
	`"` + mark + `@example.com"`, `"Zq7 Private"`, `"+49 30 7777777"`, `{"` + mark + `":"` + mark + `"}`, `["` + mark + `"]`,
	`"2026-03-01T12:00:00Z"`, `"2026-03-01T12:00:00"`, `"2026-03-01T24:00:00+14:00"`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59-23:59"`, `"0000-01-01T00:00:00Z"`, `253402300800`, `-62135596801`,
	`"paid"`, `"refunded"`, `"refund"`, `"success"`, `"pending"`, `"failed"`, `"lost"`, `"won"`, `"cancelled"`, `"processing"`, `"on-hold"`, `"unpaid"`, `"partially_paid"`, `"settled"`, `"void"`, `"sale"`, `"authorization"`,
	`"stripe"`, `"shopify_payments"`, `"pi_3ABC"`, `"ch_3ABC"`, `"pi_3ABC_secret_x"`, `"nobody"`, `"channel"`, `"inquiry"`, `"delivered"`, `"#"`, `"#1001"`, `"&amp;lt;&#0;"`,
	`"[{\"sku\":\"A\\u0000\",\"quantity\":1,\"price\":1}]"`, `"[{\"quantity\":9223372036854775807,\"price\":9}]"`,
	`"` + strings.Repeat("a", 256) + `"`, `"` + strings.Repeat("9", 41) + `"`, `"` + strings.Repeat("é", 1100) + `"`,
}

// keys are fields that are given to an object that lacks them.
var keys = []string{
	"id", "amount", "currency", "metadata", "items", "items_1", "order_number", "charges", "latest_charge", "refunds", "data", "status", "payment_intent", "charge", "last_payment_error", "total_details",
	"amount_received", "amount_captured", "amount_capturable", "amount_refunded", "customer", "customer_details", "shipping", "shipping_details", "collected_information", "tax", "discount", "created", "livemode", "captured",
	"order_id", "parent_id", "receipt", "transactions", "refund_line_items", "order_adjustments", "current_quantity", "current_total_price", "current_total_price_set", "presentment_currency", "presentment_money", "shop_money",
	"price_set", "total_discount", "discount_allocations", "tax_lines", "total_tip_received", "tip_payment_gateway", "current_total_duties_set", "original_total_additional_fees_set", "total_outstanding", "cancelled_at", "updated_at",
	"fulfillments", "line_items", "fee_lines", "shipping_lines", "quantity", "price", "subtotal", "total", "total_tax", "prices_include_tax", "date_paid_gmt", "meta_data", "transaction_id", "test", "historic", "payment", "dispute",
	"refund", "provider", "movement_id", "tax_included", "on_hand", "sku", "location", "fulfilled_by", "scan_id", "tracking_number", "occurred_at", "timestamp", "type",
	"order_id", "purchase_order_number", "buyer", "company", "orders", "paid", "payments", "refunds", "price_per", "shipment", "tracking_numbers", "product", "product_id", "line_id",
	"tracking_company", "shipment_status", "available", "inventory_item_id", "location_id", "variants", "manage_stock", "stock_quantity",
}

// Scripts end here, and what they make does not grow beyond this.
const (
	mostSteps = 24
	mostNodes = 3000
)

// edited is the body after the script; the body itself if it is no JSON value or nothing is to be changed.
func edited(body, script []byte) []byte {
	value, ok := parsed(body)
	if !ok || len(script) < 4 {
		return body
	}
	for n := 0; len(script) >= 4 && n < mostSteps && size(value) < mostNodes; n++ {
		value = step(value, script[0], int(script[1])<<8|int(script[2]), int(script[3]))
		script = script[4:]
	}
	out, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return out
}

func step(value any, what byte, where, which int) any {
	before := value
	at := where % size(value)
	out := change(value, &at, func(v any) []any {
		switch what % 5 {
		case 0:
			return nil
		case 1:
			return []any{v, clone(v)}
		case 2:
			if object, ok := v.(map[string]any); ok {
				object[keys[which%len(keys)]] = word(where + which)
				return []any{object}
			}
			return []any{[]any{v}}
		case 3:
			other := nth(before, which%size(before))
			return []any{clone(other)}
		}
		return []any{word(which)}
	})
	if len(out) == 0 {
		return nil
	}
	return out[0]
}

// change does something to one node of a value, counted from its root: none, one or several take its place.
func change(value any, at *int, f func(any) []any) []any {
	if *at == 0 {
		*at = -1
		return f(value)
	}
	*at--
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out := change(v[k], at, f)
			if len(out) == 0 {
				delete(v, k)
			} else {
				v[k] = out[0]
			}
			if *at < 0 {
				break
			}
		}
	case []any:
		for i := range v {
			if out := change(v[i], at, f); *at < 0 {
				return []any{slices.Replace(v, i, i+1, out...)}
			}
		}
	}
	return []any{value}
}

func size(value any) int {
	n := 1
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			n += size(inner)
		}
	case []any:
		for _, inner := range v {
			n += size(inner)
		}
	}
	return n
}

// nth is a node, counted as change counts them.
func nth(value any, n int) any {
	var found any
	change(value, &n, func(v any) []any {
		found = v
		return []any{v}
	})
	return found
}

func clone(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	again, _ := parsed(data)
	return again
}

func word(n int) any {
	v, _ := parsed([]byte(words[n%len(words)]))
	return v
}

func parsed(data []byte) (any, bool) {
	if !json.Valid(data) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

func TestAScriptChangesWhatItNames(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"":                     `{"a":[1,"x"],"b":null}`,
		"\x00\x00\x02\x00":     `{"a":["x"],"b":null}`,
		"\x01\x00\x03\x00":     `{"a":[1,"x","x"],"b":null}`,
		"\x02\x00\x00\x00":     `{"a":[1,"x"],"b":null,"id":null}`,
		"\x03\x00\x04\x01":     `{"a":[1,"x"],"b":[1,"x"]}`,
		"\x04\x00\x04\x01":     `{"a":[1,"x"],"b":true}`,
		"\x00\x00\x00\x00":     `null`,
		"\x00\x00\x01\x00\x00": `{"b":null}`,
	} {
		require.JSONEq(t, want, string(edited([]byte(`{"a":[1,"x"],"b":null}`), []byte(script))), "%q", script)
	}
	require.Equal(t, "no JSON", string(edited([]byte("no JSON"), []byte("\x00\x00\x01\x00"))))
	for i := range words {
		require.True(t, json.Valid([]byte(words[i])), words[i])
	}
}
