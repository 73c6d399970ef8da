package inventory

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// member is one replica of inventory, with connections of its own, so that it can be taken away alone.
type member struct {
	t        *testing.T
	name     string // as the database knows it
	conn     *nats.Conn
	pool     *pgxpool.Pool
	registry *prometheus.Registry
	cancel   context.CancelFunc
	ended    chan error
}

// shared is what the replicas have in common: a database and a broker.
type shared struct {
	*house
	server *embed.Server
}

func newShared(t *testing.T) *shared {
	t.Helper()
	h := newHouse(t)
	server, err := embed.Start(t.TempDir(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	conn, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	h.js, err = jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, bus.Provision(t.Context(), h.js, bus.StreamOptions{}))
	h.bus = bus.NewPublisher(h.js)
	return &shared{h, server}
}

func (s *shared) join(name string) *member {
	s.t.Helper()
	m := &member{t: s.t, name: name, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	var err error
	m.conn, err = nats.Connect(s.server.URL())
	require.NoError(s.t, err)
	config, err := pgxpool.ParseConfig(s.pool.Config().ConnString())
	require.NoError(s.t, err)
	config.ConnConfig.RuntimeParams["application_name"] = name
	m.pool, err = pgxpool.NewWithConfig(s.t.Context(), config)
	require.NoError(s.t, err)
	js, err := jetstream.New(m.conn)
	require.NoError(s.t, err)
	store := eventstore.New(m.pool, testkit.Vault(s.t, m.pool))
	h := &handler{rules: rules, store: store, told: told{m.pool}}
	loop := reactor.New(h.spec(), reactor.Deps{Store: store, JS: js, Bus: bus.NewPublisher(js), Log: zerolog.Nop(), Registry: m.registry})
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() { m.ended <- loop.Run(ctx) }()
	s.t.Cleanup(m.stop)
	return m
}

// stop lets it finish what it has in hand.
func (m *member) stop() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	m.cancel = nil
	err := <-m.ended
	assert.NoError(m.t, err) //nolint:testifylint // also called while the test is cleaned up
	m.conn.Close()
	m.pool.Close()
}

// kill takes its connections away in the middle of whatever it does: the broker and the database see a process that is
// gone, which acks nothing, gives nothing back and says no good-bye.
func (s *shared) kill(m *member) {
	s.t.Helper()
	m.conn.Close()
	_, err := s.pool.Exec(s.t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, m.name)
	require.NoError(s.t, err)
	m.stop()
}

// counted is the value of one of its counters, over all labels.
func (m *member) counted(name string) (total float64) {
	families, err := m.registry.Gather()
	require.NoError(m.t, err)
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if f.GetName() == name {
				total += value(metric)
			}
		}
	}
	return total
}

func value(m *dto.Metric) float64 {
	if m.GetHistogram() != nil {
		return m.GetHistogram().GetSampleSum()
	}
	return m.GetCounter().GetValue()
}

const (
	appendedMetric  = "orderflow_events_appended_total"
	conflictsMetric = "orderflow_append_conflicts_total"
)

// One replica reserves; when it leaves, or is gone without a word, the other goes on, and who waited for stock is woken.
func TestOneBatcherIsServedAndTheOtherGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leave func(*shared, *member)
	}{
		"it stops":     {func(_ *shared, m *member) { m.stop() }},
		"it is killed": {(*shared).kill},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t)
			first := s.join("first")
			s.receive("first", "MUG", 5)
			s.untilMoved("MUG", 1)
			second := s.join("second")
			for i := range 5 {
				s.happens(fmt.Sprint("before ", i), placed("MUG", 1))
				s.untilSaid(fmt.Sprint("before ", i), isAllocated)
			}
			s.happens("waiting", placed("MUG", 1))
			s.untilSaid("waiting", isBackordered)
			assert.Zero(t, second.counted(appendedMetric), "one is served")
			assert.Positive(t, first.counted(appendedMetric))

			left := time.Now()
			c.leave(s, first)
			s.receive("second", "MUG", 2)
			s.happens("after", placed("MUG", 1))
			s.untilSaid("waiting", isBackordered, isAllocated)
			s.until("the other reserves", func() bool { said := s.said("after"); return len(said) > 0 && said[len(said)-1] == isAllocated })
			took := time.Since(left)
			t.Logf("%s: the other went on after %s, %.0f conflicts", name, took.Round(time.Millisecond), second.counted(conflictsMetric))
			assert.Less(t, took, 15*time.Second, "far sooner than a message comes again that nobody acked")
			s.agrees("MUG", "before 0", "before 1", "before 2", "before 3", "before 4", "waiting", "after")
		})
	}
}

// A replica that claimed the bell of an order that waits, and died before it looked, leaves it to the next one.
func TestAWakeWhoseClaimantDiedIsHeard(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	first := s.join("first")
	s.happens("waiting", placed("MUG", 1))
	s.untilSaid("waiting", isBackordered)
	first.stop()

	// Stock comes by a replica that dies before it rings: the row of who waits is due, and nothing else tells of it.
	replica{s.handler(), t}.turn(replica{s.handler(), t}.move("second", "MUG", 1))
	claimed, err := s.store.Due(t.Context(), service, 10, time.Second)
	require.NoError(t, err)
	require.Len(t, claimed, 1, "the wake is a row, written with the stock")
	// More comes while the bell is claimed by the dead.
	replica{s.handler(), t}.turn(replica{s.handler(), t}.move("third", "MUG", 1))

	s.join("second")
	s.untilSaid("waiting", isBackordered, isAllocated)
	s.agrees("MUG", "waiting")
}
