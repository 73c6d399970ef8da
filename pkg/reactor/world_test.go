package reactor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/testkit"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// soon is how long a test waits for what is to come; most comes within milliseconds.
const soon = 40 * time.Second

// world is one database, one broker and the replicas of one small service that owns the category payment.
type world struct {
	t     *testing.T
	store *eventstore.Store
	pool  *pgxpool.Pool
	js    jetstream.JetStream
	bus   *bus.Publisher
}

func newWorld(t *testing.T) *world {
	t.Helper()
	js := testkit.NATS(t)
	store, pool := testkit.Store(t)
	return &world{t, store, pool, js, bus.NewPublisher(js)}
}

// pays records every payment that is reported, refuses every command, and does nothing about bells.
func pays(_ *order.State, t reactor.Trigger, _ time.Time) (reactor.Decision, error) {
	switch t.Kind {
	case reactor.Fact:
		return says(&paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: t.Fact.GetPaymentReported().GetNames()}}), nil
	case reactor.Command:
		return says(&paymentv1.CommandRefused{Command: "x", Reason: "never"}), nil
	}
	return reactor.Decision{}, nil
}

func says(messages ...proto.Message) reactor.Decision {
	return reactor.Decision{Events: event.Of(ident.Cause{}, time.Time{}, messages...)}
}

// spec is the small service with a decision of the test's own.
func spec(decide reactor.Decide) reactor.Spec {
	return reactor.Spec{
		Service: "payment", Owns: event.Payment, Facts: bus.OwnerPayment, Commands: true, Decide: decide,
		Rings: []bus.Ring{{Category: event.Order}},
	}
}

var quick = reactor.Pace{Pause: func(int) time.Duration { return time.Millisecond }}

// start runs a replica. The returned function stops it and waits; stopping twice is fine.
func (w *world) start(s reactor.Spec, pace reactor.Pace) (stop func()) {
	w.t.Helper()
	tell, wait := w.begin(s, pace)
	return func() {
		tell()
		wait()
	}
}

// begin runs a replica. It is told to stop by one function, and stops while the other one waits.
func (w *world) begin(s reactor.Spec, pace reactor.Pace) (tell, wait func()) {
	w.t.Helper()
	r := reactor.New(s, reactor.Deps{Store: w.store, JS: w.js, Bus: w.bus, Log: zerolog.Nop()})
	r.Hurry(pace)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(w.t, r.Run(ctx)) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return cancel, running.Wait
}

func orderID(n int) ident.Entity { return ident.Order("checkout", "default", fmt.Sprint(n)) }

// captured is the fact that a payment of an order came.
func captured(n int, names ...string) *intakev1.Fact {
	return &intakev1.Fact{
		Order: &typev1.OrderKey{Source: "checkout", Account: "default", Id: fmt.Sprint(n)},
		Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
			Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Names: names,
		}},
	}
}

// named is the same, of an order that only a reference leads to.
func named(ref string, names ...string) *intakev1.Fact {
	f := captured(0, names...)
	f.Order, f.References = nil, []string{ref}
	return f
}

func delivery(name string, facts ...*intakev1.Fact) *intakev1.Delivery {
	id := ident.DeliveryOf("stripe", "default", "t", name, [32]byte{})
	return &intakev1.Delivery{Id: id[:], Source: "stripe", Account: "default", DeliveryId: name, Facts: facts, Body: []byte(name)}
}

// deliver publishes a delivery, under a message id of its own each time: a redelivery that no window catches.
func (w *world) deliver(d *intakev1.Delivery) {
	w.t.Helper()
	w.publish(bus.IntakeSubject(d), d)
}

func (w *world) publish(subject string, m proto.Message) {
	w.t.Helper()
	data, err := proto.Marshal(m)
	require.NoError(w.t, err)
	w.publishBytes(subject, data)
}

func (w *world) publishBytes(subject string, data []byte) {
	w.t.Helper()
	_, err := w.bus.One(context.Background(), &nats.Msg{Subject: subject, Data: data, Header: nats.Header{"Nats-Msg-Id": {nuid.Next()}}})
	require.NoError(w.t, err)
}

func (w *world) command(n int, name string) {
	w.t.Helper()
	id, entity := ident.Named(name), orderID(n)
	c := &commandv1.Command{Id: id[:], EntityId: entity[:], By: "ops", Body: &commandv1.Command_RetryLabel{RetryLabel: &commandv1.RetryLabel{}}}
	w.publish(bus.CommandSubject("payment", c), c)
}

// ring rings the doorbell of an order.
func (w *world) ring(n int) {
	w.t.Helper()
	entity, id := orderID(n), ident.Named("bell", nuid.Next())
	bell := &envelopev1.Doorbell{EntityId: entity[:], EventId: id[:], Category: "order", Type: "OrderPlaced"}
	w.publish(bus.EventSubject(bell), bell)
}

// placed appends an OrderPlaced as orders would, and tells nobody.
func (w *world) placed(n int, links ...string) {
	w.t.Helper()
	u := eventstore.Unit{Appends: []eventstore.Append{{
		Entity: orderID(n), Category: event.Order, Events: event.Of(ident.Named("placed"), time.Now(), &orderv1.OrderPlaced{}),
	}}}
	for _, ref := range links {
		u.Links = append(u.Links, eventstore.Link{Ref: ref, Entity: orderID(n)})
	}
	result, err := w.store.Append(context.Background(), "orders", []eventstore.Unit{u}, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, eventstore.Stored, result.Outcomes[0])
}

// granted appends a RefundGranted as the small service would, and tells nobody.
func (w *world) granted(n int, id string) {
	w.t.Helper()
	w.appended(n, event.Payment, "payment", event.Of(ident.Named("granted"), time.Now(), &paymentv1.RefundGranted{GrantId: id}))
}

// appended appends to a new stream and tells nobody.
func (w *world) appended(n int, c event.Category, service string, events []event.New) {
	w.t.Helper()
	result, err := w.store.Append(context.Background(), service, []eventstore.Unit{{Appends: []eventstore.Append{{Entity: orderID(n), Category: c, Events: events}}}}, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, eventstore.Stored, result.Outcomes[0])
}

// payments are the types of the order's payment stream, without their prefix.
func (w *world) payments(n int) []string {
	events, err := w.store.Load(context.Background(), []ident.Entity{orderID(n)})
	require.NoError(w.t, err)
	var types []string
	for _, e := range events[orderID(n)] {
		if e.Category == event.Payment {
			types = append(types, event.NameOf(e.Type))
		}
	}
	return types
}

// names are the first names of the captured payments of an order, in the order of its stream.
func (w *world) names(n int) []string {
	events, err := w.store.Load(context.Background(), []ident.Entity{orderID(n)})
	require.NoError(w.t, err)
	var names []string
	for _, e := range events[orderID(n)] {
		if c, ok := e.Message.(*paymentv1.PaymentCaptured); ok {
			names = append(names, c.GetMovement().GetNames()...)
		}
	}
	return names
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, soon, 5*time.Millisecond, what)
}

func (w *world) eventuallyPayments(n int, want ...string) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("order %d has %v", n, want), func() bool { return assert.ObjectsAreEqual(want, w.payments(n)) })
}

// settled waits until nothing is in hand: every message acked, no timer left that is due some day.
func (w *world) settled() {
	w.t.Helper()
	w.eventually("everything is acked and no timer is left", func() bool { return w.unacked() == 0 && w.timers() == 0 })
}

func (w *world) unacked() (n int) {
	for durable, stream := range map[string]string{"payment-facts": bus.Intake, "payment-rings": bus.Events, "payment-commands": bus.Commands} {
		c, err := w.js.Consumer(context.Background(), stream, durable)
		if err != nil {
			return -1
		}
		info, err := c.Info(context.Background())
		if err != nil {
			return -1
		}
		n += info.NumAckPending + int(info.NumPending)
	}
	return n
}

func (w *world) timers() int {
	return w.count(`SELECT count(*) FROM orderflow.timers WHERE due_at IS NOT NULL`)
}

func (w *world) count(query string, args ...any) (n int) {
	if err := w.pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		return -1
	}
	return n
}

func (w *world) dead() []bus.Buried {
	w.t.Helper()
	all, err := bus.DeadMessages(context.Background(), w.js)
	require.NoError(w.t, err)
	return all
}

func (w *world) stuck() []eventstore.Stuck {
	all, err := w.store.StuckEntities(context.Background())
	assert.NoError(w.t, err)
	return all
}
