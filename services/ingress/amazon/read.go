package amazon

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// reading is one notification on its way to facts.
type reading struct {
	account source.Account
	said    notification
	at      *timestamppb.Timestamp
	trouble source.Trouble
	facts   []*intakev1.Fact
}

// The topics that mean something to us.
const (
	// OrderChange tells that an order has to be read again.
	OrderChange = "ORDER_CHANGE"
	// Order is an order as it was read.
	Order = "order"
)

// types are the notifications that we know. Those without a function tell nothing that an order has to know: of offers,
// listings, reports. What lies in Amazon's own warehouses is told too (FBA_INVENTORY_AVAILABILITY_CHANGES), and is nothing
// that we could ship.
var types = map[string]func(*reading){
	Order:                               (*reading).order,
	OrderChange:                         (*reading).orderChange,
	"LISTINGS_ITEM_MFN_QUANTITY_CHANGE": (*reading).quantityChange,
	"FBA_OUTBOUND_SHIPMENT_STATUS":      (*reading).outboundShipment,
	"FULFILLMENT_ORDER_STATUS":          (*reading).fulfillmentOrder,

	"ACCOUNT_STATUS_CHANGED":               nil,
	"ANY_OFFER_CHANGED":                    nil,
	"B2B_ANY_OFFER_CHANGED":                nil,
	"BRANDED_ITEM_CONTENT_CHANGE":          nil,
	"DATA_KIOSK_QUERY_PROCESSING_FINISHED": nil,
	"DETAIL_PAGE_TRAFFIC_EVENT":            nil,
	"FBA_INVENTORY_AVAILABILITY_CHANGES":   nil,
	"FEE_PROMOTION":                        nil,
	"FEED_PROCESSING_FINISHED":             nil,
	"ITEM_INVENTORY_EVENT_CHANGE":          nil,
	"ITEM_PRODUCT_TYPE_CHANGE":             nil,
	"ITEM_SALES_EVENT_CHANGE":              nil,
	"LISTINGS_ITEM_ISSUES_CHANGE":          nil,
	"LISTINGS_ITEM_STATUS_CHANGE":          nil,
	"PRICING_HEALTH":                       nil,
	"PRODUCT_TYPE_DEFINITIONS_CHANGE":      nil,
	"REPORT_PROCESSING_FINISHED":           nil,
	"TRANSACTION_UPDATE":                   nil,
}

// Read says what a verified request tells: a message in SNS's envelope, or a notification as a queue holds it.
func (Source) Read(r source.Request, a source.Account) source.Reading {
	out := source.Reading{
		DeliveryID: source.BodyID(r.Body),
		Headers:    source.Keep(r.Header, "X-Amz-Sns-Message-Type", "X-Amz-Sns-Message-Id", "X-Amz-Sns-Topic-Arn", "User-Agent", "Content-Type"),
	}
	x := &reading{account: a, at: source.Moment(r.ReceivedAt)}
	body := r.Body
	if e, ok := opened(body); ok {
		if id := *e.MessageID; source.IsName(id) {
			out.DeliveryID = id
		}
		if *e.Type != notified {
			return confirmation(out, &e)
		}
		body = []byte(*e.Message)
	}
	if x.decode(body) {
		out.Topic = x.said.Type.String()
		if id := x.said.Metadata.ID.String(); source.IsName(id) {
			out.DeliveryID = id
		}
		x.read(out.Topic)
	}
	out.Facts, out.Quarantine = x.facts, x.trouble.Quarantine()
	return out
}

// confirmation is a message about the subscription itself. That it ended is not undone: somebody ended it.
func confirmation(out source.Reading, e *envelope) source.Reading {
	out.Topic = *e.Type
	if out.Topic != subscribed {
		return out
	}
	if at := text(e.SubscribeURL); subscribeURL.MatchString(at) {
		out.Confirm = at
	} else {
		out.Quarantine = source.Quarantine(source.BadValue, "SubscribeURL confirms no subscription at a host of SNS's")
	}
	return out
}

// decode reads what is around the payload; false if there is nothing to be read.
func (x *reading) decode(body []byte) bool {
	if !x.trouble.Unreadable(source.Decode(body, &x.said)) {
		return false
	}
	if inner := x.said.Detail; x.said.Type == "" && len(inner) > 0 {
		x.said = notification{}
		x.trouble.Unreadable(source.Decode(inner, &x.said))
	}
	if told := x.said.EventTime.String(); told != "" {
		x.at = x.time("EventTime", x.said.EventTime)
	}
	return true
}

func (x *reading) read(topic string) {
	if topic == "" {
		x.trouble.Missing("NotificationType")
		return
	}
	tell, known := types[topic]
	switch {
	case !known:
		x.trouble.Add(source.UnknownTopic, "no type of notifications that we read")
	case tell != nil:
		tell(x)
	}
}

// payload fills what the type has for its payload; false if there is none.
func (x *reading) payload(into any) bool {
	if len(x.said.Payload) == 0 || string(x.said.Payload) == "null" {
		x.trouble.Missing("Payload")
		return false
	}
	return x.trouble.Unreadable(source.Decode(x.said.Payload, into))
}

// time is the first of some times; if none can be read, that of the notification.
func (x *reading) time(field string, told ...source.Scalar) *timestamppb.Timestamp {
	for _, s := range told {
		if s.String() == "" {
			continue
		}
		if at := source.Time(s.String()); at != nil {
			return at
		}
		x.trouble.Bad(field, "is no time")
	}
	return x.at
}

// name is an id or a SKU, which has to be there.
func (x *reading) name(field string, told source.Scalar) string {
	switch s := told.String(); {
	case s == "":
		x.trouble.Missing(field)
	case !source.IsName(name + ":shipment:" + s):
		x.trouble.Bad(field, "is too long")
	default:
		return s
	}
	return ""
}

// key names one of Amazon's orders.
func (x *reading) key(id string) *typev1.OrderKey {
	return source.Key(source.ShopKey{Source: name, Account: x.account.Name}, id)
}

func (x *reading) tell(f *intakev1.Fact) { x.facts = append(x.facts, f) }

// keep is how much of a provider's word is kept.
const keep = 200

// orderChange tells one thing for sure: that an order is cancelled. That a buyer asked for it (BuyerRequestedChange) is
// the seller's to decide. Everything else has to be read.
func (x *reading) orderChange() {
	var c orderChange
	if !x.payload(&c) {
		return
	}
	id := x.name("AmazonOrderId", c.Notification.OrderID)
	if id == "" || c.Notification.Summary.Status != cancelled {
		return
	}
	at := x.time("TimeOfOrderChange", c.Notification.Trigger.Time)
	x.tell(&intakev1.Fact{Order: x.key(id), OccurredAt: at, Body: &intakev1.Fact_CancellationReported{
		CancellationReported: &intakev1.CancellationReported{Reason: source.Clean(c.Notification.Trigger.Reason.String(), keep)},
	}})
}

// Change is what a notification says of an order that has to be read again.
type Change struct {
	OrderID string
	// Status is what the order's status became; empty if not told.
	Status string
	At     time.Time // zero if not told
}

// ChangeOf is what an ORDER_CHANGE tells, in whatever envelope; false for everything else.
func ChangeOf(body []byte) (Change, bool) {
	var x reading
	var c orderChange
	if e, ok := opened(body); ok {
		body = []byte(*e.Message)
	}
	if !x.decode(body) || x.said.Type.String() != OrderChange || !x.payload(&c) {
		return Change{}, false
	}
	n := &c.Notification
	change := Change{OrderID: n.OrderID.String(), Status: n.Summary.Status.String()}
	if at := source.Time(n.Trigger.Time.String()); at != nil {
		change.At = at.AsTime()
	}
	return change, source.IsName(change.OrderID)
}

// quantityChange tells how many pieces of a SKU the seller has listed, where he ships himself.
func (x *reading) quantityChange() {
	var c quantityChange
	if !x.payload(&c) {
		return
	}
	sku, channel := x.name("Sku", c.SKU), x.name("FulfillmentChannelCode", c.Channel)
	n, whole := c.Quantity.Int()
	switch {
	case c.Quantity.String() == "":
		x.trouble.Missing("Quantity")
	case !whole:
		x.trouble.Bad("Quantity", "is not a whole number")
	case sku != "" && channel != "":
		x.tell(&intakev1.Fact{OccurredAt: x.at, Body: &intakev1.Fact_StockReported{
			StockReported: &intakev1.StockReported{Sku: sku, Location: name + ":" + channel, OnHand: n},
		}})
	}
}

// outboundSteps are the statuses of shipments out of Amazon's warehouses.
var outboundSteps = map[source.Scalar]intakev1.ShipmentStep{
	"Created":  intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"Canceled": intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
}

// outboundShipment tells of a shipment of an order that Amazon fulfils; what is in it is not told.
func (x *reading) outboundShipment() {
	var s outboundShipment
	if !x.payload(&s) {
		return
	}
	order, id := x.name("AmazonOrderId", s.Notification.OrderID), x.name("AmazonShipmentId", s.Notification.ShipmentID)
	step, known := outboundSteps[s.Notification.Status]
	switch {
	case !known:
		x.trouble.Bad("ShipmentStatus", "is none that we know")
	case order != "" && id != "":
		x.tell(&intakev1.Fact{Order: x.key(order), OccurredAt: x.at, Body: &intakev1.Fact_ShipmentReported{
			ShipmentReported: &intakev1.ShipmentReported{ShipmentId: name + ":shipment:" + id, Step: step},
		}})
	}
}

// fulfillmentSteps are the statuses of shipments for orders of other shops. The first one is what the examples have.
var fulfillmentSteps = map[source.Scalar]intakev1.ShipmentStep{
	"PROCESSED":              intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"PENDING":                intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"SHIPPED":                intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"CANCELLED_BY_FULFILLER": intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
	"CANCELLED_BY_SELLER":    intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
}

// fulfillmentOrder tells of a shipment for an order of another shop. The seller named the fulfilment order: after the
// number of the order there, as we take it. Without a shop that the account is bound to it is about nothing of ours.
func (x *reading) fulfillmentOrder() {
	var f fulfillmentOrder
	if !x.payload(&f) || f.Notification.Shipment == nil || x.account.Shop == (source.ShopKey{}) {
		return
	}
	number, shipment := x.name("SellerFulfillmentOrderId", f.Notification.OrderID), f.Notification.Shipment
	id := x.name("AmazonShipmentId", shipment.ID)
	step, known := fulfillmentSteps[shipment.Status]
	if !known {
		x.trouble.Bad("FulfillmentShipmentStatus", "is none that we know")
		return
	}
	if number == "" || id == "" {
		return
	}
	told := &intakev1.ShipmentReported{ShipmentId: name + ":shipment:" + id, Step: step}
	seen := map[string]bool{"": true}
	for i, p := range shipment.Packages {
		carrier, number := source.CarrierName(p.Carrier.String()), source.TrackingNumber(p.Number.String())
		if !source.IsName(carrier+number) && carrier+number != "" {
			x.trouble.Bad(fmt.Sprintf("FulfillmentShipmentPackages[%d]", i), "has a carrier or a number that is too long")
			continue
		}
		if i == 0 {
			told.Carrier = carrier
		} else if told.GetCarrier() != carrier {
			told.Carrier = "" // there is room for one
		}
		if !seen[number] {
			told.TrackingNumbers = append(told.TrackingNumbers, number)
		}
		seen[number] = true
	}
	fact := &intakev1.Fact{
		References: []string{source.NumberRef(x.account.Shop, number)}, OccurredAt: x.time("StatusUpdatedDateTime", f.Notification.Updated),
		Body: &intakev1.Fact_ShipmentReported{ShipmentReported: told},
	}
	if x.account.Shop.Source == "checkout" { // where the number is the immutable id
		fact.Order = source.Key(x.account.Shop, number)
	}
	x.tell(fact)
}
