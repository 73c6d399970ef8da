package amazon

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

func load(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(tb, err)
	return string(data)
}

func read(text string) source.Reading {
	return New().Read(source.Request{Header: http.Header{}, Body: []byte(text), ReceivedAt: now}, source.Account{
		Name: "default", Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"},
	})
}

// tells says that a reading has just these facts.
func tells(t *testing.T, got source.Reading, want ...string) {
	t.Helper()
	require.Nil(t, got.Quarantine)
	require.Len(t, got.Facts, len(want))
	for i, w := range want {
		fact := &intakev1.Fact{}
		require.NoError(t, protojson.Unmarshal([]byte(w), fact))
		require.True(t, proto.Equal(fact, got.Facts[i]), "want %s\n got %s", w, protojson.Format(got.Facts[i]))
	}
}

const (
	ofOrder = `"order":{"source":"amazon","account":"default","id":"303-1234567-7654321"}`
	ofUS    = `"order":{"source":"amazon","account":"default","id":"113-1234567-7654321"}`
)

func TestNotifications(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"order_change":       nil, // a signal to read the order again
		"order_change_camel": {`{` + ofOrder + `,"occurredAt":"2026-03-01T13:00:05.109Z","cancellationReported":{"reason":"Buyer canceled"}}`},
		"quantity_change":    {`{"occurredAt":"2026-03-01T12:00:00.194Z","stockReported":{"sku":"MUG-BLÅ","location":"amazon:DEFAULT","onHand":"17"}}`},
		"outbound_shipment":  {`{` + ofOrder + `,"occurredAt":"2026-03-01T12:00:00.109Z","shipmentReported":{"shipmentId":"amazon:shipment:DwExample1","step":"SHIPMENT_STEP_CREATED"}}`},
		"fulfillment_order": {`{"order":{"source":"checkout","account":"default","id":"1001"},"references":["number:checkout:default:1001"],"occurredAt":"2026-03-01T11:59:00Z",
			"shipmentReported":{"shipmentId":"amazon:shipment:DwExample2","step":"SHIPMENT_STEP_CREATED","carrier":"ups","trackingNumbers":["1Z999AA10123456784","1Z999AA10123456785"]}}`},
		"report": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(load(t, name))
			tells(t, got, want...)
			assert.True(t, strings.HasPrefix(got.DeliveryID, "7b1f4d10-"), got.DeliveryID)
			assert.Equal(t, strings.ToUpper(got.Topic), got.Topic)
			assert.False(t, got.Test)
		})
	}
}

// Whatever is around it, a notification tells the same.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	body := load(t, "quantity_change")
	want := read(body)
	enclosed, err := New().Enclose([]byte(body), source.Signing{Secret: arn + "\n" + certtest.KeyPEM(), At: now, ID: "m-1"})
	require.NoError(t, err)
	for name, text := range map[string]string{
		"SNS": string(enclosed), "EventBridge": `{"version":"0","id":"e-1","detail-type":"LISTINGS_ITEM_MFN_QUANTITY_CHANGE","source":"aws.partner/sellingpartnerapi","detail":` + body + `}`,
		"EventBridge in SNS": enclose(t, `{"detail":`+body+`}`),
	} {
		got := read(text)
		require.Nil(t, got.Quarantine, name)
		require.Len(t, got.Facts, 1, name)
		assert.True(t, proto.Equal(want.Facts[0], got.Facts[0]), name)
		assert.Equal(t, want.Topic, got.Topic, name)
		assert.Equal(t, want.DeliveryID, got.DeliveryID, name)
	}
	got := read(enclose(t, "hello"))
	assert.Equal(t, source.NotJSON, got.Quarantine.GetReason())
	assert.Equal(t, "m-1", got.DeliveryID)
}

func enclose(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(map[string]string{"Type": notified, "MessageId": "m-1", "TopicArn": arn, "Message": text, "Timestamp": "2026-03-01T12:00:00.000Z"})
	require.NoError(t, err)
	return string(data)
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	secret := source.Signing{Secret: arn + "\n" + certtest.KeyPEM(), At: now, Topic: subscribed}
	body, err := New().Enclose([]byte("You have chosen to subscribe to the topic"), secret)
	require.NoError(t, err)
	got := read(string(body))
	tells(t, got)
	assert.Equal(t, subscribed, got.Topic)
	assert.Equal(t, "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn="+arn+"&Token=0123456789abcdef", got.Confirm)

	for _, at := range []string{
		"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a", "https://example.com/?Action=ConfirmSubscription&TopicArn=a", "https://sns.s3-eu-west-1.amazonaws.com/?Action=ConfirmSubscription&a=b",
		"https://sns.eu-west-1.amazonaws.com/?Action=Publish&TopicArn=a", "https://sns.eu-west-1.amazonaws.com@example.com/?Action=ConfirmSubscription&a=b", "https://sns.eu-west-1.amazonaws.com/", "",
	} {
		r := source.Request{Body: body, ReceivedAt: now}
		with("SubscribeURL", at)(&r)
		got := New().Read(r, source.Account{})
		assert.Empty(t, got.Confirm, at)
		assert.Equal(t, source.BadValue, got.Quarantine.GetReason(), at)
	}
	secret.Topic = unsubscribed
	body, err = New().Enclose([]byte("You have chosen to deactivate"), secret)
	require.NoError(t, err)
	got = read(string(body))
	tells(t, got)
	assert.Equal(t, unsubscribed, got.Topic)
	assert.Empty(t, got.Confirm)
}

func TestAnOrderInFull(t *testing.T) {
	t.Parallel()
	usd := func(minor string) string { return `{"minorUnits":"` + minor + `","currency":"USD"}` }
	tells(t, read(load(t, "order_us")),
		`{`+ofUS+`,"occurredAt":"2026-03-01T12:30:00Z","orderDescribed":{"number":"113-1234567-7654321","currency":"USD","placedAt":"2026-03-01T11:58:00Z","updatedAt":"2026-03-01T12:30:00Z",
		"lines":[
			{"id":"12345678901234","sku":"MUG","title":"Mug","quantity":"3","unitPrice":`+usd("667")+`,"discount":`+usd("101")+`,"tax":`+usd("152")+`,"fulfiller":"FULFILLER_US"},
			{"id":"12345678901234-gift-wrap","title":"Gift wrap","quantity":"1","unitPrice":`+usd("350")+`,"discount":`+usd("0")+`,"tax":`+usd("28")+`,"fulfiller":"FULFILLER_NOBODY"},
			{"id":"12345678901235","sku":"TSHIRT","title":"T-Shirt 東京","quantity":"1","unitPrice":`+usd("1695")+`,"discount":`+usd("0")+`,"tax":`+usd("0")+`,"fulfiller":"FULFILLER_US"},
			{"id":"12345678901236","sku":"CAP","title":"Cap","unitPrice":`+usd("0")+`,"discount":`+usd("0")+`,"tax":`+usd("0")+`,"fulfiller":"FULFILLER_US"}],
		"totals":{"subtotal":`+usd("4046")+`,"discount":`+usd("301")+`,"shipping":`+usd("499")+`,"tax":`+usd("204")+`,"total":`+usd("4448")+`},
		"person":{"email":"abc123@marketplace.amazon.example","name":"Zoë Example","phone":"+1 312 555 0100","shipping":{"name":"Zoë Example","line1":"1 Example Street","line2":"Suite 2, Floor 3",
			"city":"Chicago","region":"IL","postalCode":"60601","country":"US","phone":"+1 312 555 0100"}}}}`,
		`{`+ofUS+`,"occurredAt":"2026-03-01T12:30:00Z","paidClaimed":{"amount":`+usd("4448")+`,"provider":"amazon"}}`,
		`{`+ofUS+`,"occurredAt":"2026-03-01T12:30:00Z","shipmentReported":{"shipmentId":"amazon:order:113-1234567-7654321","step":"SHIPMENT_STEP_CREATED","lines":[{"lineId":"12345678901234","sku":"MUG","quantity":"2"}]}}`)

	jpy := func(minor string) string { return `{"minorUnits":"` + minor + `","currency":"JPY"}` }
	const ofJP = `"order":{"source":"amazon","account":"default","id":"249-1234567-7654321"},"occurredAt":"2026-03-01T12:30:00Z"`
	tells(t, read(load(t, "order_jp")),
		`{`+ofJP+`,"orderDescribed":{"number":"249-1234567-7654321","currency":"JPY","placedAt":"2026-03-01T11:58:00Z","updatedAt":"2026-03-01T12:30:00Z",
		"lines":[{"id":"820982911946154508","sku":"B00EXAMPLE","title":"マグ","quantity":"2","unitPrice":`+jpy("1650")+`,"discount":`+jpy("0")+`,"tax":`+jpy("300")+`,"fulfiller":"FULFILLER_CHANNEL"}],
		"totals":{"subtotal":`+jpy("3300")+`,"discount":`+jpy("0")+`,"shipping":`+jpy("0")+`,"tax":`+jpy("300")+`,"total":`+jpy("3300")+`,"taxIncluded":true}}}`,
		`{`+ofJP+`,"paidClaimed":{"amount":`+jpy("3300")+`,"provider":"amazon"}}`,
		`{`+ofJP+`,"shipmentReported":{"shipmentId":"amazon:order:249-1234567-7654321","step":"SHIPMENT_STEP_CREATED","lines":[{"lineId":"820982911946154508","sku":"B00EXAMPLE","quantity":"2"}]}}`)
}

// What an order is told to be depends on its status.
func TestStatusesOfOrders(t *testing.T) {
	t.Parallel()
	whole := load(t, "order_us")
	for status, facts := range map[string]int{
		"Pending": 0, "PendingAvailability": 0, "Unfulfillable": 0, "Canceled": 1, "Unshipped": 3, "PartiallyShipped": 3, "Shipped": 3, "InvoiceUnconfirmed": 3,
	} {
		got := read(strings.Replace(whole, "PartiallyShipped", status, 1))
		require.Nil(t, got.Quarantine, status)
		assert.Len(t, got.Facts, facts, status)
		assert.Equal(t, Order, got.Topic)
	}
	got := read(strings.Replace(whole, `"PaymentMethod":"Other"`, `"PaymentMethod":"COD"`, 1))
	require.Nil(t, got.Quarantine)
	assert.Len(t, got.Facts, 2, "nobody has paid yet")
	bare := `{"NotificationType":"order","Payload":{"Order":{"AmazonOrderId":"1","OrderStatus":"Canceled"},"OrderItems":[]}}`
	tells(t, read(bare), `{"order":{"source":"amazon","account":"default","id":"1"},"occurredAt":"2026-03-01T12:00:00Z","cancellationReported":{}}`)
}

func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	order, change, count := load(t, "order_us"), load(t, "order_change_camel"), load(t, "quantity_change")
	long := strings.Repeat("9", 300)
	for _, c := range []struct {
		body, reason string
		facts        int
	}{
		{"{", source.NotJSON, 0}, {"[]", source.BadValue, 0}, {"{}", source.MissingField, 0}, {`{"NotificationType":"NEWS"}`, source.UnknownTopic, 0}, {`{"NotificationType":"ORDER_CHANGE"}`, source.MissingField, 0},
		{strings.Replace(change, "303-1234567-7654321", "", 1), source.MissingField, 0},
		{strings.Replace(change, "303-1234567-7654321", long, 1), source.BadValue, 0},
		{strings.Replace(change, `"timeOfOrderChange":null`, `"timeOfOrderChange":"noon"`, 1), source.BadValue, 1},
		{strings.Replace(count, "17", "1.5", 1), source.BadValue, 0},
		{strings.Replace(count, `,"Quantity":17`, "", 1), source.MissingField, 0},
		{strings.Replace(count, "MUG-BLÅ", "", 1), source.MissingField, 0},
		{strings.Replace(load(t, "outbound_shipment"), "Created", "Lost", 1), source.BadValue, 0},
		{strings.Replace(load(t, "fulfillment_order"), "SHIPPED", "ODD", 1), source.BadValue, 0},
		{strings.Replace(order, `"OrderTotal":{"CurrencyCode":"USD","Amount":"44.48"},`, "", 1), source.MissingField, 1},
		{strings.Replace(order, "44.48", "44.485", 1), source.BadValue, 1},
		{strings.Replace(order, `"CurrencyCode":"USD","Amount":"16.95"`, `"CurrencyCode":"EUR","Amount":"16.95"`, 1), source.BadValue, 1},
		{strings.Replace(order, `"QuantityOrdered":3`, `"QuantityOrdered":-3`, 1), source.BadValue, 1},
		{strings.Replace(order, `"QuantityShipped":2`, `"QuantityShipped":"some"`, 1), source.BadValue, 2},
		{strings.Replace(order, `"FulfillmentChannel":"MFN"`, `"FulfillmentChannel":"XYZ"`, 1), source.BadValue, 1},
		{strings.Replace(order, "PartiallyShipped", "Teleported", 1), source.BadValue, 0},
		{strings.Replace(order, "113-1234567-7654321", "", 1), source.MissingField, 0},
		{strings.Replace(order, "12345678901236", long, 1), source.BadValue, 1},
	} {
		got := read(c.body)
		require.Equal(t, c.reason, got.Quarantine.GetReason(), "%v\n%s", got.Quarantine, c.body)
		assert.Len(t, got.Facts, c.facts, c.body)
		assert.NotEmpty(t, got.DeliveryID)
	}
}

// Without a shop that the account is bound to, a fulfilment order is about nothing of ours.
func TestFulfilmentOrdersNeedAShop(t *testing.T) {
	t.Parallel()
	r := source.Request{Body: []byte(load(t, "fulfillment_order")), ReceivedAt: now}
	tells(t, New().Read(r, source.Account{Name: "default"}))
	got := New().Read(r, source.Account{Name: "default", Shop: source.ShopKey{Source: "shopify", Account: "second"}})
	require.Len(t, got.Facts, 1)
	assert.Nil(t, got.Facts[0].GetOrder())
	assert.Equal(t, []string{"number:shopify:second:1001"}, got.Facts[0].GetReferences())
}

func TestChanges(t *testing.T) {
	t.Parallel()
	want := Change{OrderID: "303-1234567-7654321", Status: "Unshipped", At: time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC)}
	for _, body := range []string{load(t, "order_change"), enclose(t, load(t, "order_change")), `{"detail":` + load(t, "order_change") + `}`} {
		got, ok := ChangeOf([]byte(body))
		require.True(t, ok)
		assert.Equal(t, want, got)
	}
	got, ok := ChangeOf([]byte(load(t, "order_change_camel")))
	require.True(t, ok)
	assert.Equal(t, Change{OrderID: "303-1234567-7654321", Status: "Canceled"}, got)
	for _, body := range []string{"", "{", load(t, "report"), load(t, "order_us"), `{"NotificationType":"ORDER_CHANGE","Payload":{}}`} {
		_, ok := ChangeOf([]byte(body))
		assert.False(t, ok, body)
	}
}

// What the Orders API answered makes the same body each time, and nothing in it is lost.
func TestTheBodyOfAnOrder(t *testing.T) {
	t.Parallel()
	var whole struct {
		Payload struct {
			Order, Address json.RawMessage
			OrderItems     []json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal([]byte(load(t, "order_us")), &whole))
	body, err := OrderBody(whole.Payload.Order, whole.Payload.OrderItems, whole.Payload.Address)
	require.NoError(t, err)
	require.JSONEq(t, load(t, "order_us"), string(body))
	assert.Equal(t, source.BodyID(body), read(string(body)).DeliveryID)
	bare, err := OrderBody(json.RawMessage(`{"AmazonOrderId":"1"}`), []json.RawMessage{}, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"NotificationType":"order","Payload":{"Order":{"AmazonOrderId":"1"},"OrderItems":[]}}`, string(bare))
}

// Every payload that Amazon publishes as an example is read without a complaint.
func TestPublishedExamplesAreRead(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../shared/fixtures/amazon/*.json")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the published examples are not here")
	}
	facts := map[string]int{"FBA_OUTBOUND_SHIPMENT_STATUS": 1, "FULFILLMENT_ORDER_STATUS": 1, "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": 1, "ORDER_CHANGE": 0, "REPORT_PROCESSING_FINISHED": 0}
	for _, file := range files {
		topic := strings.TrimSuffix(filepath.Base(file), ".json")
		want, notification := facts[topic]
		if !notification {
			continue // an answer of the API, and a message that is none of Amazon's notifications
		}
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		got := read(string(body))
		require.Nil(t, got.Quarantine, topic)
		assert.Equal(t, topic, got.Topic)
		assert.Len(t, got.Facts, want, topic)
	}
}
