package payment

import (
	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/reactor"
)

// rings are the news after which the same sums mean something else: what is due changed, or the order ends.
var rings = []bus.Ring{
	{Category: event.Order, Types: []string{"OrderPlaced", "OrderEdited", "OrderCancelling", "OrderCancelled", "OrderExpired"}},
	{Category: event.Fulfillment, Types: []string{"FulfillmentClosed"}},
}

func spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Payment, Facts: bus.OwnerPayment, Rings: rings, Commands: true, Decide: Decide,
	}
}
