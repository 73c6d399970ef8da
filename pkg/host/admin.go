package host

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orderflow/orderflow/pkg/web"
)

// health answers the probes. Liveness is the process alone: a database that is away is no reason to be killed.
type health struct {
	mu       sync.Mutex
	ready    bool
	draining bool
	failure  error
	checks   []check
	checked  time.Time
	missing  string
}

type check struct {
	service string
	run     func(ctx context.Context) string // what is missing; empty if nothing
}

func newHealth() *health { return &health{} }

// checkEvery keeps probes from becoming load.
const checkEvery = time.Second

func (h *health) watch(s Service, c *connections) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check{s.Name, func(ctx context.Context) string {
		if c.nats != nil && !c.nats.IsConnected() {
			return "NATS"
		}
		if c.pool != nil {
			if err := c.pool.Ping(ctx); err != nil {
				return "Postgres"
			}
		}
		return ""
	}})
}

func (h *health) started() { h.set(func() { h.ready = true }) }
func (h *health) drain()   { h.set(func() { h.draining = true }) }
func (h *health) fail(err error) {
	h.set(func() { h.failure = err })
}

func (h *health) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// notReady says why the process is not ready; empty if it is.
func (h *health) notReady(ctx context.Context) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failure != nil:
		return "failed: " + h.failure.Error()
	case h.draining:
		return "draining"
	case !h.ready:
		return "starting"
	}
	if time.Since(h.checked) < checkEvery {
		return h.missing
	}
	ctx, cancel := context.WithTimeout(ctx, checkEvery)
	defer cancel()
	var missing []string
	for _, c := range h.checks {
		if what := c.run(ctx); what != "" {
			missing = append(missing, c.service+" misses "+what)
		}
	}
	h.checked, h.missing = time.Now(), strings.Join(missing, ", ")
	return h.missing
}

// readiness is what /readyz says, as a figure: so that a process that answers and is not ready is seen from outside.
func (h *health) readiness() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "orderflow", Name: "ready", Help: "1 if the process is ready to work, as /readyz says, else 0.",
	}, func() float64 {
		if h.notReady(context.Background()) != "" {
			return 0
		}
		return 1
	})
}

// serveAdmin opens the port of probes and metrics.
func (r *run) serveAdmin(ctx context.Context) error {
	l, err := r.listen("admin", r.settings.AdminListen)
	if err != nil {
		return err
	}
	r.registry.MustRegister(r.health.readiness())
	e := web.New(r.log)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", func(c echo.Context) error {
		if why := r.health.notReady(c.Request().Context()); why != "" {
			return c.String(http.StatusServiceUnavailable, why+"\n")
		}
		return c.String(http.StatusOK, "ready\n")
	})
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{})))
	r.admin.tasks.Go(func() { r.task(ctx, "host", Task{Name: "admin", Run: web.Serve(l, e)}) })
	return nil
}
