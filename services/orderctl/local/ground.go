// Package local prepares the ground on which every service runs in one process: a folder, a private Postgres, an
// embedded NATS server, listeners, and settings that fit together. What the environment sets is used instead.
//
//	DIR/lock          held while it runs
//	DIR/postgres/     the database, one folder for each major version
//	DIR/nats/         the streams
//	DIR/sandbox/      the books of the sandbox
//	DIR/master.key    wraps the keys of personal data
//	DIR/sandbox.json  the sandbox's secrets
//	DIR/log.json      what the services log
//	DIR/run.json      where everything is, while it runs
package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/postgres"
)

// Options are what is wanted.
type Options struct {
	Dir                                string
	Listen, AdminListen, MailboxListen string
	Sandbox                            bool
	Environ                            map[string]string
	// Say tells a person what takes time.
	Say func(line string)
	// Moved says that a person chose an address: one that nobody chose may give way to another if it is taken.
	Moved func(flag string) bool
}

// LogFile is where the services log.
func (o Options) LogFile() string { return filepath.Join(o.Dir, "log.json") }

// Ground is what was prepared.
type Ground struct {
	Options
	// Embedded is the NATS server if it is this process's own.
	Embedded             *embed.Server
	DatabaseURL, NATSURL string
	// NATSAccess is how the broker is spoken to, beside its address.
	NATSAccess host.NATSAccess

	environ   map[string]string
	listeners map[string]net.Listener
	natsOpts  []nats.Option
	natsUser  func(service string) []nats.Option
	closers   []func()
	again     chan struct{}
	log       zerolog.Logger
}

// Prepare makes or opens the folder and starts what is needed. The caller closes what it returns.
func Prepare(ctx context.Context, o Options) (*Ground, error) {
	g := &Ground{Options: o, environ: map[string]string{}, listeners: map[string]net.Listener{}, again: make(chan struct{})}
	for name, value := range o.Environ {
		g.environ[name] = value
	}
	for _, step := range []func(context.Context) error{g.folder, g.lock, g.logs, g.key, g.database, g.broker, g.listen, g.outside} {
		if err := step(ctx); err != nil {
			g.Close()
			return nil, err
		}
	}
	return g, nil
}

// Close stops what was started, the last thing first.
func (g *Ground) Close() {
	for i := len(g.closers) - 1; i >= 0; i-- {
		g.closers[i]()
	}
	g.closers = nil
}

func (g *Ground) onClose(f func()) { g.closers = append(g.closers, f) }

func (g *Ground) folder(context.Context) error {
	dir, err := filepath.Abs(g.Dir)
	if err != nil {
		return err
	}
	g.Dir = dir
	// Others may pass through: Postgres may have to run as another user. Every file in it is private.
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // see above
		return usable(fmt.Errorf("make the data folder: %w", err))
	}
	return becomeOwner(dir)
}

func (g *Ground) logs(context.Context) error {
	file, err := os.OpenFile(g.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return usable(fmt.Errorf("open the log: %w", err))
	}
	g.onClose(func() { _ = file.Close() })
	g.log = zerolog.New(forgiving{file}).With().Timestamp().Logger()
	return nil
}

func (g *Ground) database(ctx context.Context) error {
	given, err := host.Secret(g.environ, "DATABASE_URL")
	if err != nil {
		return err
	}
	if given != "" {
		g.DatabaseURL = given
		return nil
	}
	cache, err := postgres.Cache()
	if err != nil {
		return err
	}
	dir := filepath.Join(g.Dir, "postgres")
	binaries, err := postgres.FindFor(ctx, cache, dir, g.Say)
	if err != nil {
		return err
	}
	server, err := postgres.Start(ctx, postgres.Options{Binaries: binaries, DataDir: dir, Say: g.Say, Settings: map[string]string{
		"shared_buffers": "256MB", "max_wal_size": g.walSize(), "random_page_cost": "1.1",
	}})
	if err != nil {
		return err
	}
	g.onClose(server.Stop)
	if err := server.EnsureDatabase(ctx, "orderflow"); err != nil {
		return err
	}
	g.DatabaseURL = server.URL("orderflow")
	g.environ["DATABASE_URL"] = g.DatabaseURL
	return nil
}

func (g *Ground) broker(context.Context) error {
	given, err := host.Secret(g.environ, "NATS_URL")
	if err != nil {
		return err
	}
	if given != "" {
		g.NATSURL = given
		return host.Read(g.environ, &g.NATSAccess)
	}
	maps.DeleteFunc(g.environ, func(name, _ string) bool { return strings.HasPrefix(name, "NATS_") }) // it is said of another one
	passwords := map[string]string{}
	for _, u := range bus.Users() {
		passwords[u.Name] = rand.Text()
	}
	server, err := embed.Start(filepath.Join(g.Dir, "nats"), "127.0.0.1:0", embed.WithUsers(passwords))
	if err != nil {
		return err
	}
	g.onClose(server.Stop)
	watching, stop := context.WithCancel(context.Background())
	g.onClose(stop)
	go g.watch(watching, server)
	g.Embedded = server
	g.environ["NATS_URL"] = server.URL()
	g.natsOpts = []nats.Option{server.InProcess()}
	g.natsUser = func(service string) []nats.Option { return []nats.Option{nats.UserInfo(service, passwords[service])} }
	if g.NATSURL, err = as(server.URL(), bus.Operator, passwords[bus.Operator]); err != nil {
		return err
	}
	return nil
}

// as is a server's address for a user.
func as(address, user, password string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the address of the broker: %w", err)
	}
	u.User = url.UserPassword(user, password)
	return u.String(), nil
}

// listen opens every listener before any service starts, so that all of them can be told where the others are.
func (g *Ground) listen(context.Context) error {
	wanted := []struct{ name, flag, address string }{
		{"ingress", "listen", g.Listen}, {"admin", "admin-listen", g.AdminListen},
	}
	if g.Sandbox {
		wanted = append(wanted, struct{ name, flag, address string }{"sandbox", "mailbox-listen", g.MailboxListen},
			struct{ name, flag, address string }{"smtp", "", "127.0.0.1:0"})
	}
	for _, w := range wanted {
		l, err := net.Listen("tcp", w.address) //nolint:noctx // it takes no time
		if err != nil && w.flag != "" && !g.Moved(w.flag) {
			g.Say(w.address + " is taken; " + w.name + " gets another port.")
			l, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // as above
		}
		if err != nil {
			return fmt.Errorf("listen for %s: %w: choose another address with --%s", w.name, err, w.flag)
		}
		g.listeners[w.name] = l
		g.onClose(func() { _ = l.Close() })
	}
	return nil
}

// URL is where a listener can be reached by HTTP from this machine.
func (g *Ground) URL(listener string) string {
	address := g.listeners[listener].Addr().String()
	if at, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(at).IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", port) // it listens everywhere: nobody calls a place 0.0.0.0 or [::]
	}
	if listener == "ingress" && g.environ["INGRESS_TLS_CERT"] != "" {
		return "https://" + address
	}
	return "http://" + address
}

// HostOptions are how the host runs services on this ground.
func (g *Ground) HostOptions() host.Options {
	return host.Options{Environ: g.environ, Log: g.log, NATS: g.natsOpts, NATSUser: g.natsUser, Staging: g.Embedded != nil && g.Embedded.Staging(), Listeners: g.listeners}
}

// Remember writes run.json, whole or not at all.
func (g *Ground) Remember(run any) error {
	data, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(g.Dir, runFile), append(data, '\n'))
}

// Forget takes run.json away: nothing runs here any more.
func (g *Ground) Forget() { _ = os.Remove(filepath.Join(g.Dir, runFile)) }

// write makes a private file appear whole.
func write(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
