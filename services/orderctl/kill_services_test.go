//go:build linux

package orderctl

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// What this test program is when it is started once more: a service, as its own main runs it, or the broker.
const (
	killRunsEnv = "KILL_RUNS"
	killNATSEnv = "KILL_NATS" // folder and address
	brokerName  = "nats"
	nodeName    = "node" // of a cluster; KILL_NATS is its configuration
	verifyName  = "verify"
)

// TestKillsAreDoneToThis is no test: it is what the processes of the other one run.
func TestKillsAreDoneToThis(t *testing.T) {
	switch name := os.Getenv(killRunsEnv); name {
	case "":
		t.Skip("it is started by the tests that kill it")
	case brokerName:
		runBroker(t)
	case nodeName:
		os.Exit(Main([]string{"broker", os.Getenv(killNATSEnv)}))
	case verifyName:
		os.Exit(Main([]string{"verify"}))
	default:
		for _, s := range Services() {
			if s.Name == name {
				os.Args = os.Args[:1]
				host.Main(s)
			}
		}
	}
}

func runBroker(t *testing.T) {
	t.Helper()
	dir, address, _ := strings.Cut(os.Getenv(killNATSEnv), "|")
	server, err := embed.Start(dir, address)
	require.NoError(t, err)
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-asked.Done()
	server.Stop()
}

// fleet is every service as a process of its own, some of them twice, on one broker and one database.
type fleet struct {
	t       *testing.T
	random  *rand.Rand
	environ []string
	broker  *member
	members []*member
	run     Running
	natsURL func(service string) string // where each logs in as itself; nil where one broker takes everybody
	// programs is the folder of what members run from now on; empty for this test program.
	programs string
	// balanced says that webhooks come by somebody who knows which ingress is ready: then each has an address of its own.
	balanced bool
}

// member is one process of the fleet, which keeps its place when it is killed.
type member struct {
	name    string
	replica int
	environ []string
	admin   string // URL of its probes; empty for the broker
	url     string // where the ingress takes webhooks
	program string // what it runs; empty for this test program
	process *process
}

func (m *member) String() string {
	if m.replica > 0 {
		return fmt.Sprintf("%s/%d", m.name, m.replica+1)
	}
	return m.name
}

// address is one that nobody listens at.
func (f *fleet) address() string {
	f.t.Helper()
	address, err := freeAddress(f.random)
	require.NoError(f.t, err)
	return address
}

// newFleet starts the broker and one of each service.
func newFleet(t *testing.T, k *kills) *fleet {
	t.Helper()
	f := &fleet{t: t, random: k.random}
	dir := killFolder(t)
	f.run.DatabaseURL = testkit.DSN(t)
	require.NoError(t, host.Migrate(t.Context(), f.run.DatabaseURL, Services()))
	address := f.address()
	f.broker = &member{name: brokerName, environ: []string{killNATSEnv + "=" + filepath.Join(dir, "nats") + "|" + address}}
	f.run.NATSURL = "nats://" + address
	f.start(f.broker)
	f.brokerReady()
	f.settings(dir)
	for _, s := range Services() {
		f.add(s.Name, 0)
	}
	f.ready()
	return f
}

// brokerReady waits until the broker answers: without one no service starts.
func (f *fleet) brokerReady() {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		return broker(f.t.Context(), f.run, func(ctx context.Context, js jetstream.JetStream) error {
			return bus.Provision(ctx, js, bus.StreamOptions{})
		}) == nil
	}, lifetime, 50*time.Millisecond, "the broker does not answer: %s", f.broker.process.said.String())
}

// settings are the same for all of them.
func (f *fleet) settings(dir string) {
	a := apart{f.run.DatabaseURL, f.address(), f.address(), f.address(), dir}
	f.run.MailboxURL, f.run.IngressURL, f.run.Secrets = "http://"+a.pages, "http://"+a.ingress, a.secrets()
	settings := a.environ()
	settings["NATS_URL"], settings["DATABASE_POOL_SIZE"] = f.run.NATSURL, "3"
	maps.Copy(settings, demoSettings)
	for name, value := range settings {
		f.environ = append(f.environ, name+"="+value)
	}
}

// add makes a member and starts it.
func (f *fleet) add(name string, replica int) *member {
	admin := f.address()
	m := &member{name: name, replica: replica, admin: "http://" + admin, environ: []string{"ADMIN_LISTEN=" + admin}}
	if name == "ingress" {
		m.url = f.run.IngressURL
		if replica > 0 || f.balanced {
			m.url = "http://" + f.address()
		}
		m.environ = append(m.environ, "INGRESS_LISTEN="+strings.TrimPrefix(m.url, "http://"))
	}
	if f.natsURL != nil {
		m.environ = append(m.environ, "NATS_URL="+f.natsURL(name))
	}
	if f.programs != "" {
		m.program = filepath.Join(f.programs, name)
	}
	f.members = append(f.members, m)
	f.start(m)
	return m
}

func (f *fleet) start(m *member) {
	f.t.Helper()
	if m.program != "" {
		m.process = launch(f.t, m.String(), append(slices.Clone(f.environ), m.environ...), m.program)
		return
	}
	self, err := os.Executable()
	require.NoError(f.t, err)
	environ := append(append(slices.Clone(f.environ), m.environ...), killRunsEnv+"="+m.name)
	m.process = launch(f.t, m.String(), environ, self, "-test.run=^TestKillsAreDoneToThis$", "-test.timeout=0")
}

// ready waits until every member says that it is.
func (f *fleet) ready() {
	f.t.Helper()
	for _, m := range f.members {
		f.memberReady(m)
	}
}

func (f *fleet) memberReady(m *member) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		if m.process.ended() { // it met a broker that was away; whoever runs services starts them again
			require.Contains(f.t, m.process.said.String(), "connect to NATS", "%s ended", m)
			f.start(m)
		}
		return m.isReady(f.t.Context())
	}, lifetime, 20*time.Millisecond, "%s is not ready: %s", m, m.process.said.String())
}

// isReady asks a member once.
func (m *member) isReady(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.admin+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// replicas brings every service but the sandbox, whose books are one, to one process or two.
func (f *fleet) replicas(n int) {
	f.t.Helper()
	for _, m := range slices.Clone(f.members) {
		switch {
		case m.replica > 0 && n == 1:
			m.process.end(f.t)
			f.members = slices.DeleteFunc(f.members, func(other *member) bool { return other == m })
		case m.replica == 0 && n == 2 && m.name != "sandbox" && !slices.ContainsFunc(f.members, func(o *member) bool { return o.name == m.name && o.replica == 1 }):
			f.add(m.name, 1)
		}
	}
	f.ready()
}

// ingresses are where webhooks can be sent.
func (f *fleet) ingresses() []string {
	var urls []string
	for _, m := range f.members {
		if m.url != "" {
			urls = append(urls, m.url)
		}
	}
	return urls
}

// Single services, each a process of its own, are killed while webhooks come in, and started again.
func TestKillsOfSingleServices(t *testing.T) {
	t.Parallel()
	k := newKills(t)
	f := newFleet(t, k)
	require.NoError(t, fillShelves(t.Context(), &local.Ground{DatabaseURL: f.run.DatabaseURL, NATSURL: f.run.NATSURL}, stockOf(k)))
	s := newSenders(t)
	s.secrets = f.run.Secrets
	for n := range k.rounds {
		f.replicas(1 + n%2)
		s.at(f.ingresses()...)
		k.done(f.round(k, s, n))
	}
	k.report()
	for _, m := range slices.Backward(f.members) {
		m.process.end(t)
	}
}

// round kills a few times, each time one to three processes at once, and in some rounds the broker too.
func (f *fleet) round(k *kills, s *senders, n int) killRow {
	f.t.Helper()
	row, deaths := killRow{round: n + 1, orders: k.orders}, 0
	began, accepted, again := time.Now(), s.accepted.Load(), s.again.Load()
	s.tell(f.t.Context(), k.round(n))
	told := make(chan struct{})
	go func() {
		s.working.Wait()
		close(told)
	}()
	for range 2 + k.random.IntN(4) {
		enough, pause := k.moment()
		s.waitFor(s.accepted.Load()+enough/2, told)
		time.Sleep(pause) // the moment is random by the seed, it waits for nothing
		victims := f.victims(n)
		for _, m := range victims {
			m.process.kill()
		}
		for _, m := range victims {
			<-m.process.gone
			row.killed = append(row.killed, m.String())
			if m.name == "notifier" || m.name == "sandbox" {
				deaths++
			}
		}
		time.Sleep(time.Duration(k.random.Int64N(int64(time.Second)))) // so long it is away
		if slices.Contains(victims, f.broker) {
			f.start(f.broker)
			f.brokerReady()
		}
		for _, m := range victims {
			if m != f.broker {
				f.start(m)
			}
		}
		if k.random.IntN(2) == 0 {
			f.ready() // else the next ones may die before these are there
		}
	}
	<-told
	f.ready()
	c, done := newChecker(f.t, f.run, f.verify)
	defer done()
	row.checked = c.check(k.told[:(n+1)*k.orders], k.round(n), deaths)
	row.accepted, row.again, row.took = s.accepted.Load()-accepted, s.again.Load()-again, time.Since(began)
	return row
}

// victims are one to three processes; every third round it may also be the broker.
func (f *fleet) victims(round int) []*member {
	all := slices.Clone(f.members)
	if round%3 == 2 {
		all = append(all, f.broker)
	}
	f.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+f.random.IntN(3)]
}

// verify is 'orderctl verify' as an operator calls it.
func (f *fleet) verify() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	p := launch(f.t, "orderctl verify", append(slices.Clone(f.environ), killRunsEnv+"="+verifyName), self, "-test.run=^TestKillsAreDoneToThis$", "-test.timeout=0")
	<-p.gone
	return p.said.String(), p.err
}
