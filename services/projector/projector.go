package projector

import (
	"context"
	"embed"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Service is the projector for the host. With a reader it tries again, after an upgrade, what an older build could not
// read.
func Service(reader Reader) host.Service {
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
			tasks := []host.Task{
				{Name: "projector", Run: c.Run}, {Name: "journal", Run: j.Run}, {Name: "janitor", Run: janitor.Run}, {Name: "watch", Run: w.Run},
			}
			if reader.Read != nil {
				tasks = append(tasks, host.Task{Name: "upgrade", Run: newUpgrade(d, reader).Run})
			}
			return tasks, nil
		},
	}
}
