package fraud

import (
	"context"

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

// Spec is fraud as the loop runs it for customers who order for the first time, each of them: without a table to count
// in. All else is read and scored as ever.
func (c *Config) Spec(v Vault) reactor.Spec {
	return c.spec(reader{vault: v, count: func(_ context.Context, seen []sighting) error {
		for _, s := range seen {
			s.signals.OrdersLastHour, s.signals.OrdersLastDay, s.signals.NewCustomer = 1, 1, true
		}
		return nil
	}})
}

func (c *Config) spec(r reader) reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Fraud, Facts: bus.OwnerNone, Rings: rings, Commands: true, Decide: c.Decide, Enrich: r.enrich,
	}
}
