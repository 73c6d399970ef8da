package b2b_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress/b2b"
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
	return b2b.New().Read(r, source.Account{Name: "portal", Mode: source.Both})
}

// about is a payload of a type with that data, many one with those orders.
func about(kind, data string) string {
	return `{"type":"` + kind + `","timestamp":"2026-03-01T12:00:00Z","data":{` + data + `}}`
}

func many(kind string, orders ...string) string {
	return about(kind, `"orders":[`+strings.Join(orders, ",")+`]`)
}

// plain is a good order.
func plain(id string) string {
	return `{"order_id":"` + id + `","purchase_order_number":"PO-` + id + `","currency":"EUR","items":[{"sku":"MUG","quantity":2,"price":"12.50"}]}`
}

func money(minor int64, currency string) *typev1.Money {
	return &typev1.Money{MinorUnits: minor, Currency: currency}
}
func eur(minor int64) *typev1.Money { return money(minor, "EUR") }

func same(t *testing.T, want, got proto.Message) {
	t.Helper()
	assert.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)
}

func ids(facts []*intakev1.Fact) []string {
	var all []string
	for _, f := range facts {
		all = append(all, f.GetOrder().GetId())
	}
	return all
}

func TestABodyOfOrders(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/orders_placed.json")
	require.NoError(t, err)
	got := read(string(body))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "msg_1", got.DeliveryID)
	assert.Equal(t, "orders.placed", got.Topic)
	require.Len(t, got.Facts, 3)
	first := got.Facts[0]
	same(t, &typev1.OrderKey{Source: "b2b", Account: "portal", Id: "820982911946154508"}, first.GetOrder())
	assert.Equal(t, []string{"number:b2b:portal:PO-4711"}, first.GetReferences())
	assert.Equal(t, told, first.GetOccurredAt().AsTime())
	us := typev1.Fulfiller_FULFILLER_US
	same(t, &intakev1.OrderDescribed{
		Number: "PO-4711", Currency: "EUR",
		Lines: []*typev1.Line{
			{Id: "10", Sku: "MUG", Title: "Mug ☕", Quantity: 200, UnitPrice: eur(415), Discount: eur(3000), Fulfiller: us},
			{Id: "20", Sku: "SCREW", Title: "Screw", Quantity: 10000, UnitPrice: eur(2), Discount: eur(7450), Tax: eur(2385), Fulfiller: us},
		},
		Totals: &typev1.Totals{Subtotal: eur(103000), Discount: eur(10450), Shipping: eur(4900), Tax: eur(18487), Total: eur(115937)},
		Person: &typev1.Person{
			Email: "ada@example.com", Phone: "+49 30 123", Name: "Ada Example", CustomerId: "acme",
			Shipping: &typev1.Address{Company: "ACME Exämple GmbH", Name: "Gate 3", Line1: "Works Street 1", PostalCode: "10115", City: "Berlin", Country: "DE"},
			Billing:  &typev1.Address{Company: "ACME Exämple GmbH", Line1: "Main Street 1", PostalCode: "10115", City: "Berlin", Country: "DE"},
		},
		PlacedAt: source.Time("2026-03-01T11:59:58Z"), UpdatedAt: source.Time("2026-03-01T11:59:59Z"),
	}, first.GetOrderDescribed())

	second := got.Facts[1]
	same(t, &typev1.OrderKey{Source: "b2b", Account: "portal", Id: "4500012345"}, second.GetOrder())
	assert.Equal(t, "4500012345", second.GetOrderDescribed().GetNumber())
	assert.Equal(t, "例 株式会社", second.GetOrderDescribed().GetPerson().GetBilling().GetCompany())
	same(t, money(4500, "JPY"), second.GetOrderDescribed().GetTotals().GetTotal())
	same(t, &intakev1.PaidClaimed{Amount: money(4500, "JPY")}, got.Facts[2].GetPaidClaimed())
	assert.Equal(t, "4500012345", got.Facts[2].GetOrder().GetId())
}

func TestTermsAreNoPayment(t *testing.T) {
	t.Parallel()
	for _, terms := range []string{`"net 30"`, `{"code":"net_30","due":"2026-03-31"}`, `"prepaid"`, `null`, `[]`} {
		got := read(many("orders.placed", strings.Replace(plain("1"), `"currency"`, `"payment_terms":`+terms+`,"currency"`, 1)))
		require.Nil(t, got.Quarantine, terms)
		require.Len(t, got.Facts, 1, terms)
		assert.NotNil(t, got.Facts[0].GetOrderDescribed(), terms)
	}
}

func TestOneOrderAlone(t *testing.T) {
	t.Parallel()
	alone := plain("1")
	got := read(about("order.placed", alone[1:len(alone)-1]))
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, 1)
	bulk := read(many("orders.placed", alone))
	same(t, bulk.Facts[0], got.Facts[0])
}

func TestEveryTypeOfMany(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		order string
		want  []proto.Message
	}{
		"orders.updated":   {`{"order_id":1,"currency":"EUR","items":[],"total":"0"}`, nil},
		"orders.cancelled": {`{"order_id":1,"reason":"budget"}`, []proto.Message{&intakev1.CancellationReported{Reason: "budget"}}},
		"orders.paid":      {`{"order_id":1,"amount":"5","currency":"EUR"}`, []proto.Message{&intakev1.PaidClaimed{Amount: eur(500)}}},
	} {
		got := read(many(kind, c.order, strings.Replace(c.order, "1", "2", 1)))
		require.Nil(t, got.Quarantine, kind)
		assert.Equal(t, []string{"1", "2"}, ids(got.Facts), kind)
		for i, want := range c.want {
			m := got.Facts[i].ProtoReflect()
			same(t, want, m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))).Message().Interface())
		}
	}
}

func TestTheOtherTypesNameOneOrder(t *testing.T) {
	t.Parallel()
	got := read(about("refund.created", `"order_id":"7","purchase_order_number":"#PO-7","amount":"1","currency":"EUR","refund":{"id":"r"}`))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, []string{"number:b2b:portal:PO-7"}, got.Facts[0].GetReferences())
	assert.Equal(t, "b2b:r", got.Facts[0].GetRefundReported().GetRefundId())
	got = read(about("stock.updated", `"sku":"MUG","on_hand":4`))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, int64(4), got.Facts[0].GetStockReported().GetOnHand())
	got = read(about("payment.captured", `"amount":"1","currency":"EUR","payment":{"provider":"bank","id":"1"}`))
	assert.Equal(t, []string{"bank:1"}, got.Facts[0].GetReferences())
}

func TestABadOrderLeavesTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bad, reason, detail string }{
		"without a name":        {`{"currency":"EUR","items":[]}`, source.MissingField, "data.orders[1]: order_id is missing"},
		"without a currency":    {`{"purchase_order_number":"PO-9","items":[]}`, source.MissingField, "data.orders[1] (PO-9): currency is missing"},
		"with a bad price":      {`{"order_id":"9","currency":"EUR","items":[{"quantity":1,"price":"1,5"}]}`, source.BadValue, "data.orders[1] (9): items[0].price is an amount"},
		"of another currency":   {`{"order_id":"9","currency":"EUR","items":[{"quantity":1,"price":"1.5","currency":"USD"}]}`, source.BadValue, "items[0].currency is not the order's"},
		"with items that are 1": {`{"order_id":"9","currency":"EUR","items":1}`, source.BadValue, "data.orders[1] (9): items is a number; items is missing"},
		"that is a text":        {`"ada@example.com"`, source.BadValue, "data.orders[1]: the body is a string"},
		"that is null":          {`null`, source.MissingField, "data.orders[1]: currency is missing"},
		"that is a test":        {`{"test":true,"order_id":"9","currency":"EUR","items":[]}`, source.BadValue, "data.orders[1] (9): test marks"},
		"with a long name":      {`{"order_id":"` + strings.Repeat("9", 300) + `","currency":"EUR","items":[]}`, source.BadValue, "data.orders[1]: order_id is too long"},
		"named by a person":     {`{"order_id":"9","purchase_order_number":"ada@example.com","items":[]}`, source.MissingField, "data.orders[1]: currency"},
	} {
		got := read(many("orders.placed", plain("1"), c.bad, plain("2")))
		assert.Equal(t, []string{"1", "2"}, ids(got.Facts), name)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), name)
		assert.Contains(t, got.Quarantine.GetDetail(), "1 of 3 orders cannot be used as they are; ", name)
		assert.Contains(t, got.Quarantine.GetDetail(), c.detail, name)
		assert.NotContains(t, got.Quarantine.GetDetail(), "ada@", name)
		assert.False(t, got.Test, name)
	}
}

func TestABadPaymentLeavesItsOrder(t *testing.T) {
	t.Parallel()
	got := read(many("orders.placed", strings.Replace(plain("1"), `"currency"`, `"payments":[{"id":"x"}],"shipping_address":"here","currency"`, 1)))
	assert.Equal(t, []string{"1"}, ids(got.Facts))
	assert.Contains(t, got.Quarantine.GetDetail(), "data.orders[0] (PO-1): shipping_address is a string; payments[0].provider is missing")
}

func TestWrongTotalsAreTheShopsWord(t *testing.T) {
	t.Parallel()
	got := read(many("orders.placed", strings.Replace(plain("1"), `"currency"`, `"total":"1.00","currency"`, 1)))
	require.Nil(t, got.Quarantine)
	same(t, &typev1.Totals{Subtotal: eur(2500), Discount: eur(0), Tax: eur(0), Total: eur(100)}, got.Facts[0].GetOrderDescribed().GetTotals())
}

func TestAnOrderTwiceInOneBody(t *testing.T) {
	t.Parallel()
	newer := strings.Replace(plain("1"), `"quantity":2`, `"quantity":3`, 1)
	got := read(many("orders.updated", plain("1"), plain("2"), plain("1"), newer))
	require.Nil(t, got.Quarantine)
	assert.Equal(t, []string{"1", "2", "1"}, ids(got.Facts))
	assert.Equal(t, int64(3), got.Facts[2].GetOrderDescribed().GetLines()[0].GetQuantity())
}

func TestTestAndHistoricHoldForAll(t *testing.T) {
	t.Parallel()
	got := read(about("orders.placed", `"test":true,"historic":true,"orders":[`+plain("1")+`,`+plain("2")+`]`))
	assert.True(t, got.Test)
	for _, f := range got.Facts {
		assert.True(t, f.GetHistoric())
		assert.True(t, f.GetOrderDescribed().GetTest())
	}
	one := plain("1")
	assert.True(t, read(about("order.placed", `"test":true,`+one[1:len(one)-1])).Test)
	got = read(many("orders.placed", strings.Replace(one, `{`, `{"historic":true,`, 1), plain("2")))
	assert.True(t, got.Facts[0].GetHistoric())
	assert.False(t, got.Facts[1].GetHistoric())
}

func TestAThousandOrders(t *testing.T) {
	t.Parallel()
	var orders []string
	for n := range 1000 {
		o := plain(fmt.Sprint(n))
		if n%3 == 0 {
			o = strings.Replace(o, `"EUR"`, `"euros"`, 1)
		}
		orders = append(orders, o)
	}
	got := read(many("orders.placed", orders...))
	assert.Len(t, got.Facts, 666)
	detail := got.Quarantine.GetDetail()
	assert.True(t, strings.HasPrefix(detail, "334 of 1000 orders cannot be used as they are; data.orders[0] (PO-0): currency is no code of three letters; data.orders[3] (PO-3)"), detail)
	assert.Regexp(t, `; and data\.orders\[\d+\], .*; and \d+ more$`, detail)
	assert.Less(t, len(detail), 1000)
}

func TestWhatIsNoBodyOfOrders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, reason, detail string }{
		"no JSON":         {`{`, source.NotJSON, ""},
		"no type":         {`{"data":{}}`, source.MissingField, "type"},
		"another type":    {about("orders.archived", `"orders":[]`), source.UnknownTopic, ""},
		"many payments":   {about("payments.captured", `"orders":[]`), source.UnknownTopic, ""},
		"no data":         {`{"type":"orders.placed"}`, source.MissingField, "data"},
		"data of null":    {`{"type":"orders.placed","data":null}`, source.MissingField, "data"},
		"data of text":    {`{"type":"orders.placed","data":"x"}`, source.BadValue, "is a string"},
		"no orders":       {about("orders.placed", `"order_id":"1"`), source.MissingField, "data.orders"},
		"none":            {many("orders.placed"), source.MissingField, "data.orders"},
		"an object":       {about("orders.placed", `"orders":{}`), source.BadValue, "orders is a object"},
		"one without all": {about("order.placed", ``), source.MissingField, "data.currency"},
	} {
		got := read(c.body)
		assert.Empty(t, got.Facts, name)
		assert.Equal(t, c.reason, got.Quarantine.GetReason(), name)
		assert.Contains(t, got.Quarantine.GetDetail(), c.detail, name)
	}
}

// Whichever orders of a body are bad, exactly the others are kept, in their order.
func TestGoodOrdersAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bad := rapid.SliceOfN(rapid.SampledFrom([]string{"", `%d`, `{"n":%d}`, `[%d]`, `{"order_id":"x%d"}`, `{"order_id":"x%d","currency":"EUR","items":[{}]}`}), 1, 60).Draw(t, "orders")
		var orders, want []string
		count := 0
		for n, o := range bad {
			if o == "" {
				o = plain(fmt.Sprint(n))
				want = append(want, fmt.Sprint(n))
			} else {
				o = fmt.Sprintf(o, n) // no two are the same
				count++
			}
			orders = append(orders, o)
		}
		got := read(many("orders.placed", orders...))
		require.Equal(t, want, ids(got.Facts))
		if count > 0 {
			require.Contains(t, got.Quarantine.GetDetail(), fmt.Sprintf("%d of %d orders", count, len(bad)))
		} else {
			require.Nil(t, got.Quarantine)
		}
	})
}
