package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// refund is the call of the small service: the grant that is to be given back.
type refund string

func (r refund) Key() string { return string(r) }

// grants plans a refund on every command, and asks for what is granted and not settled whatever rings.
func grants(ids ...string) reactor.Decide {
	return func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		var d reactor.Decision
		if tr.Kind == reactor.Command {
			for _, id := range ids {
				d.Events = append(d.Events, says(&paymentv1.RefundGranted{GrantId: id}).Events...)
				d.Requests = append(d.Requests, refund(id))
			}
			return d, nil
		}
		for _, g := range o.Payment.Grants {
			if !g.Settled && g.Failed == "" {
				d.Requests = append(d.Requests, refund(g.ID))
			}
		}
		return d, nil
	}
}

// settles records that a grant was settled, or failed, once.
func settles(o *order.State, r reactor.Request, _ any, callErr error, _ time.Time) (reactor.Decision, error) {
	g := o.Payment.Grant(r.Key())
	switch {
	case g == nil || g.Settled || g.Failed != "":
		return reactor.Decision{}, nil
	case callErr != nil:
		return says(&paymentv1.RefundFailed{GrantId: r.Key(), Reason: "failed"}), nil //nolint:nilerr // that it failed is recorded
	}
	return says(&paymentv1.RefundSettled{GrantId: r.Key()}), nil
}

func calling(decide reactor.Decide, calls reactor.Calls) reactor.Spec {
	s := spec(decide)
	if calls.Workers == 0 {
		calls.Workers = 4
	}
	if calls.Record == nil {
		calls.Record = settles
	}
	s.Calls = &calls
	return s
}

func TestACallIsPlannedMadeAndRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(calling(grants("g1", "g2"), reactor.Calls{Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		assert.Equal(t, []string{"RefundGranted", "RefundGranted"}, w.payments(1)[:2], "planned before it is called")
		return nil, nil
	}}), quick)
	w.command(1, "refund")
	w.eventually("both are settled", func() bool { return len(w.payments(1)) == 4 })
	assert.ElementsMatch(t, []string{"RefundGranted", "RefundGranted", "RefundSettled", "RefundSettled"}, w.payments(1))
	w.settled()
}

func TestTheSameCallIsUnderWayOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var now, most, made atomic.Int32
	leave := make(chan struct{})
	w.start(calling(grants("g1"), reactor.Calls{Workers: 16, Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		made.Add(1)
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		<-leave
		return nil, nil
	}}), quick)
	w.command(1, "refund")
	w.eventually("called", func() bool { return made.Load() == 1 })
	for range 50 {
		w.ring(1)
		w.command(1, "refund")
	}
	w.eventually("all are in hand", func() bool { return w.unacked() >= 101 })
	close(leave)
	w.settled()
	assert.Equal(t, int32(1), most.Load())
	assert.Equal(t, []string{"RefundGranted", "RefundSettled"}, w.payments(1))
}

// A process that dies makes once more what it called and did not record, so that must not grow with what waits.
func TestNoMoreIsCalledThanCanBeRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const workers, orders = 2, 100
	var made atomic.Int32
	recorded := make(chan struct{})
	record := sync.OnceFunc(func() { close(recorded) })
	w.start(calling(grants("g1"), reactor.Calls{
		Workers: workers,
		Do: func(context.Context, *order.State, reactor.Request) (any, error) {
			made.Add(1)
			return nil, nil
		},
		Record: func(o *order.State, r reactor.Request, answer any, err error, now time.Time) (reactor.Decision, error) {
			<-recorded // the database is slow, or away
			return settles(o, r, answer, err, now)
		},
	}), quick)
	t.Cleanup(record) // before the loop is stopped, which waits for what is in hand
	for n := range orders {
		w.command(n, fmt.Sprint("refund", n))
	}
	w.eventually("all are in hand", func() bool { return w.unacked() >= orders && made.Load() >= workers*16 })
	assert.Never(t, func() bool { return made.Load() > workers*16 }, 300*time.Millisecond, 10*time.Millisecond, "the rest waits")
	record()
	w.eventually("all were called", func() bool { return made.Load() == orders })
	w.settled()
	assert.Equal(t, []string{"RefundGranted", "RefundSettled"}, w.payments(orders-1))
}

func TestAPlanWhoseProcessDiedIsCalledWithTheSameKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	died := make(chan struct{})
	var keys sync.Map
	// The first process plans, and hangs in its call until the test is over: as good as dead.
	first := w.start(calling(grants("g1"), reactor.Calls{Do: func(_ context.Context, _ *order.State, r reactor.Request) (any, error) {
		keys.Store("first", r.Key())
		<-died
		return nil, errors.New("too late")
	}}), quick)
	w.command(1, "refund")
	w.eventually("planned and called", func() bool { _, ok := keys.Load("first"); return ok })
	second := w.start(calling(grants("g1"), reactor.Calls{Do: func(_ context.Context, _ *order.State, r reactor.Request) (any, error) {
		keys.Store("second", r.Key())
		return nil, nil
	}}), quick)
	_ = second
	w.command(1, "refund") // delivered again; the other process may get it, so until ours has it
	w.eventually("called again", func() bool {
		if _, ok := keys.Load("second"); ok {
			return true
		}
		w.command(1, "refund")
		return false
	})
	w.eventuallyPayments(1, "RefundGranted", "RefundSettled")
	close(died)
	first()
	assert.Equal(t, []string{"RefundGranted", "RefundSettled"}, w.payments(1), "the late answer changes nothing")
	one, _ := keys.Load("first")
	two, _ := keys.Load("second")
	assert.Equal(t, one, two)
}

func TestManyCallsOfManyOrdersByFewWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var now, most atomic.Int32
	w.start(calling(grants("a", "b", "c"), reactor.Calls{Workers: 3, Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		for n := now.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer now.Add(-1)
		time.Sleep(time.Millisecond)
		return nil, nil
	}}), quick)
	const orders = 40
	for n := range orders {
		w.command(n, fmt.Sprint("refund ", n))
	}
	w.eventually("all settled", func() bool {
		return w.count(`SELECT count(*) FROM orderflow.events WHERE type LIKE '%RefundSettled'`) == 3*orders
	})
	w.settled()
	assert.Equal(t, 6*orders, w.count(`SELECT count(*) FROM orderflow.events`))
	assert.LessOrEqual(t, most.Load(), int32(3))
}

func TestAPanicInACallIsAFailedCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(calling(grants("g1"), reactor.Calls{Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		panic("a mistake")
	}}), quick)
	w.command(1, "refund")
	w.eventuallyPayments(1, "RefundGranted", "RefundFailed")
	w.settled()
}

func TestAPanicInRecordingIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tries atomic.Int32
	record := func(o *order.State, r reactor.Request, answer any, err error, now time.Time) (reactor.Decision, error) {
		if tries.Add(1) < 3 {
			panic("a mistake")
		}
		return settles(o, r, answer, err, now)
	}
	w.start(calling(grants("g1"), reactor.Calls{Do: answers, Record: record}), quick)
	w.command(1, "refund")
	w.eventuallyPayments(1, "RefundGranted", "RefundSettled")
	w.settled()
	assert.Empty(t, w.stuck())
}

func answers(context.Context, *order.State, reactor.Request) (any, error) { return nil, nil }

func TestAnAnswerThatIsRejectedIsBuried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(calling(grants("g1"), reactor.Calls{Do: answers, Record: func(*order.State, reactor.Request, any, error, time.Time) (reactor.Decision, error) {
		return reactor.Decision{}, fault.New(fault.Rejected, "never")
	}}), quick)
	w.command(1, "refund")
	w.eventually("dead", func() bool { return len(w.dead()) > 0 })
	w.eventuallyPayments(1, "RefundGranted")
}

func TestACallThatTakesTooLongIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(calling(grants("g1"), reactor.Calls{Do: func(ctx context.Context, _ *order.State, _ reactor.Request) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}), reactor.Pace{CallTimeout: 50 * time.Millisecond})
	w.command(1, "refund")
	w.eventuallyPayments(1, "RefundGranted", "RefundFailed")
}

func TestAMessageIsInHandUntilTheLastOfItsCallsIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leave := make(chan struct{})
	w.start(calling(grants("slow", "fast"), reactor.Calls{Do: func(_ context.Context, _ *order.State, r reactor.Request) (any, error) {
		if r.Key() == "slow" {
			<-leave
		}
		return nil, nil
	}}), reactor.Pace{InHand: time.Millisecond})
	w.command(1, "refund")
	w.eventuallyPayments(1, "RefundGranted", "RefundGranted", "RefundSettled")
	w.eventually("bells are quiet", func() bool { return w.unacked() >= 1 })
	assert.Positive(t, w.unacked(), "the slow one is under way")
	close(leave)
	w.settled()
	assert.Len(t, w.payments(1), 4)
}

func TestACallThatFollowsFromAnAnswerIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	record := func(o *order.State, r reactor.Request, answer any, err error, now time.Time) (reactor.Decision, error) {
		d, err := settles(o, r, answer, err, now)
		if r.Key() == "g1" && len(d.Events) > 0 {
			d.Events = append(d.Events, says(&paymentv1.RefundGranted{GrantId: "g2"}).Events...)
			d.Requests = []reactor.Request{refund("g2")}
		}
		return d, err
	}
	leave := make(chan struct{})
	w.start(calling(grants("g1"), reactor.Calls{Record: record, Do: func(_ context.Context, _ *order.State, r reactor.Request) (any, error) {
		if r.Key() == "g2" {
			<-leave
		}
		return nil, nil
	}}), quick)
	w.command(1, "refund")
	w.eventuallyPayments(1, "RefundGranted", "RefundSettled", "RefundGranted")
	assert.Positive(t, w.unacked(), "the message waits for the second call as well")
	close(leave)
	w.eventuallyPayments(1, "RefundGranted", "RefundSettled", "RefundGranted", "RefundSettled")
	w.settled()
}

func TestStoppingFinishesCallsUnderWayAndGivesTheOthersBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	s := calling(grants("g"), reactor.Calls{Workers: 1, Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		entered <- struct{}{}
		<-leave
		return nil, nil
	}})
	tell, wait := w.begin(s, quick)
	for n := range 3 {
		w.command(n, fmt.Sprint("refund ", n))
	}
	<-entered
	w.eventually("planned", func() bool { return w.count(`SELECT count(*) FROM orderflow.events`) == 3 })
	tell()
	stopped := make(chan struct{})
	go func() {
		wait()
		close(stopped)
	}()
	close(leave)
	select {
	case <-stopped:
	case <-entered:
		require.Fail(t, "a call was begun while it stops")
	case <-time.After(soon):
		require.Fail(t, "it does not stop")
	}
	assert.Equal(t, 1, w.count(`SELECT count(*) FROM orderflow.events WHERE type LIKE '%RefundSettled'`))
	w.start(calling(grants("g"), reactor.Calls{Do: answers}), quick)
	for n := range 3 {
		w.eventuallyPayments(n, "RefundGranted", "RefundSettled")
	}
}

// A plan without an event of its own has no version that fences it: if the answer to its call was recorded after the
// plan had read the order, the call must not be made again.
func TestACallIsNotMadeAgainByAPlanThatDidNotSeeItsAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made atomic.Int32
	var hold, held atomic.Bool
	answer, decide := make(chan struct{}), make(chan struct{})
	s := calling(grants(), reactor.Calls{Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		made.Add(1)
		<-answer
		return nil, nil
	}})
	s.Enrich = func(context.Context, []*reactor.Work) error { // between reading and deciding
		if hold.CompareAndSwap(true, false) {
			held.Store(true)
			<-decide
		}
		return nil
	}
	w.start(s, quick)
	goOn := sync.OnceFunc(func() { close(decide) })
	t.Cleanup(goOn)
	w.granted(1, "g1")
	w.ring(1)
	w.eventually("the call is under way", func() bool { return made.Load() == 1 })
	hold.Store(true)
	w.ring(1)
	w.eventually("another look has read the order", held.Load)
	close(answer)
	// Not its bell's end: where the sweep of the start made the call, that bell waits for another look behind this one.
	w.eventually("the answer is recorded", func() bool { return len(w.payments(1)) == 2 })
	goOn()
	w.settled()
	assert.Equal(t, int32(1), made.Load())
	assert.Equal(t, []string{"RefundGranted", "RefundSettled"}, w.payments(1))
}

// Whoever waits for a call that somebody else makes may know more than the look at the order by which its answer was
// recorded: what it came for must not be lost with that.
func TestWhoWaitedForSomebodyElsesCallLooksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told := func(o *order.State) (d reactor.Decision) { // "a" first, and "b" once the order is placed
		switch {
		case o.Payment.Grant("a") == nil:
			d.Requests = []reactor.Request{refund("a")}
		case o.Order.Placed && o.Payment.Grant("b") == nil:
			d.Requests = []reactor.Request{refund("b")}
		}
		return d
	}
	var decided atomic.Int32
	recording, record := make(chan struct{}), make(chan struct{})
	s := calling(func(o *order.State, _ reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		decided.Add(1)
		return told(o), nil
	}, reactor.Calls{Do: answers, Record: func(o *order.State, r reactor.Request, _ any, _ error, _ time.Time) (reactor.Decision, error) {
		if r.Key() == "a" {
			close(recording)
			<-record
		}
		return says(&paymentv1.RefundGranted{GrantId: r.Key()}), nil
	}})
	w.start(s, quick)
	goOn := sync.OnceFunc(func() { close(record) })
	t.Cleanup(goOn)
	w.ring(1)
	<-recording
	w.placed(1)
	_, err := w.pool.Exec(context.Background(), `DELETE FROM orderflow.outbox`) // its bell is the one below, and no other
	require.NoError(t, err)
	before := decided.Load()
	w.ring(1)
	w.eventually("the second bell has been decided", func() bool { return decided.Load() > before && w.unacked() == 2 })
	goOn()
	w.eventually("both are told", func() bool { return len(w.payments(1)) == 2 })
	w.settled()
}

// A look at an order while the answer of a call is being recorded sees no answer yet, and the answer was decided about
// before the news that the look is for. What follows from both must not be left to the next sweep.
func TestALookWhileAnAnswerIsRecordedLooksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	follows := func(o *order.State) (d reactor.Decision) { // the last word, once it is placed and settled
		if g := o.Payment.Grant("a"); o.Order.Placed && g != nil && g.Settled && o.Payment.Closed == nil {
			return says(&paymentv1.PaymentClosed{})
		}
		return d
	}
	var looked atomic.Bool
	recording, record := make(chan struct{}), make(chan struct{})
	s := calling(func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind == reactor.Command {
			d := says(&paymentv1.RefundGranted{GrantId: "a"})
			d.Requests = []reactor.Request{refund("a")}
			return d, nil
		}
		looked.Store(looked.Load() || o.Order.Placed)
		return follows(o), nil
	}, reactor.Calls{Do: answers, Record: func(o *order.State, r reactor.Request, _ any, _ error, _ time.Time) (reactor.Decision, error) {
		if !o.Order.Placed {
			close(recording)
			<-record
		}
		d := says(&paymentv1.RefundSettled{GrantId: r.Key()})
		d.Events = append(d.Events, follows(o.With(event.Payment, d.Events...)).Events...)
		return d, nil
	}})
	w.start(s, quick)
	goOn := sync.OnceFunc(func() { close(record) })
	t.Cleanup(goOn)
	w.command(1, "refund")
	<-recording
	w.placed(1)
	_, err := w.pool.Exec(context.Background(), `DELETE FROM orderflow.outbox`) // its bell is the one below, and no other
	require.NoError(t, err)
	w.ring(1)
	w.eventually("the bell has been decided", looked.Load)
	goOn()
	w.eventuallyPayments(1, "RefundGranted", "RefundSettled", "PaymentClosed")
	w.settled()
}

// Two replicas made one call at once, as two processes may, and were answered differently. Both decide about their answer
// before either is stored, and come to the same event. Whoever is later is asked again, beside the answer that stands: it
// may be a second label, and nobody else knows of it.
func TestAnAnswerBesideWhichAnotherReplicaRecordedOneIsDecidedAboutAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.elsewhere()
	m := newMeeting()
	var again atomic.Int32
	replica := calling(grants(), reactor.Calls{Do: answers, Record: func(o *order.State, r reactor.Request, answer any, err error, now time.Time) (reactor.Decision, error) {
		if o.Payment.Grant(r.Key()).Settled {
			again.Add(1)
		} else {
			m.wait(o.ID)
		}
		return settles(o, r, answer, err, now)
	}})
	w.granted(1, "g1")
	w.start(replica, quick)
	other.start(replica, quick)
	w.ring(1)
	other.ring(1)
	w.eventually("the later one is asked again", func() bool { return again.Load() == 1 })
	w.settled()
	other.settled()
	assert.Equal(t, []string{"RefundGranted", "RefundSettled"}, w.payments(1))
}
