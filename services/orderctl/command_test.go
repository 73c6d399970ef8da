package orderctl

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/fraud"
	"github.com/orderflow/orderflow/services/fulfillment"
	"github.com/orderflow/orderflow/services/inventory"
	"github.com/orderflow/orderflow/services/orders"
	"github.com/orderflow/orderflow/services/payment"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// serve runs the real services of these names until the test ends.
func (w *world) serve(names ...string) {
	w.t.Helper()
	var services []host.Service
	for _, s := range []host.Service{orders.Service(), payment.Service(), fraud.Service(), inventory.Service(), fulfillment.Service()} {
		if slices.Contains(names, s.Name) {
			services = append(services, s)
		}
	}
	require.Len(w.t, services, len(names))
	require.NoError(w.t, host.Migrate(w.t.Context(), w.dsn, services))
	key, err := os.ReadFile(filepath.Join(w.dir, keyFile))
	require.NoError(w.t, err)
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, services, host.Options{Log: zerolog.Nop(), Ready: func() { close(ready) }, Environ: map[string]string{
			"DATABASE_URL": w.dsn, "NATS_URL": w.url, "MASTER_KEY": string(key), "ADMIN_LISTEN": "127.0.0.1:0", "CARRIER_URL": "http://127.0.0.1:1", "CARRIER_KEY": "test",
		}})
	}()
	select {
	case <-ready:
		w.t.Cleanup(func() {
			stop()
			assert.NoError(w.t, <-ended)
		})
	case err := <-ended:
		stop()
		require.NoError(w.t, err)
	}
}

// ofToday makes an order that is waiting for money, so that no deadline has passed.
func ofToday(t *testing.T) (*world, ident.Entity) {
	t.Helper()
	w := newWorld(t)
	w.base = time.Now().Add(-10 * time.Minute)
	w.clock = time.Now
	id := ident.Order("checkout", "default", "A-17")
	w.append(id, []string{"number:checkout:default:A-17"}, at(0, order42("checkout", "default", "A-17", "A-17")))
	return w, id
}

func TestHoldAndReleaseAreAnsweredByOrders(t *testing.T) {
	t.Parallel()
	w, id := ofToday(t)
	w.serve("orders")

	out := w.ok("order", "hold", "A-17", "--reason", "address is being checked", "--by", "ada")
	assert.Equal(t, "order: Held (operator): address is being checked\nOrder checkout/A-17 is held.\n", out)
	r := w.run("order", "hold", "A-17")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, "orderctl: refused for checkout/A-17: an operator holds it already", r.said)

	r = w.run("order", "release", "A-17", "--hold", "nonsense")
	assert.Equal(t, 2, r.code)
	r = w.run("order", "release", "A-17", "--hold", "stock")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "no hold of that kind stands")

	var a answer
	w.parsed(&a, "order", "release", "A-17", "--by", "ada")
	assert.True(t, a.Done)
	assert.Equal(t, id.String(), a.OrderID)
	require.Len(t, a.Events, 1)
	assert.Contains(t, a.Events[0].What, "ada")
	r = w.run("order", "release", "A-17")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "no hold stands")
	w.answered()
}

func TestReleaseAsksWhichOfSeveralHolds(t *testing.T) {
	t.Parallel()
	w, id := ofToday(t)
	w.append(id, nil,
		at(0, &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address"}),
		at(0, &orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_EDIT, Reason: "edited"}))
	r := w.run("order", "release", "A-17")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.said, "say which with --hold: address, edit")
}

func TestCancelIsAConversationThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	w.serve("orders", "payment", "inventory", "fulfillment")
	out := w.ok("order", "cancel", "A-17", "--reason", "customer changed their mind", "--by", "ada", "--wait", "30s")
	assert.Contains(t, out, "Cancellation asked for by ada: customer changed their mind")
	assert.Contains(t, out, "Order checkout/A-17 is cancelled.")
	r := w.run("order", "cancel", "A-17", "--json")
	assert.Equal(t, 1, r.code)
	var a answer
	require.NoError(t, json.Unmarshal([]byte(r.out), &a))
	assert.False(t, a.Done)
	assert.Equal(t, "the order has ended already", a.Refused)
}

func TestACancellationThatIsStillOpenSaysSo(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	w.serve("orders") // nobody else is there to close
	out := w.ok("order", "cancel", "A-17", "--wait", "700ms")
	assert.Contains(t, out, "is cancelling")
	assert.Contains(t, out, "It is not over yet")
	assert.Contains(t, w.ok("order", "why", "A-17"), "fulfillment, inventory, payment not closed yet")
}

func TestACancellationThatWasRefusedIsANo(t *testing.T) {
	t.Parallel()
	w, id := ofToday(t)
	s := &system{store: w.store, pool: w.pool}
	w.append(id, nil,
		at(time.Minute, &orderv1.OrderCancelling{Number: 1, By: "ada"}),
		at(2*time.Minute, &fulfillmentv1.FulfillmentClosed{Refused: "already_shipped", Cancellation: 1}),
		at(3*time.Minute, &orderv1.CancellationRefused{Number: 1, By: "fulfillment", Reason: "already_shipped"}))
	f, err := s.find(t.Context(), "A-17")
	require.NoError(t, err)
	assert.True(t, cancellationEnded(f.events))
	cmd := asked{by: "ada"}.command(id)
	c := cancelCommand()
	err = tellCancellation(c, f, cmd, f.events, []event.Recorded{f.events[2]})
	code, said := outcome(err)
	assert.Equal(t, 1, code)
	assert.Equal(t, "orderctl: refused for checkout/A-17: fulfillment could not close: already shipped", said)
}

func TestReviewIsAnsweredByFraud(t *testing.T) {
	t.Parallel()
	w, id := ofToday(t)
	w.serve("fraud")
	r := w.run("order", "review", "A-17", "clear")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "the order has no score yet")
	w.append(id, nil, at(time.Minute, &fraudv1.OrderScored{ScoreMillis: 900, Verdict: fraudv1.Verdict_VERDICT_REVIEW}))
	out := w.ok("order", "review", "A-17", "CLEAR", "--by", "ada", "--reason", "known customer")
	assert.Contains(t, out, "ada")
	assert.Contains(t, out, "clear: known customer")
	assert.Equal(t, 2, w.run("order", "review", "A-17", "maybe").code)
	assert.Equal(t, 2, w.run("order", "review", "A-17").code)
}

func TestRetryLabelIsAnsweredByFulfillment(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	w.serve("fulfillment")
	r := w.run("order", "retry-label", "A-17")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nothing of it was released yet")
}

func TestACommandThatNobodyAnswersIsKept(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	r := w.run("order", "hold", "A-17", "--wait", "200ms")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "orders has not answered within 200 ms")
	assert.Contains(t, r.said, "is carried out as soon as orders runs")
	assert.Equal(t, uint64(1), w.messages(bus.Commands))
}

func TestCommandsWithoutABrokerSaySo(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	w.file(runFile, Running{DatabaseURL: w.dsn})
	r := w.run("order", "hold", "A-17")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "NATS_URL")
	assert.Contains(t, w.ok("order", "why", "A-17"), "Dead messages were not looked at")
	w.file(runFile, Running{DatabaseURL: w.dsn, NATSURL: "nats://127.0.0.1:1"})
	assert.Contains(t, w.ok("order", "why", "A-17"), "Dead messages could not be looked at")
}

func TestARunThatEndedWithoutAWordIsToldFromOneThatRuns(t *testing.T) {
	t.Parallel()
	ended := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	require.NoError(t, ended.Run())
	dir := t.TempDir()
	data, err := json.Marshal(Running{DatabaseURL: "postgres://nowhere", PID: ended.Process.Pid})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, runFile), data, 0o600))
	r := call(t.Context(), "", "order", "list", "--data", dir)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nothing runs in "+dir+" any more")
}

func TestABrokerWithoutStreamsIsToldWithWhatMakesThem(t *testing.T) {
	t.Parallel()
	w, _ := ofToday(t)
	for _, stream := range []string{bus.Commands, bus.Dead} {
		require.NoError(t, w.js.DeleteStream(t.Context(), stream))
	}
	for _, args := range [][]string{{"stock", "set", "MUG", "5"}, {"order", "hold", "A-17"}, {"dead", "list"}} {
		r := w.run(args...)
		assert.Equal(t, 1, r.code, args)
		assert.Contains(t, r.said, "orderctl provision makes the streams", args)
	}
}
