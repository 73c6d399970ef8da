package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

// readers are a durable for everybody who has facts in INTAKE, and one for the journal, in that order.
func readers(t *testing.T, js jetstream.JetStream) []jetstream.Consumer {
	t.Helper()
	var all []jetstream.Consumer
	for _, d := range []bus.Durable{
		bus.FactsDurable("orders", bus.OwnerOrder), bus.FactsDurable("payment", bus.OwnerPayment),
		bus.FactsDurable("fulfillment", bus.OwnerFulfillment), bus.FactsDurable("inventory", bus.OwnerStock), bus.JournalDurable(),
	} {
		c, err := js.CreateConsumer(context.Background(), bus.Intake, jetstream.ConsumerConfig{
			Durable: d.Name, FilterSubjects: d.Filters, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute,
		})
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

func ackAll(t *testing.T, c jetstream.Consumer) {
	t.Helper()
	for {
		batch, err := c.FetchNoWait(500)
		require.NoError(t, err)
		n := 0
		for m := range batch.Messages() {
			require.NoError(t, m.DoubleAck(context.Background()))
			n++
		}
		if n == 0 {
			return
		}
	}
}

// deliver publishes deliveries of a kilobyte until one is refused, at most n, and says how many were taken.
func deliver(t *testing.T, js jetstream.JetStream, n int) int {
	t.Helper()
	for i := range n {
		_, err := js.PublishMsg(context.Background(), &nats.Msg{Subject: "intake.0.stripe.order.-.-.-", Data: make([]byte, 1000)})
		if err != nil {
			return i
		}
	}
	return n
}

func messages(t *testing.T, js jetstream.JetStream) int {
	t.Helper()
	s, err := js.Stream(context.Background(), bus.Intake)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

func keptClean(t *testing.T, j *bus.Janitor) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
}

// stays looks for a while whether something stays true.
func stays(t *testing.T, holds func() bool, long time.Duration, why ...any) {
	t.Helper()
	tick := time.NewTicker(soon)
	defer tick.Stop()
	for end := time.Now().Add(long); time.Now().Before(end); <-tick.C {
		require.True(t, holds(), why...)
	}
}

const soon = 20 * time.Millisecond

func TestAStreamThatIsFullOfWhatWasHandledTakesDeliveriesAgain(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{MaxIntakeBytes: 128 << 10})
	all := readers(t, js)
	taken := deliver(t, js, 1000)
	require.Less(t, taken, 1000, "it is full")
	for _, c := range all[:4] {
		ackAll(t, c)
	}
	keptClean(t, &bus.Janitor{JS: js, Every: soon, Log: zerolog.Nop()})
	stays(t, func() bool { return messages(t, js) >= taken }, 10*soon, "the journal has not read it")
	ackAll(t, all[4])
	require.Eventually(t, func() bool { return deliver(t, js, 1) == 1 }, 30*time.Second, soon)
	stays(t, func() bool { return messages(t, js) != 0 }, 10*soon, "and not more goes than has to")
}

func TestWhatSomebodyHasInHandStays(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{MaxIntakeBytes: 128 << 10})
	all := readers(t, js)
	taken := deliver(t, js, 1000)
	for _, c := range all[1:] {
		ackAll(t, c)
	}
	batch, err := all[0].FetchNoWait(taken)
	require.NoError(t, err)
	n := 0
	for m := range batch.Messages() {
		n++
		if n != 10 { // the tenth is worked on
			require.NoError(t, m.DoubleAck(context.Background()))
		}
	}
	keptClean(t, &bus.Janitor{JS: js, Every: soon, Log: zerolog.Nop()})
	require.Eventually(t, func() bool { return messages(t, js) == taken-9 }, 30*time.Second, soon)
	stays(t, func() bool { return messages(t, js) >= taken-9 }, 10*soon)
}

func TestWhatNobodyListensForYetStays(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{MaxIntakeBytes: 128 << 10})
	all := readers(t, js)
	require.NoError(t, js.DeleteConsumer(context.Background(), bus.Intake, "inventory-facts"))
	taken := deliver(t, js, 1000)
	for _, c := range append(all[:3:3], all[4]) {
		ackAll(t, c)
	}
	keptClean(t, &bus.Janitor{JS: js, Every: soon, Log: zerolog.Nop()})
	stays(t, func() bool { return messages(t, js) >= taken }, 10*soon)
}

// What was handled goes when its time has come, whether the stream is full or not; what is younger stays.
func TestWhatWasHandledGoesWhenItIsOld(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{})
	all := readers(t, js)
	deliver(t, js, 20)
	for _, c := range all {
		ackAll(t, c)
	}
	const keep = 3 * time.Second
	keptClean(t, &bus.Janitor{JS: js, Every: soon, Keep: keep, Log: zerolog.Nop()})
	stays(t, func() bool { return messages(t, js) >= 20 }, keep/4)
	require.Eventually(t, func() bool {
		s, err := js.Stream(context.Background(), bus.Intake)
		return err == nil && time.Since(s.CachedInfo().State.LastTime) > keep*2/3
	}, 30*time.Second, soon)
	deliver(t, js, 1)
	for _, c := range all {
		ackAll(t, c)
	}
	require.Eventually(t, func() bool { return messages(t, js) == 1 }, 30*time.Second, soon)
}
