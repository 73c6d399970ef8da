package inventory

import (
	"context"
	"embed"

	"github.com/orderflow/orderflow/pkg/host"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Service is inventory, for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:     service,
		About:    "Keeps what is on hand, and reserves it for orders: everything that one wants, or nothing.",
		Config:   config,
		Database: true, Broker: true,
		Migrations: migrations,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			h := &handler{rules: *config, store: d.Store, told: told{d.Pool}}
			return []host.Task{d.Reactor(h.spec())}, nil
		},
	}
}
