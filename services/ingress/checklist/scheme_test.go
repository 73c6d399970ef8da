package checklist_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// now is the receivers' time.
var now = time.Unix(1772366400, 0).UTC()

const tolerance = 300 * time.Second

// scheme is how a provider signs. It signs by itself, without the code that verifies.
type scheme struct {
	// name is the source's, and setting that of its secret.
	name, setting string
	// secret is what its account "default" verifies with; other is that of the account "second".
	secret, other string
	// key is what the HMAC is keyed with.
	key func(secret string) []byte
	// odd are secrets that have to work as well; keyed says that a secret is a key byte by byte, so that letters that look
	// alike make another.
	odd   []string
	keyed bool
	// timed says that a time is signed, ided that the delivery's id is.
	timed, ided bool
	// message is what is signed.
	message func(id, stamp, body string) string
	spell   func(mac []byte) string
	// header is where the signature stands, value what stands there, rest are the other headers.
	header string
	value  func(stamp, signature string) string
	rest   func(id, stamp string) map[string]string
	// body becomes facts; the id stands in it.
	body func(id string) string
	// fine and foul are values of the header with one good signature and others, which are let in or not.
	fine, foul func(stamp, good, bad string) []string
	// pings says that an unsigned form means nothing.
	pings bool
	// read takes the headers apart, for the model: nil where no wrong receiver needs it.
	read func(h http.Header) (id, stamp string, signatures []string)
}

var schemes = []scheme{
	{
		name: "stripe", setting: "STRIPE_WEBHOOK_SECRET", secret: "whsec_checklist_stripe_1", other: "whsec_checklist_stripe_2",
		key: bytesOf, keyed: true, odd: []string{"a b", "a&amp;b", "p\u00e4ss"}, timed: true, message: stamped, spell: hex.EncodeToString,
		header: "Stripe-Signature", value: equals, rest: nothing,
		body: func(id string) string {
			return `{"id":"evt_` + id + `","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":true,"data":{"object":{"id":"pi_` + id + `","object":"payment_intent","amount":2500,"amount_received":2500,"currency":"eur","created":1772366300,"metadata":{"order_number":"` + id + `","items":"[{\"sku\":\"MUG\",\"quantity\":2,\"price\":\"12.50\"}]"}}}}`
		},
		fine: func(stamp, good, bad string) []string {
			return []string{
				"t=" + stamp + ",v1=" + bad + ",v1=" + good, "t=" + stamp + ",v1=" + good + ",v1=" + bad, "t=" + stamp + ",v1=nothex,v1=" + good,
				"t=" + stamp + ",v0=" + bad + ",v1=" + good, "v1=" + good + ",t=" + stamp, "t=" + stamp + ",x=y,v1=" + good,
			}
		},
		foul: func(stamp, good, bad string) []string {
			return []string{
				"t=" + stamp + ",v0=" + good, "t=" + stamp, "v1=" + good, good, "t=" + stamp + ",v1=" + good + "=", "t=" + stamp + ",v1=", "t=" + stamp + ",t=" + stamp + ",v1=" + good,
				"t=,v1=" + good, "t=now,v1=" + good, "t=-" + stamp + ",v1=" + good, "t=9223372036854775808,v1=" + good, "t=" + stamp + ";v1=" + good, "t==" + stamp + ",v1=" + good,
				"t=" + stamp + ",v1=" + bad + ",v1=" + bad, ",,,,", "=,=,=", strings.Repeat("v1="+bad+",", 80) + "t=" + stamp,
			}
		},
		read: func(h http.Header) (id, stamp string, signatures []string) {
			return readEquals(h.Get("Stripe-Signature"))
		},
	},
	{
		name: "shopify", setting: "SHOPIFY_WEBHOOK_SECRET", secret: "checklist-shopify-1", other: "checklist-shopify-2",
		key: bytesOf, keyed: true, odd: []string{"a b", "a&amp;b", "p\u00e4ss"}, message: bare, spell: base64.StdEncoding.EncodeToString,
		header: "X-Shopify-Hmac-Sha256", value: alone,
		rest: func(id, _ string) map[string]string {
			return map[string]string{"X-Shopify-Topic": "orders/create", "X-Shopify-Shop-Domain": "example.myshopify.com", "X-Shopify-Event-Id": id, "X-Shopify-Webhook-Id": id}
		},
		body: func(id string) string {
			return `{"id":` + id + `,"name":"#7","currency":"EUR","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z","total_price":"25.00","financial_status":"pending","line_items":[{"id":1,"sku":"MUG","title":"Mug","quantity":2,"price":"12.50"}]}`
		},
		read: func(h http.Header) (id, stamp string, signatures []string) {
			return "", "", []string{h.Get("X-Shopify-Hmac-Sha256")}
		},
	},
	{
		name: "woocommerce", setting: "WOOCOMMERCE_WEBHOOK_SECRET", secret: "checklist-woocommerce-1", other: "checklist-woocommerce-2",
		// WordPress keeps & as &amp; and signs with the character.
		key: func(secret string) []byte { return []byte(strings.ReplaceAll(secret, "&amp;", "&")) }, keyed: true, odd: []string{"a b", "a&amp;b", "p\u00e4ss"},
		message: bare, spell: base64.StdEncoding.EncodeToString, header: "X-WC-Webhook-Signature", value: alone, pings: true,
		rest: func(id, _ string) map[string]string {
			return map[string]string{"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": "created", "X-WC-Webhook-Delivery-ID": id}
		},
		body: func(id string) string {
			return `{"id":` + id + `,"number":"7","status":"pending","currency":"EUR","date_created_gmt":"2026-03-01T12:00:00","date_modified_gmt":"2026-03-01T12:00:00","total":"25.00","line_items":[{"id":1,"sku":"MUG","name":"Mug","quantity":2,"subtotal":"25.00","total":"25.00"}]}`
		},
	},
	{ // Standard Webhooks
		name: "checkout", setting: "CHECKOUT_WEBHOOK_SECRET", secret: "whsec_Y2hlY2tsaXN0LW9mLXRoZS1jaGVja291dC0x", other: "whsec_Y2hlY2tsaXN0LW9mLXRoZS1jaGVja291dC0y",
		key: func(secret string) []byte {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			if err != nil {
				return nil
			}
			return key
		},
		timed: true, ided: true, message: func(id, stamp, body string) string { return id + "." + stamp + "." + body }, spell: base64.StdEncoding.EncodeToString,
		header: "Webhook-Signature", value: func(_, signature string) string { return "v1," + signature },
		rest: func(id, stamp string) map[string]string {
			return map[string]string{"Webhook-Id": id, "Webhook-Timestamp": stamp}
		},
		body: func(id string) string {
			return `{"type":"order.created","timestamp":"2026-03-01T12:00:00Z","data":{"order_number":"` + id + `","currency":"EUR","items":[{"sku":"MUG","quantity":2,"price":"12.50"}]}}`
		},
		fine: func(_, good, bad string) []string {
			return []string{"v1," + bad + " v1," + good, "v1," + good + " v1," + bad, "v1a," + bad + " v1," + good, "v9,x v1," + good, "v1,no v1," + good, " v1," + good + " "}
		},
		foul: func(_, good, bad string) []string {
			return []string{"v1," + bad + ",v1," + good, "v1a," + good, "v2," + good, good, "v1=" + good, "v1,", "v1", ",", "v1," + bad + " v1," + bad, "V1," + good}
		},
		read: func(h http.Header) (id, stamp string, signatures []string) {
			for part := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
				if version, text, _ := strings.Cut(part, ","); version == "v1" {
					signatures = append(signatures, text)
				}
			}
			return h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), signatures
		},
	},
	{
		name: "easypost", setting: "EASYPOST_WEBHOOK_SECRET", secret: "checklist-easypost-1", other: "checklist-easypost-2",
		key: bytesOf, odd: []string{"a b", "a&amp;b"}, message: bare, spell: hex.EncodeToString, // it normalises a secret's letters (NFKD)
		header: "X-Hmac-Signature", value: func(_, signature string) string { return "hmac-sha256-hex=" + signature }, rest: nothing,
		body: func(id string) string {
			return `{"id":"evt_` + id + `","object":"Event","description":"tracker.updated","mode":"production","result":{"id":"trk_` + id + `","object":"Tracker","tracking_code":"` + id + `","carrier":"UPS","status":"in_transit","updated_at":"2026-03-01T12:00:00Z","tracking_details":[{"message":"Departed","status":"in_transit","datetime":"2026-03-01T12:00:00Z"}]}}`
		},
		foul: func(_, good, _ string) []string {
			return []string{good, "hmac-sha256-hex=hmac-sha256-hex=" + good, "sha256=" + good, "hmac-sha256-hex=", "hmac-sha256-hex=" + good + "," + good}
		},
	},
	{
		name: "shippo", setting: "SHIPPO_WEBHOOK_SECRET", secret: "checklist-shippo-1", other: "checklist-shippo-2",
		key: bytesOf, keyed: true, odd: []string{"a b", "a&amp;b", "p\u00e4ss"}, timed: true, message: stamped, spell: hex.EncodeToString,
		header: "Shippo-Auth-Signature", value: equals, rest: nothing,
		body: func(id string) string {
			return `{"event":"track_updated","test":false,"carrier":"ups","data":{"tracking_number":"` + id + `","carrier":"ups","tracking_status":{"object_id":"s1","status":"TRANSIT","status_details":"Departed","status_date":"2026-03-01T12:00:00Z"},"tracking_history":[]}}`
		},
		fine: func(stamp, good, bad string) []string {
			return []string{"t=" + stamp + ",v1=" + bad + ",v1=" + good, "t=" + stamp + ",v1=" + good + ",v1=" + bad, "t=" + stamp + ", v1=" + good}
		},
		foul: func(stamp, good, bad string) []string {
			return []string{"t=" + stamp, "v1=" + good, "t=" + stamp + ",t=" + stamp + ",v1=" + good, "t=now,v1=" + good, "t=-1,v1=" + good, "t=" + stamp + ",v1=" + bad, "t=9223372036854775808,v1=" + good}
		},
	},
}

func bytesOf(secret string) []byte { return []byte(secret) }

func bare(_, _, body string) string { return body }

func stamped(_, stamp, body string) string { return stamp + "." + body }

func alone(_, signature string) string { return signature }

func equals(stamp, signature string) string { return "t=" + stamp + ",v1=" + signature }

func nothing(string, string) map[string]string { return nil }

// readEquals takes t=…,v1=… apart.
func readEquals(value string) (id, stamp string, signatures []string) {
	for part := range strings.SplitSeq(value, ",") {
		switch name, text, _ := strings.Cut(part, "="); {
		case name == "t" && stamp != "":
			stamp = "twice"
		case name == "t":
			stamp = text
		case name == "v1":
			signatures = append(signatures, text)
		}
	}
	return "", stamp, signatures
}

// delivery is one request of a provider.
type delivery struct {
	path   string
	header http.Header
	body   string
}

var ids atomic.Int64

// fresh is an id that no delivery had before.
func fresh() string { return strconv.FormatInt(900719925474100000+ids.Add(1), 10) }

func (s scheme) mac(secret, id, stamp, body string) []byte {
	mac := hmac.New(sha256.New, s.key(secret))
	mac.Write([]byte(s.message(id, stamp, body)))
	return mac.Sum(nil)
}

func (s scheme) sign(secret, id, stamp, body string) string {
	return s.spell(s.mac(secret, id, stamp, body))
}

// with is a delivery with a time and a signature of one's own.
func (s scheme) with(id, stamp, value, body string) delivery {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, v := range s.rest(id, stamp) {
		h.Set(name, v)
	}
	h.Set(s.header, value)
	return delivery{"/webhooks/" + s.name, h, body}
}

// at is a delivery that was signed at a time.
func (s scheme) at(secret, id, stamp, body string) delivery {
	return s.with(id, stamp, s.value(stamp, s.sign(secret, id, stamp, body)), body)
}

// stamp is the receivers' time, as it is signed.
func stamp() string { return strconv.FormatInt(now.Unix(), 10) }

// signed is a good delivery of a body, new by a delivery's id of its own where one is signed.
func (s scheme) signed(body string) delivery { return s.at(s.secret, fresh(), stamp(), body) }

// plain is a good delivery that there was never before.
func (s scheme) plain() delivery {
	id := fresh()
	return s.at(s.secret, id, stamp(), s.body(id))
}

func (d delivery) clone() delivery {
	d.header = d.header.Clone()
	return d
}

func (d delivery) set(name string, values ...string) delivery {
	d = d.clone()
	d.header[http.CanonicalHeaderKey(name)] = values
	if len(values) == 0 {
		d.header.Del(name)
	}
	return d
}

// raw is the request as it goes over the wire.
func (d delivery) raw(version string, more ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/%s\r\nHost: hooks.example\r\nContent-Length: %d\r\n", d.path, version, len(d.body))
	for name, values := range d.header {
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	for _, line := range more {
		b.WriteString(line + "\r\n")
	}
	return b.String() + "\r\n" + d.body
}
