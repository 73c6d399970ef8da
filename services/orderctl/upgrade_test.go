//go:build linux

package orderctl

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// Folders of the programs that are replaced and of those that replace them.
const (
	upgradeFromEnv = "UPGRADE_FROM"
	upgradeToEnv   = "UPGRADE_TO"
)

// What comes in meanwhile.
const (
	upgradeOrders = 3000 // more than there is time for
	upgradeEvery  = 150 * time.Millisecond
	probeEvery    = time.Second // how often the balancer asks who is ready
)

// balancer sends webhooks to ingresses that are ready, as a Service or a Gateway does, and never sends one twice.
type balancer struct {
	f      *fleet
	mu     sync.Mutex
	ready  []*member
	turn   atomic.Int64
	failed atomic.Int64 // requests that met nobody
	server *httptest.Server
}

func newBalancer(f *fleet) *balancer {
	b := &balancer{f: f}
	b.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			b.mu.Lock()
			to := b.ready[int(b.turn.Add(1))%len(b.ready)]
			b.mu.Unlock()
			u, err := url.Parse(to.url)
			if err == nil {
				r.SetURL(u)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			b.failed.Add(1)
			f.t.Logf("the balancer met nobody: %v", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	f.t.Cleanup(b.server.Close)
	return b
}

// look asks every ingress whether it is ready.
func (b *balancer) look(ctx context.Context, members []*member) {
	var ready []*member
	for _, m := range members {
		if m.url != "" && m.isReady(ctx) {
			ready = append(ready, m)
		}
	}
	if len(ready) > 0 { // else webhooks go where they went
		b.mu.Lock()
		b.ready = ready
		b.mu.Unlock()
	}
}

// watch looks again and again until ctx ends.
func (b *balancer) watch(ctx context.Context, members func() []*member) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.look(ctx, members())
		}
	}
}

// manifest is what the manifests of Kubernetes say about stopping.
type manifest struct {
	settings       map[string]string
	pause, timeout time.Duration
	grace          time.Duration
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	m := manifest{settings: map[string]string{}}
	settings, err := os.ReadFile("../../k8s/base/settings.env")
	require.NoError(t, err)
	for line := range strings.Lines(string(settings)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found && strings.HasPrefix(name, "DRAIN_") {
			m.settings[name] = value
		}
	}
	m.pause, err = time.ParseDuration(m.settings["DRAIN_PAUSE"])
	require.NoError(t, err)
	m.timeout, err = time.ParseDuration(m.settings["DRAIN_TIMEOUT"])
	require.NoError(t, err)
	deployment, err := os.ReadFile("../../k8s/base/common/deployment.yaml")
	require.NoError(t, err)
	found := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindSubmatch(deployment)
	require.NotNil(t, found)
	m.grace, err = time.ParseDuration(string(found[1]) + "s")
	require.NoError(t, err)
	return m
}

// upgrade is a fleet that is replaced, process by process.
type upgrade struct {
	*fleet
	mu       sync.Mutex // members are looked at by the balancer
	manifest manifest
	from, to string
	drains   []string
}

func (u *upgrade) now() []*member {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.members)
}

// orderctl runs the operator's program of a build.
func (u *upgrade) orderctl(build string, args ...string) {
	u.t.Helper()
	environ := append(slices.Clone(u.environ), "NATS_URL="+u.run.NATSURL)
	p := launch(u.t, "orderctl "+args[0], environ, filepath.Join(build, "orderctl"), args...)
	<-p.gone
	require.NoError(u.t, p.err, "%s", p.said.String())
}

// replace rolls one service: another is there and ready before one is asked to stop. One that the old build did not have
// is started.
func (u *upgrade) replace(name string) {
	u.t.Helper()
	var olds []*member
	for _, m := range u.now() {
		if m.name == name {
			olds = append(olds, m)
		}
	}
	if len(olds) == 0 {
		u.mu.Lock()
		m := u.add(name, 0)
		u.mu.Unlock()
		u.memberReady(m)
	}
	var stopping sync.WaitGroup
	for _, old := range olds {
		u.mu.Lock()
		m := u.add(name, old.replica)
		u.mu.Unlock()
		u.memberReady(m)
		asked := time.Now()
		require.NoError(u.t, old.process.cmd.Process.Signal(syscall.SIGTERM))
		stopping.Go(func() { u.stopped(old, asked) })
	}
	stopping.Wait()
	u.mu.Lock()
	u.members = slices.DeleteFunc(u.members, func(m *member) bool { return slices.Contains(olds, m) })
	u.mu.Unlock()
}

// stopped waits for a process that was asked to stop, as long as a kubelet waits.
func (u *upgrade) stopped(old *member, asked time.Time) {
	select {
	case <-old.process.gone:
	case <-time.After(u.manifest.grace):
		assert.Fail(u.t, "killed", "%s did not stop within %s", old, u.manifest.grace)
		return
	}
	took := time.Since(asked)
	if old.process.err != nil {
		assert.Fail(u.t, "it did not end well", "%s: %v: %s", old, old.process.err, old.process.said.String())
	}
	assert.GreaterOrEqual(u.t, took, u.manifest.pause, "%s did not wait for balancers to notice", old)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drains = append(u.drains, fmt.Sprintf("%s %.2f s", old, took.Seconds()))
}

// Every process is replaced by one of another build while webhooks come in: nothing is refused, lost or doubled.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	u := &upgrade{manifest: readManifest(t), from: os.Getenv(upgradeFromEnv), to: os.Getenv(upgradeToEnv)}
	if u.from == "" || u.to == "" {
		t.Skip("it takes two builds and some minutes: make upgrade FROM=revision")
	}
	require.NotEqual(t, sumOf(t, u.from), sumOf(t, u.to), "both builds are the same")
	k := newKills(t)
	k.tell(upgradeOrders)
	u.fleet, _ = newCluster(t, k)
	lb := newBalancer(u.fleet)
	u.balanced, u.programs = true, u.from
	for name, value := range u.manifest.settings {
		u.environ = append(u.environ, name+"="+value)
	}
	u.environ = append(u.environ, "SANDBOX_TRACKING_URL="+lb.server.URL+"/webhooks/sandbox")
	u.empty()
	u.orderctl(u.from, "migrate")
	u.orderctl(u.from, "provision", "--replicas", "3")
	for _, s := range Services() {
		if _, err := os.Stat(filepath.Join(u.from, s.Name)); err == nil { // else this service is new
			u.add(s.Name, 0)
		}
	}
	u.ready()
	u.replicas(2)
	lb.look(t.Context(), u.now())
	require.NoError(t, fillShelves(t.Context(), &local.Ground{DatabaseURL: u.run.DatabaseURL, NATSURL: u.run.NATSURL}, demo.Stock(upgradeOrders)))
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	go lb.watch(watching, u.now)

	pace := time.NewTicker(upgradeEvery)
	defer pace.Stop()
	s := newSenders(t)
	s.secrets, s.pace, s.enough = u.run.Secrets, pace.C, make(chan struct{})
	s.at(lb.server.URL)
	s.tell(t.Context(), k.told)
	none := make(chan struct{})
	s.waitFor(leastDuring, none)
	u.orderctl(u.to, "migrate") // the old build works on
	u.orderctl(u.to, "provision", "--replicas", "3")
	s.waitFor(s.accepted.Load()+leastDuring, none)
	u.programs = u.to
	began := time.Now()
	for _, service := range Services() {
		if service.Name != "sandbox" { // the world outside is not ours to replace
			u.replace(service.Name)
		}
	}
	took := time.Since(began)
	s.waitFor(s.accepted.Load()+leastDuring, none)
	close(s.enough)
	s.working.Wait()
	told := k.told[:s.begun.Load()]

	t.Logf("%d orders while %d processes were replaced in %.0f s; stopped (pause %s, grace %s): %s", len(told), len(u.drains), took.Seconds(),
		u.manifest.pause, u.manifest.grace, strings.Join(u.drains, ", "))
	assert.Zero(t, s.again.Load(), "nothing is refused, no connection breaks")
	assert.Zero(t, lb.failed.Load(), "scans find an ingress too")
	t.Log(outage(s.between(time.Time{}, time.Now()), time.Time{}))
	c, done := newChecker(t, u.run, u.verify)
	defer done()
	out := c.check(told, told, 0)
	t.Log(out.String())
	assert.Zero(t, out.repeats, "no mail twice")
	for _, m := range u.now() {
		assert.False(t, m.process.ended(), "%s ended: %s", m, m.process.said.String())
	}
}

// empty takes away the tables that testkit made: the build that is replaced makes its own.
func (u *upgrade) empty() {
	u.t.Helper()
	conn, err := pgx.Connect(u.t.Context(), u.run.DatabaseURL)
	require.NoError(u.t, err)
	defer conn.Close(u.t.Context())
	_, err = conn.Exec(u.t.Context(), `DROP SCHEMA orderflow CASCADE`)
	require.NoError(u.t, err)
}

// sumOf is the checksum of one program of a build.
func sumOf(t *testing.T, build string) [sha256.Size]byte {
	t.Helper()
	program, err := os.ReadFile(filepath.Join(build, "orders"))
	require.NoError(t, err)
	return sha256.Sum256(program)
}
