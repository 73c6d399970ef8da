package payment

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
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
	"github.com/orderflow/orderflow/pkg/testkit"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// running is this service, on a database and a broker of the test's own. The other services are played by the test.
type running struct {
	t     *testing.T
	deps  host.Deps
	store *eventstore.Store
}

func run(t *testing.T) *running {
	t.Helper()
	store, pool := testkit.Store(t)
	js := testkit.NATS(t)
	d := host.Deps{
		Pool: pool, Store: store, Vault: testkit.Vault(t, pool), JS: js, Bus: bus.NewPublisher(js),
		Log: zerolog.Nop(), Registry: prometheus.NewRegistry(), Clock: time.Now,
	}
	r := &running{t: t, deps: d, store: store}
	r.begin()
	return r
}

// begin starts the service.
func (r *running) begin() {
	t := r.t
	t.Helper()
	s := Service()
	tasks, err := s.Start(t.Context(), r.deps)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { stopped <- task.Run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range tasks {
			assert.NoError(t, <-stopped)
		}
	})
}

// tell publishes a delivery as the ingress does, without its message id: the broker's own filter of repeats is a
// convenience that nothing here may depend on.
func (r *running) tell(name string, facts ...*intakev1.Fact) {
	r.t.Helper()
	deliveryID := ident.DeliveryOf("checkout", "default", "order", name, sha256.Sum256([]byte(name)))
	d := &intakev1.Delivery{Id: deliveryID[:], Source: "checkout", Account: "default", Facts: facts, ReceivedAt: timestamppb.Now()}
	data, err := proto.Marshal(d)
	require.NoError(r.t, err)
	r.publish(bus.IntakeSubject(d), data)
}

func (r *running) ask(c *commandv1.Command) {
	r.t.Helper()
	data, err := proto.Marshal(c)
	require.NoError(r.t, err)
	r.publish(bus.CommandSubject(service, c), data)
}

func (r *running) publish(subject string, data []byte) {
	r.t.Helper()
	_, err := r.deps.Bus.One(r.t.Context(), &nats.Msg{Subject: subject, Data: data})
	require.NoError(r.t, err)
}

// others append what another service decided, and ring its bell.
func (r *running) others(entity ident.Entity, messages ...proto.Message) {
	r.t.Helper()
	for _, m := range messages {
		c := event.CategoryOf(event.TypeOf(m))
		s := r.state(entity)
		result, err := r.store.Append(r.t.Context(), string(c), []eventstore.Unit{{Appends: []eventstore.Append{{
			Entity: entity, Category: c, Expected: s.Version(c),
			Events: event.Of(ident.Named("test", event.TypeOf(m), time.Now().String()), time.Now(), m),
		}}}}, nil)
		require.NoError(r.t, err)
		for _, bell := range result.Doorbells {
			data, err := proto.Marshal(bell)
			require.NoError(r.t, err)
			r.publish(bus.EventSubject(bell), data)
		}
		// As the loop does, so that these bells ring once and not again some seconds later.
		require.NoError(r.t, r.store.DeleteOutbox(r.t.Context(), []eventstore.OutboxID{result.Outbox}))
	}
}

func (r *running) events(entity ident.Entity) []event.Recorded {
	events, err := r.store.Load(context.Background(), []ident.Entity{entity})
	require.NoError(r.t, err)
	return events[entity]
}

func (r *running) state(entity ident.Entity) *order.State {
	s, err := order.Fold(entity, r.events(entity))
	require.NoError(r.t, err)
	return s
}

// said are the names of this service's own events.
func (r *running) said(entity ident.Entity) []string {
	var out []string
	for _, e := range r.events(entity) {
		if e.Category == event.Payment {
			out = append(out, event.NameOf(e.Type))
		}
	}
	return out
}

func (r *running) until(entity ident.Entity, want ...string) {
	r.t.Helper()
	require.EventuallyWithT(r.t, func(c *assert.CollectT) { assert.Equal(c, want, r.said(entity)) }, 20*time.Second, 20*time.Millisecond)
}

// quiet waits until everything that was published is handled.
func (r *running) quiet(stream, durable string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		c, err := r.deps.JS.Consumer(context.Background(), stream, durable)
		if err != nil {
			return false
		}
		info, err := c.Info(context.Background())
		return err == nil && info.NumPending == 0 && info.NumAckPending == 0 && caughtUp(r.deps.JS, stream, info)
	}, 20*time.Second, 20*time.Millisecond)
}

func caughtUp(js jetstream.JetStream, stream string, info *jetstream.ConsumerInfo) bool {
	s, err := js.Stream(context.Background(), stream)
	if err != nil {
		return false
	}
	state, err := s.Info(context.Background())
	return err == nil && (state.State.LastSeq == 0 || info.Delivered.Stream > 0)
}

func (r *running) dead() uint64 {
	s, err := r.deps.JS.Stream(context.Background(), bus.Dead)
	require.NoError(r.t, err)
	info, err := s.Info(context.Background())
	require.NoError(r.t, err)
	return info.State.Msgs
}
