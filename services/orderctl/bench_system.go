package orderctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/services/orderctl/load"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// benchSettings are in force in the benchmark: nothing outside takes any time, and a parcel is scanned once.
var benchSettings = map[string]string{
	"FULFILLMENT_SETTLE_DELAY": "0s", "SANDBOX_SCAN_AFTER": "0s", "SANDBOX_SCAN_EVERY": "0s", "SANDBOX_SCANS": "delivered", "SANDBOX_LATENCY": "0s",
}

// benchTunable are settings that may be set to see what they do. No other is looked at, least of all those that name
// somebody's database.
var benchTunable = []string{"DATABASE_POOL_SIZE", "CARRIER_CALLS", "SMTP_CONNECTIONS", "LOG_LEVEL", "GOGC"}

func benchEnviron() map[string]string {
	environ := map[string]string{}
	for name, value := range benchSettings {
		environ[name] = value
	}
	for _, name := range benchTunable {
		if value := os.Getenv(name); value != "" {
			environ[name] = value
		}
	}
	return environ
}

// benchSystem is services on a fresh ground.
type benchSystem struct {
	ground *local.Ground
	run    Running
	pool   *pgxpool.Pool
	store  *eventstore.Store
	vault  *seal.Vault
}

// errStoppedEarly is what is wrong if the services stop while they are measured and say nothing.
var errStoppedEarly = errors.New("the services stopped by themselves")

// with runs services on a fresh ground while use measures, and takes everything away afterwards. The context that use
// gets ends if a service fails.
func (b *bench) with(ctx context.Context, name string, services []host.Service, use func(context.Context, *benchSystem) error) error {
	freshMemory()
	dir := filepath.Join(b.dir, name)
	ground, err := local.Prepare(ctx, local.Options{
		Dir: dir, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", MailboxListen: "127.0.0.1:0", Sandbox: true,
		Environ: benchEnviron(), Say: func(line string) { b.say("%s", line) }, Moved: func(string) bool { return true },
	})
	if err != nil {
		return err
	}
	err = b.on(ctx, ground, services, use)
	ground.Close()
	if err == nil && !b.keep {
		err = os.RemoveAll(dir)
	}
	return err
}

func (b *bench) on(ctx context.Context, ground *local.Ground, services []host.Service, use func(context.Context, *benchSystem) error) error {
	if err := provision(ctx, ground); err != nil {
		return err
	}
	s, err := openBench(ctx, ground)
	if err != nil {
		return err
	}
	defer s.pool.Close()
	if len(services) == 0 {
		return use(ctx, s)
	}
	measured, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	options := ground.HostOptions()
	options.Ready = func() { close(ready) }
	go func() {
		err := host.Run(serving, services, options)
		if err == nil && serving.Err() == nil {
			err = errStoppedEarly
		}
		failed(err)
		ended <- err
	}()
	select {
	case <-ready:
		err = use(measured, s)
	case <-measured.Done():
	}
	stop()
	if failure := <-ended; failure != nil {
		return failure
	}
	return errors.Join(err, ctx.Err())
}

func openBench(ctx context.Context, ground *local.Ground) (*benchSystem, error) {
	key, err := os.ReadFile(filepath.Join(ground.Dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	masters, err := seal.ParseMasters(string(key))
	if err != nil {
		return nil, err
	}
	pool, err := host.OpenPool(ctx, ground.DatabaseURL, "orderctl", 4)
	if err != nil {
		return nil, err
	}
	vault, err := seal.NewVault(pool, masters)
	if err != nil {
		pool.Close()
		return nil, err
	}
	run := Running{IngressURL: ground.URL("ingress"), MailboxURL: ground.URL("sandbox"), DatabaseURL: ground.DatabaseURL, NATSURL: ground.NATSURL, NATS: ground.NATSAccess, Secrets: ground.Secrets()}
	return &benchSystem{ground, run, pool, eventstore.New(pool, vault), vault}, nil
}

// benchServices are the services of these names.
func benchServices(names ...string) []host.Service {
	var services []host.Service
	for _, s := range Services() {
		for _, name := range names {
			if s.Name == name {
				services = append(services, s)
			}
		}
	}
	return services
}

// newOrders are orders that no run before had.
func (b *bench) newOrders(hot bool) load.Orders {
	b.runs++
	return load.Orders{Seed: uint64(b.report.Began.UnixMicro()) + b.runs, SKUs: b.skus, Hot: hot, At: time.Now()}
}

// options are how the benchmark sends: one Stripe payment an order.
func (s *benchSystem) options(orders load.Orders, connections int, phase load.Phase) load.Options {
	return load.Options{
		URL: s.run.IngressURL, Targets: []load.Target{{Source: "stripe", Secret: s.run.Secrets["stripe"], Weight: 1}},
		Phases: []load.Phase{phase}, Connections: connections, Orders: orders, Timeout: 30 * time.Second, Grace: 30 * time.Second,
	}
}

// shelvesFull is more of every SKU than a benchmark sells.
const shelvesFull = 100_000_000

func (b *bench) fillShelves(ctx context.Context, s *benchSystem) error {
	stock := map[string]int64{}
	for i := range b.skus {
		stock[load.SKU(i)] = shelvesFull
	}
	return shelve(ctx, s.run, stock)
}
