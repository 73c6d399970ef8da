//go:build linux

package orderctl

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// What comes in while nodes are killed: not more than this machine carries beside thirty processes, so that what is
// refused is refused because of a kill.
const (
	nodeOrders  = 400
	nodeEvery   = 80 * time.Millisecond // one delivery
	nodeCopies  = 3
	leastDuring = 30 // deliveries accepted between one thing that happens and the next
)

// A 2xx that comes after the provider hung up is a repeat that need not be. The shortest patience among the demo's
// sources is Shopify's five seconds; the ingress gives up on the broker before.
const (
	latest2xx    = 4 * time.Second
	latestAnswer = 10 * time.Second
)

// newCluster starts three nodes of a broker on a database that nobody has migrated yet. Each service is to log in as
// its own user.
func newCluster(t *testing.T, k *kills) (f *fleet, nodes []*member) {
	t.Helper()
	f = &fleet{t: t, random: k.random}
	dir := killFolder(t)
	f.run.DatabaseURL = testkit.DSN(t)
	b, err := newBrokers(dir, nodeCopies, func() (string, error) { return freeAddress(f.random) })
	require.NoError(t, err)
	for _, n := range b.nodes {
		node := &member{name: nodeName, environ: append(b.environ(), killNATSEnv+"="+n.conf())}
		f.start(node)
		nodes = append(nodes, node)
	}
	f.run.NATSURL, f.natsURL = b.url(bus.Operator), b.url
	require.Eventually(t, func() bool {
		return broker(t.Context(), f.run, func(ctx context.Context, js jetstream.JetStream) error {
			return bus.Provision(ctx, js, bus.StreamOptions{Replicas: nodeCopies})
		}) == nil
	}, lifetime, 100*time.Millisecond, "the cluster makes no streams: %s", nodes[0].process.said.String())
	f.settings(dir)
	return f, nodes
}

// leader is the node that leads a stream, and whether every copy of every stream is whole.
func leader(ctx context.Context, run Running, of string) (name string, whole bool, err error) {
	whole = true
	err = broker(ctx, run, func(ctx context.Context, js jetstream.JetStream) error {
		for _, stream := range []string{bus.Intake, bus.Events, bus.Commands, bus.Dead} {
			s, err := js.Stream(ctx, stream)
			if err != nil {
				return err
			}
			c := s.CachedInfo().Cluster
			if c == nil || c.Leader == "" || len(c.Replicas) != nodeCopies-1 {
				whole = false
				continue
			}
			if stream == of {
				name = c.Leader
			}
			for _, r := range c.Replicas {
				whole = whole && r.Current && !r.Offline
			}
		}
		return nil
	})
	return name, whole, err
}

// leads waits until every stream has all its copies, and says which node leads INTAKE.
func leads(t *testing.T, run Running) (at int) {
	t.Helper()
	require.Eventually(t, func() bool {
		name, whole, err := leader(t.Context(), run, bus.Intake)
		if err != nil || !whole || name == "" {
			return false
		}
		_, err = fmt.Sscanf(name, "nats-%d", &at)
		return err == nil
	}, lifetime, 100*time.Millisecond, "not every copy is there again")
	return at
}

// nodeRound is what happens in a round: each is killed under load, stays away while more comes in, and comes back.
func (f *fleet) nodeRound(k *kills, s *senders, nodes []*member, n int) killRow {
	f.t.Helper()
	row := killRow{round: n + 1, orders: k.orders}
	began, accepted, again := time.Now(), s.accepted.Load(), s.again.Load()
	s.tell(f.t.Context(), k.round(n))
	told := make(chan struct{})
	go func() {
		s.working.Wait()
		close(told)
	}()
	deaths := 0
	for _, what := range []string{"follower", "leader", "replicas", "leader"} {
		s.waitFor(s.accepted.Load()+leastDuring, told)
		at := leads(f.t, f.run)
		victims := []*member{nodes[at]}
		switch what {
		case "follower":
			victims = []*member{nodes[(at+1)%len(nodes)]}
		case "replicas":
			victims = nil
			for _, m := range f.members {
				if m.replica == 1 {
					victims = append(victims, m)
				}
			}
			deaths++ // the notifier's among them
		}
		select {
		case <-told:
			require.Fail(f.t, "nothing comes in any more: a kill proves nothing now", what)
		default:
		}
		killed := time.Now()
		for _, m := range victims {
			m.process.kill()
			<-m.process.gone
		}
		s.waitFor(s.accepted.Load()+leastDuring, told)
		back := time.Now()
		for _, m := range victims {
			f.start(m)
		}
		leads(f.t, f.run)
		f.ready()
		row.killed = append(row.killed, what)
		f.t.Logf("%s killed, away %.1f s; %s; whole again %.1f s after it was started", what, back.Sub(killed).Seconds(),
			outage(s.between(killed.Add(-latest2xx), time.Now()), killed), time.Since(back).Seconds())
	}
	<-told
	f.ready()
	c, done := newChecker(f.t, f.run, f.verify)
	defer done()
	c.late = true
	row.checked = c.check(k.told[:(n+1)*k.orders], k.round(n), deaths)
	row.accepted, row.again, row.took = s.accepted.Load()-accepted, s.again.Load()-again, time.Since(began)
	return row
}

// outage says in words what senders saw of a kill: from the first refusal to the last, the longest time in which nothing
// was accepted, and the longest answers.
func outage(answers []reply, killed time.Time) string {
	var first, last, accepted time.Time
	var silent, late2xx, late time.Duration
	refused, none := 0, 0
	for _, a := range answers {
		ended := a.began.Add(a.took)
		if ended.Before(killed) {
			accepted = ended
			continue
		}
		late = max(late, a.took)
		if a.good() {
			if !accepted.IsZero() {
				silent = max(silent, ended.Sub(accepted))
			}
			accepted, late2xx = ended, max(late2xx, a.took)
			continue
		}
		if a.status == 0 {
			none++
		}
		refused++
		if first.IsZero() || a.began.Before(first) {
			first = a.began
		}
		if ended.After(last) {
			last = ended
		}
	}
	return fmt.Sprintf("%d answers, %d refused (%d of them by a connection that broke), from the first refusal to the last %.2f s, nothing accepted for %.2f s, longest 2xx %.2f s, longest answer %.2f s",
		len(answers), refused, none, last.Sub(first).Seconds(), silent.Seconds(), late2xx.Seconds(), late.Seconds())
}

// Three brokers that keep three copies, and two of every service. A node of the broker is killed, then the one that
// leads, then a replica of every service, while webhooks come in at both ingresses.
func TestKillsOfNodes(t *testing.T) {
	t.Parallel()
	k := newKills(t)
	if !k.long {
		t.Skip("thirty processes: make kills K=TestKillsOfNodes ROUNDS=1")
	}
	k.tell(nodeOrders)
	f, nodes := newCluster(t, k)
	require.NoError(t, host.Migrate(t.Context(), f.run.DatabaseURL, Services()))
	for _, s := range Services() {
		f.add(s.Name, 0)
	}
	f.ready()
	f.replicas(2)
	require.NoError(t, fillShelves(t.Context(), &local.Ground{DatabaseURL: f.run.DatabaseURL, NATSURL: f.run.NATSURL}, stockOf(k)))
	pace := time.NewTicker(nodeEvery)
	defer pace.Stop()
	s := newSenders(t)
	s.secrets, s.pace = f.run.Secrets, pace.C
	s.at(f.ingresses()...)
	for n := range k.rounds {
		k.done(f.nodeRound(k, s, nodes, n))
	}
	k.report()
	for _, a := range s.between(time.Time{}, time.Now()) {
		assert.False(t, a.good() && a.took > latest2xx, "a 2xx took %s: the provider has hung up by then", a.took)
		assert.LessOrEqual(t, a.took, latestAnswer, "an answer %d", a.status)
	}
	refusals := map[int]int{}
	for _, a := range s.between(time.Time{}, time.Now()) {
		if !a.good() {
			refusals[a.status]++
		}
	}
	for status := range refusals {
		assert.Contains(t, []int{0, http.StatusServiceUnavailable}, status, "what is refused is to be sent again")
	}
	t.Logf("%s; refused %v", strings.TrimSpace(outage(s.between(time.Time{}, time.Now()), time.Time{})), refusals)
	for i := len(f.members) - 1; i >= 0; i-- {
		f.members[i].process.end(t)
	}
}
