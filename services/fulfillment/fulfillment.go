package fulfillment

import (
	"context"

	"github.com/orderflow/orderflow/pkg/host"
)

// Service is fulfillment, for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:     service,
		About:    "Buys the label of what was released, voids it if the order is stopped before it left, and records carriers' scans.",
		Config:   config,
		Database: true, Broker: true,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			h := &handler{
				rules: config.Rules, calls: config.CarrierCalls, vault: d.Vault, clock: d.Clock,
				carrier: newSandboxCarrier(config.CarrierURL, config.CarrierKey, config.CallTimeout, d.Clock),
			}
			return []host.Task{d.Reactor(h.spec())}, nil
		},
	}
}
