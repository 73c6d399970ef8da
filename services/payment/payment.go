package payment

import (
	"context"

	"github.com/orderflow/orderflow/pkg/host"
)

// service is the name under which this service appends, waits and listens.
const service = "payment"

// Service is payment for the host.
func Service() host.Service {
	return host.Service{
		Name:     service,
		About:    "Records what providers and shops say of an order's money, and says what follows from the sums.",
		Database: true,
		Broker:   true,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			return []host.Task{d.Reactor(Spec(d.Store)), {Name: "parked", Run: newWatcher(d).run}}, nil
		},
	}
}
