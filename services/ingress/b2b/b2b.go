// Package b2b reads webhooks of procurement portals, which deliver many orders in one body. They are signed as Standard
// Webhooks 1.0 has it, with a shared secret (v1) or a key pair (v1a), see package standard. Their payload is ours:
//
//	{
//	  "type": "orders.placed",
//	  "timestamp": "2026-03-01T12:00:00Z",
//	  "data": {
//	    "orders": [
//	      {
//	        "order_id": "a1f0", "purchase_order_number": "PO-4711",
//	        "buyer": {"id": "acme", "company": "ACME GmbH", "name": "Ada Example", "email": "ada@example.com", "phone": "+49 30 123"},
//	        "currency": "EUR", "contract": "C-2026-7",
//	        "items": [
//	          {"id": "10", "sku": "MUG", "title": "Mug", "quantity": 200, "price": "4.15", "currency": "EUR", "contract": "C-2026-7", "discount": "30.00"},
//	          {"id": "20", "sku": "SCREW", "quantity": 10000, "price": "1.25", "price_per": 100}
//	        ],
//	        "discount": "30.00", "shipping": "49.00", "tax": "174.61", "total": "1148.61",
//	        "shipping_address": {"company": "ACME GmbH", "name": "Gate 3", "line1": "Works Road 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
//	        "billing_address": {"company": "ACME GmbH", "line1": "Main Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
//	        "requested_date": "2026-03-15", "payment_terms": "net 30",
//	        "placed_at": "2026-03-01T11:59:58Z"
//	      }
//	    ]
//	  }
//	}
//
// The types are orders.placed, orders.updated, orders.cancelled and orders.paid; and, with one order's fields in data
// itself, order.placed and everything else that package payload reads: payments, refunds, disputes, shipments, products,
// stock. What fields each needs is said there.
//
// An order is named by order_id, which never changes, or where the portal has none by purchase_order_number, which then
// has to be the only one of its kind in the account. Whichever it is, every delivery about the order has to name it so.
// The purchase order number is the number that people use, and finds the order; of two orders that share one, it finds
// the first.
//
// Each order stands for itself: one that cannot be used is quarantined, named by its place and its number, and the others
// are kept. An order that stands in a body twice, the same to the byte, counts once; of two that differ the one with the
// newer updated_at wins. "test" and "historic" beside orders hold for all of them.
//
// A body may be as large as INGRESS_MAX_BODY: of orders with two lines about 1,800 go into a megabyte. What it says has to
// fit into one message of the broker; the last orders that do not are left out, which the quarantine says.
//
// Contract prices are package payload's: any number of digits, price_per pieces, in the order's currency. Which contract
// they are of, the requested date and the terms are kept with the delivery's body and change nothing.
//
// Terms of payment are no payment. An order on account waits for its money like any other, at most
// ORDER_PAYMENT_DEADLINE, until the portal says that it is there: orders.paid, or "paid" in the order, is its word for
// how much its books hold. A portal that gives credit itself, and pays whatever the buyer does, says so at once, and the
// order is shipped; one that only passes the buyer's promise on must not.
package b2b

import (
	"net/http"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

const name = "b2b"

// Source are procurement portals.
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

// Sign makes the headers with which a portal would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) { return standard.Sign(body, s) }
