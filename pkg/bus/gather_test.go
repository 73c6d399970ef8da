package bus_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
)

func deliveryID(n int) ident.Delivery {
	return ident.DeliveryOf("stripe", "default", "t", fmt.Sprint(n), [32]byte{})
}

const subject = "intake.1.stripe.-.payment.-.-"

// gatherer runs until the returned function is called, which waits for its end.
func gatherer(t *testing.T, js jetstream.JetStream) (*bus.Gatherer, func()) {
	t.Helper()
	g := bus.NewGatherer(bus.NewPublisher(js))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, g.Run(ctx)) })
	stop := func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return g, stop
}

func stored(t *testing.T, js jetstream.JetStream) int {
	t.Helper()
	s, err := js.Stream(context.Background(), bus.Intake)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

// Hundreds at once, a third of them repeats of others: everybody is answered once, exactly one of each id is told that
// it was the first, and the stream has every id once.
func TestGatheringUnderLoadWithRepeats(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{})
	g, _ := gatherer(t, js)
	const ids, times = 400, 3
	var firsts [ids]atomic.Int32
	var answered atomic.Int32
	var all sync.WaitGroup
	for again := range times {
		for n := range ids {
			if again > 0 && n%2 == 0 {
				continue
			}
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				duplicate, err := g.Publish(ctx, subject, deliveryID(n), []byte(fmt.Sprint(n)))
				answered.Add(1)
				if assert.NoError(t, err) && !duplicate {
					firsts[n].Add(1)
				}
			})
		}
	}
	all.Wait()
	assert.Equal(t, int32(ids+ids/2*(times-1)), answered.Load())
	assert.Equal(t, ids, stored(t, js))
	for n := range firsts {
		assert.Equal(t, int32(1), firsts[n].Load(), n)
	}
}

func TestAFullIntakeRefuses(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{MaxIntakeBytes: 64 << 10})
	g, _ := gatherer(t, js)
	var accepted atomic.Int32
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := g.Publish(ctx, subject, deliveryID(n), make([]byte, 2<<10))
			if err == nil {
				accepted.Add(1)
				return
			}
			assert.ErrorIs(t, err, bus.ErrFull)
		})
	}
	all.Wait()
	assert.Positive(t, accepted.Load())
	assert.Less(t, accepted.Load(), int32(200))
	assert.Equal(t, int(accepted.Load()), stored(t, js), "what was accepted is there, and what was refused is not")
}

func TestABrokerThatIsGoneRefuses(t *testing.T) {
	t.Parallel()
	js, stopServer := server(t, t.TempDir())
	require.NoError(t, bus.Provision(context.Background(), js, bus.StreamOptions{}))
	g, _ := gatherer(t, js)
	_, err := g.Publish(context.Background(), subject, deliveryID(0), nil)
	require.NoError(t, err)
	stopServer()
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			_, err := g.Publish(ctx, subject, deliveryID(n), nil)
			assert.ErrorIs(t, err, bus.ErrFull)
		})
	}
	all.Wait()
}

func TestWhoDoesNotWaitIsRefused(t *testing.T) {
	t.Parallel()
	g := bus.NewGatherer(bus.NewPublisher(provisioned(t, bus.StreamOptions{}))) // nobody runs it
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := g.Publish(ctx, subject, deliveryID(1), nil)
	require.ErrorIs(t, err, bus.ErrFull)
}

func TestStoppingAnswersEverybody(t *testing.T) {
	t.Parallel()
	js := provisioned(t, bus.StreamOptions{})
	g, stop := gatherer(t, js)
	var accepted atomic.Int32
	var all sync.WaitGroup
	started := make(chan struct{}, 1000)
	for n := range 300 {
		all.Go(func() {
			started <- struct{}{}
			_, err := g.Publish(context.Background(), subject, deliveryID(n), nil) // it may wait for ever, and must not
			if err == nil {
				accepted.Add(1)
				return
			}
			assert.ErrorIs(t, err, bus.ErrFull)
		})
		if n == 100 {
			<-started
			all.Go(stop)
		}
	}
	all.Wait()
	assert.Equal(t, int(accepted.Load()), stored(t, js))
	_, err := g.Publish(context.Background(), subject, deliveryID(1000), nil)
	require.ErrorIs(t, err, bus.ErrFull)
}
