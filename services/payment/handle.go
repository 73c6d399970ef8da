package payment

import (
	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/reactor"
)

// rings are the news after which the same sums mean something else: what is due changed, or the order ends. What was
// recorded rings here too: only once a payment's names are linked is it known whose they are.
var rings = []bus.Ring{
	{Category: event.Payment, Types: []string{"PaymentAuthorized", "PaymentCaptured"}},
	{Category: event.Order, Types: []string{"OrderPlaced", "OrderEdited", "OrderCancelling", "OrderCancelled", "OrderExpired"}},
	{Category: event.Fulfillment, Types: []string{"FulfillmentClosed"}},
}

// Spec is payment as the loop runs it, with whoever knows where names lead.
func Spec(known Resolver) reactor.Spec {
	l := lookup{known}
	return reactor.Spec{
		Service: service, Owns: event.Payment, Facts: bus.OwnerPayment, Rings: rings, Commands: true, Decide: Decide, Enrich: l.enrich,
	}
}
