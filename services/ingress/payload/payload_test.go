package payload_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/payload"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var told = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// read reads data about order 1 of a shop.
func read(kind, data string) *payload.Reader {
	x := &payload.Reader{Shop: source.ShopKey{Source: "shop", Account: "a"}, Path: "data.", Name: payload.Name{ID: "1", Field: "order_number"}, Data: &payload.Data{}, At: source.Moment(told)}
	x.Trouble.Unreadable(source.Decode([]byte("{"+data+"}"), x.Data))
	x.Read(kind)
	return x
}

func eur(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "EUR"} }

func same(t *testing.T, want, got proto.Message) {
	t.Helper()
	assert.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)
}

// bodyOf is what a fact says.
func bodyOf(f *intakev1.Fact) proto.Message {
	m := f.ProtoReflect()
	return m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))).Message().Interface()
}

func TestMoneyThatMoves(t *testing.T) {
	t.Parallel()
	shop := intakev1.Witness_WITNESS_SHOP
	refund := func(step intakev1.RefundStep) *intakev1.RefundReported {
		return &intakev1.RefundReported{Step: step, Amount: eur(1000), Names: []string{"stripe:pi_1"}, RefundId: "stripe:re_1", Witness: shop, Provider: "stripe"}
	}
	back := `"amount":"10","currency":"EUR","payment":{"provider":"stripe","id":"pi_1"},"refund":{"id":"re_1","status":"pending"}`
	for name, c := range map[string]struct {
		kind, data string
		want       proto.Message
	}{
		"a refund that moves on": {"refund.updated", back, refund(intakev1.RefundStep_REFUND_STEP_PENDING)},
		"a refund that failed":   {"refund.failed", back, refund(intakev1.RefundStep_REFUND_STEP_FAILED)},
		"a bank that asks": {"dispute.warning", `"amount":"10","currency":"EUR","dispute":{"id":"d"}`, &intakev1.DisputeReported{
			Step: intakev1.DisputeStep_DISPUTE_STEP_WARNING, Amount: eur(1000), DisputeId: "shop:d",
		}},
	} {
		x := read(c.kind, c.data)
		require.Nil(t, x.Trouble.Quarantine(), name)
		require.Len(t, x.Facts, 1, name)
		same(t, c.want, bodyOf(x.Facts[0]))
		same(t, &typev1.OrderKey{Source: "shop", Account: "a", Id: "1"}, x.Facts[0].GetOrder())
	}
}

func TestAnOrderTellsItsMoneyToo(t *testing.T) {
	t.Parallel()
	x := read("order.placed", `"currency":"EUR","items":[{"sku":"A","quantity":1,"price":10}],"paid":"4.00",
		"payments":[{"provider":"Stripe","id":"pi_1","amount":"6","at":"2026-03-01T11:00:00Z"},{"provider":"bank","id":"9","amount":1,"status":"failed","failure_code":"closed","movement_id":"m"}],
		"refunds":[{"id":"r1","amount":"2.5","provider":"stripe","payment_id":"pi_1","reason":"broken","status":"pending"}]`)
	require.Nil(t, x.Trouble.Quarantine())
	require.Len(t, x.Facts, 5)
	shop := intakev1.Witness_WITNESS_SHOP
	assert.NotNil(t, x.Facts[0].GetOrderDescribed())
	same(t, &intakev1.PaidClaimed{Amount: eur(400)}, x.Facts[1].GetPaidClaimed())
	same(t, &intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: eur(600), Names: []string{"stripe:pi_1"}, Witness: shop, Provider: "stripe",
	}, x.Facts[2].GetPaymentReported())
	assert.Equal(t, told.Add(-time.Hour), x.Facts[2].GetOccurredAt().AsTime())
	assert.Equal(t, []string{"number:shop:a:1", "stripe:pi_1"}, x.Facts[2].GetReferences())
	same(t, &intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_FAILED, Amount: eur(100), Names: []string{"bank:9"}, MovementId: "bank:m", Witness: shop, Provider: "bank", FailureCode: "closed",
	}, x.Facts[3].GetPaymentReported())
	same(t, &intakev1.RefundReported{
		Step: intakev1.RefundStep_REFUND_STEP_PENDING, Amount: eur(250), Names: []string{"stripe:pi_1"}, RefundId: "stripe:r1", Witness: shop, Provider: "stripe", Reason: "broken",
	}, x.Facts[4].GetRefundReported())
	x = read("order.paid", `"currency":"EUR","total":"10","items":[{"sku":"A","quantity":1,"price":10}],"paid":"4.00"`)
	require.Len(t, x.Facts, 2, "what was paid is said once")
	same(t, &intakev1.PaidClaimed{Amount: eur(400)}, x.Facts[1].GetPaidClaimed())
}

func TestShipmentsOfOthers(t *testing.T) {
	t.Parallel()
	x := read("shipment.updated", `"shipment":{"id":9007199254740993,"carrier":"UPS Ground","tracking_number":"1Z","tracking_numbers":["1z",22,""],"items":[{"line_id":"L1","quantity":2},{"sku":"MÜG","quantity":"1"}]}`)
	require.Nil(t, x.Trouble.Quarantine())
	same(t, &intakev1.ShipmentReported{
		ShipmentId: "shop:shipment:a:1:9007199254740993", Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, Carrier: "ups", TrackingNumbers: []string{"1Z", "22"},
		Lines: []*intakev1.ShippedLine{{LineId: "L1", Quantity: 2}, {Sku: "MÜG", Quantity: 1}},
	}, x.Facts[0].GetShipmentReported())
	x = read("shipment.cancelled", `"shipment":{"id":"s"}`)
	same(t, &intakev1.ShipmentReported{ShipmentId: "shop:shipment:a:1:s", Step: intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED}, x.Facts[0].GetShipmentReported())
}

func TestProductsExplainIDs(t *testing.T) {
	t.Parallel()
	x := read("product.updated", `"product":{"id":271878346596884015,"sku":"MUG","title":"Mug"}`)
	require.Nil(t, x.Trouble.Quarantine())
	assert.Equal(t, []string{"item:shop:a:271878346596884015"}, x.Facts[0].GetReferences())
	same(t, &intakev1.ProductReported{Sku: "MUG", Title: "Mug"}, x.Facts[0].GetProductReported())
	x = read("stock.updated", `"product_id":271878346596884015,"location":"main","on_hand":7`)
	assert.Equal(t, []string{"item:shop:a:271878346596884015"}, x.Facts[0].GetReferences())
	same(t, &intakev1.StockReported{Location: "main", OnHand: 7}, x.Facts[0].GetStockReported())
	x = read("stock.updated", `"product_id":"p","sku":"MUG","on_hand":7`)
	assert.Empty(t, x.Facts[0].GetReferences())
}

func TestPricesOfContracts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		item, order              string
		unit, discount, subtotal int64
		reduced, total           int64
	}{
		"a plain one":                   {`"quantity":2,"price":"12.50"`, ``, 1250, 0, 2500, 0, 2500},
		"finer than a cent":             {`"quantity":10000,"price":"0.0125"`, ``, 2, 7500, 20000, 7500, 12500},
		"for a thousand":                {`"quantity":2500,"price":"12.36","price_per":1000`, ``, 2, 1910, 5000, 1910, 3090},
		"for a hundred, divides":        {`"quantity":300,"price":"150","price_per":100`, ``, 150, 0, 45000, 0, 45000},
		"rounded by the shop":           {`"quantity":3,"price":"0.3333","amount":"1.00"`, ``, 34, 2, 102, 2, 100},
		"only what it comes to":         {`"quantity":3,"amount":"10.00"`, ``, 334, 2, 1002, 2, 1000},
		"with a discount of the line":   {`"quantity":10000,"price":"0.0125","discount":"5"`, ``, 2, 8000, 20000, 8000, 12000},
		"with the order's discount":     {`"quantity":10000,"price":"0.0125"`, `"discount":"5","subtotal":"125.00","shipping":"4.90",`, 2, 7500, 20000, 8000, 12490},
		"the order's own currency":      {`"quantity":2,"price":"12.50","currency":"eur"`, ``, 1250, 0, 2500, 0, 2500},
		"a plain one with its amount":   {`"quantity":2,"price":"12.50","amount":"25"`, ``, 1250, 0, 2500, 0, 2500},
		"zeros behind the last cent":    {`"quantity":2,"price":"12.5000"`, ``, 1250, 0, 2500, 0, 2500},
		"free, for a thousand":          {`"quantity":5,"price":"0","price_per":"1000"`, ``, 0, 0, 0, 0, 0},
		"as much as there is of pieces": {`"quantity":"9000000000","price":"0.0000000100"`, ``, 1, 8999991000, 9000000000, 8999991000, 9000},
	} {
		x := read("order.placed", `"currency":"EUR",`+c.order+`"items":[{"sku":"A",`+c.item+`}]`)
		require.Nil(t, x.Trouble.Quarantine(), name)
		d := x.Facts[0].GetOrderDescribed()
		assert.Equal(t, c.unit, d.GetLines()[0].GetUnitPrice().GetMinorUnits(), name)
		assert.Equal(t, c.discount, d.GetLines()[0].GetDiscount().GetMinorUnits(), name)
		assert.Equal(t, []int64{c.subtotal, c.reduced, c.total}, []int64{
			d.GetTotals().GetSubtotal().GetMinorUnits(), d.GetTotals().GetDiscount().GetMinorUnits(), d.GetTotals().GetTotal().GetMinorUnits(),
		}, name)
	}
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	line := func(item string) string { return `"currency":"EUR","items":[{"sku":"A",` + item + `}]` }
	const huge = "9223372036854775807"
	for name, c := range map[string]struct{ kind, data, reason, detail string }{
		"another currency":             {"order.placed", line(`"quantity":1,"price":1,"currency":"USD"`), source.BadValue, "data.items[0].currency is not the order's"},
		"no whole cent":                {"order.placed", line(`"quantity":3,"price":"0.0125"`), source.BadValue, "amount has to be told"},
		"another amount":               {"order.placed", line(`"quantity":2,"price":"12.50","amount":"24.99"`), source.BadValue, "data.items[0].amount is not price"},
		"no price and no amount":       {"order.placed", line(`"quantity":2,"price_per":100`), source.MissingField, "data.items[0].price"},
		"for no pieces":                {"order.placed", line(`"quantity":2,"price":1,"price_per":0`), source.BadValue, "data.items[0].price_per"},
		"for half a piece":             {"order.placed", line(`"quantity":2,"price":1,"price_per":0.5`), source.BadValue, "data.items[0].price_per"},
		"a price in words":             {"order.placed", line(`"quantity":2,"price":"ada@example.com","price_per":100`), source.BadValue, "data.items[0].price"},
		"a very long price":            {"order.placed", line(`"quantity":2,"price":"0.` + strings.Repeat("1", 1000) + `","price_per":100`), source.BadValue, "data.items[0].price"},
		"an exponent":                  {"order.placed", line(`"quantity":2,"price":1e-9,"price_per":100`), source.BadValue, "data.items[0].price"},
		"an exponent alone":            {"order.placed", line(`"quantity":2,"price":1e-9`), source.BadValue, "data.items[0].price"},
		"nothing of a fine price":      {"order.placed", line(`"quantity":0,"price":"0.0125","amount":"1"`), source.BadValue, "data.items[0].amount"},
		"below zero":                   {"order.placed", line(`"quantity":4,"price":"-0.0125"`), source.BadValue, "data.items[0]"},
		"sums beyond 64 bits":          {"order.placed", line(`"quantity":` + huge + `,"price":"0.001","amount":"1"`), source.BadValue, "data.items[0].amount"},
		"rounding beyond 64 bits":      {"order.placed", `"currency":"EUR","items":[{"quantity":` + huge + `,"amount":"1"},{"quantity":` + huge + `,"amount":"1"}]`, source.BadValue, "data.items come to more"},
		"a discount beyond 64 bits":    {"order.placed", line(`"quantity":` + huge + `,"amount":"1","discount":"92233720368547758.07"`), source.BadValue, "data.items[0].discount"},
		"a told sum beyond 64 bits":    {"order.placed", `"subtotal":"92233720368547758.07",` + line(`"quantity":3,"amount":"1"`), source.BadValue, "data.subtotal"},
		"a strange payment":            {"order.placed", `"payments":[{"status":"maybe"}],` + line(`"quantity":1,"price":1`), source.BadValue, "data.payments[0].status"},
		"a payment without a name":     {"order.placed", `"payments":[{"amount":1}],` + line(`"quantity":1,"price":1`), source.MissingField, "data.payments[0].id"},
		"a payment without a provider": {"order.placed", `"payments":[{"id":"x","amount":1}],` + line(`"quantity":1,"price":1`), source.MissingField, "data.payments[0].provider"},
		"a refund without an id":       {"order.placed", `"refunds":[{"amount":1}],` + line(`"quantity":1,"price":1`), source.MissingField, "data.refunds[0].id"},
		"a shipment without an id":     {"shipment.created", `"shipment":{}`, source.MissingField, "data.shipment.id"},
		"a shipment of what":           {"shipment.created", `"shipment":{"id":"s","items":[{"quantity":1}]}`, source.MissingField, "data.shipment.items[0].line_id"},
		"a shipment of how much":       {"shipment.created", `"shipment":{"id":"s","items":[{"sku":"A"}]}`, source.MissingField, "data.shipment.items[0].quantity"},
		"a shipment of nothing":        {"shipment.created", `"shipment":{"id":"s","items":[{"sku":"A","quantity":0}]}`, source.BadValue, "data.shipment.items[0].quantity"},
		"a long tracking number":       {"shipment.created", `"shipment":{"id":"s","tracking_number":"` + strings.Repeat("1", 300) + `"}`, source.BadValue, "data.shipment.tracking_numbers"},
		"a long shipment":              {"shipment.created", `"shipment":{"id":"` + strings.Repeat("1", 600) + `"}`, source.BadValue, "data.shipment.id"},
		"a product without a SKU":      {"product.updated", `"product":{"id":1}`, source.MissingField, "data.product.sku"},
		"a product without an id":      {"product.updated", `"product":{"sku":"A"}`, source.MissingField, "data.product.id"},
		"stock of nothing":             {"stock.updated", `"on_hand":1`, source.MissingField, "data.sku"},
	} {
		x := read(c.kind, c.data)
		assert.Equal(t, c.reason, x.Trouble.Quarantine().GetReason(), name)
		assert.Contains(t, x.Trouble.Quarantine().GetDetail(), c.detail, name)
		assert.NotContains(t, x.Trouble.Quarantine().GetDetail(), "ada@", name)
		for _, f := range x.Facts {
			assert.NotNil(t, f.GetOrderDescribed(), name) // what is wrong beside an order leaves the order
		}
	}
}

// Whatever a contract's price is, the line comes to exactly its amount, and so do the totals.
func TestALineComesToItsAmount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quantity, per := rapid.Int64Range(1, 1_000_000).Draw(t, "quantity"), rapid.Int64Range(1, 10_000).Draw(t, "per")
		digits, places := rapid.Int64Range(0, 1_000_000_000).Draw(t, "digits"), rapid.IntRange(0, 6).Draw(t, "places")
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(digits), big.NewInt(quantity*100)), new(big.Int).Mul(unit, big.NewInt(per)))
		amount := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64() // rounded down, as a shop may
		price := new(big.Rat).SetFrac(big.NewInt(digits), unit).FloatString(places)
		x := read("order.placed", fmt.Sprintf(`"currency":"EUR","items":[{"sku":"A","quantity":%d,"price":%q,"price_per":%d,"amount":%q}]`,
			quantity, price, per, money.Amount{Minor: amount, Currency: "EUR"}.Decimal()))
		require.Nil(t, x.Trouble.Quarantine())
		d := x.Facts[0].GetOrderDescribed()
		l := d.GetLines()[0]
		require.Equal(t, amount, l.GetUnitPrice().GetMinorUnits()*quantity-l.GetDiscount().GetMinorUnits())
		require.Less(t, l.GetDiscount().GetMinorUnits(), quantity)
		require.GreaterOrEqual(t, l.GetDiscount().GetMinorUnits(), int64(0))
		require.Equal(t, amount, d.GetTotals().GetTotal().GetMinorUnits())
		require.Equal(t, amount, d.GetTotals().GetSubtotal().GetMinorUnits()-d.GetTotals().GetDiscount().GetMinorUnits())
	})
}
