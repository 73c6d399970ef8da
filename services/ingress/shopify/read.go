package shopify

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// kinds says which resource a topic's body is, for the topics that become facts.
var kinds = map[string]func(*reader){
	"orders/create":               (*reader).order,
	"orders/updated":              (*reader).order,
	"orders/paid":                 (*reader).order,
	"orders/cancelled":            (*reader).order,
	"orders/fulfilled":            (*reader).order,
	"orders/partially_fulfilled":  (*reader).order,
	"orders/delete":               (*reader).deleted,
	"order_transactions/create":   (*reader).transaction,
	"refunds/create":              (*reader).refund,
	"disputes/create":             (*reader).dispute,
	"disputes/update":             (*reader).dispute,
	"fulfillments/create":         (*reader).fulfillment,
	"fulfillments/update":         (*reader).fulfillment,
	"inventory_levels/connect":    (*reader).level,
	"inventory_levels/update":     (*reader).level,
	"inventory_levels/disconnect": (*reader).disconnected,
	"inventory_items/create":      (*reader).item,
	"inventory_items/update":      (*reader).item,
	"products/create":             (*reader).product,
	"products/update":             (*reader).product,
}

// silent are topics, or what they begin with, that say nothing which an order does not say too, or nothing that we
// follow: an edit is told again, whole, by orders/updated, and what a carrier saw, with its tracking number, by
// fulfillments/update; what is returned is told by its refund.
var silent = []string{
	"orders/edited", "orders/shopify_protect_eligibility_changed", "orders/risk_assessment_changed", "orders/link_requested",
	"order_transactions/", "fulfillment_events/", "fulfillment_orders/", "fulfillment_holds/", "inventory_items/delete",
	"inventory_shipments/", "inventory_transfers/", "returns/", "reverse_deliveries/", "reverse_fulfillment_orders/", "draft_orders/",
	"products/delete", "product_listings/", "product_feeds/", "product_publications/", "variants/", "collections/", "collection_listings/",
	"collection_publications/", "customers/create", "customers/update", "customers/enable", "customers/disable", "customers/delete",
	"customers/merge", "customers/purchasing_summary", "customer.", "customer_groups/", "customer_payment_methods/", "customer_account_settings/",
	"customers_", "carts/", "checkouts/", "app/", "app_subscriptions/", "app_purchases_one_time/", "shop/update", "themes/", "locations/", "locales/",
	"domains/", "markets/", "markets_", "companies/", "company_", "discounts/", "segments/", "selling_plan_groups/", "subscription_",
	"tender_transactions/", "payment_schedules/", "payment_terms/", "profiles/", "bulk_operations/", "metaobjects/", "metafield_definitions/",
	"scheduled_product_listings/", "channels/", "publications/", "audit_events/", "delivery_promise_settings/", "finance_", "tax_",
}

// noted are topics that nothing of ours acts on by itself, and that nobody may overlook.
var noted = map[string]string{
	"customers/data_request": "a request under privacy law: a person has to answer it",
	"customers/redact":       "a request under privacy law: a person has to erase what the customer's orders hold",
	"shop/redact":            "a request under privacy law: a person has to erase what the shop's orders hold",
	"app/uninstalled":        "the end of this account's deliveries: the app was removed from the shop",
}

// reader reads one delivery.
type reader struct {
	body    []byte
	shop    source.ShopKey
	at      time.Time // of the request, where the resource tells no time
	reading source.Reading
	trouble source.Trouble
}

// Read says what a verified request tells.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	rd := &reader{body: r.Body, shop: source.ShopKey{Source: name, Account: a.Name}, at: r.ReceivedAt}
	rd.reading.Topic = topic(r)
	rd.reading.DeliveryID = deliveryID(r)
	rd.reading.Headers = source.Keep(r.Header, kept()...)
	rd.read()
	rd.reading.Quarantine = rd.trouble.Quarantine()
	return rd.reading
}

func (r *reader) read() {
	topic := r.reading.Topic
	read, known := kinds[topic]
	switch {
	case known:
		read(r)
	case !r.trouble.Unreadable(source.Decode(r.body, new(json.RawMessage))):
	case topic == "":
		r.trouble.Add(source.UnknownTopic, "the header X-Shopify-Topic is missing, and the body does not show what it is")
	case noted[topic] != "":
		r.trouble.Add(source.UnknownTopic, topic+" is "+noted[topic])
	case !slices.ContainsFunc(silent, func(s string) bool { return strings.HasPrefix(topic, s) }):
		r.trouble.Add(source.UnknownTopic, "nothing is known of the topic "+source.Clean(topic, 100))
	}
}

// decode reads the body as a resource, and says whether there is one.
func (r *reader) decode(into any) bool {
	return r.trouble.Unreadable(source.Decode(r.body, into))
}

// header reads one of Shopify's headers in either of its families. Twice the same counts as once.
func header(h http.Header, name string) string {
	if v := h.Get("X-Shopify-" + name); v != "" {
		return v
	}
	return h.Get("Shopify-" + name)
}

func kept() []string {
	var names []string
	for _, n := range []string{"Topic", "Shop-Domain", "API-Version", "Webhook-Id", "Event-Id", "Triggered-At"} {
		names = append(names, "X-Shopify-"+n, "Shopify-"+n)
	}
	return names
}

// topic is the header's word, or what the body obviously is.
func topic(r source.Request) string {
	if t := strings.ToLower(strings.TrimSpace(header(r.Header, "Topic"))); t != "" {
		return source.Clean(t, 100)
	}
	var has map[string]any
	if source.Decode(r.Body, &has) != nil {
		return ""
	}
	all := func(fields ...string) bool {
		return !slices.ContainsFunc(fields, func(f string) bool { _, ok := has[f]; return !ok })
	}
	switch {
	case all("line_items", "financial_status", "order_number"):
		return "orders/updated"
	case all("order_id", "kind", "gateway", "amount"):
		return "order_transactions/create"
	case all("order_id", "refund_line_items", "transactions"):
		return "refunds/create"
	case all("order_id", "evidence_due_by", "status"):
		return "disputes/update"
	case all("order_id", "tracking_numbers", "line_items"):
		return "fulfillments/update"
	case all("inventory_item_id", "location_id", "available"):
		return "inventory_levels/update"
	case all("title", "variants", "product_type"):
		return "products/update"
	case all("order_edit"):
		return "orders/edited"
	case all("fulfillment_id", "happened_at", "status"):
		return "fulfillment_events/create"
	case all("return_line_items", "order", "status"):
		return "returns/update"
	}
	return ""
}

// deliveryID is the id of what happened, shared by every topic and retry that tells of it; that of the delivery where
// it is missing.
func deliveryID(r source.Request) string {
	for _, h := range []string{"Event-Id", "Webhook-Id"} {
		if id := strings.TrimSpace(header(r.Header, h)); source.IsName(id) {
			return source.Clean(id, 255)
		}
	}
	return source.BodyID(r.Body)
}

// tell adds a fact about an order.
func (r *reader) tell(f *intakev1.Fact) { r.reading.Facts = append(r.reading.Facts, f) }

// key names an order; nil if the id is not one of Shopify's.
func (r *reader) key(field string, id text) *typev1.OrderKey {
	digits := r.trouble.ID(field, id)
	if digits == "" {
		return nil
	}
	return source.Key(r.shop, digits)
}

// when is the first of the times that can be read; the request's own where none can.
func (r *reader) when(times ...text) *timestamppb.Timestamp {
	for _, t := range times {
		if stamp := source.Time(t.String()); stamp != nil {
			return stamp
		}
	}
	return source.Moment(r.at)
}

func (r *reader) test(told text) { r.reading.Test = r.reading.Test || told.String() == "true" }

// clean is a text as it may be stored.
func clean(t text) string { return source.Clean(t.String(), 1000) }
