// Package host runs one service or all of them: settings from the environment, connections, logs, probes, metrics and
// the drain. No service can tell whether it runs alone.
//
//	settings ──▶ connections ──▶ migrated? provisioned? ──▶ every service's tasks ──▶ ready
//	stop:  not ready ──▶ what takes work from outside ends ──▶ the loops finish what is in hand ──▶ connections close ──▶ last traces
package host

import (
	"context"
	"io/fs"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/seal"
)

// Service is what the host has to know of a service: its name, what it needs and how it starts.
type Service struct {
	Name string
	// About is one sentence for lists and --help.
	About string
	// Config points to the service's settings: a struct with env, envDefault and desc tags. Nil if it has none.
	Config any
	// Database and Broker say what it needs to run, and so what its readiness depends on.
	Database, Broker bool
	// Migrations hold the service's private tables in a folder "migrations"; nil if it has none.
	Migrations fs.FS
	// Front services take work from outside: they stop first, so that what they took is still handled.
	Front bool
	// Start makes the service's tasks; they run until their context ends. An error stops the process with it.
	Start func(ctx context.Context, d Deps) ([]Task, error)
}

// Task is a long-running part of a service. Run returns nil once its context has ended and everything in hand is
// done; returning earlier, or with an error, stops the process.
type Task struct {
	Name string
	Run  func(ctx context.Context) error
}

// Deps is what a service works with. What it did not ask for is nil.
type Deps struct {
	Pool  *pgxpool.Pool
	Store *eventstore.Store
	Vault *seal.Vault
	JS    jetstream.JetStream
	Bus   *bus.Publisher

	Log      zerolog.Logger
	Registry prometheus.Registerer
	Tracer   trace.Tracer
	Clock    func() time.Time

	// Environ is the environment by name, for settings whose names are not known beforehand.
	Environ map[string]string
	// Draining is closed when the process begins to stop: DRAIN_PAUSE goes by before it takes no more work.
	Draining <-chan struct{}
	// Listen opens the listener of a name at an address, or hands over the one that was opened for it.
	Listen func(name, address string) (net.Listener, error)
}

// Reactor runs a service's loop on what the host gave it.
func (d Deps) Reactor(spec reactor.Spec) Task {
	r := reactor.New(spec, reactor.Deps{
		Store: d.Store, JS: d.JS, Bus: d.Bus, Log: d.Log, Registry: d.Registry, Clock: d.Clock, Tracer: d.Tracer,
	})
	return Task{Name: spec.Service, Run: r.Run}
}
