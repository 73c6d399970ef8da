package fraud

import (
	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/reactor"
)

// rings are the news that make an order due for its score (it is there, and money for it was heard of), or that may
// make its verdict worse.
var rings = []bus.Ring{
	{Category: event.Order, Types: []string{"OrderPlaced", "OrderEdited"}},
	{Category: event.Payment, Types: []string{"PaymentAuthorized", "PaymentCaptured", "PaymentClaimed", "PaymentFailed"}},
}

func (c *Config) spec(r reader) reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Fraud, Facts: bus.OwnerNone, Rings: rings, Commands: true, Decide: c.Decide, Enrich: r.enrich,
	}
}
