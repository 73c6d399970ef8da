// Package woocommerce reads webhooks of WooCommerce (https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks).
//
// A body is a resource of its REST API, version 3, as it stands at the moment of sending: two deliveries may say the
// same. Only the body is signed, so the topic's header is only taken for what kind of resource the body is. There are
// no ids of deliveries that could be relied on (they are made of the current second) and no retries.
//
//	woocommerce.go  the source and its unsigned ping    verify.go   signatures
//	read.go         topics                              wire.go     the parts of the resources that we need
//	order.go        an order                            lines.go    its lines, fees and sums
//	payment.go      what is paid and what went back     person.go   customer and addresses
//	product.go      what is left of a product
package woocommerce

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that WooCommerce gives an id.
const name = "woocommerce"

// Source is WooCommerce.
type Source struct{}

var (
	_ source.Source  = Source{}
	_ source.Greeter = Source{}
)

// New makes the source.
func New() source.Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Shop }

// Habits are of who sends: WooCommerce waits 60 s and never comes again, so it gets as long as any answer may take.
func (Source) Habits() source.Habits { return source.Habits{Answer: 25 * time.Second} }

// ping is all that is in the request with which a webhook is switched on.
var ping = regexp.MustCompile(`^webhook_id=\d{1,20}$`)

// Greets says that the request is WooCommerce's unsigned ping. It wants 200, else the webhook stays off.
func (Source) Greets(r source.Request) bool {
	return len(r.Header.Values(signature)) == 0 && len(r.Body) < 64 && ping.Match(r.Body)
}

// Sign makes the headers of a delivery.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	t, id := s.Topic, s.ID
	if t == "" {
		t = signedTopic(body)
	}
	if id == "" {
		id = source.BodyID(body)[len("sha256:"):]
	}
	resource, event, _ := strings.Cut(t, ".")
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-WC-Webhook-Source", "https://shop.example/")
	h.Set("X-WC-Webhook-Topic", t)
	h.Set("X-WC-Webhook-Resource", resource)
	h.Set("X-WC-Webhook-Event", event)
	h.Set("X-WC-Webhook-ID", "1")
	h.Set("X-WC-Webhook-Delivery-ID", id)
	h.Set(signature, base64.StdEncoding.EncodeToString(source.HMAC([]byte(decoded(s.Secret)), body)))
	return h, nil
}

// signedTopic is a topic under which the body might be sent: what it obviously is, else a new order.
func signedTopic(body []byte) string {
	if t := topic(source.Request{Body: body}); strings.HasPrefix(t, "product.") {
		return t
	}
	return "order.created"
}
