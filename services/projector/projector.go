package projector

import (
	"context"
	"embed"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Service is the projector for the host.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name:       service,
		About:      "keeps the tables that people query, folded from the events, and the journal of every delivery",
		Config:     config,
		Database:   true,
		Broker:     true,
		Migrations: migrations,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
			c := newCollector(d)
			j := newJournal(d, *config)
			// Here, where every delivery is kept on, is who takes deliveries out of the stream again.
			janitor := &bus.Janitor{JS: d.JS, Log: d.Log}
			w := newWatch(d.Pool, d.JS, d.Log, d.Registry)
			return []host.Task{
				{Name: "projector", Run: c.Run}, {Name: "journal", Run: j.Run}, {Name: "janitor", Run: janitor.Run}, {Name: "watch", Run: w.Run},
			}, nil
		},
	}
}
