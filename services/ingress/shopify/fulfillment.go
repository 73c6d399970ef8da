package shopify

import (
	"fmt"
	"slices"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// fulfillment reads what the shop, or a service that it uses, hands over itself. An order repeats its fulfillments, with
// the same times, so that they are known again.
func (r *reader) fulfillment() {
	var f fulfillment
	if !r.decode(&f) {
		return
	}
	if key := r.parent(f.OrderID); key != nil {
		r.fulfilled(key, &f, "")
	}
}

// fulfilled tells one fulfillment; field is where it stands in the body.
func (r *reader) fulfilled(key *typev1.OrderKey, f *fulfillment, field string) {
	step, known := shipmentSteps[f.Status.String()]
	if !known {
		r.trouble.Bad(field+"status", "is none that we know")
	}
	id := r.trouble.ID(field+"id", f.ID)
	lines, read := r.shipped(f, field)
	if !known || id == "" || !read {
		return
	}
	at := r.when(f.UpdatedAt, f.CreatedAt)
	carrier, numbers := source.CarrierName(clean(f.Company)), r.numbers(f, field)
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_ShipmentReported{ShipmentReported: &intakev1.ShipmentReported{
		ShipmentId: name + ":fulfillment:" + id, Step: step, Carrier: carrier, TrackingNumbers: numbers, Lines: lines,
	}}})
	scan, seen := parcelSteps[f.Shipment.String()]
	if !seen || carrier == "" || step == intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED {
		return
	}
	for _, number := range numbers {
		// Without a time, so that a step is known again when the fulfillment is told again for another reason.
		for _, fact := range (source.Parcel{Carrier: carrier, Number: number}).Facts([]source.Scan{{Step: scan, Code: f.Shipment.String()}}, at.AsTime()) {
			fact.Order = key
			r.tell(fact)
		}
	}
}

var shipmentSteps = map[string]intakev1.ShipmentStep{
	"pending":   intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"open":      intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"success":   intakev1.ShipmentStep_SHIPMENT_STEP_CREATED,
	"cancelled": intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
	"error":     intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
	"failure":   intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED,
}

// parcelSteps are what Shopify heard of the carrier.
var parcelSteps = map[string]intakev1.ScanStep{
	"in_transit":         source.InTransit,
	"out_for_delivery":   source.OutForDelivery,
	"attempted_delivery": source.Exception,
	"delivered":          source.Delivered,
	"failure":            source.Exception,
}

// shipped are the lines, with as many pieces as are in this fulfillment. Lines without any are left out.
func (r *reader) shipped(f *fulfillment, field string) ([]*intakev1.ShippedLine, bool) {
	var lines []*intakev1.ShippedLine
	good := true
	for i := range f.Lines {
		l, at := &f.Lines[i], fmt.Sprintf("%sline_items[%d].", field, i)
		id, sku := r.trouble.ID(at+"id", l.ID), r.sku(at, l.SKU)
		n, whole := l.Quantity.Int()
		switch {
		case id == "" || sku != "" && !source.IsName(sku):
			good = false
		case !whole || n < 0:
			r.trouble.Bad(at+"quantity", "is not a whole number")
			good = false
		case n > 0:
			lines = append(lines, &intakev1.ShippedLine{LineId: id, Sku: sku, Quantity: n})
		}
	}
	return lines, good
}

func (r *reader) numbers(f *fulfillment, field string) []string {
	var numbers []string
	for _, told := range append([]text{f.Number}, f.Numbers...) {
		switch number := source.TrackingNumber(clean(told)); {
		case number == "" || slices.Contains(numbers, number):
		case !source.IsName(number):
			r.trouble.Bad(field+"tracking_numbers", "hold one that is too long")
		default:
			numbers = append(numbers, number)
		}
	}
	return numbers
}
