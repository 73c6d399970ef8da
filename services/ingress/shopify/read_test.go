package shopify_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const refundOf29 = "refund settled shopify/default/450789469 USD 2916 [shopify:tx:9007199254740995 shopify:tx:9007199254740993 stripe:pi_3ABC stripe:ch_3ABC] id shopify:tx:9007199254740995: "

func TestDeliveriesBecomeFacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, topic string
		want        []string
	}{
		{"orders_create.json", "orders/create", []string{
			`order shopify/default/6131234567890123456 #1001`,
			`  15430987654321098765 2 × MUG-BLUE "Tasse „Grüße“ 😀 - blau" at EUR 1999 − 1338, tax 425, us`,
			`  15430987654321098766 1 × GIFT-25 "Gutschein" at EUR 2500 − 0, tax 0, nobody`,
			`  15430987654321098767 1 × COFFEE-1 "Kaffee 1 kg" at EUR 1500 − 0, tax 159, channel`,
			`  total EUR 7150: goods 6660 − 1338, shipping 490, tax 662 included true`,
		}},
		{"orders_paid_jpy.json", "orders/paid", []string{
			`order shopify/default/6131234567890123457 #1002`,
			`  101 3 × TEA "煎茶" at JPY 1100 − 0, tax 300, us`,
			`  total JPY 3850: goods 3300 − 0, shipping 550, tax 350 included true`,
			`claim shopify/default/6131234567890123457 JPY 3850 by komoju`,
		}},
		{"orders_create_kwd.json", "orders/updated", []string{
			`order shopify/default/6131234567890123458 #7`,
			`  1 5 × DATES "Dates" at KWD 2750 − 1375, tax 619, us`,
			`  tip 1 ×  "Tip" at KWD 900 − 0, tax 0, nobody`,
			`  total KWD 15394: goods 12375 − 1375, shipping 1500, tax 619 included false`,
			`claim shopify/default/6131234567890123458 KWD 10000 by shopify`,
		}},
		{"orders_updated_refund.json", "orders/updated", []string{ // a shirt and the cap were sent back and restocked
			`order shopify/default/450789469 #1003`,
			`  11 2 × SHIRT-M "Shirt - M" at USD 2000 − 400, tax 288, us`,
			`  12 0 × CAP "Cap" at USD 1000 − 0, tax 0, us`,
			`  total USD 4388: goods 3600 − 400, shipping 500, tax 288 included false`,
			`claim shopify/default/450789469 USD 7304 by stripe`,
			refundOf29 + "did not fit",
		}},
		{"orders_cancelled.json", "orders/cancelled", []string{
			`order shopify/default/450789470 #1004`,
			`  31 0 × BOOK "Book" at GBP 1500 − 0, tax 0, us`,
			`  total GBP 0: goods 0 − 0, shipping 0, tax 0 included true`,
			`cancelled shopify/default/450789470: customer`,
		}},
		{"orders_create_presentment.json", "orders/create", []string{ // the shop counts in USD, the customer pays in EUR
			`order shopify/default/450789471 #1005`,
			`  51 2 × LAMP "Lampe" at EUR 4500 − 0, tax 1500, us`,
			`  total EUR 10000: goods 9000 − 0, shipping 1000, tax 1667 included true`,
			`claim shopify/default/450789471 EUR 10000 by shopify_payments`,
		}},
		{"order_transactions_sale.json", "order_transactions/create", []string{
			`captured shopify/default/450789469 USD 7304 [shopify:tx:9007199254740993 stripe:pi_3ABC stripe:ch_3ABC] movement shopify:tx:9007199254740993 by shopify_payments`,
		}},
		{"order_transactions_refund.json", "order_transactions/create", []string{refundOf29}},
		{"refunds_create.json", "refunds/create", []string{refundOf29 + "did not fit"}},
		{"fulfillments_update.json", "fulfillments/update", []string{ // the shop's own, in two parcels, of which Shopify has heard
			`shipment created shopify/default/6131234567890123456 shopify:fulfillment:4567890123456789012 by dhl [JJD0001 JJD0002] 15430987654321098765:MUG-BLUE:1 15430987654321098767:COFFEE-1:1`,
			`scan outfordelivery shopify/default/6131234567890123456 dhl JJD0001`,
			`scan outfordelivery shopify/default/6131234567890123456 dhl JJD0002`,
		}},
		{"inventory_levels_update.json", "inventory_levels/update", []string{
			`stock [item:shopify:default:271878346596884015] shopify:655441491: 6 left`,
		}},
		{"products_update.json", "products/update", []string{
			`product MUG-BLUE "Tasse „Grüße“ 😀 - blau" [item:shopify:default:271878346596884015]`,
			`product MUG-RED "Tasse „Grüße“ 😀 - rot" [item:shopify:default:271878346596884016]`,
		}},
		{"disputes_create.json", "disputes/create", []string{
			`dispute opened shopify/default/450789469 USD 7304 shopify:dispute:285332461850802050: fraudulent`,
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			reading := deliver(t, c.topic, fixture(t, c.file))
			assert.Equal(t, c.want, story(reading))
			for _, f := range reading.Facts {
				if d := f.GetOrderDescribed(); d != nil {
					assert.NoError(t, addsUp(d))
				}
			}
			// Without its topic's header a body is known by what is in it.
			r := source.Request{Body: fixture(t, c.file), ReceivedAt: now()}
			assert.Equal(t, c.want, story(shopify.New().Read(r, account())))
		})
	}
}

func TestAnOrderCarriesItsPersonAndTimes(t *testing.T) {
	t.Parallel()
	reading := deliver(t, "orders/create", fixture(t, "orders_create.json"))
	require.Len(t, reading.Facts, 1)
	f := reading.Facts[0]
	d, p := f.GetOrderDescribed(), f.GetOrderDescribed().GetPerson()
	assert.Equal(t, "2026-11-20T09:15:30Z", d.GetPlacedAt().AsTime().Format("2006-01-02T15:04:05Z07:00"))
	assert.Equal(t, "2026-11-20T09:15:31Z", d.GetUpdatedAt().AsTime().Format("2006-01-02T15:04:05Z07:00"))
	assert.Equal(t, d.GetUpdatedAt().AsTime(), f.GetOccurredAt().AsTime())
	assert.Equal(t, []string{"zoe@example.com", "+49 30 1234", "Zoë Müller", "203.0.113.7", "7890123456789012345"},
		[]string{p.GetEmail(), p.GetPhone(), p.GetName(), p.GetIp(), p.GetCustomerId()})
	a := p.GetShipping()
	assert.Equal(t, []string{"Zoë Müller", "Büro ☕", "Straße des 17. Juni 1", "Hof 2", "10623", "Berlin", "DE"},
		[]string{a.GetName(), a.GetCompany(), a.GetLine1(), a.GetLine2(), a.GetPostalCode(), a.GetCity(), a.GetCountry()})
	assert.False(t, reading.Test)
	assert.Equal(t, "orders/create", reading.Topic)
	for _, h := range reading.Headers {
		assert.NotContains(t, h.GetName(), "Hmac", "a signature is never kept")
	}
}

func TestTransactionsAndDisputes(t *testing.T) {
	t.Parallel()
	const tx = "order_transactions/create"
	for _, c := range []struct{ name, topic, body, want string }{
		{"authorised", tx, `{"id":1,"order_id":9,"kind":"authorization","status":"success","gateway":"shopify_payments","amount":"10.00","currency":"USD","authorization":"ch_1"}`,
			"authorized shopify/default/9 USD 1000 [shopify:tx:1 stripe:ch_1] movement shopify:tx:1 by shopify_payments"},
		{"one capture of two", tx, `{"id":2,"order_id":9,"parent_id":1,"kind":"capture","status":"success","gateway":"shopify_payments","amount":"4.00","currency":"USD"}`,
			"captured shopify/default/9 USD 400 [shopify:tx:2 shopify:tx:1] movement shopify:tx:2 by shopify_payments"},
		{"the other", tx, `{"id":3,"order_id":9,"parent_id":1,"kind":"capture","status":"success","gateway":"shopify_payments","amount":"6.00","currency":"USD","receipt":{"id":"ch_1","payment_intent":"pi_1"}}`,
			"captured shopify/default/9 USD 600 [shopify:tx:3 shopify:tx:1 stripe:ch_1 stripe:pi_1] movement shopify:tx:3 by shopify_payments"},
		{"voided", tx, `{"id":4,"order_id":9,"parent_id":1,"kind":"void","status":"success","gateway":"bogus","amount":"10.00","currency":"USD"}`,
			"voided shopify/default/9 USD 1000 [shopify:tx:4 shopify:tx:1] movement shopify:tx:4 by bogus"},
		{"a failed capture leaves its authorisation alone", tx, `{"id":5,"order_id":9,"parent_id":1,"kind":"capture","status":"failure","gateway":"bogus","amount":"10.00","currency":"USD"}`,
			"failed shopify/default/9 USD 1000 [shopify:tx:5] movement shopify:tx:5 by bogus"},
		{"a gift card is a payment", tx, `{"id":6,"order_id":9,"kind":"sale","status":"success","gateway":"gift_card","amount":"25","currency":"USD","receipt":{"gift_card_id":1}}`,
			"captured shopify/default/9 USD 2500 [shopify:tx:6] movement shopify:tx:6 by gift_card"},
		{"names of Stripe count from its gateways only", tx, `{"id":7,"order_id":9,"kind":"sale","status":"success","gateway":"other","amount":"1","currency":"USD","authorization":"ch_7"}`,
			"captured shopify/default/9 USD 100 [shopify:tx:7] movement shopify:tx:7 by other"},
		{"a receipt may be anything", tx, `{"id":8,"order_id":9,"kind":"sale","status":"success","gateway":"Stripe EU","amount":"1","currency":"USD","receipt":"pi_8","payment_id":"pi_8b"}`,
			"captured shopify/default/9 USD 100 [shopify:tx:8 stripe:pi_8b] movement shopify:tx:8 by Stripe EU"},
		{"pending money is none yet", tx, `{"id":9,"order_id":9,"kind":"sale","status":"pending","gateway":"bank","amount":"1","currency":"USD"}`, ""},
		{"a pending refund", tx, `{"id":10,"order_id":9,"parent_id":2,"kind":"refund","status":"pending","gateway":"bogus","amount":"1.50","currency":"USD"}`,
			"refund pending shopify/default/9 USD 150 [shopify:tx:10 shopify:tx:2] id shopify:tx:10: "},
		{"a failed refund", tx, `{"id":10,"order_id":9,"parent_id":2,"kind":"refund","status":"failure","gateway":"bogus","amount":"1.50","currency":"USD"}`,
			"refund failed shopify/default/9 USD 150 [shopify:tx:10 shopify:tx:2] id shopify:tx:10: "},
		{"no order", tx, `{"id":1,"order_id":null,"kind":"sale","status":"success","gateway":"bogus","amount":"1","currency":"USD"}`, "quarantine no_reference: order_id is missing"},
		{"too fine", tx, `{"id":1,"order_id":9,"kind":"sale","status":"success","gateway":"bogus","amount":"1.005","currency":"USD"}`,
			"quarantine bad_value: amount is an amount that cannot be read: finer than the currency's smallest unit"},
		{"an id that is a float", tx, `{"id":1e18,"order_id":9,"kind":"sale","status":"success","gateway":"bogus","amount":"1","currency":"USD"}`,
			"quarantine bad_value: id is not an id: a whole number above zero"},
		{"an inquiry", "disputes/create", `{"id":1,"order_id":9,"type":"inquiry","status":"needs_response","amount":"5","currency":"EUR"}`, "dispute warning shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"an inquiry moves no money", "disputes/update", `{"id":1,"order_id":9,"type":"inquiry","status":"accepted","amount":"5","currency":"EUR"}`, "dispute warning shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"under review", "disputes/update", `{"id":1,"order_id":9,"type":"chargeback","status":"under_review","amount":"5","currency":"EUR"}`, "dispute opened shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"won", "disputes/update", `{"id":1,"order_id":9,"type":"chargeback","status":"won","amount":"5","currency":"EUR"}`, "dispute won shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"lost", "disputes/update", `{"id":1,"order_id":9,"type":"chargeback","status":"lost","amount":"5","currency":"EUR"}`, "dispute lost shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"accepted", "disputes/update", `{"id":1,"order_id":9,"type":"chargeback","status":"accepted","amount":"5","currency":"EUR"}`, "dispute lost shopify/default/9 EUR 500 shopify:dispute:1: "},
		{"refunded instead", "disputes/update", `{"id":1,"order_id":9,"type":"chargeback","status":"charge_refunded","amount":"5","currency":"EUR"}`, "dispute won shopify/default/9 EUR 500 shopify:dispute:1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := []string{c.want}
			if c.want == "" {
				want = []string{}
			}
			assert.Equal(t, want, story(deliver(t, c.topic, []byte(c.body))))
		})
	}
}

func TestTheTopicIsNotBelieved(t *testing.T) {
	t.Parallel()
	body := fixture(t, "orders_create.json")
	want := story(deliver(t, "orders/create", body))
	for _, topic := range []string{"orders/cancelled", "orders/delete", "orders/paid", "orders/fulfilled"} {
		assert.Equal(t, want, story(deliver(t, topic, body)), topic)
	}
	assert.Equal(t, []string{"cancelled shopify/default/820982911946154508: deleted"}, story(deliver(t, "orders/delete", []byte(`{"id":820982911946154508}`))))
}

func TestWhatIsNoNewsOfAnOrder(t *testing.T) {
	t.Parallel()
	for topic, reason := range map[string]string{
		"orders/edited": "", "fulfillment_events/create": "", "products/delete": "", "products/update": "", "inventory_items/delete": "", "inventory_items/update": "",
		"returns/request": "", "customers/create": "", "draft_orders/create": "", "fulfillments/create": source.NoReference, "inventory_levels/update": source.MissingField,
		"customers/redact": source.UnknownTopic, "shop/redact": source.UnknownTopic, "customers/data_request": source.UnknownTopic,
		"app/uninstalled": source.UnknownTopic, "orders/teleported": source.UnknownTopic, "nonsense": source.UnknownTopic,
	} {
		reading := deliver(t, topic, []byte(`{"order_edit":{"order_id":1}}`))
		assert.Empty(t, reading.Facts, topic)
		assert.Equal(t, reason, reading.Quarantine.GetReason(), topic)
	}
	for body, reason := range map[string]string{"": source.NotJSON, "{": source.NotJSON, `"x"`: source.BadValue, "[]": source.BadValue, "{}": source.MissingField, "null": source.MissingField} {
		assert.Equal(t, reason, deliver(t, "orders/create", []byte(body)).Quarantine.GetReason(), body)
	}
	unnamed := shopify.New().Read(source.Request{Body: []byte(`{"id":1}`), ReceivedAt: now()}, account())
	assert.Equal(t, source.UnknownTopic, unnamed.Quarantine.GetReason())
}

// what changes in an order, and what is told of it then.
func TestOrdersThatAreOdd(t *testing.T) {
	t.Parallel()
	order := func(head, line string) string {
		return `{"id":1,"order_number":5,"currency":"USD","created_at":"2026-11-25T10:00:00Z","updated_at":"2026-11-25T10:00:00Z",` + head +
			`"line_items":[{"id":2,"sku":"A","title":"A","price":"10.00",` + line + `}]}`
	}
	const ok = "order shopify/default/1 #5"
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"what an old API version leaves out", order(`"total_price":"20.00",`, `"quantity":2`),
			[]string{ok, `  2 2 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 2000: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"removed by a refund, current quantity not told", order(`"total_price":"20.00","current_total_price":"10.00","refunds":[{"refund_line_items":[{"line_item_id":2,"quantity":1}]}],`, `"quantity":2`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"sold and handed over at the till", order(`"total_price":"10.00","fulfillments":[{"id":7,"status":"success","created_at":"2026-11-25T10:00:02Z","line_items":[{"id":2,"sku":"A","quantity":1}]}],`, `"quantity":1,"fulfillment_status":"fulfilled"`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, channel`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`, `shipment created shopify/default/1 shopify:fulfillment:7 by  [] 2:A:1`}},
		{"marked as fulfilled later, as when our parcel left", order(`"total_price":"10.00","fulfillments":[{"id":7,"status":"success","created_at":"2026-11-25T11:00:00Z","tracking_company":"UPS","tracking_number":"1z 7","line_items":[{"id":2,"sku":"A","quantity":1}]}],`, `"quantity":1,"fulfillment_status":"fulfilled"`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`, `shipment created shopify/default/1 shopify:fulfillment:7 by ups [1Z7] 2:A:1`}},
		{"a fulfillment that cannot be read", order(`"total_price":"10.00","fulfillments":[{"id":7,"status":"success","line_items":[{"id":2}]}],`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`, "quarantine bad_value: fulfillments[0].line_items[0].quantity is not a whole number"}},
		{"a tip that is a line of its own", order(`"total_price":"10.00","total_tip_received":"10.00",`, `"quantity":1,"requires_shipping":false,"tip_payment_gateway":"shopify_payments"`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, nobody`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"duties", order(`"total_price":"13.00","current_total_duties_set":{"shop_money":{"amount":"3.00","currency_code":"USD"}},`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  duties 1 ×  "Duties" at USD 300 − 0, tax 0, nobody`, `  total USD 1300: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"goodwill that lowers the total", order(`"total_price":"10.00","current_total_price":"8.00","refunds":[{"order_adjustments":[{"kind":"refund_discrepancy","amount":"-2.00","tax_amount":"0.00"}]}],`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  refund_discrepancy 1 ×  "Refund adjustment" at USD 0 − 200, tax 0, nobody`, `  total USD 800: goods 0 − 200, shipping 0, tax 0 included false`}},
		{"goodwill that does not", order(`"total_price":"10.00","current_total_price":"10.00","refunds":[{"order_adjustments":[{"kind":"refund_discrepancy","amount":"-2.00","tax_amount":"0.00"}]}],`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"a discount told twice", order(`"total_price":"7.00","total_discounts":"3.00",`, `"quantity":1,"total_discount":"3.00","discount_allocations":[{"amount":"3.00"}]`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 300, tax 0, us`, `  total USD 700: goods 0 − 300, shipping 0, tax 0 included false`}},
		{"a discount of the order alone", order(`"total_price":"7.00","total_discounts":"3.00",`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 700: goods 0 − 300, shipping 0, tax 0 included false`}},
		{"free shipping by a code", order(`"total_price":"10.00","total_discounts":"5.00","shipping_lines":[{"price":"5.00","discounted_price":"0.00"}],`, `"quantity":1`),
			[]string{ok, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 500, shipping 500, tax 0 included false`}},
		{"quantities that cannot be are told as they are", order(`"total_price":"10.00",`, `"quantity":-9223372036854775808`),
			[]string{ok, `  2 -9223372036854775808 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"half a mug", order(`"total_price":"10.00",`, `"quantity":0.5`), []string{"quarantine bad_value: line_items[0].quantity is not a whole number"}},
		{"no total", order(``, `"quantity":1`), []string{"quarantine missing_field: total_price is missing"}},
		{"a price with a letter", order(`"total_price":"1O.00",`, `"quantity":1`), []string{"quarantine bad_value: total_price is an amount that cannot be read: not a decimal number"}},
		{"an unknown currency is told as it is", `{"id":1,"order_number":5,"currency":"QQQ","updated_at":"2026-11-25T10:00:00Z","total_price":"1.00","line_items":[]}`,
			[]string{ok, `  total QQQ 100: goods 0 − 0, shipping 0, tax 0 included false`}},
		{"no currency, but cancelled", `{"id":1,"cancelled_at":"2026-11-25T10:00:00Z","cancel_reason":"fraud","line_items":[]}`,
			[]string{"cancelled shopify/default/1: fraud", "quarantine missing_field: currency is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, story(deliver(t, "orders/updated", []byte(c.body))))
		})
	}
}

func TestTheSameRefundIsOne(t *testing.T) {
	t.Parallel()
	var told []*intakev1.RefundReported
	for topic, file := range map[string]string{
		"orders/updated": "orders_updated_refund.json", "refunds/create": "refunds_create.json", "order_transactions/create": "order_transactions_refund.json",
	} {
		for _, f := range deliver(t, topic, fixture(t, file)).Facts {
			if r := f.GetRefundReported(); r != nil {
				told = append(told, r)
			}
		}
	}
	require.Len(t, told, 3)
	for _, r := range told[1:] {
		assert.Equal(t, told[0].GetRefundId(), r.GetRefundId())
		assert.Equal(t, told[0].GetNames(), r.GetNames())
		assert.Equal(t, told[0].GetAmount().GetMinorUnits(), r.GetAmount().GetMinorUnits())
	}
}

func TestADeliveryIsKnownAgain(t *testing.T) {
	t.Parallel()
	s, body := shopify.New(), fixture(t, "orders_create.json")
	id := func(headers ...string) string {
		r := source.Request{Header: map[string][]string{}, Body: body, ReceivedAt: now()}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.Read(r, account()).DeliveryID
	}
	assert.Equal(t, "e1", id("X-Shopify-Event-Id", "e1", "X-Shopify-Webhook-Id", "w1"))
	assert.Equal(t, "e1", id("Shopify-Event-Id", "e1"))
	assert.Equal(t, "w1", id("Shopify-Webhook-Id", "w1"))
	assert.Equal(t, source.BodyID(body), id())
}

func TestTestOrdersAreTold(t *testing.T) {
	t.Parallel()
	assert.True(t, deliver(t, "orders/create", []byte(`{"id":1,"test":true}`)).Test)
	assert.True(t, deliver(t, "order_transactions/create", []byte(`{"id":1,"test":true}`)).Test)
	assert.True(t, deliver(t, "refunds/create", []byte(`{"id":1,"order_id":2,"transactions":[{"test":true}]}`)).Test)
	assert.False(t, deliver(t, "orders/create", []byte(`{"id":1,"test":false}`)).Test)
}
