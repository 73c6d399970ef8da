package orderctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/postgres"
)

// What is measured apart runs as the manifests run it, as far as one machine can.
const (
	apartNodes = 3
	// apartMemory is GOMEMLIMIT of a service, unless the environment says something else.
	apartMemory = "230MiB"
	apartWait   = time.Minute
	apartAnswer = 5 * time.Second
)

// benchProcess is one that the benchmark started.
type benchProcess struct {
	name  string
	admin string // address of its probes; empty for a broker
	cmd   *exec.Cmd
	ended chan struct{}
}

// benchFleet is every service and every broker as a process of its own, and a Postgres.
type benchFleet struct {
	dir       string
	processes []*benchProcess
	brokers   *brokers
}

// program makes the command that runs a service, or this program itself with words.
type program func(name string, words ...string) (*exec.Cmd, error)

// programsIn finds programs in a folder; this one is always found.
func programsIn(dir string) program {
	return func(name string, words ...string) (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		if name == "orderctl" {
			return exec.Command(self, words...), nil //nolint:noctx // itself; it is ended by hand, the last one first
		}
		if dir == "" {
			dir = filepath.Dir(self)
		}
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no program %s: 'make build' makes it, or --programs says where it is", path)
		}
		return exec.Command(path, words...), nil //nolint:noctx // the operator's own; see above
	}
}

// apart runs everything on a fresh folder while use measures, and takes it away afterwards.
func (b *bench) apart(ctx context.Context, use func(context.Context, *benchFleet, *benchSystem) error) error {
	dir, err := filepath.Abs(filepath.Join(b.dir, partCost))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // Postgres may run as another user
		return fmt.Errorf("make the folder of the benchmark: %w", err)
	}
	url, stop, err := b.ownPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	if err := host.Migrate(ctx, url, Services()); err != nil {
		return err
	}
	f := &benchFleet{dir: dir}
	defer f.end()
	s, err := f.begin(ctx, b.program, url)
	if err != nil {
		return err
	}
	defer s.pool.Close()
	if err := use(ctx, f, s); err != nil {
		return err
	}
	f.end()
	if !b.keep {
		return os.RemoveAll(dir)
	}
	return nil
}

func (b *bench) ownPostgres(ctx context.Context, dir string) (url string, stop func(), err error) {
	cache, err := postgres.Cache()
	if err != nil {
		return "", nil, err
	}
	data := filepath.Join(dir, "postgres")
	say := func(line string) { b.say("%s", line) }
	binaries, err := postgres.FindFor(ctx, cache, data, say)
	if err != nil {
		return "", nil, err
	}
	server, err := postgres.Start(ctx, postgres.Options{Binaries: binaries, DataDir: data, Say: say, Settings: map[string]string{
		"shared_buffers": "256MB", "max_wal_size": "2GB", "random_page_cost": "1.1",
	}})
	if err != nil {
		return "", nil, err
	}
	if err := server.EnsureDatabase(ctx, "orderflow"); err != nil {
		server.Stop()
		return "", nil, err
	}
	return server.URL("orderflow"), server.Stop, nil
}

// begin starts the brokers, makes the streams, and starts the services.
func (f *benchFleet) begin(ctx context.Context, run program, databaseURL string) (*benchSystem, error) {
	random := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(time.Now().UnixNano()))) //nolint:gosec // of ports
	free := func() (string, error) { return freeAddress(random) }
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = free(); err != nil {
			return nil, err
		}
	}
	a := apart{databaseURL, addresses[0], addresses[1], addresses[2], f.dir}
	if err := f.beginBrokers(ctx, run, free); err != nil {
		return nil, err
	}
	settings := a.environ()
	settings["INGRESS_PUBLISH_TIMEOUT"] = "9s" // what is measured is cost: nothing is to be sent again
	for name, value := range benchEnviron() {
		settings[name] = value
	}
	for _, s := range Services() {
		if s.Name == "amazon" {
			continue // it has nothing to do with these orders
		}
		if err := f.beginService(run, s.Name, settings, a, free); err != nil {
			return nil, err
		}
	}
	for _, p := range f.processes {
		if err := p.ready(ctx); err != nil {
			return nil, fmt.Errorf("%w; %s says more", err, f.log(p.name))
		}
	}
	return f.open(ctx, a)
}

func (f *benchFleet) open(ctx context.Context, a apart) (*benchSystem, error) {
	pool, err := host.OpenPool(ctx, a.databaseURL, "orderctl", 4)
	if err != nil {
		return nil, err
	}
	run := Running{
		IngressURL: "http://" + a.ingress, MailboxURL: "http://" + a.pages, DatabaseURL: a.databaseURL, NATSURL: f.brokers.url(bus.Operator), Secrets: a.secrets(),
	}
	return &benchSystem{run: run, pool: pool, store: eventstore.New(pool, nil)}, nil
}

func (f *benchFleet) beginBrokers(ctx context.Context, run program, free func() (string, error)) error {
	var err error
	if f.brokers, err = newBrokers(f.dir, apartNodes, free); err != nil {
		return err
	}
	for _, n := range f.brokers.nodes {
		cmd, err := run("orderctl", "broker", n.conf())
		if err != nil {
			return err
		}
		if err := f.start(n.name, "", cmd, f.brokers.environ()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, apartWait)
	defer cancel()
	for {
		err := broker(ctx, Running{NATSURL: f.brokers.url(bus.Operator)}, func(ctx context.Context, js jetstream.JetStream) error {
			once, cancel := context.WithTimeout(ctx, apartAnswer) // before there is a leader nobody answers
			defer cancel()
			return bus.Provision(once, js, bus.StreamOptions{Replicas: apartNodes})
		})
		if err == nil {
			return nil
		}
		if pauseFor(ctx, booksEvery) != nil {
			return fmt.Errorf("the brokers make no streams: %w", err)
		}
	}
}

func (f *benchFleet) beginService(run program, name string, settings map[string]string, a apart, free func() (string, error)) error {
	cmd, err := run(name)
	if err != nil {
		return err
	}
	admin, err := free()
	if err != nil {
		return err
	}
	environ := []string{"GOMEMLIMIT=" + apartMemory}
	for name, value := range settings {
		environ = append(environ, name+"="+value)
	}
	environ = append(environ, "ADMIN_LISTEN="+admin, "NATS_URL="+f.brokers.url(name), "INGRESS_LISTEN="+a.ingress)
	if limit := os.Getenv("GOMEMLIMIT"); limit != "" {
		environ = append(environ, "GOMEMLIMIT="+limit)
	}
	return f.start(name, admin, cmd, environ)
}

func (f *benchFleet) log(name string) string { return filepath.Join(f.dir, name+".log") }

// start starts a process with settings and nothing else of the environment that might mean one.
func (f *benchFleet) start(name, admin string, cmd *exec.Cmd, environ []string) error {
	log, err := os.OpenFile(f.log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open a log: %w", err)
	}
	defer log.Close()
	cmd.Env = append(append(cmd.Env, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME")), environ...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &benchProcess{name, admin, cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(p.ended)
	}()
	f.processes = append(f.processes, p)
	return nil
}

// ready waits until a process says that it is.
func (p *benchProcess) ready(ctx context.Context) error {
	if p.admin == "" {
		return nil
	}
	url, err := host.Reach(p.admin)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, apartWait)
	defer cancel()
	for {
		if ready, _, err := host.Ask(ctx, url); err == nil && ready {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended instead of starting", p.name)
		case <-time.After(tablesEvery):
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name, context.Cause(ctx))
		}
	}
}

// end stops everything, services before the brokers that they need.
func (f *benchFleet) end() {
	for _, p := range slices.Backward(f.processes) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.ended:
		case <-time.After(apartWait):
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	}
	f.processes = nil
}

// cpu is the processor time of each process so far, and of Postgres.
func (f *benchFleet) cpu(postmaster int) map[string]time.Duration {
	used := map[string]time.Duration{}
	for _, p := range f.processes {
		used[p.service()] += familyCPU(p.cmd.Process.Pid)
	}
	if postmaster > 1 {
		used["postgres"] = familyCPU(postmaster)
	}
	return used
}

// service is what a process is one of: brokers are counted together.
func (p *benchProcess) service() string {
	if p.admin == "" {
		return "nats"
	}
	return p.name
}

// memory is what each process holds and the most it held, in MB; of the brokers the largest.
func (f *benchFleet) memory() (now, peak map[string]float64) {
	now, peak = map[string]float64{}, map[string]float64{}
	for _, p := range f.processes {
		status := "/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status"
		for field, into := range map[string]map[string]float64{"VmRSS": now, "VmHWM": peak} {
			kb, _, _ := strings.Cut(procField(status, field), " ")
			n, _ := strconv.ParseFloat(kb, 64) // 0 where nobody tells
			into[p.service()] = max(into[p.service()], n/1024)
		}
	}
	return now, peak
}
