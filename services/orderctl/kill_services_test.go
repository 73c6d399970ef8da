//go:build linux

package orderctl

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
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
	verifyName  = "verify"
)

// TestKillsAreDoneToThis is no test: it is what the processes of the other one run.
func TestKillsAreDoneToThis(t *testing.T) {
	switch name := os.Getenv(killRunsEnv); name {
	case "":
		t.Skip("it is started by the tests that kill it")
	case brokerName:
		runBroker(t)
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
}

// member is one process of the fleet, which keeps its place when it is killed.
type member struct {
	name    string
	replica int
	environ []string
	admin   string // URL of its probes; empty for the broker
	url     string // where the ingress takes webhooks
	process *process
}

func (m *member) String() string {
	if m.replica > 0 {
		return fmt.Sprintf("%s/%d", m.name, m.replica+1)
	}
	return m.name
}

// freeAddress is one that nobody listens at, below the ports that the kernel gives to those who do not care.
func freeAddress(t *testing.T, random *rand.Rand) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15000+random.IntN(15000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// newFleet starts the broker and one of each service.
func newFleet(t *testing.T, k *kills) *fleet {
	t.Helper()
	f := &fleet{t: t, random: k.random}
	dir := killFolder(t)
	f.run.DatabaseURL = testkit.DSN(t)
	require.NoError(t, host.Migrate(t.Context(), f.run.DatabaseURL, Services()))
	f.broker = &member{name: brokerName, environ: []string{
		killNATSEnv + "=" + filepath.Join(dir, "nats") + "|" + freeAddress(t, f.random),
	}}
	_, address, _ := strings.Cut(f.broker.environ[0], "|")
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

// settings are the same for all of them: what 'orderctl up' sets, said by hand.
func (f *fleet) settings(dir string) {
	pages, mail, ingress := freeAddress(f.t, f.random), freeAddress(f.t, f.random), freeAddress(f.t, f.random)
	standard := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	f.run.MailboxURL, f.run.IngressURL = "http://"+pages, "http://"+ingress
	f.run.Secrets = map[string]string{"stripe": "whsec_kills", "shopify": "kills", "woocommerce": "kills", "checkout": standard}
	for name, value := range map[string]string{
		"DATABASE_URL": f.run.DatabaseURL, "NATS_URL": f.run.NATSURL, "DATABASE_POOL_SIZE": "3",
		"MASTER_KEY":            base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)),
		"STRIPE_WEBHOOK_SECRET": f.run.Secrets["stripe"], "SHOPIFY_WEBHOOK_SECRET": f.run.Secrets["shopify"],
		"WOOCOMMERCE_WEBHOOK_SECRET": f.run.Secrets["woocommerce"], "CHECKOUT_WEBHOOK_SECRET": standard, "SANDBOX_WEBHOOK_SECRET": standard,
		"STRIPE_WEBHOOK_SECRET_SHOPIFY": f.run.Secrets["stripe"], "STRIPE_SHOP_SHOPIFY": "shopify/default",
		"INGRESS_SOURCES": "stripe,shopify,woocommerce,checkout,sandbox", "INGRESS_MODE": "both",
		"CARRIER_URL": f.run.MailboxURL, "CARRIER_KEY": "kills", "SANDBOX_CARRIER_KEY": "kills", "SANDBOX_DIR": filepath.Join(dir, "sandbox"),
		"SANDBOX_LISTEN": pages, "SANDBOX_SMTP_LISTEN": mail, "SANDBOX_TRACKING_URL": f.run.IngressURL + "/webhooks/sandbox",
		"SMTP_URL": "smtp://" + mail + "?starttls=none", "MAIL_FROM": "The shop <orders@shop.example>", "FULFILLMENT_REQUIRE_ADDRESS": "false",
	} {
		f.environ = append(f.environ, name+"="+value)
	}
	for name, value := range demoSettings {
		f.environ = append(f.environ, name+"="+value)
	}
}

// add makes a member and starts it.
func (f *fleet) add(name string, replica int) {
	admin := freeAddress(f.t, f.random)
	m := &member{name: name, replica: replica, admin: "http://" + admin, environ: []string{"ADMIN_LISTEN=" + admin}}
	if name == "ingress" {
		m.url = f.run.IngressURL
		if replica > 0 {
			m.url = "http://" + freeAddress(f.t, f.random)
		}
		m.environ = append(m.environ, "INGRESS_LISTEN="+strings.TrimPrefix(m.url, "http://"))
	}
	f.members = append(f.members, m)
	f.start(m)
}

func (f *fleet) start(m *member) {
	f.t.Helper()
	self, err := os.Executable()
	require.NoError(f.t, err)
	environ := append(append(slices.Clone(f.environ), m.environ...), killRunsEnv+"="+m.name)
	m.process = launch(f.t, m.String(), environ, self, "-test.run=^TestKillsAreDoneToThis$", "-test.timeout=0")
}

// ready waits until every member says that it is.
func (f *fleet) ready() {
	f.t.Helper()
	for _, m := range f.members {
		require.Eventually(f.t, func() bool {
			if m.process.ended() { // it met a broker that was away; whoever runs services starts them again
				require.Contains(f.t, m.process.said.String(), "connect to NATS", "%s ended", m)
				f.start(m)
			}
			request, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, m.admin+"/readyz", http.NoBody)
			require.NoError(f.t, err)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		}, lifetime, 20*time.Millisecond, "%s is not ready: %s", m, m.process.said.String())
	}
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
