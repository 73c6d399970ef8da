package woocommerce_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

func TestDeliveriesBecomeFacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, topic string
		want        []string
	}{
		{"order_created.json", "order.created", []string{ // prices with 19 % in them: 9.99, as the customer saw it
			`order woocommerce/default/7301 #WC-7301`,
			`  501 3 × MUG-BLUE "Tasse – „blau“ 😀" at EUR 999 − 600, tax 383, us`,
			`  502 1 × PLATE "Teller" at EUR 4000 − 0, tax 639, us`,
			`  505 1 ×  "Geschenkverpackung" at EUR 215 − 0, tax 35, nobody`,
			`  total EUR 7102: goods 6997 − 600, shipping 490, tax 1135 included true`,
			`captured woocommerce/default/7301 EUR 7102 [stripe:ch_3WOO stripe:pi_3WOO] movement  by stripe`,
		}},
		{"order_updated_refund.json", "order.updated", []string{ // three for 25.00 do not divide; store credit is a fee below zero
			`order woocommerce/default/7302 #7302`,
			`  601 3 × POSTER "Poster" at USD 834 − 2, tax 206, us`,
			`  602 1 ×  "Download" at USD 1000 − 0, tax 82, nobody`,
			`  603 1 ×  "Store credit" at USD 0 − 500, tax -41, nobody`,
			`  total USD 3247: goods 3500 − 500, shipping 0, tax 247 included false`,
			`claim woocommerce/default/7302 USD 3247 by paypal`,
			`refund settled woocommerce/default/7302 USD 1082 [] id woocommerce:refund:701: damaged`,
			`refund settled woocommerce/default/7302 USD 100 [] id woocommerce:refund:702: `,
		}},
		{"order_created_jpy.json", "order.created", []string{ // a bank transfer that is waited for
			`order woocommerce/default/7303 #7303`,
			`  801 3 × TEA "煎茶" at JPY 1100 − 0, tax 300, us`,
			`  total JPY 3850: goods 3300 − 0, shipping 550, tax 350 included true`,
		}},
		{"order_created_kwd.json", "order.created", []string{ // a fourth decimal that is zero
			`order woocommerce/default/7304 #7304`,
			`  901 5 × DATES "Dates" at KWD 2750 − 1375, tax 0, us`,
			`  total KWD 13875: goods 13750 − 1375, shipping 1500, tax 0 included false`,
		}},
		{"order_updated_cancelled.json", "order.updated", []string{
			`order woocommerce/default/7305 #7305`,
			`  911 1 × PEN "Pen" at USD 500 − 0, tax 0, us`,
			`  total USD 500: goods 500 − 0, shipping 0, tax 0 included false`,
			`cancelled woocommerce/default/7305: cancelled`,
		}},
		{"product_updated.json", "product.updated", []string{`stock MUG-BLUE woocommerce:default: 17 left`}},
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
			assert.Equal(t, c.want, story(woocommerce.New().Read(r, account())))
		})
	}
}

func TestAnOrderCarriesItsPersonAndTimes(t *testing.T) {
	t.Parallel()
	reading := deliver(t, "order.created", fixture(t, "order_created.json"))
	f := reading.Facts[0]
	d, p := f.GetOrderDescribed(), f.GetOrderDescribed().GetPerson()
	assert.Equal(t, time.Date(2026, 11, 20, 9, 15, 30, 0, time.UTC), d.GetPlacedAt().AsTime())
	assert.Equal(t, time.Date(2026, 11, 20, 9, 15, 41, 0, time.UTC), d.GetUpdatedAt().AsTime())
	assert.Equal(t, time.Date(2026, 11, 20, 9, 15, 40, 0, time.UTC), reading.Facts[1].GetOccurredAt().AsTime())
	assert.Equal(t, []string{"zoe@example.com", "+49 221 1", "Zoë O'Hara", "203.0.113.9", "42"},
		[]string{p.GetEmail(), p.GetPhone(), p.GetName(), p.GetIp(), p.GetCustomerId()})
	assert.Equal(t, []string{"Müller & Söhne", "Straße 1", "50667", "Köln", "DE-NW", "DE"},
		[]string{p.GetBilling().GetCompany(), p.GetBilling().GetLine1(), p.GetBilling().GetPostalCode(), p.GetBilling().GetCity(), p.GetBilling().GetRegion(), p.GetBilling().GetCountry()})
	assert.Equal(t, "Köln", p.GetShipping().GetCity())
	virtual := deliver(t, "order.created", fixture(t, "order_created_jpy.json")).Facts[0].GetOrderDescribed().GetPerson()
	assert.Nil(t, virtual.GetShipping(), "an address of empty fields is none")
}

func TestOrdersThatAreOdd(t *testing.T) {
	t.Parallel()
	order := func(rest string) string {
		return `{"id":1,"number":"5","currency":"USD","date_modified_gmt":"2026-11-25T10:00:00","total":"10.00","line_items":[{"id":2,"sku":"A","name":"A","quantity":1,"subtotal":"10.00","total":"10.00"}],` + rest + `}`
	}
	described := []string{`order woocommerce/default/1 #5`, `  2 1 × A "A" at USD 1000 − 0, tax 0, us`, `  total USD 1000: goods 1000 − 0, shipping 0, tax 0 included false`}
	and := func(more ...string) []string { return append(append([]string{}, described...), more...) }
	const claim = "claim woocommerce/default/1 USD 1000 by "
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"waits for its payment", order(`"status":"pending","payment_method":"paypal"`), described},
		{"processing: paid", order(`"status":"processing","payment_method":"paypal"`), and(claim + "paypal")},
		{"processing, to be paid at the door", order(`"status":"processing","payment_method":"cod"`), described},
		{"paid at the door", order(`"status":"completed","payment_method":"cod","date_paid_gmt":"2026-11-25T10:00:00"`), and(claim + "cod")},
		{"a transfer that came", order(`"status":"processing","payment_method":"bacs","date_paid_gmt":"2026-11-25T10:00:00"`), and(claim + "bacs")},
		{"another gateway's transaction is no name", order(`"status":"processing","payment_method":"paypal","transaction_id":"ch_1","date_paid_gmt":"2026-11-25T10:00:00"`), and(claim + "paypal")},
		{"failed, under a name", order(`"status":"failed","payment_method":"stripe_cc","transaction_id":"pi_1"`), and("failed woocommerce/default/1 USD 1000 [stripe:pi_1] movement  by stripe")},
		{"failed, without one", order(`"status":"failed","payment_method":"paypal"`), described},
		{"authorised only", order(`"status":"on-hold","payment_method":"stripe","transaction_id":"ch_1","meta_data":[{"key":"_stripe_charge_captured","value":"no"}]`), and("authorized woocommerce/default/1 USD 1000 [stripe:ch_1] movement  by stripe")},
		{"refunded as a whole, by whatever way", order(`"status":"refunded","payment_method":"paypal","date_paid_gmt":"2026-11-25T10:00:00"`), and(claim+"paypal", "refund settled woocommerce/default/1 USD 1000 [] id : ")},
		{"refunded in one refund", order(`"status":"refunded","refunds":[{"id":8,"reason":"","total":"-10.00"}]`), and("refund settled woocommerce/default/1 USD 1000 [] id woocommerce:refund:8: ")},
		{"in the trash", order(`"status":"trash"`), and("cancelled woocommerce/default/1: trash")},
		{"a status of a plugin", order(`"status":"awaiting-pickup"`), described},
		{"a cart that nobody sent off", order(`"status":"checkout-draft"`), []string{}},
		{"PHP's empty arrays", order(`"status":"pending","billing":[],"shipping":[],"fee_lines":[],"refunds":[],"meta_data":[]`), described},
		{"a discount that was edited by hand", order(`"status":"pending","discount_total":"4.00"`), described},
		{"finer than a cent", `{"id":1,"currency":"USD","total":"10.005","line_items":[]}`, []string{"quarantine bad_value: total is an amount that cannot be read: finer than the currency's smallest unit"}},
		{"a fine line", `{"id":1,"currency":"USD","total":"10.00","line_items":[{"quantity":1,"subtotal":"10.001","total":"10.00"}]}`, []string{"quarantine bad_value: line_items[0].subtotal is an amount that cannot be read: finer than the currency's smallest unit"}},
		{"half a mug", `{"id":1,"currency":"USD","total":"10.00","line_items":[{"quantity":0.5,"total":"10.00"}]}`, []string{"quarantine bad_value: line_items[0].quantity is not a whole number"}},
		{"a price is all there is", `{"id":1,"currency":"USD","total":"7.50","line_items":[{"sku":"A","quantity":3,"price":2.5}]}`,
			[]string{`order woocommerce/default/1 #1`, `  1 3 × A "" at USD 250 − 0, tax 0, us`, `  total USD 750: goods 750 − 0, shipping 0, tax 0 included false`}},
		{"raised by hand", `{"id":1,"currency":"USD","total":"12.00","line_items":[{"sku":"A","quantity":1,"subtotal":"10.00","total":"12.00"}]}`,
			[]string{`order woocommerce/default/1 #1`, `  1 1 × A "" at USD 1200 − 0, tax 0, us`, `  total USD 1200: goods 1000 − 0, shipping 0, tax 0 included false`}},
		{"shipped, and no SKU anywhere", `{"id":1,"currency":"USD","total":"1.00","line_items":[{"quantity":1,"total":"1.00"}],"shipping_lines":[{"id":1}]}`,
			[]string{`order woocommerce/default/1 #1`, `  1 1 ×  "" at USD 100 − 0, tax 0, us`, `  total USD 100: goods 100 − 0, shipping 0, tax 0 included false`}},
		{"no currency, but cancelled", `{"id":1,"status":"cancelled","line_items":[]}`, []string{"cancelled woocommerce/default/1: cancelled", "quarantine missing_field: currency is missing"}},
		{"no id", `{"currency":"USD"}`, []string{"quarantine missing_field: id is missing"}},
		{"no lines", `{"id":1,"currency":"USD","total":"1.00"}`, []string{"quarantine missing_field: line_items is missing"}},
		{"a time that is none", order(`"status":"pending","date_modified_gmt":"yesterday"`), []string{"quarantine bad_value: date_modified_gmt is no time"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reading := deliver(t, "order.updated", []byte(c.body))
			assert.Equal(t, c.want, story(reading))
			for _, f := range reading.Facts {
				if d := f.GetOrderDescribed(); d != nil {
					assert.NoError(t, addsUp(d))
				}
			}
		})
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"a variation":                     {`{"id":10,"parent_id":9,"type":"variation","sku":"MUG-R","manage_stock":true,"stock_quantity":-2}`, "stock MUG-R woocommerce:default: -2 left"},
		"counted by its parent":           {`{"id":10,"parent_id":9,"sku":"MUG-R","manage_stock":"parent","stock_quantity":5}`, ""},
		"not counted":                     {`{"id":10,"sku":"MUG","manage_stock":false,"stock_quantity":null}`, ""},
		"no SKU that an order could name": {`{"id":10,"sku":"","manage_stock":true,"stock_quantity":5}`, ""},
		"half of one":                     {`{"id":10,"sku":"MUG","manage_stock":true,"stock_quantity":0.5}`, "quarantine bad_value: stock_quantity is not a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{c.want}
			if c.want == "" {
				want = []string{}
			}
			assert.Equal(t, want, story(deliver(t, "product.restored", []byte(c.body))))
		})
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"cancelled woocommerce/default/7301: deleted"}, story(deliver(t, "order.deleted", []byte(`{"id":7301}`))))
	whole := fixture(t, "order_created.json")
	assert.Equal(t, story(deliver(t, "order.created", whole)), story(deliver(t, "order.deleted", whole)), "a topic is not signed")
	for topic, reason := range map[string]string{
		"product.deleted": "", "product.restored": "", "customer.updated": "", "coupon.created": "", "product.updated": "",
		"action.woocommerce_add_to_cart": source.UnknownTopic, "order.teleported": source.UnknownTopic,
	} {
		reading := deliver(t, topic, []byte(`{"id":1}`))
		assert.Empty(t, reading.Facts, topic)
		assert.Equal(t, reason, reading.Quarantine.GetReason(), topic)
	}
	for body, reason := range map[string]string{"": source.NotJSON, "{": source.NotJSON, `"x"`: source.BadValue, "[]": source.BadValue, "{}": source.MissingField} {
		assert.Equal(t, reason, deliver(t, "order.updated", []byte(body)).Quarantine.GetReason(), body)
	}
	unnamed := woocommerce.New().Read(source.Request{Body: []byte(`{"id":1}`), ReceivedAt: now()}, account())
	assert.Equal(t, source.UnknownTopic, unnamed.Quarantine.GetReason())
}

// Their delivery ids are made of the second; ours of what is told.
func TestADeliveryIsKnownAgain(t *testing.T) {
	t.Parallel()
	id := func(body string) string { return deliver(t, "order.updated", []byte(body)).DeliveryID }
	a := id(`{"id":1,"date_modified_gmt":"2026-11-25T10:00:00","status":"pending"}`)
	assert.Equal(t, a, deliver(t, "order.created", []byte(`{"id":1,"date_modified_gmt":"2026-11-25T10:00:00","status":"pending"}`)).DeliveryID)
	assert.NotEqual(t, a, id(`{"id":1,"date_modified_gmt":"2026-11-25T10:00:00","status":"failed"}`))
	assert.Contains(t, a, "order:1:2026-11-25T10:00:00:sha256:")
	for _, h := range deliver(t, "order.updated", []byte("{}")).Headers {
		assert.NotContains(t, h.GetName(), "Signature", "a signature is never kept")
	}
}

func TestThePingIsGreeted(t *testing.T) {
	t.Parallel()
	greeter, ok := woocommerce.New().(source.Greeter)
	require.True(t, ok)
	signed := map[string][]string{"X-Wc-Webhook-Signature": {"x"}}
	assert.True(t, greeter.Greets(source.Request{Body: []byte("webhook_id=12")}))
	for _, r := range []source.Request{
		{Body: []byte("webhook_id=")}, {Body: []byte("webhook_id=1&x=2")}, {Body: []byte("webhook_id=1\n{}")}, {Body: []byte(`{"id":1}`)},
		{}, {Body: []byte("webhook_id=12"), Header: signed},
	} {
		assert.False(t, greeter.Greets(r), "%q", r.Body)
	}
}
