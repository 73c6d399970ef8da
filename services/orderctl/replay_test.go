package orderctl

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

func deliveryMessages(n int) []*nats.Msg {
	all := make([]*nats.Msg, n)
	for i := range all {
		all[i] = &nats.Msg{Subject: "intake.1.checkout.order.-.-.-", Data: make([]byte, 1<<10)}
	}
	return all
}

// sending is a way into the world's INTAKE that loses its patience soon.
func (w *world) sending(ahead uint64) (*intake, *bytes.Buffer) {
	w.t.Helper()
	said := &bytes.Buffer{}
	out, err := newIntake(w.t.Context(), w.js, said)
	require.NoError(w.t, err)
	out.patience, out.ahead = 500*time.Millisecond, ahead
	return out, said
}

// A replay stays near the services. It goes on when they do, and says whose service takes nothing.
func TestAReplayWaitsForTheServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, _ := w.sending(10)
	durable, err := w.js.CreateConsumer(t.Context(), bus.Intake, jetstream.ConsumerConfig{Durable: "payment-facts", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	require.NoError(t, out.publish(t.Context(), deliveryMessages(20)), "nothing was before it")
	err = out.publish(t.Context(), deliveryMessages(1))
	require.ErrorContains(t, err, "payment-facts has 20 deliveries before it and has taken none for 500 ms: does its service run?")

	out.patience = lifetime
	sent := make(chan error, 1)
	go func() { sent <- out.publish(context.WithoutCancel(t.Context()), deliveryMessages(1)) }()
	batch, err := durable.Fetch(15)
	require.NoError(t, err)
	for m := range batch.Messages() {
		require.NoError(t, m.Ack())
	}
	require.NoError(t, <-sent)

	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, out.publish(ctx, deliveryMessages(20)))
	cancel()
	require.ErrorIs(t, out.publish(ctx, deliveryMessages(1)), context.Canceled, "Ctrl-C ends the waiting")
}

// INTAKE refuses webhooks when it is full: a replay leaves them room.
func TestAReplayLeavesRoomForWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, bus.Provision(t.Context(), w.js, bus.StreamOptions{MaxIntakeBytes: 1 << 20}))
	out, said := w.sending(aheadMost)
	require.NoError(t, out.publish(t.Context(), deliveryMessages(850)))
	err := out.publish(t.Context(), deliveryMessages(1))
	require.ErrorContains(t, err, "webhooks that come now need the rest")
	assert.Empty(t, said.String())

	require.NoError(t, w.js.DeleteStream(t.Context(), bus.Intake))
	require.Error(t, out.publish(t.Context(), deliveryMessages(1)))
}

// Whoever stops a replay learns how far it came, and how to go on.
func TestAReplayThatIsStoppedSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, stopped(&replayed{}, errNoBroker), errNoBroker, "nothing was sent")
	through := noon
	err := stopped(&replayed{Sent: 500, Through: &through}, context.Canceled)
	require.EqualError(t, err, "interrupted; 500 deliveries sent, up to what came at 2026-03-01 12:00:00 UTC: run it again, or go on with --since 2026-03-01T12:00:00Z")
}
