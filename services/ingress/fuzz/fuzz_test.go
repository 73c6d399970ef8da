// Package fuzz throws anything at the sources: what no provider would send, and what one sends, changed. Each target is
// a source; its seeds are our fixtures, and what the engine found is kept under testdata/fuzz. `make fuzz` runs them.
package fuzz_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/b2b"
	"github.com/orderflow/orderflow/services/ingress/checkout"
	"github.com/orderflow/orderflow/services/ingress/sandbox"
	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/stripe"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

// seeds adds the fixtures of a source under topics that fit them, each as it is and with a few steps.
func seeds(f *testing.F, folder string, topics func(file string) []string) {
	f.Helper()
	files, err := filepath.Glob("../" + folder + "/testdata/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		for _, topic := range topics(strings.TrimSuffix(filepath.Base(file), ".json")) {
			f.Add(topic, body, []byte{})
			f.Add(topic, body, []byte{4, 0, 9, 31, 0, 0, 20, 0, 1, 0, 12, 0})
		}
	}
}

// read lets a source read a body after a script; the topic stands in the header, where the source has one for it.
func read(f *testing.F, s source.Source, header string) {
	f.Helper()
	f.Fuzz(func(t *testing.T, topic string, body, script []byte) {
		r := source.Request{Header: http.Header{}, Body: edited(body, script), ReceivedAt: now}
		if header != "" && topic != "" {
			r.Header.Set(header, topic)
		}
		holds(t, s, r)
	})
}

func untold(string) []string { return []string{""} }

func FuzzStripe(f *testing.F) {
	seeds(f, "stripe", untold)
	const (
		charge = `{"id":"ch_1","amount":4990,"amount_captured":4000,"amount_refunded":1490,"captured":true,"currency":"eur","status":"succeeded","failure_code":"card_declined",
			"payment_intent":{"id":"pi_1"},"refunds":{"data":[{"id":"re_2","amount":500,"reason":"duplicate","status":"pending"},{"id":"re_1","amount":990}]},"metadata":{"order_number":"1001"},
			"outcome":{"risk_level":"normal"},"payment_method_details":{"card":{"country":"DE"}},"billing_details":{"name":"Ada Example","address":{"line1":"Side Street 2"}}}`
		intent = `{"id":"pi_1","amount":4990,"amount_capturable":990,"amount_received":4000,"currency":"isk","created":1772366300,"latest_charge":` + charge + `,"charges":{"data":[` + charge + `]},
			"customer":{"id":"cus_1","email":"ada@example.com"},"receipt_email":"ada@example.com","shipping":{"name":"Ada Example","phone":"+49 30 1234567","address":{"line1":"Main Street 1","country":"DE"}},
			"metadata":{"order_number":"1001","shipping":"4.90","tax":1,"discount":"5e-1","items":"[{\"id\":\"1\",\"sku\":\"MUG\",\"quantity\":2,","items_1":"\"price\":\"12.50\"}]"},
			"last_payment_error":{"code":"card_declined","decline_code":"do_not_honor","charge":"ch_1"}}`
		session = `{"id":"cs_1","amount_total":4990,"currency":"eur","created":1772366300,"payment_intent":"pi_1","payment_status":"paid","customer":"cus_1","customer_email":"ada@example.com",
			"customer_details":{"name":"Ada Example","email":"ada@example.com","address":{"line1":"Main Street 1"}},"collected_information":{"shipping_details":{"name":"Ada Example","address":{"city":"Berlin"}}},
			"metadata":{"order_number":"#1001","items":"[{\"sku\":\"MUG\",\"quantity\":2,\"price\":12.5}]"},"total_details":{"amount_discount":0,"amount_shipping":490,"amount_tax":797}}`
		refund  = `{"id":"re_1","amount":500,"currency":"eur","charge":"ch_1","payment_intent":"pi_1","reason":"requested_by_customer","status":"succeeded","metadata":{"order_number":"1001"}}`
		dispute = `{"id":"dp_1","amount":4990,"currency":"eur","charge":"ch_1","payment_intent":"pi_1","reason":"fraudulent","status":"needs_response","metadata":[]}`
	)
	for _, status := range []string{"no_payment_required", "unpaid", "", "perhaps"} {
		f.Add("", []byte(`{"type":"checkout.session.completed","data":{"object":`+strings.Replace(session, `"paid"`, `"`+status+`"`, 1)+`}}`), []byte{})
	}
	for _, status := range []string{"canceled", "requires_action", "odd", ""} {
		f.Add("", []byte(`{"type":"refund.failed","data":{"object":`+strings.Replace(refund, "succeeded", status, 1)+`}}`), []byte{})
	}
	for _, status := range []string{"won", "lost", "warning_closed", "warning_under_review"} {
		f.Add("", []byte(`{"type":"charge.dispute.updated","data":{"object":`+strings.Replace(dispute, "needs_response", status, 1)+`}}`), []byte{})
	}
	f.Add("", []byte(`{"type":"charge.succeeded","data":{"object":{"id":"ch_1","amount":500,"captured":false,"currency":"eur","status":"pending"}}}`), []byte{4, 0, 9, 2})
	f.Add("", []byte(`{"type":"charge.updated","data":{"object":{"id":"ch_1","amount":500,"amount_refunded":100,"captured":false,"currency":"eur"}}}`), []byte{})
	for kind, object := range map[string]string{
		"payment_intent.succeeded": intent, "payment_intent.amount_capturable_updated": intent, "payment_intent.payment_failed": intent, "payment_intent.canceled": intent,
		"charge.succeeded": charge, "charge.captured": charge, "charge.failed": charge, "charge.expired": charge, "charge.refunded": charge, "charge.refund.updated": refund, "refund.failed": refund,
		"charge.dispute.created": dispute, "charge.dispute.closed": dispute, "charge.dispute.funds_withdrawn": dispute, "charge.dispute.funds_reinstated": dispute,
		"checkout.session.completed": session, "checkout.session.async_payment_failed": session, "charge.pending": charge, "customer.created": `{}`,
	} {
		f.Add("", []byte(`{"id":"evt_1","object":"event","type":"`+kind+`","created":1772366400,"livemode":true,"data":{"object":`+object+`}}`), []byte{})
	}
	read(f, stripe.New(), "")
}

func FuzzShopify(f *testing.F) {
	seeds(f, "shopify", func(file string) []string {
		switch {
		case strings.HasPrefix(file, "order_transactions"):
			return []string{"order_transactions/create", ""}
		case strings.HasPrefix(file, "refunds"):
			return []string{"refunds/create", ""}
		case strings.HasPrefix(file, "disputes"):
			return []string{"disputes/update", ""}
		case strings.HasPrefix(file, "fulfillments"):
			return []string{"fulfillments/update", "inventory_levels/update", ""}
		case strings.HasPrefix(file, "inventory_levels"):
			return []string{"inventory_levels/update", "inventory_levels/disconnect", ""}
		case strings.HasPrefix(file, "products"):
			return []string{"products/update", "inventory_items/update", ""}
		case file == "orders_create":
			return []string{"orders/create", "orders/delete", "orders/paid", "orders/edited", "customers/redact", "products/update", ""}
		}
		return []string{"orders/updated"}
	})
	for topic, body := range map[string]string{
		"orders/create":  `{"id":1,"currency":"USD","total_price":"9223372036854775807","line_items":[{"quantity":9223372036854775807,"price":"92233720368547758.07"}]}`,
		"orders/paid":    `{"id":1,"currency":"JPY","total_price":"-9223372036854775807","financial_status":"paid","total_outstanding":"9223372036854775807","line_items":[null]}`,
		"orders/delete":  `{"id":1}`,
		"refunds/create": `{"order_id":1,"transactions":[{"kind":"refund","status":"success","receipt":[]}]}`,
		"":               `{"order_id":1,"kind":"sale","gateway":"","amount":"1e99"}`,
	} {
		f.Add(topic, []byte(body), []byte{})
	}
	f.Add("orders/fulfilled", []byte(`{"id":1,"currency":"USD","presentment_currency":"EUR","created_at":"2026-03-01T12:00:00Z","total_price_set":{"presentment_money":{"amount":"9.00","currency_code":"EUR"}},
		"line_items":[{"id":1,"quantity":1,"price_set":{"presentment_money":{"amount":"9.00"}},"fulfillment_status":"fulfilled","tip_payment_method":"card"}],
		"fulfillments":[{"status":"success","created_at":"2026-03-01T12:00:30Z","line_items":[{"id":1}]},{"status":"cancelled"}],"shipping_lines":[{"price":"0.00","is_removed":true}]}`), []byte{})
	for _, kind := range []string{"authorization", "void", "change", "refund", ""} {
		for _, status := range []string{"success", "error", "awaiting_response", "odd"} {
			f.Add("order_transactions/create", []byte(`{"id":2,"order_id":1,"parent_id":1,"kind":"`+kind+`","status":"`+status+`","gateway":"shopify_payments","amount":"9.00","receipt":{"id":"ch_1","payment_intent":{"id":"pi_1"},"charges":{"data":[{"id":"ch_2"}]}},
				"total_unsettled_set":{"presentment_money":{"amount":"0.0","currency":"XXX"}}}`), []byte{})
		}
	}
	for _, status := range []string{"won", "lost", "charge_refunded", "under_review", "odd", ""} {
		f.Add("disputes/update", []byte(`{"id":3,"order_id":1,"type":"chargeback","status":"`+status+`","amount":"9.00","currency":"USD"}`), []byte{})
	}
	read(f, shopify.New(), "X-Shopify-Topic")
}

func FuzzWooCommerce(f *testing.F) {
	seeds(f, "woocommerce", func(file string) []string {
		if file == "order_created" {
			return []string{"order.created", "order.deleted", "order.restored", "coupon.created", ""}
		}
		if strings.HasPrefix(file, "product") {
			return []string{"product.updated", "product.deleted", ""}
		}
		return []string{"order.updated"}
	})
	f.Add("order.created", []byte(`{"id":1,"currency":"USD","prices_include_tax":true,"total":"9223372036854775807","line_items":[{"quantity":9223372036854775807,"total":"92233720368547758.07","price":1e30}]}`), []byte{})
	f.Add("order.deleted", []byte(`{"id":18446744073709551616}`), []byte{})
	f.Add("", []byte(`{"line_items":[null],"order_key":"","status":"refunded","id":"7","currency":"jpy","total":-0,"refunds":[{"id":1,"total":-9e9}]}`), []byte{})
	read(f, woocommerce.New(), "X-WC-Webhook-Topic")
}

func FuzzCheckout(f *testing.F) {
	seeds(f, "checkout", untold)
	for _, kind := range []string{
		"order.updated", "order.cancelled", "order.paid", "payment.authorized", "payment.captured", "payment.failed", "payment.voided", "refund.created",
		"dispute.opened", "dispute.won", "dispute.lost", "stock.updated", "order.unheard",
	} {
		f.Add("", []byte(`{"type":"`+kind+`","timestamp":"2026-03-01T12:00:00Z","data":{"order_number":"#1001","amount":"44.90","currency":"EUR","sku":"MUG","location":"B1","on_hand":12,"reason":"changed mind",
			"payment":{"provider":"stripe","id":"pi_1"},"movement_id":"m1","failure_code":"declined","risk_level":"normal","country":"DE","refund":{"id":"r1","status":"pending","reason":"broken"},
			"dispute":{"id":"d1","reason":"fraudulent"},"items":[{"sku":"MUG","quantity":2,"price":12.50}],"customer":{"email":"ada@example.com"},"historic":true}}`), []byte{})
	}
	read(f, checkout.New(), "")
}

func FuzzB2B(f *testing.F) {
	seeds(f, "b2b", untold)
	const order = `{"order_id":"a1","purchase_order_number":"PO-1","currency":"EUR","items":[{"sku":"MUG","quantity":3,"price":"0.3333","price_per":1,"amount":"1.00"}],"paid":"1","payments":[{"provider":"stripe","id":"pi_1","amount":1}],
		"refunds":[{"id":"r","amount":1}],"buyer":{"company":"Example GmbH","email":"ada@example.com"}}`
	f.Add("", []byte(`{"type":"orders.updated","timestamp":"2026-03-01T12:00:00Z","data":{"orders":[`+order+`,null,`+order+`,{"order_id":"ada@example.com"}]}}`), []byte{})
	f.Add("", []byte(`{"type":"order.placed","timestamp":"2026-03-01T12:00:00Z","data":`+order+`}`), []byte{4, 0, 9, 31, 0, 0, 20, 0})
	read(f, b2b.New(), "")
}

func FuzzSandbox(f *testing.F) {
	const scan = `{"type":"tracking.updated","timestamp":"2026-03-01T12:00:00Z","data":{"tracking_number":"SB1","reference":"1/1","scan_id":"SB1-2","status":"in_transit","code":"PU",
		"location":"Berlin","occurred_at":"2026-03-01T11:59:00Z"}}`
	for _, status := range []string{"in_transit", "out_for_delivery", "delivered", "exception", "lost", "returned", "teleported"} {
		f.Add("", []byte(strings.Replace(scan, "in_transit", status, 1)), []byte{})
	}
	f.Add("", []byte(scan), []byte{0, 0, 5, 0, 0, 0, 3, 0})
	read(f, sandbox.New(), "")
}

// standardSecret and other sign nothing outside of these tests.
var (
	standardSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("fuzzed: sixteen and ten more"))
	otherStandard  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("another: sixteen and ten more"))
)

// signatures are the headers that signatures stand in.
var signatures = map[string]string{
	"stripe": "Stripe-Signature", "shopify": "X-Shopify-Hmac-Sha256", "woocommerce": "X-WC-Webhook-Signature", "checkout": "Webhook-Signature", "sandbox": "Webhook-Signature", "b2b": "Webhook-Signature",
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// What a source signs it verifies; with any byte of body or signature changed, by another secret or at another time it
// does not.
func FuzzSigned(f *testing.F) {
	signing := slices.DeleteFunc(ingress.Sources(), func(s source.Source) bool { return signatures[s.Name()] == "" })
	require.Len(f, signing, len(signatures))
	for n := range signing {
		for _, secret := range []string{standardSecret, "hush", "a&amp;b&lt;&#060;", "whsec_"} {
			f.Add(n, secret, "", "", []byte(`{"id":1}`), uint(9), uint(3))
		}
		f.Add(n, standardSecret, "orders/create", "msg_1", []byte{}, uint(0), uint(63))
		f.Add(n, standardSecret, "\x00", "\xff", []byte("\x00"), uint(46), uint(0))
	}
	f.Fuzz(func(t *testing.T, n int, secret, topic, id string, body []byte, where, which uint) {
		s := signing[uint(n)%uint(len(signing))]
		if s.CheckSecret(secret) != nil || strings.HasPrefix(secret, "whpk_") { // which only verifies
			return
		}
		h, err := s.Sign(body, source.Signing{Secret: secret, At: now, Topic: topic, ID: id})
		require.NoError(t, err)
		_, timed := map[string]bool{"stripe": true, "checkout": true, "sandbox": true, "b2b": true}[s.Name()]
		ours := source.Account{Secrets: []string{secret}}
		r := source.Request{Header: h, Body: body, ReceivedAt: now}
		if timed && s.Name() != "stripe" && id != "" && (!source.IsName(id) || strings.TrimSpace(id) == "" || source.Clean(id, len(id)) != id) {
			requireRefused(t, s.Verify(r, ours))
			return
		}
		require.NoError(t, s.Verify(r, ours))
		require.NoError(t, s.Verify(r, source.Account{Secrets: []string{otherStandard, "", secret}}))
		requireRefused(t, s.Verify(r, source.Account{}))

		changed := r
		changed.Body = flipped(body, where)
		requireRefused(t, s.Verify(changed, ours))
		reason := why(t, s.Verify(changed, ours))
		require.Equal(t, source.BadSignature, reason.Code)
		if strings.TrimRight(secret, "\x00") != otherStandard { // an HMAC's key has no end: zeros behind it are none
			require.Equal(t, reason, why(t, s.Verify(r, source.Account{Secrets: []string{otherStandard}})), "the reason depends on the secret")
		}
		if forged, ok := respelled(h, signatures[s.Name()], where, which); ok {
			changed = r
			changed.Header = forged
			requireRefused(t, s.Verify(changed, ours))
		}
		for _, late := range []time.Duration{source.Tolerance + time.Second, -source.Tolerance - time.Second} {
			changed = r
			changed.ReceivedAt = now.Add(late)
			if err := s.Verify(changed, ours); timed {
				requireRefused(t, err)
			} else {
				require.NoError(t, err)
			}
		}
	})
}

func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.NotEmpty(t, why(t, err).Detail)
}

func why(t *testing.T, err error) *source.Refused {
	t.Helper()
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	return refused
}

// flipped is a body with one bit turned; one that is empty gets a byte.
func flipped(body []byte, where uint) []byte {
	if len(body) == 0 {
		return []byte{byte(where)}
	}
	out := append([]byte{}, body...)
	out[where/8%uint(len(out))] ^= 1 << (where % 8)
	return out
}

// respelled is the signature with another character in one place. Hexadecimal digits in another case are the same.
func respelled(h http.Header, name string, where, which uint) (http.Header, bool) {
	value := []byte(h.Get(name))
	at := where % uint(len(value))
	c := alphabet[which%uint(len(alphabet))]
	if strings.EqualFold(string(value[at]), string(c)) && name == signatures["stripe"] || value[at] == c {
		return nil, false
	}
	value[at] = c
	out := h.Clone()
	out.Set(name, string(value))
	return out, true
}
