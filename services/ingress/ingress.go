package ingress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/tracing"
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
	stream, err := d.JS.Stream(ctx, bus.Intake)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("stream %s is missing; orderctl provision makes it", bus.Intake)
	} else if err != nil {
		return nil, fmt.Errorf("look for stream %s: %w", bus.Intake, err)
	}
	publisher := d.Bus
	if stream.CachedInfo().Config.Replicas > 1 { // such a stream stages batches in memory
		publisher = publisher.Staging()
	}
	most := d.JS.Conn().MaxPayload() - overhead
	if err := fits(config, all, most); err != nil {
		return nil, err
	}
	proxies, err := parsePrefixes("INGRESS_TRUSTED_PROXIES", config.Proxies)
	if err != nil {
		return nil, err
	}
	var certificate *web.Certificate
	if config.TLSCert != "" {
		if certificate, err = web.LoadCertificate(config.TLSCert, config.TLSKey); err != nil {
			return nil, fmt.Errorf("INGRESS_TLS_CERT: %w", err)
		}
	}
	l, err := d.Listen("ingress", config.Listen)
	if err != nil {
		return nil, err
	}
	gatherer := bus.NewGatherer(publisher)
	h := &handler{
		accounts: all, config: config, publish: gatherer, most: most, metrics: newMetrics(d.Registry), log: d.Log, clock: d.Clock, tracer: tracing.Or(d.Tracer),
		draining:     d.Draining,
		certificates: newCertificates(nil, d.Clock), proxies: proxies, addresses: newRates(config.AddressRate),
		room: room{most: config.Bodies},
	}
	tasks := []host.Task{{Name: "http", Run: h.serve(l, certificate, gatherer)}}
	if files := h.watch(certificate); len(files) > 0 && config.Reload > 0 {
		tasks = append(tasks, host.Task{Name: "reload", Run: func(ctx context.Context) error {
			h.keepCurrent(ctx, files, config.Reload)
			return nil
		}})
	}
	return tasks, nil
}

// fits says whether the broker takes as much as every source may send.
func fits(config *Config, all accounts, most int64) error {
	if most < config.MaxBody {
		return fmt.Errorf("INGRESS_MAX_BODY is %d, but NATS takes messages of %d bytes: raise its max_payload or lower the setting", config.MaxBody, most)
	}
	for name, accounts := range all {
		for _, a := range accounts {
			if most < a.body {
				return fmt.Errorf("%s_MAX_BODY is %d, but NATS takes messages of %d bytes: raise its max_payload or lower the setting", strings.ToUpper(name), a.body, most)
			}
		}
	}
	return nil
}

// overhead is room in a message for what is around the facts: subject, headers, ids.
const overhead = 4 << 10

// serve takes requests until ctx ends. What publishes goes on until the last request is answered.
func (h *handler) serve(l net.Listener, certificate *web.Certificate, gatherer *bus.Gatherer) func(context.Context) error {
	e := web.New(h.log)
	e.Use(web.Parting(h.draining))
	e.POST("/webhooks/:source", h.take)
	e.POST("/webhooks/:source/:account", h.take)
	run := web.Serve(l, e)
	if certificate != nil {
		run = web.ServeTLS(l, e, certificate)
	}
	return func(ctx context.Context) error {
		publishing, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- gatherer.Run(publishing) }()
		err := run(ctx)
		stop()
		return errors.Join(err, <-done)
	}
}
