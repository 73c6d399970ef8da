package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// Options are what differs between a process of its own and one that holds everything.
type Options struct {
	Environ map[string]string
	Log     zerolog.Logger
	// NATS options reach an embedded server without a socket.
	NATS []nats.Option
	// Staging says that the NATS server stages batches in memory.
	Staging bool
	// NATSUser are the options with which a service logs in, by its name. Nil where NATS_URL says it.
	NATSUser func(service string) []nats.Option
	// Listeners that were opened before, by name; "admin" is the host's own.
	Listeners map[string]net.Listener
	// Ready is called once, when every task runs.
	Ready func()
	Clock func() time.Time
}

// gcPercent lets the heap grow to five times what is in use before it is collected. Nearly everything that is allocated
// lives for one batch, so at Go's own 100 a small heap is walked over and over. GOGC, if set, is what counts, and
// GOMEMLIMIT bounds it.
const gcPercent = 400

// Run runs services until ctx ends, and then lets them finish. The error names what failed.
func Run(ctx context.Context, services []Service, o Options) error {
	if err := distinct(services); err != nil {
		return err
	}
	if o.Environ["GOGC"] == "" {
		debug.SetGCPercent(gcPercent)
	}
	settings, err := load(o.Environ, services)
	if err != nil {
		return err
	}
	level, err := zerolog.ParseLevel(settings.LogLevel)
	if err != nil {
		return fmt.Errorf("LOG_LEVEL %q: it is debug, info, warn or error", settings.LogLevel)
	}
	r := &run{settings: settings, options: o, log: o.Log.Level(level), failed: make(chan error, 1), draining: make(chan struct{}), health: newHealth()}
	r.registry = prometheus.NewRegistry()
	r.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.tracing, err = tracing.New(ctx, settings.Settings, bus.Sparing(r.log, "traces"))
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.start(ctx, services); err != nil {
		r.stop()
		return err
	}
	return r.untilStopped(ctx)
}

func distinct(services []Service) error {
	seen := map[string]bool{}
	for _, s := range services {
		if s.Name == "" || seen[s.Name] {
			return fmt.Errorf("service %q: every service has a name of its own", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// run is one run of the host.
type run struct {
	settings Settings
	options  Options
	log      zerolog.Logger
	registry *prometheus.Registry
	health   *health
	tracing  *tracing.Tracing
	opened   []*connections
	failed   chan error
	draining chan struct{}

	front, back group
	admin       group
}

// group is tasks that stop together.
type group struct {
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

func (g *group) stop() {
	if g.cancel != nil {
		g.cancel()
	}
	g.tasks.Wait()
}

func (r *run) start(ctx context.Context, services []Service) error {
	base := context.WithoutCancel(ctx)
	frontCtx, frontCancel := context.WithCancel(base)
	backCtx, backCancel := context.WithCancel(base)
	adminCtx, adminCancel := context.WithCancel(base)
	r.front.cancel, r.back.cancel, r.admin.cancel = frontCancel, backCancel, adminCancel
	if err := r.serveAdmin(adminCtx); err != nil {
		return err
	}
	for _, s := range services {
		deps := Deps{
			Log: r.log.With().Str("service", s.Name).Logger(), Registry: r.registry, Clock: r.clock(),
			Tracer:  r.tracing.Of(s.Name),
			Environ: r.options.Environ, Draining: r.draining, Listen: r.listen,
		}
		opened, err := connect(ctx, r.settings, s, r.options, &deps)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		r.opened = append(r.opened, opened)
		r.health.watch(s, opened)
		tasks, err := s.Start(ctx, deps)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		g, taskCtx := &r.back, backCtx
		if s.Front {
			g, taskCtx = &r.front, frontCtx
		}
		for _, t := range tasks {
			g.tasks.Go(func() { r.task(taskCtx, s.Name, t) })
		}
	}
	r.health.started()
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.Name
	}
	r.log.Info().Strs("services", names).Msg("ready")
	if r.options.Ready != nil {
		r.options.Ready()
	}
	return nil
}

func (r *run) clock() func() time.Time {
	if r.options.Clock != nil {
		return r.options.Clock
	}
	return time.Now
}

func (r *run) listen(name, address string) (net.Listener, error) {
	if l, ok := r.options.Listeners[name]; ok {
		return l, nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", name, err)
	}
	return l, nil
}

func (r *run) task(ctx context.Context, service string, t Task) {
	err := t.Run(ctx)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if t.Name != service {
		err = fmt.Errorf("%s: %w", t.Name, err)
	}
	err = fmt.Errorf("%s: %w", service, err)
	r.health.fail(err)
	select {
	case r.failed <- err:
	default: // the first failure is the one that counts
	}
}

func (r *run) untilStopped(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-r.failed:
	}
	r.health.drain()
	close(r.draining)
	r.log.Info().Msg("stopping: what is in hand is finished first")
	if failure == nil && r.settings.DrainPause > 0 {
		select {
		case <-time.After(r.settings.DrainPause):
		case failure = <-r.failed:
		}
	}
	done := make(chan struct{})
	go func() {
		r.stop()
		close(done)
	}()
	select {
	case <-done:
		select {
		case late := <-r.failed: // it failed while it stopped
			failure = errors.Join(failure, late)
		default:
		}
		return failure
	case <-time.After(r.settings.DrainTimeout):
		return errors.Join(failure, fmt.Errorf("not everything finished within %s; what was in hand is handled again at the next start", r.settings.DrainTimeout))
	}
}

// stop ends what takes work from outside first, then the loops, and the probes last.
func (r *run) stop() {
	r.front.stop()
	r.back.stop()
	r.admin.stop()
}

func (r *run) close() {
	for _, c := range r.opened {
		c.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := r.tracing.Close(ctx); err != nil {
		r.log.Warn().Err(err).Msg("some traces are lost")
	}
}

// flushTimeout is how long the last traces may take: a collector that is away keeps nothing from stopping.
const flushTimeout = 2 * time.Second
