package projector

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/testkit"
)

func TestWhatWaitsIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	js := testkit.NATS(t)
	watching := newWatch(w.pool, js, zerolog.Nop(), prometheus.NewRegistry())
	require.NoError(t, watching.look(w.ctx))
	assert.Zero(t, testutil.ToFloat64(watching.outboxAge))
	assert.Zero(t, testutil.ToFloat64(watching.dead))

	publisher := bus.NewPublisher(js)
	for _, subject := range []string{"intake.1.stripe.order.-.-.-", "intake.1.stripe.-.payment.-.-", "dead.orders.decide"} {
		_, err := publisher.One(w.ctx, &nats.Msg{Subject: subject})
		require.NoError(t, err)
	}
	handed := make(chan struct{}, 1)
	consuming, err := bus.Consume(w.ctx, js, bus.FactsDurable("payment", bus.OwnerPayment), func(jetstream.Msg) { handed <- struct{}{} }, func(error) {})
	require.NoError(t, err)
	t.Cleanup(consuming.Stop)
	<-handed
	before := time.Now()
	ids := w.crowd(100, 3)
	_, err = w.pool.Exec(w.ctx, `INSERT INTO orderflow.outbox (created_at, data) OVERRIDING SYSTEM VALUE VALUES (now() - interval '90 seconds', '')`)
	require.NoError(t, err)
	require.NoError(t, w.store.MarkStuck(w.ctx, "payment", ids[0], "a fold failed"))

	_, err = w.pool.Exec(w.ctx, `UPDATE read.orders SET recorded_at = now() - interval '2 hours' WHERE order_id = $1`, ids[1])
	require.NoError(t, err)

	require.NoError(t, watching.look(w.ctx))
	assert.InDelta(t, 1, testutil.ToFloat64(watching.dead), 0)
	assert.InDelta(t, 3, testutil.ToFloat64(watching.open.WithLabelValues("awaiting_payment")), 0)
	assert.InDelta(t, 3, testutil.ToFloat64(watching.waiting.WithLabelValues("payment")), 0)
	assert.InDelta(t, 7200, testutil.ToFloat64(watching.oldest.WithLabelValues("payment")), 60)
	assert.InDelta(t, 1, testutil.ToFloat64(watching.stuck.WithLabelValues("payment")), 0)
	assert.InDelta(t, 90, testutil.ToFloat64(watching.outboxAge), 30)
	assert.Positive(t, testutil.ToFloat64(watching.bytes.WithLabelValues(bus.Intake)))
	assert.Positive(t, testutil.ToFloat64(watching.limit.WithLabelValues(bus.Intake)))
	assert.InDelta(t, 1, testutil.ToFloat64(watching.inHand.WithLabelValues(bus.Intake, "payment-facts")), 0)
	assert.Zero(t, testutil.ToFloat64(watching.pending.WithLabelValues(bus.Intake, "payment-facts")))
	assert.GreaterOrEqual(t, testutil.ToFloat64(watching.age.WithLabelValues(bus.Intake, "payment-facts")), time.Since(before).Seconds()/2,
		"it was handed over, and nobody has said that it is done")
}
