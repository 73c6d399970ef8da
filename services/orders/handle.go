package orders

import (
	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/reactor"
)

// rings are the news of other services that may open or close a gate, answer a cancellation or end the order. News
// that can only matter together with one of these (a label asked for, a parcel on its way) rings for others.
var rings = []bus.Ring{
	{Category: event.Payment, Types: []string{
		"PaymentAuthorized", "PaymentCaptured", "PaymentClaimed", "PaymentRefunded", "PaymentDisputed", "PaymentVoided", "PaymentFailed",
		"AmountMismatched", "RefundGranted", "RefundFailed", "PaymentClosed",
	}},
	{Category: event.Fraud, Types: []string{"OrderScored", "ReviewDecided"}},
	{Category: event.Inventory, Types: []string{"StockAllocated", "StockBackordered", "AllocationClosed"}},
	{Category: event.Fulfillment, Types: []string{
		"LabelPurchaseFailed", "LabelVoided", "ShipmentScanned", "ShipmentDelivered", "ShipmentReported", "FulfillmentClosed",
	}},
}

// Spec is orders as the loop runs it.
func (r Rules) Spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Order, Facts: bus.OwnerOrder, Rings: rings, Commands: true, Decide: r.Decide,
	}
}
