package ingress

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// keptDelivery is one as the journal has it: without what was read.
func keptDelivery(sourceName, account, body string) *intakev1.Delivery {
	return &intakev1.Delivery{
		Id: []byte("0123456789abcdef"), Source: sourceName, Account: account, Topic: "as it was", Body: []byte(body), Revision: 3,
		ReceivedAt: timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), Reader: "of old", Quarantine: source.Quarantine(source.BadValue, "once"),
	}
}

const keptPayment = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":false,"data":{"object":{"id":"pi_1",
	"object":"payment_intent","amount":1990,"amount_received":1990,"currency":"eur","status":"succeeded","metadata":{"order_number":"A-1"}}}}`

func TestADeliveryIsReadAgainAsItsAccountIsSetNow(t *testing.T) {
	t.Parallel()
	shopOf := func(environ map[string]string, account string) string {
		d, err := Reread(environ, keptDelivery("stripe", account, keptPayment), 1<<20)
		require.NoError(t, err)
		require.NotEmpty(t, d.GetFacts())
		assert.Nil(t, d.GetQuarantine())
		assert.Equal(t, []byte("0123456789abcdef"), d.GetId(), "it is the same delivery")
		assert.Equal(t, uint32(3), d.GetRevision())
		assert.Equal(t, "payment_intent.succeeded", d.GetTopic())
		assert.Equal(t, Build(), d.GetReader())
		return d.GetFacts()[0].GetReferences()[0]
	}
	assert.Equal(t, "number:checkout:default:A-1", shopOf(nil, "default"))
	environ := map[string]string{"STRIPE_SHOP": "checkout/eu", "STRIPE_SHOP_JP": "checkout/jp", "STRIPE_MODE_JP": "live", "INGRESS_MODE": "live"}
	assert.Equal(t, "number:checkout:eu:A-1", shopOf(environ, "default"), "and a test delivery that was taken is taken still")
	assert.Equal(t, "number:checkout:jp:A-1", shopOf(environ, "jp"))

	_, err := Reread(map[string]string{"STRIPE_SHOP": "nobody/eu"}, keptDelivery("stripe", "default", keptPayment), 1<<20)
	require.ErrorContains(t, err, "STRIPE_SHOP: ")
	_, err = Reread(nil, keptDelivery("nobody", "default", "{}"), 1<<20)
	require.ErrorIs(t, err, ErrNotReadable)
}

// Amazon is a shop itself, and tells of shipments for the orders of another one.
func TestAShopThatShipsForAnotherOneIsReadAgainForThatOne(t *testing.T) {
	t.Parallel()
	kept := keptDelivery("amazon", "default", `{"NotificationType":"FULFILLMENT_ORDER_STATUS","EventTime":"2026-03-01T12:00:00Z","Payload":{"FulfillmentOrderStatusNotification":{
		"SellerFulfillmentOrderId":"A-1","StatusUpdatedDateTime":"2026-03-01T12:00:00Z","FulfillmentShipment":{"FulfillmentShipmentStatus":"SHIPPED","AmazonShipmentId":"S1"}}}}`)
	d, err := Reread(map[string]string{"AMAZON_SHOP": "shopify/eu"}, kept, 1<<20)
	require.NoError(t, err)
	require.Len(t, d.GetFacts(), 1)
	assert.Equal(t, "number:shopify:eu:A-1", d.GetFacts()[0].GetReferences()[0])
	d, err = Reread(nil, kept, 1<<20)
	require.NoError(t, err)
	assert.Empty(t, d.GetFacts(), "without a shop it is about nothing of ours, as when it comes")
}

func TestWhatAnAccountDidNotTakeItMayTakeNow(t *testing.T) {
	t.Parallel()
	kept := keptDelivery("stripe", "default", keptPayment)
	kept.Quarantine, kept.Test = source.Quarantine(source.TestMode, "a test delivery on a live account"), true
	for name, environ := range map[string]map[string]string{
		"nothing is set":           nil,
		"still live":               {"STRIPE_MODE": "live", "INGRESS_MODE": "both"},
		"another account is not":   {"STRIPE_MODE_JP": "both"},
		"what is set is no mode":   {"STRIPE_MODE": "whatever"},
		"the account's own counts": {"STRIPE_MODE": "both", "STRIPE_MODE_DEFAULT": "live"},
	} {
		d, err := Reread(environ, kept, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, source.TestMode, d.GetQuarantine().GetReason(), name)
		assert.Empty(t, d.GetFacts(), name)
	}
	d, err := Reread(map[string]string{"INGRESS_MODE": "test"}, kept, 1<<20)
	require.NoError(t, err)
	assert.Nil(t, d.GetQuarantine())
	assert.True(t, d.GetTest())
	assert.NotEmpty(t, d.GetFacts())
}

func TestReadingAgainKeepsToWhatFitsIntoAMessage(t *testing.T) {
	t.Parallel()
	whole, err := Reread(nil, keptDelivery("stripe", "default", keptPayment), 1<<20)
	require.NoError(t, err)
	d, err := Reread(nil, keptDelivery("stripe", "default", keptPayment), int64(proto.Size(whole)-1))
	require.NoError(t, err)
	assert.Contains(t, d.GetQuarantine().GetDetail(), "more than fits")
	assert.Less(t, len(d.GetFacts()), len(whole.GetFacts()))
}

func TestOnlySettingsThatHaveASayInAReadingAreHandedOn(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]string{"STRIPE_SHOP": "a", "STRIPE_SHOP_JP": "b", "ADYEN_CAPTURE": "c", "SHOPIFY_MODE_EU": "d", "INGRESS_MODE": "e"},
		ReadingSettings(map[string]string{
			"STRIPE_SHOP": "a", "STRIPE_SHOP_JP": "b", "ADYEN_CAPTURE": "c", "SHOPIFY_MODE_EU": "d", "INGRESS_MODE": "e",
			"STRIPE_WEBHOOK_SECRET": "x", "STRIPE_SHOPS": "x", "NOBODY_SHOP": "x", "INGRESS_LISTEN": "x", "SHOPIFY": "x",
		}))
}

func TestABuildIsTold(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, "^[0-9a-f]{12}$", Build())
}
