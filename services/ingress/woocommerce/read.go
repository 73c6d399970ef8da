package woocommerce

import (
	"encoding/json"
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
	"order.created":    (*reader).order,
	"order.updated":    (*reader).order,
	"order.restored":   (*reader).order,
	"order.deleted":    (*reader).deleted,
	"product.created":  (*reader).product,
	"product.updated":  (*reader).product,
	"product.restored": (*reader).product,
}

// silent are what topics begin with that say nothing which we follow.
var silent = []string{"product.deleted", "customer.", "coupon."}

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
	var head struct {
		ID       text `json:"id"`
		Modified text `json:"date_modified_gmt"`
	}
	valid := rd.trouble.Unreadable(source.Decode(r.Body, new(json.RawMessage)))
	if valid {
		_ = source.Decode(r.Body, &head) // what is no object has no id, and is told below
	}
	rd.reading.Topic = topic(r)
	resource, _, _ := strings.Cut(rd.reading.Topic, ".")
	rd.reading.DeliveryID = deliveryID(resource, head.ID, head.Modified, r.Body)
	rd.reading.Headers = source.Keep(r.Header, "X-WC-Webhook-Topic", "X-WC-Webhook-Source", "X-WC-Webhook-ID", "X-WC-Webhook-Delivery-ID")
	if valid {
		rd.read()
	}
	rd.reading.Quarantine = rd.trouble.Quarantine()
	return rd.reading
}

func (r *reader) read() {
	topic := r.reading.Topic
	read, known := kinds[topic]
	switch {
	case known:
		read(r)
	case topic == "":
		r.trouble.Add(source.UnknownTopic, "the header X-WC-Webhook-Topic is missing, and the body does not show what it is")
	case !slices.ContainsFunc(silent, func(s string) bool { return strings.HasPrefix(topic, s) }):
		r.trouble.Add(source.UnknownTopic, "nothing is known of the topic "+topic)
	}
}

// topic is the header's word, or what the body obviously is.
func topic(r source.Request) string {
	if t := strings.ToLower(strings.TrimSpace(r.Header.Get("X-WC-Webhook-Topic"))); t != "" {
		return source.Clean(t, 100)
	}
	var has map[string]json.RawMessage
	if source.Decode(r.Body, &has) != nil {
		return ""
	}
	all := func(fields ...string) bool {
		return !slices.ContainsFunc(fields, func(f string) bool { _, ok := has[f]; return !ok })
	}
	switch {
	case all("line_items", "order_key", "status"):
		return "order.updated"
	case all("manage_stock", "stock_quantity", "sku"):
		return "product.updated"
	}
	return ""
}

// deliveryID is made of what is told: WooCommerce's own are made of the second, so that two events share one. The same
// state told twice has the same id.
func deliveryID(resource string, id, modified text, body []byte) string {
	return source.Clean(resource+":"+clean(id)+":"+clean(modified), 200) + ":" + source.BodyID(body)
}

// decode reads the body as a resource, and says whether there is one.
func (r *reader) decode(into any) bool {
	return r.trouble.Unreadable(source.Decode(r.body, into))
}

func (r *reader) tell(f *intakev1.Fact) { r.reading.Facts = append(r.reading.Facts, f) }

// key names an order; nil if the id is none.
func (r *reader) key(id text) *typev1.OrderKey {
	digits := r.trouble.ID("id", id)
	if digits == "" {
		return nil
	}
	return source.Key(r.shop, digits)
}

// when is the first of the times that were told; the request's own where none was.
func (r *reader) when(times ...text) *timestamppb.Timestamp {
	for _, t := range times {
		if stamp := gmt(t); stamp != nil {
			return stamp
		}
	}
	return source.Moment(r.at)
}

// gmt reads a time in UTC that does not say so. (The fields without _gmt are local to a site whose zone is not told.)
func gmt(t text) *timestamppb.Timestamp {
	if stamp := source.Time(t.String() + "Z"); stamp != nil {
		return stamp
	}
	return source.Time(t.String())
}

// clean is a text as it may be stored.
func clean(t text) string { return source.Clean(t.String(), 1000) }
