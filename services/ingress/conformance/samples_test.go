package conformance_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/amazon"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// webhookHeaders are what Standard Webhooks need beside the signature.
var webhookHeaders = []string{standard.HeaderID, standard.HeaderTimestamp}

// samples are all samples, by the names of their sources.
func samples(t *testing.T) map[string]sample {
	t.Helper()
	return map[string]sample{
		"stripe": {
			body: `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":true,"data":{"object":{"id":"pi_1","object":"payment_intent","amount":2500,
				"amount_received":2500,"currency":"eur","created":1772366300,"shipping":{"name":"Ada Example"},"metadata":{"order_number":"1001","items":"[{\"sku\":\"MUG\",\"quantity\":2,\"price\":\"12.50\"}]"}}}}`,
			secret: "whsec_conformance_of_stripe_0001", other: "whsec_conformance_of_stripe_0002",
			signature: "Stripe-Signature", spelling: hexSpelt, lasts: source.Tolerance, id: `"1001"`, text: "Ada Example",
		},
		"shopify": {
			body: `{"id":1001,"name":"#7","currency":"EUR","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z","total_price":"25.00","financial_status":"pending",
				"line_items":[{"id":1,"sku":"MUG","title":"Mug","quantity":2,"price":"12.50"}]}`,
			topic: "orders/create", secret: "conformance-of-shopify-1", other: "conformance-of-shopify-2",
			signature: "X-Shopify-Hmac-Sha256", spelling: base64Spelt, id: "1001", text: "Mug",
		},
		"woocommerce": {
			body: `{"id":1001,"number":"7","status":"pending","currency":"EUR","date_created_gmt":"2026-03-01T12:00:00","date_modified_gmt":"2026-03-01T12:00:00","total":"25.00",
				"line_items":[{"id":1,"sku":"MUG","name":"Mug","quantity":2,"subtotal":"25.00","total":"25.00"}]}`,
			topic: "order.created", secret: "conformance-of-woocommerce-1", other: "conformance-of-woocommerce-2",
			signature: "X-WC-Webhook-Signature", spelling: base64Spelt, id: "1001", text: "Mug",
		},
		"checkout": {
			body:   `{"type":"order.created","timestamp":"2026-03-01T12:00:00Z","data":{"order_number":"1001","currency":"EUR","items":[{"sku":"MUG","title":"Mug","quantity":2,"price":"12.50"}]}}`,
			secret: "whsec_Y29uZm9ybWFuY2Ugb2YgY2hlY2tvdXQgMQ==", other: "whsec_Y29uZm9ybWFuY2Ugb2YgY2hlY2tvdXQgMg==",
			signature: standard.HeaderSignature, needs: webhookHeaders, spelling: base64Spelt, lasts: source.Tolerance, id: `"1001"`, text: "Mug",
		},
		"b2b": { // signed with a key pair; checkout has the shared secret
			body: `{"type":"orders.placed","timestamp":"2026-03-01T12:00:00Z","data":{"orders":[{"order_id":1001,"purchase_order_number":"PO-1","currency":"EUR",
				"items":[{"sku":"MUG","title":"Mug","quantity":2,"price":"12.50"}]}]}}`,
			secret: "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=", other: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", signs: "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
			signature: standard.HeaderSignature, needs: webhookHeaders, spelling: base64Spelt, lasts: source.Tolerance, id: "1001", text: "Mug",
		},
		"sandbox": {
			body:   `{"type":"tracking.updated","data":{"tracking_number":"1001","scan_id":"SB1-1","status":"in_transit","location":"Berlin","occurred_at":"2026-03-01T12:00:00Z"}}`,
			secret: "whsec_Y29uZm9ybWFuY2Ugb2Ygc2FuZGJveCAxLg==", other: "whsec_Y29uZm9ybWFuY2Ugb2Ygc2FuZGJveCAyLg==",
			signature: standard.HeaderSignature, needs: webhookHeaders, spelling: base64Spelt, lasts: source.Tolerance, id: `"1001"`, text: "Berlin",
		},
		"twilio": {
			body:   `MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=delivered&To=%2B15551234567`,
			url:    "https://hooks.example.com/webhooks/twilio",
			secret: "conformance-of-twilio-1", other: "conformance-of-twilio-2", signature: "X-Twilio-Signature", spelling: base64Spelt,
		},
		"adyen": {
			body: `{"live":"true","notificationItems":[{"NotificationRequestItem":{"pspReference":"1001","merchantAccountCode":"Example","merchantReference":"7","amount":{"value":2500,"currency":"EUR"},
				"eventCode":"AUTHORISATION","eventDate":"2026-03-01T12:00:00+00:00","success":"true"}}]}`,
			secret: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", other: "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
			signature: "hmacsignature", spelling: base64Spelt, id: `"1001"`,
		},
		"paypal": paypal(t),
		"amazon": amazonSample(t),
		"easypost": {
			body: `{"id":"evt_1","object":"Event","description":"tracker.updated","mode":"production","result":{"id":"trk_1","object":"Tracker","tracking_code":"1001","carrier":"UPS","status":"in_transit",
				"updated_at":"2026-03-01T12:00:00Z","tracking_details":[{"message":"Departed","status":"in_transit","datetime":"2026-03-01T12:00:00Z","tracking_location":{"city":"Berlin"}}]}}`,
			secret: "conformance-of-easypost-1", other: "conformance-of-easypost-2", signature: "X-Hmac-Signature", spelling: hexSpelt, id: `"1001"`,
		},
		"shippo": {
			body: `{"event":"track_updated","test":false,"carrier":"ups","data":{"tracking_number":"1001","carrier":"ups",
				"tracking_status":{"object_id":"s1","status":"TRANSIT","status_details":"Departed","status_date":"2026-03-01T12:00:00Z"},"tracking_history":[]}}`,
			secret: "conformance-of-shippo-1", other: "conformance-of-shippo-2", signature: "Shippo-Auth-Signature", spelling: hexSpelt, lasts: source.Tolerance, id: `"1001"`,
		},
		"fedex": { // takes hexadecimal as well, as its pages have it
			body:   `{"trackResults":[{"trackingNumberInfo":{"trackingNumber":"1001"},"scanEvents":[{"date":"2026-03-01T12:00:00Z","eventType":"PU"}]}]}`,
			secret: "conformance-of-fedex-1", other: "conformance-of-fedex-2", signature: "fdx-signature", spelling: bothSpelt, id: `"1001"`,
		},
		"ups": {
			body: `{"trackingNumber":"1001","localActivityDate":"20260301","localActivityTime":"120000","gmtActivityDate":"20260301","gmtActivityTime":"120000",
				"activityStatus":{"type":"I","code":"DP","description":"Departed from Facility"}}`,
			secret: "conformance-of-ups-a-credential-that-is-long-1", other: "conformance-of-ups-a-credential-that-is-long-2", signature: "credential", bearer: true, id: `"1001"`,
		},
		"usps": {
			body:   `{"subscriptionId":"s1","subscriptionType":"TRACKING","timestamp":"2026-03-01T12:00:00Z","payload":"{\"trackingNumber\":\"1001\",\"trackingEvents\":[{\"eventCode\":\"01\",\"GMTTimestamp\":\"2026-03-01T12:00:00Z\"}]}"}`,
			secret: "conformance-of-usps-1", other: "conformance-of-usps-2", signature: "X-HMAC", spelling: base64Spelt, id: "1001",
			fields: [][2]string{{"1001", "1002"}, {`"timestamp":"2026-03-01T12`, `"timestamp":"2026-03-01T13`}, {`"payload":"{`, `"payload":" {`}},
		},
	}
}

// paypal signs with a certificate, which is made here as PayPal's own are named.
func paypal(t *testing.T) sample {
	t.Helper()
	private, certificate := issued(t, "messageverificationcerts.sandbox.paypal.com")
	return sample{
		body: `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","create_time":"2026-03-01T12:00:00Z","resource":{"id":"1001","status":"COMPLETED","amount":{"currency_code":"EUR","value":"25.00"},
			"custom_id":"7","create_time":"2026-03-01T12:00:00Z"}}`,
		secret: "CONFORMANCE000001", other: "CONFORMANCE000002", signs: "CONFORMANCE000001\n" + private, certificate: certificate,
		signature: "Paypal-Transmission-Sig", needs: []string{"Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Cert-Url", "Paypal-Auth-Algo"},
		spelling: base64Spelt, lasts: 3*24*time.Hour + source.Tolerance, id: `"1001"`,
	}
}

// amazonSample is signed inside the body, with a certificate that is made here as SNS's own are named.
func amazonSample(t *testing.T) sample {
	t.Helper()
	const arn = "arn:aws:sns:eu-west-1:123456789012:conformance-"
	private, certificate := issued(t, "sns.amazonaws.com")
	one := sample{
		body: `{"NotificationType":"order","Payload":{"Order":{"AmazonOrderId":"1001","PurchaseDate":"2026-03-01T12:00:00Z","LastUpdateDate":"2026-03-01T12:00:00Z","OrderStatus":"Unshipped","FulfillmentChannel":"MFN",
			"OrderTotal":{"CurrencyCode":"EUR","Amount":"25.00"}},"OrderItems":[{"OrderItemId":"1","SellerSKU":"MUG","Title":"Mug","QuantityOrdered":2,"ItemPrice":{"CurrencyCode":"EUR","Amount":"25.00"}}]}}`,
		secret: arn + "1", other: arn + "2", signs: arn + "1\n" + private, certificate: certificate,
		fields: [][2]string{{`Amount\":\"25.00`, `Amount\":\"0.25`}, {`"Notification"`, `"SubscriptionConfirmation"`}, {`"Timestamp":"20`, `"Timestamp":"19`}, {`"Message":"`, `"Message":" `}, {`"MessageId":"`, `"MessageId":"0`}},
		lasts:  time.Hour + source.Tolerance, id: `"1001"`, text: "Mug",
	}
	one.made = func(t tester, s source.Signing) source.Request {
		t.Helper()
		body, err := amazon.New().Enclose([]byte(one.body), s)
		require.NoError(t, err)
		h, err := amazon.New().Sign(body, s)
		require.NoError(t, err)
		return source.Request{Header: h, Body: body, ReceivedAt: s.At, Certificate: certificate}
	}
	return one
}

// issued is a private key, as PEM, and a certificate for it in somebody's name.
func issued(t *testing.T, to string) (private string, certificate *x509.Certificate) {
	t.Helper()
	return certtest.KeyPEM(), certtest.Certificate(t, now, to, nil, certtest.Key().Public(), certtest.Key())
}
