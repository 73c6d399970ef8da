package ingress

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/web"
)

// Service is the ingress.
func Service() host.Service {
	config := &Config{}
	return host.Service{
		Name: "ingress", About: "takes signed webhooks and keeps each one in JetStream before it says so",
		Config: config, Broker: true, Front: true,
		Start: func(ctx context.Context, d host.Deps) ([]host.Task, error) { return start(ctx, config, d) },
	}
}

func start(ctx context.Context, config *Config, d host.Deps) ([]host.Task, error) {
	all, err := settle(config, d.Environ)
	if err != nil {
		return nil, err
	}
	if _, err := d.JS.Stream(ctx, bus.Intake); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s is missing; orderctl provision makes it", bus.Intake)
	} else if err != nil {
		return nil, fmt.Errorf("look for stream %s: %w", bus.Intake, err)
	}
	most := d.JS.Conn().MaxPayload() - overhead
	if most < config.MaxBody {
		return nil, fmt.Errorf("INGRESS_MAX_BODY is %d, but NATS takes messages of %d bytes: raise its max_payload or lower the setting", config.MaxBody, most)
	}
	l, err := d.Listen("ingress", config.Listen)
	if err != nil {
		return nil, err
	}
	gatherer := bus.NewGatherer(d.Bus)
	h := &handler{
		accounts: all, config: config, publish: gatherer, most: most, metrics: newMetrics(d.Registry), log: d.Log, clock: d.Clock,
		certificates: newCertificates(nil, d.Clock),
	}
	return []host.Task{{Name: "http", Run: h.serve(l, gatherer)}}, nil
}

// overhead is room in a message for what is around the facts: subject, headers, ids.
const overhead = 4 << 10

// serve takes requests until ctx ends. What publishes goes on until the last request is answered.
func (h *handler) serve(l net.Listener, gatherer *bus.Gatherer) func(context.Context) error {
	e := web.New(h.log)
	e.POST("/webhooks/:source", h.take)
	e.POST("/webhooks/:source/:account", h.take)
	run := web.Serve(l, e)
	return func(ctx context.Context) error {
		publishing, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- gatherer.Run(publishing) }()
		err := run(ctx)
		stop()
		return errors.Join(err, <-done)
	}
}
