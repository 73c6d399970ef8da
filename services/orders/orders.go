package orders

import (
	"context"

	"github.com/orderflow/orderflow/pkg/host"
)

// service is the name under which this service appends, waits and listens.
const service = "orders"

// Service is orders for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:     service,
		About:    "Carries every order from placed to completed: holds, the release gate, cancellations and deadlines.",
		Config:   config,
		Database: true,
		Broker:   true,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			rules := Rules{Config: *config, Digest: func(content []byte) []byte {
				return d.Vault.HMAC("description", string(content))
			}}
			return []host.Task{d.Reactor(rules.Spec())}, nil
		},
	}
}
