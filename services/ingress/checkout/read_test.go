package checkout

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	received = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	told     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func read(body string) source.Reading {
	r := source.Request{Header: http.Header{"Webhook-Id": {"msg_1"}}, Body: []byte(body), ReceivedAt: received}
	return New().Read(r, source.Account{Name: "b2b", Mode: source.Both})
}

// about is a payload of a type with that data.
func about(kind, data string) string {
	return `{"type":"` + kind + `","timestamp":"2026-03-01T12:00:00Z","data":{` + data + `}}`
}

func eur(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "EUR"} }

func same(t *testing.T, want, got proto.Message) {
	t.Helper()
	assert.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)
}

func TestAWholeOrder(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/order_created.json")
	require.NoError(t, err)
	got := read(string(body))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "msg_1", got.DeliveryID)
	assert.Equal(t, "order.created", got.Topic)
	require.Len(t, got.Facts, 1)
	f := got.Facts[0]
	same(t, &typev1.OrderKey{Source: "checkout", Account: "b2b", Id: "820982911946154508"}, f.GetOrder())
	assert.Equal(t, []string{"number:checkout:b2b:820982911946154508"}, f.GetReferences())
	assert.Equal(t, told, f.GetOccurredAt().AsTime())
	us, nobody := typev1.Fulfiller_FULFILLER_US, typev1.Fulfiller_FULFILLER_NOBODY
	same(t, &intakev1.OrderDescribed{
		Number: "820982911946154508", Currency: "EUR",
		Lines: []*typev1.Line{
			{Id: "L1", Sku: "MUG", Title: "Mug", Quantity: 2, UnitPrice: eur(1250), Discount: eur(100), Tax: eur(383), Fulfiller: us},
			{Id: "2", Sku: "GIFT", Quantity: 1, UnitPrice: eur(2000), Fulfiller: nobody},
		},
		Totals: &typev1.Totals{Subtotal: eur(4500), Discount: eur(500), Shipping: eur(490), Tax: eur(640), Total: eur(4490), TaxIncluded: true},
		Person: &typev1.Person{
			Email: "ada@example.com", Phone: "+49 30 123", Name: "Ada Example", CustomerId: "7", Ip: "192.0.2.7",
			Shipping: &typev1.Address{Name: "Ada Example", Company: "Example & Co", Line1: "Main Street 1", PostalCode: "10115", City: "Berlin", Country: "DE"},
			Billing:  &typev1.Address{Line1: "Side Street 2", Line2: "Floor 3", City: "Berlin", Region: "BE", Phone: "1"},
		},
		PlacedAt: source.Time("2026-03-01T11:59:58Z"), UpdatedAt: source.Time("2026-03-01T12:59:59+01:00"),
	}, f.GetOrderDescribed())
}

func TestWhatIsNotToldIsAddedUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want *typev1.Totals
	}{
		"items alone":               {``, &typev1.Totals{Subtotal: eur(2500), Discount: eur(0), Tax: eur(0), Total: eur(2500)}},
		"everything around them":    {`"shipping":4.9,"discount":"5","tax":"1.5",`, &typev1.Totals{Subtotal: eur(2500), Discount: eur(500), Shipping: eur(490), Tax: eur(150), Total: eur(2640)}},
		"tax in the prices":         {`"tax":"4","tax_included":true,`, &typev1.Totals{Subtotal: eur(2500), Discount: eur(0), Tax: eur(400), Total: eur(2500), TaxIncluded: true}},
		"a total that is told":      {`"total":"99.99",`, &typev1.Totals{Subtotal: eur(2500), Discount: eur(0), Tax: eur(0), Total: eur(9999)}},
		"an order that is free":     {`"discount":"25.00","total":0,`, &typev1.Totals{Subtotal: eur(2500), Discount: eur(2500), Tax: eur(0), Total: eur(0)}},
		"a number with an exponent": {`"shipping":49e-1,`, &typev1.Totals{Subtotal: eur(2500), Discount: eur(0), Shipping: eur(490), Tax: eur(0), Total: eur(2990)}},
	} {
		got := read(about("order.updated", `"order_number":"1","currency":"eur",`+c.data+`"items":[{"sku":"MUG","quantity":2,"price":"12.50"}]`))
		require.Nil(t, got.Quarantine, name)
		same(t, c.want, got.Facts[0].GetOrderDescribed().GetTotals())
	}
	got := read(about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","quantity":1,"price":"10","discount":"1","tax":"2"},{"sku":"B","quantity":1,"price":"10"}]`))
	same(t, &typev1.Totals{Subtotal: eur(2000), Discount: eur(100), Tax: eur(200), Total: eur(2100)}, got.Facts[0].GetOrderDescribed().GetTotals())
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		currency, price string
		want            int64
		bad             bool
	}{
		{"JPY", `1500`, 1500, false}, {"JPY", `"1500.00"`, 1500, false}, {"JPY", `0.5`, 0, true}, {"KWD", `"1.234"`, 1234, false}, {"KWD", `1.2345`, 0, true},
		{"ISK", `1500`, 1500, false}, {"EUR", `90071992547409.93`, 9007199254740993, false}, {"EUR", `92233720368547758.08`, 0, true},
		{"XTS", `"1.50"`, 150, false}, {"EUR", `-1.5`, -150, false}, {"EUR", `1e400`, 0, true}, {"EUR", `"1,50"`, 0, true}, {"EUR", `"€1"`, 0, true},
	} {
		got := read(about("order.created", `"order_number":"1","currency":"`+c.currency+`","items":[{"sku":"A","quantity":1,"price":`+c.price+`}]`))
		if c.bad {
			assert.Empty(t, got.Facts, c)
			assert.Equal(t, source.BadValue, got.Quarantine.GetReason(), c)
			assert.Contains(t, got.Quarantine.GetDetail(), "data.items[0].price", c)
			continue
		}
		require.Nil(t, got.Quarantine, c)
		assert.Equal(t, c.want, got.Facts[0].GetOrderDescribed().GetLines()[0].GetUnitPrice().GetMinorUnits(), c)
		assert.Equal(t, c.currency, got.Facts[0].GetOrderDescribed().GetCurrency())
	}
}

func TestTheOtherTypes(t *testing.T) {
	t.Parallel()
	shop := intakev1.Witness_WITNESS_SHOP
	payment := func(step intakev1.PaymentStep) *intakev1.PaymentReported {
		return &intakev1.PaymentReported{Step: step, Amount: eur(1000), Names: []string{"stripe:pi_1"}, Witness: shop, Provider: "stripe"}
	}
	named := `"order_number":"#1","amount":"10.00","currency":"EUR","payment":{"provider":"Stripe","id":"pi_1"}`
	failure := payment(intakev1.PaymentStep_PAYMENT_STEP_FAILED)
	failure.FailureCode = "declined"
	for name, c := range map[string]struct {
		body string
		want proto.Message
		refs []string
	}{
		"cancelled":          {about("order.cancelled", `"order_number":"1","reason":"customer"`), &intakev1.CancellationReported{Reason: "customer"}, []string{"number:checkout:b2b:1"}},
		"paid, a claim":      {about("order.paid", `"order_number":"1","total":"10","currency":"EUR"`), &intakev1.PaidClaimed{Amount: eur(1000)}, []string{"number:checkout:b2b:1"}},
		"paid with a name":   {about("order.paid", named), payment(intakev1.PaymentStep_PAYMENT_STEP_CAPTURED), []string{"number:checkout:b2b:1", "stripe:pi_1"}},
		"authorised":         {about("payment.authorized", named), payment(intakev1.PaymentStep_PAYMENT_STEP_AUTHORIZED), nil},
		"captured":           {about("payment.captured", named), payment(intakev1.PaymentStep_PAYMENT_STEP_CAPTURED), nil},
		"failed":             {about("payment.failed", named+`,"failure_code":"declined"`), failure, nil},
		"voided":             {about("payment.voided", named), payment(intakev1.PaymentStep_PAYMENT_STEP_VOIDED), nil},
		"captured, no order": {about("payment.captured", strings.Replace(named, `"order_number":"#1",`, "", 1)), payment(intakev1.PaymentStep_PAYMENT_STEP_CAPTURED), []string{"stripe:pi_1"}},
		"refunded": {about("refund.created", named+`,"refund":{"id":"re_1","reason":"broken"}`), &intakev1.RefundReported{
			Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Amount: eur(1000), Names: []string{"stripe:pi_1"}, RefundId: "stripe:re_1", Witness: shop, Provider: "stripe", Reason: "broken",
		}, nil},
		"refunded in total, later": {about("refund.created", `"order_number":"1","amount":10,"currency":"EUR","refund":{"status":"pending"}`), &intakev1.RefundReported{
			Step: intakev1.RefundStep_REFUND_STEP_PENDING, Amount: eur(1000), Witness: shop,
		}, nil},
		"disputed": {about("dispute.opened", named+`,"dispute":{"id":"dp_1","reason":"fraud"}`), &intakev1.DisputeReported{
			Step: intakev1.DisputeStep_DISPUTE_STEP_OPENED, Amount: eur(1000), Names: []string{"stripe:pi_1"}, DisputeId: "stripe:dp_1", Provider: "stripe", Reason: "fraud",
		}, nil},
		"won":   {about("dispute.won", `"order_number":"1","amount":10,"currency":"EUR","dispute":{"id":"d"}`), &intakev1.DisputeReported{Step: intakev1.DisputeStep_DISPUTE_STEP_WON, Amount: eur(1000), DisputeId: "checkout:d"}, nil},
		"lost":  {about("dispute.lost", `"order_number":"1","amount":10,"currency":"EUR","dispute":{"id":"d"}`), &intakev1.DisputeReported{Step: intakev1.DisputeStep_DISPUTE_STEP_LOST, Amount: eur(1000), DisputeId: "checkout:d"}, nil},
		"stock": {about("stock.updated", `"sku":"MUG","location":"main","on_hand":-3`), &intakev1.StockReported{Sku: "MUG", Location: "main", OnHand: -3}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(c.body)
			require.Nil(t, got.Quarantine)
			require.Len(t, got.Facts, 1)
			f := got.Facts[0]
			same(t, c.want, f.ProtoReflect().Get(f.ProtoReflect().WhichOneof(f.ProtoReflect().Descriptor().Oneofs().ByName("body"))).Message().Interface())
			assert.Equal(t, told, f.GetOccurredAt().AsTime())
			assert.False(t, f.GetHistoric())
			if c.refs != nil {
				assert.ElementsMatch(t, c.refs, f.GetReferences())
			}
		})
	}
}

func TestPaidWithItemsDescribesTheOrderToo(t *testing.T) {
	t.Parallel()
	got := read(about("order.paid", `"order_number":"1","currency":"EUR","total":"12.50","items":[{"sku":"MUG","quantity":1,"price":"12.50"}]`))
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, 2)
	assert.NotNil(t, got.Facts[0].GetOrderDescribed())
	same(t, &intakev1.PaidClaimed{Amount: eur(1250)}, got.Facts[1].GetPaidClaimed())
}

func TestHistoricAndTest(t *testing.T) {
	t.Parallel()
	got := read(about("order.cancelled", `"order_number":"1","historic":true,"test":true`))
	assert.True(t, got.Test)
	assert.True(t, got.Facts[0].GetHistoric())
	got = read(about("order.created", `"order_number":"1","test":true,"currency":"EUR","items":[]`))
	assert.True(t, got.Facts[0].GetOrderDescribed().GetTest())
}

func TestLinesWithOneIDAreToldApart(t *testing.T) {
	t.Parallel()
	got := read(about("order.created", `"order_number":"1","currency":"EUR","items":[{"id":"2","sku":"A","quantity":1,"price":1},{"sku":"B","quantity":1,"price":1},{"id":"2","sku":"C","quantity":1,"price":1}]`))
	var ids []string
	for _, l := range got.Facts[0].GetOrderDescribed().GetLines() {
		ids = append(ids, l.GetId())
	}
	assert.Equal(t, []string{"2", "2#2", "2#3"}, ids)
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	one := `"items":[{"sku":"A","quantity":1,"price":1}]`
	for name, c := range map[string]struct{ body, reason, detail string }{
		"no JSON":               {`{`, source.NotJSON, ""},
		"no type":               {`{"data":{}}`, source.MissingField, "type"},
		"another type":          {about("order.archived", ``), source.UnknownTopic, ""},
		"no data":               {`{"type":"order.created"}`, source.MissingField, "data"},
		"data that is text":     {`{"type":"order.created","data":"x"}`, source.BadValue, "data"},
		"no order":              {about("order.created", `"currency":"EUR",`+one), source.MissingField, "data.order_number"},
		"no items":              {about("order.created", `"order_number":"1","currency":"EUR"`), source.MissingField, "data.items"},
		"no currency":           {about("order.created", `"order_number":"1",`+one), source.MissingField, "data.currency"},
		"no code of a currency": {about("order.created", `"order_number":"1","currency":"euros",`+one), source.BadValue, "data.currency"},
		"items as an object":    {about("order.created", `"order_number":"1","currency":"EUR","items":{"sku":"A"}`), source.BadValue, "items"},
		"no quantity":           {about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","price":1}]`), source.MissingField, "data.items[0].quantity"},
		"half of one":           {about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","quantity":1.5,"price":1}]`), source.BadValue, "data.items[0].quantity"},
		"no price":              {about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","quantity":1}]`), source.MissingField, "data.items[0].price"},
		"a strange fulfiller":   {about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","quantity":1,"price":1,"fulfilled_by":"them"}]`), source.BadValue, "data.items[0].fulfilled_by"},
		"a total in words":      {about("order.created", `"order_number":"1","currency":"EUR","total":"ada@example.com",`+one), source.BadValue, "data.total"},
		"a sum beyond 64 bits":  {about("order.created", `"order_number":"1","currency":"EUR","items":[{"sku":"A","quantity":9223372036854775807,"price":1}]`), source.BadValue, "data.total"},
		"a very long number":    {about("order.cancelled", `"order_number":"`+strings.Repeat("1", 300)+`"`), source.BadValue, "data.order_number"},
		"a refund of nothing":   {about("refund.created", `"amount":1,"currency":"EUR"`), source.NoReference, ""},
		"a nameless payment":    {about("payment.captured", `"order_number":"1","amount":1,"currency":"EUR"`), source.MissingField, "data.payment.id"},
		"nobody's payment":      {about("payment.captured", `"order_number":"1","amount":1,"currency":"EUR","payment":{"id":"pi_1"}`), source.MissingField, "data.payment.provider"},
		"a claim about nothing": {about("order.paid", `"amount":1,"currency":"EUR"`), source.MissingField, "data.order_number"},
		"paid, but how much":    {about("order.paid", `"order_number":"1","currency":"EUR"`), source.MissingField, "data.amount"},
		"a strange refund":      {about("refund.created", `"order_number":"1","amount":1,"currency":"EUR","refund":{"status":"perhaps"}`), source.BadValue, "data.refund.status"},
		"a nameless dispute":    {about("dispute.opened", `"order_number":"1","amount":1,"currency":"EUR"`), source.MissingField, "data.dispute.id"},
		"stock of nothing":      {about("stock.updated", `"on_hand":1`), source.MissingField, "data.sku"},
		"stock of how much":     {about("stock.updated", `"sku":"A"`), source.MissingField, "data.on_hand"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(c.body)
			assert.Equal(t, c.reason, got.Quarantine.GetReason(), got.Quarantine.GetDetail())
			assert.Contains(t, got.Quarantine.GetDetail(), c.detail)
			assert.NotContains(t, got.Quarantine.GetDetail(), "ada@example.com")
			assert.Empty(t, got.Facts)
		})
	}
}

func TestATimeThatIsNoneIsSaidAndTheRestIsUsed(t *testing.T) {
	t.Parallel()
	got := read(strings.Replace(about("order.cancelled", `"order_number":"1"`), "2026-03-01T12:00:00Z", "yesterday", 1))
	require.Len(t, got.Facts, 1)
	assert.Equal(t, received, got.Facts[0].GetOccurredAt().AsTime())
	assert.Contains(t, got.Quarantine.GetDetail(), "timestamp is not a time")
}

func TestStrangeQuantitiesAreRecorded(t *testing.T) {
	t.Parallel()
	got := read(about("order.created", `"order_number":"1","currency":"EUR","total":1,"items":[{"sku":"A","quantity":-1,"price":1},{"sku":"A","quantity":9223372036854775807,"price":"92233720368547758.07"}]`))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, int64(-1), got.Facts[0].GetOrderDescribed().GetLines()[0].GetQuantity())
}
