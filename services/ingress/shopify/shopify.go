// Package shopify reads webhooks of Shopify (https://shopify.dev/docs/apps/build/webhooks).
//
// A body is the bare resource: an order, a transaction, a refund, a dispute, a fulfillment, a product, a stock level. Only the body is signed, so the topic's
// header is only taken for what kind of resource the body is; what the resource says decides. A repeated order under
// the topic orders/cancelled cancels nothing unless the order in it is cancelled.
//
//	shopify.go      the source          verify.go       signatures
//	read.go         topics              wire.go         the parts of Shopify's resources that we need
//	order.go        an order            lines.go        its lines, as they stand after edits and refunds
//	totals.go       its sums            purse.go        amounts, in the currency that the customer pays in
//	transaction.go  payments and refunds, and their names
//	dispute.go      disputes            person.go       customer and addresses
//	fulfillment.go  what the shop ships itself           goods.go  products and what is left of them
package shopify

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// name is the source's name, and the prefix of everything that Shopify gives an id.
const name = "shopify"

// Source is Shopify.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() source.Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Shop }

// Habits are of who sends: Shopify waits 5 s, 1 s of it for the connection.
func (Source) Habits() source.Habits { return source.Habits{Answer: 4 * time.Second} }

// Sign makes the headers of a delivery, as an app's subscription gets them.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	t, id := s.Topic, s.ID
	if t == "" {
		t = signedTopic(body)
	}
	if id == "" {
		id = "11111111-" + source.BodyID(body)[len("sha256:"):]
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-Shopify-Topic", t)
	h.Set("X-Shopify-Shop-Domain", "example.myshopify.com")
	h.Set("X-Shopify-API-Version", "2026-04")
	h.Set("X-Shopify-Webhook-Id", id)
	h.Set("X-Shopify-Event-Id", id)
	h.Set("X-Shopify-Triggered-At", s.At.UTC().Format(time.RFC3339Nano))
	h.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(source.HMAC([]byte(s.Secret), body)))
	return h, nil
}

// signedTopic is a topic under which the body might be sent: what it obviously is, else a new order.
func signedTopic(body []byte) string {
	if t := topic(source.Request{Body: body}); t != "" && !strings.HasPrefix(t, "orders/") {
		return t
	}
	return "orders/create"
}
