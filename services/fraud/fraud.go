package fraud

import (
	"context"
	"embed"

	"github.com/orderflow/orderflow/pkg/host"
)

// service is the name under which this service appends, waits and listens.
const service = "fraud"

//go:embed migrations/*.sql
var migrations embed.FS

// Service is fraud for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:       service,
		About:      "Gives every order one explained risk score between 0 and 1 and lets a person decide above a limit.",
		Config:     config,
		Database:   true,
		Broker:     true,
		Migrations: migrations,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			r := reader{vault: d.Vault, count: counter{d.Pool}.count}
			return []host.Task{d.Reactor(config.spec(r))}, nil
		},
	}
}
