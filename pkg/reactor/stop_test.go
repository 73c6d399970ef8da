package reactor_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	"github.com/orderflow/orderflow/pkg/bus"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

func TestStoppingAgainAndAgainLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const orders = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range orders {
			w.deliver(delivery(fmt.Sprint(n), captured(n, "pi"), captured(n+1, "also")))
		}
	}()
	began := time.Now()
	for round := 0; ; round++ {
		stop := w.start(spec(pays), quick)
		if round >= 5 {
			break
		}
		w.eventually("some more", func() bool {
			return w.count(`SELECT count(*) FROM orderflow.events`) >= (round+1)*60
		})
		stop()
	}
	<-done
	w.eventually("every fact has its event", func() bool { return w.count(`SELECT count(*) FROM orderflow.events`) == 2*orders })
	w.settled()
	assert.Equal(t, 2*orders, w.count(`SELECT count(*) FROM orderflow.events`))
	// What was in hand at a stop came again at once, and not when its 30 seconds in hand were over.
	assert.Less(t, time.Since(began), 20*time.Second)
	assert.Empty(t, w.dead())
}

func TestWhatWasFetchedAndNotBegunIsFinishedOrGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entered, leave := make(chan struct{}, 1000), make(chan struct{})
	slow := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		entered <- struct{}{}
		<-leave
		return pays(o, tr, now)
	}
	const orders = 700 // more than a batch and what is queued behind it
	for n := range orders {
		w.deliver(delivery(fmt.Sprint(n), captured(n, "pi")))
	}
	stop := w.start(spec(slow), quick)
	<-entered
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	close(leave)
	select {
	case <-stopped:
	case <-time.After(soon):
		require.Fail(t, "it does not stop")
	}
	stored := w.count(`SELECT count(*) FROM orderflow.events`)
	assert.Positive(t, stored)
	w.start(spec(pays), quick)
	w.eventually("all are there", func() bool { return w.count(`SELECT count(*) FROM orderflow.events`) == orders })
}

func TestADatabaseThatIsAwayKeepsNobodyFromStopping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var asked atomic.Int32
	s := spec(pays)
	s.Enrich = func(context.Context, []*reactor.Work) error {
		asked.Add(1)
		return context.DeadlineExceeded
	}
	stop := w.start(s, quick)
	w.deliver(delivery("a", captured(1, "pi")))
	w.eventually("tried", func() bool { return asked.Load() > 0 })
	stop()
	w.start(spec(pays), quick)
	w.eventuallyPayments(1, "PaymentCaptured")
}

func TestTheOutboxOfAProcessThatDiedIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(spec(covers), reactor.Pace{SweepOutbox: time.Millisecond, SweepEvery: time.Hour})
	w.settled() // the first sweep of entities is over: it would find the order too
	w.placed(1) // appended, and dead before anybody was told
	w.eventuallyPayments(1, "FundsCovered")
	w.eventually("told", func() bool { return w.count(`SELECT count(*) FROM orderflow.outbox`) == 0 })
}

// covers says that funds are there, once, whatever rings.
func covers(o *order.State, _ reactor.Trigger, _ time.Time) (reactor.Decision, error) {
	if o.Payment.Covered {
		return reactor.Decision{}, nil
	}
	return says(&paymentv1.FundsCovered{}), nil
}

func TestABellThatWasLostIsHealedByTheSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placed(1)
	_, err := w.pool.Exec(context.Background(), `DELETE FROM orderflow.outbox`)
	require.NoError(t, err)
	w.start(spec(covers), reactor.Pace{SweepEvery: 50 * time.Millisecond})
	w.eventuallyPayments(1, "FundsCovered")
	w.placed(2)
	_, err = w.pool.Exec(context.Background(), `DELETE FROM orderflow.outbox`)
	require.NoError(t, err)
	w.eventuallyPayments(2, "FundsCovered")
}

func TestEveryTimerThatIsDueIsRung(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var rang [3]atomic.Int32
	kinds := []string{"settle", "deadline", "look"}
	decide := func(_ *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if tr.Kind == reactor.TimerRing {
			assert.False(t, tr.At.After(now), "a timer rings when it is due, not when its lease ends")
			rang[slices.Index(kinds, tr.TimerKind)].Add(1)
		}
		return reactor.Decision{}, nil
	}
	var timers []eventstore.Timer
	for _, kind := range kinds {
		timers = append(timers, eventstore.Timer{
			Service: "payment", ID: reactor.TimerID("payment", orderID(1), kind), Entity: orderID(1), Kind: kind, DueAt: time.Now().Add(-time.Hour),
		})
	}
	require.NoError(t, w.store.PutTimers(context.Background(), timers))
	w.start(spec(decide), quick)
	w.settled()
	for i := range rang {
		assert.Equal(t, int32(1), rang[i].Load(), kinds[i])
	}
}

func TestATimerThatSetsItselfAnewGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		n := o.Version(event.Payment)
		if tr.Kind == reactor.Command || tr.Kind == reactor.TimerRing && n < 4 {
			d := says(&paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{fmt.Sprint(n)}}})
			d.Timers = []reactor.Timer{{Kind: "again", At: now}}
			return d, nil
		}
		return reactor.Decision{}, nil
	}
	w.start(spec(decide), quick)
	w.command(1, "go")
	w.eventually("four", func() bool { return len(w.names(1)) == 4 })
	w.settled()
	assert.Equal(t, []string{"0", "1", "2", "3"}, w.names(1))
}

func TestAPartOfADeliveryThatIsPutOffKeepsItsPlaceWhenItIsRedriven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mood atomic.Int32 // 0: not now, 1: never, 2: yes
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if slices.Contains(tr.Fact.GetPaymentReported().GetNames(), "second") {
			switch mood.Load() {
			case 0:
				return reactor.Decision{}, fmt.Errorf("not now")
			case 1:
				return reactor.Decision{}, fault.New(fault.Rejected, "never")
			}
		}
		return pays(o, tr, now)
	}
	w.start(spec(decide), quick)
	w.deliver(delivery("a", captured(1, "first"), captured(1, "second")))
	w.eventuallyPayments(1, "PaymentCaptured")
	w.eventually("put off", func() bool { return w.timers() == 1 })
	mood.Store(1)
	w.eventually("dead", func() bool { return len(w.dead()) == 1 })
	mood.Store(2)
	require.NoError(t, bus.Redrive(context.Background(), w.js, w.dead()[0].Number))
	w.eventually("both", func() bool { return len(w.names(1)) == 2 })
	assert.Equal(t, []string{"first", "second"}, w.names(1))
	assert.Empty(t, w.dead())
	assert.Equal(t, 2, w.count(`SELECT count(DISTINCT cause_id) FROM orderflow.events WHERE cause_id = ANY($1)`,
		[]string{factOf("a", 0).String(), factOf("a", 1).String()}))
}

func factOf(name string, n int) ident.Cause {
	return ident.Fact(ident.DeliveryOf("stripe", "default", "t", name, [32]byte{}), n, 0)
}

func TestABellThatWasGivenUpCanBeRungAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mood atomic.Int32
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		switch mood.Load() {
		case 0:
			return reactor.Decision{}, fmt.Errorf("not now")
		case 1:
			return reactor.Decision{}, fault.New(fault.Rejected, "never")
		}
		return covers(o, tr, now)
	}
	w.start(spec(decide), quick)
	w.ring(1)
	w.eventually("put off", func() bool { return w.timers() == 1 })
	mood.Store(1)
	w.eventually("dead", func() bool { return len(w.dead()) == 1 })
	mood.Store(2)
	require.NoError(t, bus.Redrive(context.Background(), w.js, w.dead()[0].Number))
	w.eventuallyPayments(1, "FundsCovered")
}
