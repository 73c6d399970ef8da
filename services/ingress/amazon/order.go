package amazon

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// The statuses of orders that are treated apart (Orders API v0, OrderStatus).
const (
	pending             = "Pending"             // not paid yet, and nobody may ship it
	pendingAvailability = "PendingAvailability" // a pre-order, the same
	cancelled           = "Canceled"
	unfulfillable       = "Unfulfillable" // an order of another shop that Amazon cannot ship
)

// OrderBody is the body of a delivery of the topic "order": what getOrder, getOrderItems and getOrderAddress answered as
// their payloads, the last one nil if it was not asked. The same answers make the same body.
func OrderBody(order json.RawMessage, items []json.RawMessage, address json.RawMessage) ([]byte, error) {
	type payload struct {
		Order   json.RawMessage   `json:"Order"`
		Items   []json.RawMessage `json:"OrderItems"`
		Address json.RawMessage   `json:"Address,omitempty"`
	}
	return json.Marshal(struct {
		Type    string  `json:"NotificationType"`
		Payload payload `json:"Payload"`
	}{Order, payload{order, items, address}})
}

// order tells an order in full, what of it is paid, and what of it has left.
func (x *reading) order() {
	var o reread
	if !x.payload(&o) {
		return
	}
	id := x.name("AmazonOrderId", o.Order.ID)
	if id == "" {
		return
	}
	at, status := x.time("LastUpdateDate", o.Order.Updated), o.Order.Status.String()
	switch status {
	case "":
		x.trouble.Missing("OrderStatus")
	case pending, pendingAvailability, unfulfillable:
	case cancelled:
		x.tell(&intakev1.Fact{Order: x.key(id), OccurredAt: at, Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{}}})
	case "Unshipped", "PartiallyShipped", "Shipped", "InvoiceUnconfirmed":
		x.describe(id, &o, at)
		x.shipped(id, &o, at)
	default:
		x.trouble.Bad("OrderStatus", "is none that we know")
	}
}

// describe tells the order and what is paid of it, unless something in it could not be read: half an order would be
// another order.
func (x *reading) describe(id string, o *reread, at *timestamppb.Timestamp) {
	p, ok := x.purse(&o.Order)
	if !ok {
		return
	}
	if o.Items == nil {
		x.trouble.Missing("OrderItems")
	}
	lines, totals := p.lines(o, x.fulfiller(&o.Order))
	placed := x.time("PurchaseDate", o.Order.Purchased, o.Order.Updated)
	if x.trouble.Quarantine() != nil {
		return
	}
	x.tell(&intakev1.Fact{Order: x.key(id), OccurredAt: at, Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: id, Currency: p.currency, Lines: lines, Totals: totals, Person: o.person(), PlacedAt: placed, UpdatedAt: at,
	}}})
	if o.Order.PaymentMethod == "COD" || totals.GetTotal().GetMinorUnits() <= 0 {
		return // who pays at the door has not paid yet
	}
	x.tell(&intakev1.Fact{Order: x.key(id), OccurredAt: at, Body: &intakev1.Fact_PaidClaimed{
		PaidClaimed: &intakev1.PaidClaimed{Amount: totals.GetTotal(), Provider: name},
	}})
}

// fulfiller is who hands the order over: Amazon out of its warehouses (AFN), or the seller (MFN).
func (x *reading) fulfiller(o *order) typev1.Fulfiller {
	switch o.Channel.String() {
	case "AFN":
		return typev1.Fulfiller_FULFILLER_CHANNEL
	case "MFN":
		return typev1.Fulfiller_FULFILLER_US
	case "":
		x.trouble.Missing("FulfillmentChannel")
	default:
		x.trouble.Bad("FulfillmentChannel", "is neither AFN nor MFN")
	}
	return typev1.Fulfiller_FULFILLER_US
}

// shipped tells what has left, by Amazon's books: how many pieces of which lines, and neither by whom nor under which
// number. So it is one shipment, whose lines grow.
func (x *reading) shipped(id string, o *reread, at *timestamppb.Timestamp) {
	told := &intakev1.ShipmentReported{ShipmentId: name + ":order:" + id, Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED}
	for i := range o.Items {
		line, sku := o.Items[i].ID.String(), o.Items[i].sku()
		n, whole := o.Items[i].Shipped.Int()
		switch {
		case o.Items[i].Shipped.String() == "":
		case !whole || n < 0:
			x.trouble.Bad(fmt.Sprintf("OrderItems[%d].QuantityShipped", i), "is not a whole number")
			return
		case n > 0 && source.IsName(line):
			told.Lines = append(told.Lines, &intakev1.ShippedLine{LineId: line, Sku: sku, Quantity: n})
		}
	}
	if len(told.GetLines()) > 0 {
		x.tell(&intakev1.Fact{Order: x.key(id), OccurredAt: at, Body: &intakev1.Fact_ShipmentReported{ShipmentReported: told}})
	}
}

// person is whom it is for. The address stands in the order too, shortened for who may not read addresses.
func (o *reread) person() *typev1.Person {
	to := o.Address.Shipping
	if to == (address{}) {
		to = o.Order.Shipping
	}
	return source.Person(&typev1.Person{
		Email: clean(o.Order.Buyer.Email), Name: clean(o.Order.Buyer.Name), Phone: clean(to.Phone), Shipping: to.proto(),
	})
}

func (a *address) proto() *typev1.Address {
	second := clean(a.Line2)
	if third := clean(a.Line3); third != "" && second != "" {
		second += ", " + third
	} else if third != "" {
		second = third
	}
	return source.Address(&typev1.Address{
		Name: clean(a.Name), Company: clean(a.Company), Line1: clean(a.Line1), Line2: second, City: clean(a.City), Region: clean(a.Region),
		PostalCode: clean(a.Postcode), Country: source.Country(a.Country.String()), Phone: clean(a.Phone),
	})
}

// longestText is more than any name, street or title has.
const longestText = 1000

func clean(s source.Scalar) string { return source.Clean(s.String(), longestText) }
