package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// server is a nats-server on a folder that the test keeps.
func server(t *testing.T, dir string) (jetstream.JetStream, func()) {
	t.Helper()
	s, err := embed.Start(dir, "127.0.0.1:0")
	require.NoError(t, err)
	conn, err := nats.Connect("", s.InProcess(), nats.ReconnectBufSize(-1))
	require.NoError(t, err)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			conn.Close()
			s.Stop()
		}
	}
	t.Cleanup(stop)
	return js, stop
}

func provisioned(t *testing.T, o bus.StreamOptions) jetstream.JetStream {
	t.Helper()
	js, _ := server(t, t.TempDir())
	require.NoError(t, bus.Provision(context.Background(), js, o))
	return js
}

var (
	orderFact   = &intakev1.Fact{Order: &typev1.OrderKey{Source: "shopify", Account: "default", Id: "1"}, Body: &intakev1.Fact_OrderDescribed{}}
	paymentFact = &intakev1.Fact{References: []string{"stripe:pi_1"}, Body: &intakev1.Fact_RefundReported{}}
	scanFact    = &intakev1.Fact{References: []string{"tracking:sandbox:SB1"}, Body: &intakev1.Fact_ScanReported{}}
	messageFact = &intakev1.Fact{References: []string{"message:twilio:SM1"}, Body: &intakev1.Fact_MessageReported{MessageReported: &intakev1.MessageReported{}}}
	stockFact   = &intakev1.Fact{Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{Sku: "MUG"}}}
)

// The subjects are a contract between versions: a partition that changes sends an order's news past whoever waits.
func TestSubjects(t *testing.T) {
	t.Parallel()
	order := ident.Order("shopify", "default", "1")
	bell := &envelopev1.Doorbell{EntityId: order[:], Category: "order", Type: "OrderPlaced"}
	cancel := &commandv1.Command{Body: &commandv1.Command_CancelOrder{CancelOrder: &commandv1.CancelOrder{}}}
	for _, c := range []struct{ got, want string }{
		{bus.IntakeSubject(&intakev1.Delivery{Source: "shopify", Facts: []*intakev1.Fact{orderFact, paymentFact}}), "intake.15.shopify.order.payment.-.-"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "stripe", Facts: []*intakev1.Fact{paymentFact}}), "intake.21.stripe.-.payment.-.-"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "sandbox", Facts: []*intakev1.Fact{scanFact}}), "intake.19.sandbox.-.-.fulfillment.-"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "channel", Facts: []*intakev1.Fact{stockFact}}), "intake.3.channel.-.-.-.stock"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "twilio", Facts: []*intakev1.Fact{messageFact}}), "intake.55.twilio.-.-.-.-.notification"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "twilio", Facts: []*intakev1.Fact{messageFact, stockFact}}), "intake.55.twilio.-.-.-.stock"},
		{bus.IntakeSubject(&intakev1.Delivery{Source: "we.ird >*", Id: []byte("x")}), "intake.7.we_ird___.-.-.-.-"},
		{bus.IntakeSubject(&intakev1.Delivery{Facts: []*intakev1.Fact{{}}}), "intake.5.-.-.-.-.-"},
		{bus.EventSubject(bell), "events.order.15.OrderPlaced"},
		{bus.CommandSubject("orders", cancel), "commands.orders.CancelOrder"},
		{bus.CommandSubject("orders", &commandv1.Command{}), "commands.orders.unknown"},
		{bus.DeadSubject("orders", "not.good"), "dead.orders.not_good"},
	} {
		assert.Equal(t, c.want, c.got)
	}
	for n := range 1000 {
		p := bus.Partition(ident.Order("a", "b", fmt.Sprint(n)))
		assert.True(t, p >= 0 && p < bus.Partitions)
	}
}

func TestEveryFactHasAnOwner(t *testing.T) {
	t.Parallel()
	oneof := (&intakev1.Fact{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range oneof.Len() {
		f := &intakev1.Fact{}
		m := f.ProtoReflect()
		m.Set(oneof.Get(i), m.NewField(oneof.Get(i)))
		assert.NotEqual(t, bus.OwnerNone, bus.OwnerOf(f), oneof.Get(i).Name())
	}
	assert.Equal(t, bus.OwnerNone, bus.OwnerOf(&intakev1.Fact{}), "a newer version's")
}

func TestTheEntityOfAFact(t *testing.T) {
	t.Parallel()
	id, ok := bus.EntityOf(orderFact)
	assert.True(t, ok)
	assert.Equal(t, ident.Order("shopify", "default", "1"), id)
	id, ok = bus.EntityOf(stockFact)
	assert.True(t, ok)
	assert.Equal(t, ident.SKU("MUG"), id)
	id, ok = bus.EntityOf(&intakev1.Fact{Body: &intakev1.Fact_ProductReported{ProductReported: &intakev1.ProductReported{Sku: "MUG"}}})
	assert.True(t, ok)
	assert.Equal(t, ident.SKU("MUG"), id)
	_, ok = bus.EntityOf(paymentFact)
	assert.False(t, ok)
	_, ok = bus.EntityOf(&intakev1.Fact{Body: &intakev1.Fact_StockReported{StockReported: &intakev1.StockReported{}}})
	assert.False(t, ok, "a count that names an item of the provider's")
}

// What the server filters is exactly what a service asked for.
func TestDurablesBringEachServiceItsOwn(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{})
	for _, facts := range [][]*intakev1.Fact{{orderFact}, {paymentFact}, {orderFact, paymentFact}, {scanFact}, {stockFact}, {messageFact}, nil} {
		d := &intakev1.Delivery{Source: "stripe", Facts: facts}
		_, err := js.Publish(context.Background(), bus.IntakeSubject(d), nil)
		require.NoError(t, err)
	}
	for _, subject := range []string{"events.order.1.OrderPlaced", "events.order.2.OrderEdited", "events.payment.1.FundsCovered"} {
		_, err := js.Publish(context.Background(), subject, nil)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		durable bus.Durable
		want    int
	}{
		{bus.FactsDurable("orders", bus.OwnerOrder), 2},
		{bus.FactsDurable("payment", bus.OwnerPayment), 2},
		{bus.FactsDurable("fulfillment", bus.OwnerFulfillment), 1},
		{bus.FactsDurable("inventory", bus.OwnerStock), 1},
		{bus.FactsDurable("notifier", bus.OwnerNotification), 1},
		{bus.JournalDurable(), 7},
		{bus.RingsDurable("a", bus.Ring{Category: event.Order}), 2},
		{bus.RingsDurable("b", bus.Ring{Category: event.Order, Types: []string{"OrderPlaced"}}, bus.Ring{Category: event.Payment}), 2},
		{bus.CommandsDurable("orders"), 0},
	} {
		got := make(chan string, 10)
		consuming, err := bus.Consume(context.Background(), js, c.durable, func(m jetstream.Msg) {
			_ = m.Ack()
			got <- m.Subject()
		}, func(error) {})
		require.NoError(t, err)
		for n := range c.want {
			select {
			case <-got:
			case <-time.After(10 * time.Second):
				require.Fail(t, "too few", "%s: %d of %d", c.durable.Name, n, c.want)
			}
		}
		consuming.Stop()
		assert.Empty(t, got, "%s brings more than it should", c.durable.Name)
	}
}

func TestProvisionTwiceAndChanged(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	js := provisioned(t, bus.StreamOptions{})
	_, err := js.Publish(ctx, "intake.1.stripe.-.-.-.-", []byte("kept"))
	require.NoError(t, err)
	require.NoError(t, bus.Provision(ctx, js, bus.StreamOptions{}))
	require.NoError(t, bus.Provision(ctx, js, bus.StreamOptions{MaxIntakeBytes: 1 << 20, MaxEventsBytes: 1 << 21}))
	for name, bytes := range map[string]int64{bus.Intake: 1 << 20, bus.Events: 1 << 21} {
		s, err := js.Stream(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, bytes, s.CachedInfo().Config.MaxBytes)
	}
	s, err := js.Stream(ctx, bus.Intake)
	require.NoError(t, err)
	assert.Equal(t, uint64(1), s.CachedInfo().State.Msgs)
}

func TestAMissingStreamIsSaidInOneSentence(t *testing.T) {
	t.Parallel()
	js, _ := server(t, t.TempDir())
	_, err := bus.Consume(context.Background(), js, bus.CommandsDurable("orders"), nil, nil)
	require.EqualError(t, err, "durable orders-commands: stream COMMANDS is missing; orderctl provision makes it")
}

func TestAServerThatStartsAgainHasWhatItAcked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	js, stop := server(t, dir)
	require.NoError(t, bus.Provision(ctx, js, bus.StreamOptions{}))
	var messages []*nats.Msg
	for n := range 40 {
		messages = append(messages, &nats.Msg{Subject: fmt.Sprintf("events.order.%d.OrderPlaced", n), Data: []byte{byte(n)}})
	}
	require.NoError(t, bus.NewPublisher(js).All(ctx, messages))
	require.NoError(t, bus.NewPublisher(js).All(ctx, messages[:3]))
	stop()
	js, _ = server(t, dir)
	require.NoError(t, bus.Provision(ctx, js, bus.StreamOptions{}))
	s, err := js.Stream(ctx, bus.Events)
	require.NoError(t, err)
	assert.Equal(t, uint64(43), s.CachedInfo().State.Msgs)
	_, err = embed.Start(t.TempDir(), "no address")
	require.ErrorContains(t, err, "NATS address")
}

func TestWhatIsBuriedIsListedAndRedriven(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	js := provisioned(t, bus.StreamOptions{})
	none, err := bus.DeadMessages(ctx, js)
	require.NoError(t, err)
	assert.Empty(t, none)
	p := bus.NewPublisher(js)
	for n := range 3 {
		require.NoError(t, p.Bury(ctx, &envelopev1.Dead{
			Service: "orders", Reason: "rejected", Subject: "commands.orders.CancelOrder", Message: []byte{byte(n)},
		}))
	}
	require.NoError(t, bus.Redrive(ctx, js, 2))
	all, err := bus.DeadMessages(ctx, js)
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, uint64(1), all[0].Number)
	assert.Equal(t, uint64(3), all[1].Number)
	s, err := js.Stream(ctx, bus.Commands)
	require.NoError(t, err)
	m, err := s.GetLastMsgForSubject(ctx, "commands.orders.CancelOrder")
	require.NoError(t, err)
	assert.Equal(t, []byte{1}, m.Data)
	require.ErrorContains(t, bus.Redrive(ctx, js, 2), "dead message 2")

	require.NoError(t, p.Bury(ctx, &envelopev1.Dead{Service: "orders", Reason: "rejected"}))
	require.ErrorContains(t, bus.Redrive(ctx, js, 4), "no subject")
	all, err = bus.DeadMessages(ctx, js)
	require.NoError(t, err)
	assert.Len(t, all, 3, "what was not redriven stays")
}

func TestSubjectsHaveNoWildcards(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"*", ">", "a b", "ü", "a\x00b", "..", ""} {
		subject := bus.IntakeSubject(&intakev1.Delivery{Source: s})
		assert.Len(t, strings.Split(subject, "."), 7, subject)
		assert.NotContains(t, subject, "*")
		assert.NotContains(t, subject, ">")
	}
}
