// Package checkout reads webhooks of a shop's own checkout. They are signed as Standard Webhooks 1.0 has it, see package
// standard, and their payload is ours:
//
//	{
//	  "type": "order.created",
//	  "timestamp": "2026-03-01T12:00:00Z",
//	  "data": {
//	    "order_number": "1001",
//	    "currency": "EUR",
//	    "items": [
//	      {"sku": "MUG", "quantity": 2, "price": "12.50", "title": "Mug"},
//	      {"sku": "GIFT", "quantity": 1, "price": "20.00", "fulfilled_by": "nobody"}
//	    ],
//	    "discount": "5.00", "shipping": "4.90", "tax": "0", "total": "44.90",
//	    "customer": {"id": "c7", "email": "ada@example.com", "name": "Ada Example", "phone": "+49 30 123"},
//	    "shipping_address": {"name": "Ada Example", "line1": "Main Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
//	    "placed_at": "2026-03-01T11:59:58Z"
//	  }
//	}
//
// Every data that is about an order has order_number: the order's immutable id at the checkout, as a string or a number.
// A # before it is passed over. A payment, refund or dispute may name its payment instead of its order; products and
// stock need neither. The types, and what each needs beside that, are those of package payload.
package checkout

import (
	"net/http"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

const name = "checkout"

// Source is a checkout of one's own.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Shop }

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error { return standard.CheckSecret(secret) }

// Verify returns nil if one of the account's secrets signed the request, and now.
func (Source) Verify(r source.Request, a source.Account) error { return standard.Verify(r, a.Secrets) }

// Sign makes the headers with which a checkout would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) { return standard.Sign(body, s) }
