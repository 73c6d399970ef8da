package notifier

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	patience = time.Minute
	soon     = 20 * time.Millisecond
)

// shop is the notifier in its world: a database, a broker and a mail server.
type shop struct {
	t     *testing.T
	store *eventstore.Store
	vault *seal.Vault
	js    jetstream.JetStream
	bus   *bus.Publisher
	post  *post
	// texting is what the service is told of texts; none, as a rule.
	texting func(*Config)
}

func openShop(t *testing.T) *shop {
	t.Helper()
	store, pool := testkit.Store(t)
	s := &shop{t: t, store: store, vault: testkit.Vault(t, pool), js: testkit.NATS(t), post: openPost(t)}
	s.bus = bus.NewPublisher(s.js)
	return s
}

// start runs the service as the host would.
func (s *shop) start() (stop func()) {
	s.t.Helper()
	service := Service()
	config, ok := service.Config.(*Config)
	require.True(s.t, ok)
	*config = Config{
		SMTPURL: "smtp://" + s.post.address, From: "Mugs <orders@mugs.example>", Shop: "Mugs", SMTPTimeout: 5 * time.Second, SMTPConnections: 2,
	}
	if s.texting != nil {
		s.texting(config)
	}
	require.NoError(s.t, config.Check())
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	tasks, err := service.Start(ctx, host.Deps{
		Store: s.store, Vault: s.vault, JS: s.js, Bus: s.bus, Log: zerolog.Nop(), Registry: prometheus.NewRegistry(), Clock: time.Now,
	})
	require.NoError(s.t, err)
	require.Len(s.t, tasks, 1)
	ended := make(chan error, 1)
	go func() { ended <- tasks[0].Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			assert.NoError(s.t, <-ended)
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// happens appends to an order's streams, as other services do, and rings.
func (s *shop) happens(id ident.Entity, messages ...proto.Message) {
	s.t.Helper()
	events, err := s.store.Load(s.t.Context(), []ident.Entity{id})
	require.NoError(s.t, err)
	versions := map[event.Category]int{}
	for _, e := range events[id] {
		versions[e.Category] = e.Version
	}
	for _, m := range messages {
		c := event.CategoryOf(event.TypeOf(m))
		n := event.Of(ident.Named("test", id.String(), string(c), event.TypeOf(m), time.Now().String()), time.Now(), m)
		if event.NameOf(event.TypeOf(m)) == "OrderPlaced" {
			n[0].Personal = &typev1.Person{Name: "Ada", Email: "ada@example.org", Phone: "+1 (415) 555-0100"}
		}
		result, err := s.store.Append(s.t.Context(), "test", []eventstore.Unit{{
			Appends: []eventstore.Append{{Entity: id, Category: c, Expected: versions[c], Events: n}},
		}}, nil)
		require.NoError(s.t, err)
		require.Equal(s.t, eventstore.Stored, result.Outcomes[0])
		versions[c]++
		for _, bell := range result.Doorbells {
			s.ring(bell)
		}
	}
}

func (s *shop) ring(bell *envelopev1.Doorbell) {
	s.t.Helper()
	data, err := proto.Marshal(bell)
	require.NoError(s.t, err)
	_, err = s.js.Publish(s.t.Context(), bus.EventSubject(bell), data)
	require.NoError(s.t, err)
}

// bell is one more doorbell of an order, as if the broker had delivered it again.
func bell(id ident.Entity) *envelopev1.Doorbell {
	cause := ident.Named("again", id.String())
	return &envelopev1.Doorbell{
		EntityId: id[:], EventId: cause[:], Category: "payment", Type: "PaymentCaptured", FromVersion: 1, ToVersion: 1, RecordedAt: timestamppb.Now(),
	}
}

// told is what the order's own stream says of messages.
func (s *shop) told(id ident.Entity) []order.Message {
	s.t.Helper()
	events, err := s.store.Load(s.t.Context(), []ident.Entity{id})
	require.NoError(s.t, err)
	o, err := order.Fold(id, events[id])
	require.NoError(s.t, err)
	return o.Notification.Sent
}

// quiet waits until every doorbell was heard and answered.
func (s *shop) quiet() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		c, err := s.js.Consumer(s.t.Context(), bus.Events, "notifier-rings")
		if err != nil {
			return false
		}
		info, err := c.Info(s.t.Context())
		return err == nil && info.NumPending == 0 && info.NumAckPending == 0
	}, patience, soon)
}

func TestAPlainOrderGetsThreeMails(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.start()
	id := ident.Order("checkout", "default", "plain")
	s.happens(id, placed, paid, cleared)
	require.Eventually(t, func() bool { return len(s.told(id)) == 1 }, patience, soon)
	for range 5 {
		s.ring(bell(id))
	}
	s.quiet()
	require.Len(t, s.post.letters(), 1, "a bell that rings again tells nothing again")

	s.happens(id, scanned("SB1"), delivered("SB1"))
	require.Eventually(t, func() bool { return len(s.told(id)) == 3 }, patience, soon)
	s.quiet()
	letters := s.post.letters()
	require.Len(t, letters, 3)
	ids := map[string]bool{}
	for _, l := range letters {
		ids[l.message.Header.Get("Message-ID")] = true
		assert.Equal(t, "ada@example.org", l.to)
	}
	assert.Len(t, ids, 3)
	assert.Contains(t, letters[0].message.Header.Get("Subject"), "is confirmed")
	assert.Contains(t, letters[2].message.Header.Get("Subject"), "was delivered")
	for _, m := range s.told(id) {
		assert.Equal(t, "sent", m.Outcome)
	}
}

func TestAMailServerThatComesBack(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.post.shut()
	s.start()
	id := ident.Order("checkout", "default", "down")
	s.happens(id, placed, paid, cleared)
	s.quiet()
	assert.Empty(t, s.told(id), "nothing is recorded that did not happen")

	s.post.again()
	require.Eventually(t, func() bool { return len(s.told(id)) == 1 }, patience, soon)
	s.quiet()
	assert.Len(t, s.post.letters(), 1)
}

func TestTwoReplicasTellOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.start()
	s.start()
	var orders []ident.Entity
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		orders = append(orders, ident.Order("checkout", "default", n))
	}
	for _, id := range orders {
		s.happens(id, placed, paid, cleared)
		for range 4 { // for whoever has not heard of it yet
			s.ring(bell(id))
		}
	}
	for _, id := range orders {
		require.Eventually(t, func() bool { return len(s.told(id)) == 1 }, patience, soon)
	}
	s.quiet()
	assert.Equal(t, len(orders), len(s.post.letters()), "whichever bell came to whom, a message is sent once") //nolint:testifylint // Len would print the letters
	ids := map[string]bool{}
	for _, l := range s.post.letters() {
		ids[l.message.Header.Get("Message-ID")] = true
	}
	assert.Len(t, ids, len(orders))
	for _, id := range orders {
		assert.Len(t, s.told(id), 1)
	}
}

func TestARestartFindsWhatIsDue(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	stop := s.start()
	id := ident.Order("checkout", "default", "restart")
	s.happens(id, placed, paid)
	s.quiet()
	stop()
	s.happens(id, cleared)
	s.start()
	require.Eventually(t, func() bool { return len(s.told(id)) == 1 }, patience, soon)
	assert.Len(t, s.post.letters(), 1)
}
