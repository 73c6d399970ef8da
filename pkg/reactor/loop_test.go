package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

func TestAFactThatIsDeliveredAgainAfterTheCommitLeavesOneEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := delivery("a", captured(1, "pi_1"))
	w.deliver(d)
	w.deliver(d) // twice in one batch, perhaps
	stop := w.start(spec(pays), quick)
	w.eventuallyPayments(1, "PaymentCaptured")
	stop()
	w.deliver(d)
	w.start(spec(pays), quick)
	w.deliver(delivery("b", captured(2, "pi_2")))
	w.eventuallyPayments(2, "PaymentCaptured")
	w.settled()
	assert.Equal(t, []string{"PaymentCaptured"}, w.payments(1))
}

func TestARefusedCommandThatIsDeliveredAgainIsRefusedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var accept atomic.Bool // what would be accepted the second time stays refused
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if tr.Kind == reactor.Command && accept.Load() {
			return says(&paymentv1.RefundGranted{GrantId: "g"}), nil
		}
		return pays(o, tr, now)
	}
	w.start(spec(decide), quick)
	w.command(1, "cancel")
	w.eventuallyPayments(1, "CommandRefused")
	accept.Store(true)
	w.command(1, "cancel")
	w.settled()
	assert.Equal(t, []string{"CommandRefused"}, w.payments(1))
}

func TestARejectedFactIsBuriedAndItsNeighboursGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if slices.Contains(tr.Fact.GetPaymentReported().GetNames(), "bad") {
			return reactor.Decision{}, fault.New(fault.Rejected, "never")
		}
		return pays(o, tr, now)
	}
	// All of them in one batch: of the same delivery, of the same order, and of another.
	w.deliver(delivery("a", captured(1, "good"), captured(1, "bad"), captured(1, "better")))
	w.deliver(delivery("b", captured(2, "other")))
	w.start(spec(decide), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.settled()
	assert.Equal(t, []string{"good", "better"}, w.names(1))
	dead := w.dead()
	require.Len(t, dead, 1)
	assert.Equal(t, "rejected", dead[0].GetReason())
	assert.Equal(t, "never", dead[0].GetError())
	id := orderID(1)
	assert.Equal(t, id[:], dead[0].GetEntityId())
	assert.Empty(t, w.stuck(), "a refusal is no fault of the program")
}

func TestAMessageThatCannotBeReadIsBuriedAndItsNeighboursGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishBytes(bus.IntakeSubject(delivery("a", captured(1))), []byte("\xff\xff\xff"))
	w.publish("events.order.1.OrderPlaced", &envelopev1.Doorbell{EntityId: []byte{1}})
	w.deliver(delivery("b", captured(2, "pi")))
	lost := named("", "pi")
	lost.References = nil
	w.deliver(delivery("c", lost))
	w.start(spec(pays), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventually("three are dead", func() bool { return len(w.dead()) == 3 })
	var reasons []string
	for _, d := range w.dead() {
		reasons = append(reasons, d.GetReason())
	}
	assert.ElementsMatch(t, []string{"undecodable", "undecodable", "rejected"}, reasons)
	w.eventually("all acked", func() bool { return w.unacked() == 0 })
}

func TestADecisionThatPanicsIsTriedAgainAndMarksItsOrderUntilItHeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var broken atomic.Bool
	broken.Store(true)
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if broken.Load() && slices.Contains(tr.Fact.GetPaymentReported().GetNames(), "bad") {
			panic("a mistake")
		}
		return pays(o, tr, now)
	}
	w.deliver(delivery("a", captured(1, "good"), captured(1, "bad")))
	w.deliver(delivery("b", captured(2, "other")))
	w.start(spec(decide), quick)
	w.eventuallyPayments(1, "PaymentCaptured")
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventually("marked", func() bool { return len(w.stuck()) == 1 })
	assert.Equal(t, orderID(1), w.stuck()[0].Entity)
	assert.Contains(t, w.stuck()[0].Error, "panic: string")
	assert.NotContains(t, w.stuck()[0].Error, "a mistake", "its words may repeat what was worked on")
	broken.Store(false)
	w.eventually("healed", func() bool { return len(w.stuck()) == 0 })
	w.settled()
	assert.Equal(t, []string{"good", "bad"}, w.names(1))
	assert.Empty(t, w.dead())
}

func TestAnOrderThatDoesNotFoldIsStuckAndItsNeighboursGoOn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	id := orderID(1)
	put := func(version int) {
		_, err := w.pool.Exec(ctx, `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
			VALUES ($1, 'order', $2, gen_random_uuid(), 'order.v1.OrderCompleted', '', gen_random_uuid(), now())`, id.String(), version)
		require.NoError(t, err)
	}
	put(2) // the first is lost
	w.deliver(delivery("a", captured(1, "pi_1")))
	w.deliver(delivery("b", captured(2, "pi_2")))
	w.start(spec(pays), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventually("marked", func() bool { return len(w.stuck()) == 1 })
	assert.Contains(t, w.stuck()[0].Error, "gap")
	put(1)
	w.eventuallyPayments(1, "PaymentCaptured")
	w.eventually("healed", func() bool { return len(w.stuck()) == 0 })
}

func TestAnEventOfANewerVersionIsWaitedForInTheOwnCategoryAndPassedOverInOthers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	for n, category := range map[int]string{1: "payment", 2: "order"} {
		_, err := w.pool.Exec(ctx, `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
			VALUES ($1, $2, 1, gen_random_uuid(), $3, '', gen_random_uuid(), now())`, orderID(n).String(), category, category+".v9.NotYet")
		require.NoError(t, err)
		w.deliver(delivery(category, captured(n, "pi")))
	}
	w.start(spec(pays), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventually("put off", func() bool { return w.timers() > 0 })
	w.eventually("acked", func() bool { return w.unacked() == 0 })
	assert.Equal(t, []string{"NotYet"}, w.payments(1))
	assert.Empty(t, w.dead())
	assert.Empty(t, w.stuck(), "a newer replica can go on")
}

func TestWhatCannotBeStoredHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		d, err := pays(o, tr, now)
		if slices.Contains(tr.Fact.GetPaymentReported().GetNames(), "bad") {
			d.Links = []string{"zero\x00byte"} // Postgres has no such text
		}
		return d, err
	}
	w.deliver(delivery("a", captured(1, "good"), captured(1, "bad"), captured(3, "bad"), captured(3, "bad")))
	w.deliver(delivery("b", captured(2, "other")))
	w.start(spec(decide), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventuallyPayments(1, "PaymentCaptured")
	w.eventually("both are marked", func() bool { return len(w.stuck()) == 2 })
	w.eventually("acked", func() bool { return w.unacked() == 0 })
	assert.Equal(t, []string{"good"}, w.names(1))
}

func TestTroubleThatPassesIsTriedAgainWithGrowingPauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	var attempts []int
	pause := func(attempt int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, attempt)
		return time.Millisecond
	}
	var tries atomic.Int32
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		if tr.Kind == reactor.Fact && tries.Add(1) < 4 {
			return reactor.Decision{}, errors.New("not now")
		}
		return pays(o, tr, now)
	}
	w.start(spec(decide), reactor.Pace{Pause: pause})
	w.deliver(delivery("a", captured(1, "pi")))
	w.eventuallyPayments(1, "PaymentCaptured")
	w.settled()
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []int{0, 1, 2}, attempts)
}

func TestPausesGrowFromASecondToTenMinutesAndStayThere(t *testing.T) {
	t.Parallel()
	assert.Equal(t, time.Second, reactor.UsualPause(0))
	for attempt := range 100 {
		assert.LessOrEqual(t, reactor.UsualPause(attempt), reactor.UsualPause(attempt+1))
	}
	assert.Equal(t, 10*time.Minute, reactor.UsualPause(1_000_000))
}

func TestADoorbellThatFailsIsRungAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var failed atomic.Int32
	decide := func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind != reactor.Ring || tr.TimerKind != "" {
			return reactor.Decision{}, fault.New(fault.Rejected, "a bell comes back as a bell")
		}
		if failed.Add(1) < 3 {
			return reactor.Decision{}, errors.New("not now")
		}
		return says(&paymentv1.FundsCovered{}), nil
	}
	w.start(spec(decide), quick)
	w.ring(1)
	w.eventuallyPayments(1, "FundsCovered")
	w.settled()
	assert.Empty(t, w.dead())
}

func TestTroubleWithReadingIsWaitedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tries atomic.Int32
	s := spec(pays)
	s.Enrich = func(context.Context, []*reactor.Work) error {
		if tries.Add(1) < 3 {
			return context.DeadlineExceeded
		}
		return nil
	}
	// The second fact has to wait for a name: it is parked once, however often the batch is tried.
	w.deliver(delivery("a", captured(1, "pi_1"), named("number:1", "pi_2")))
	stop := w.start(s, quick)
	w.eventuallyPayments(1, "PaymentCaptured")
	w.settled()
	assert.Zero(t, w.timers(), "nothing was put off: the batch waited")
	assert.Equal(t, 1, w.count(`SELECT count(*) FROM orderflow.timers`))
	stop()
}

func TestAMistakeInReadingHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := spec(pays)
	s.Enrich = func(_ context.Context, works []*reactor.Work) error {
		for _, work := range works {
			if work.Entity == orderID(1) {
				panic("a mistake")
			}
			work.Extra = "read"
		}
		return nil
	}
	for n := range 4 {
		w.deliver(delivery(fmt.Sprint(n), captured(n, "pi")))
	}
	w.start(s, quick)
	for _, n := range []int{0, 2, 3} {
		w.eventuallyPayments(n, "PaymentCaptured")
	}
	w.eventually("marked", func() bool { return len(w.stuck()) == 1 })
	assert.Empty(t, w.payments(1))
}

func TestOfTwoReplicasTheLoserDecidesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const orders, facts = 5, 12
	// Each payment may be counted once per order up to a limit: who is second must see what the first one stored.
	decide := func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind != reactor.Fact {
			return reactor.Decision{}, nil
		}
		sequence := fmt.Sprint(o.Version(event.Payment))
		return reactor.Decision{
			Events: event.Of(ident.Cause{}, time.Time{}, &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{sequence}}}),
			Links:  []string{o.ID.String() + "/" + sequence},
		}, nil
	}
	for n := range orders {
		for f := range facts {
			w.deliver(delivery(fmt.Sprint(n, "/", f), captured(n, "pi")))
		}
	}
	w.start(spec(decide), quick)
	w.start(spec(decide), quick)
	w.settled()
	for n := range orders {
		var want []string
		for f := range facts {
			want = append(want, fmt.Sprint(f))
		}
		assert.Equal(t, want, w.names(n))
	}
	assert.Equal(t, orders*facts, w.count(`SELECT count(*) FROM orderflow.refs`), "names are stored with their events")
}

func TestADecisionInConflictIsNotHalfStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var rounds atomic.Int32
	decide := func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind != reactor.Fact {
			return reactor.Decision{}, nil
		}
		d := says(&paymentv1.PaymentCaptured{})
		if rounds.Add(1) == 1 { // somebody is faster, after this was decided
			u := eventstore.Unit{Appends: []eventstore.Append{{
				Entity: o.ID, Category: event.Payment, Events: event.Of(ident.Named("faster"), time.Now(), &paymentv1.PaymentVoided{}),
			}}}
			_, err := w.store.Append(context.Background(), "payment", []eventstore.Unit{u}, nil)
			d.Links = []string{"first"}
			d.Timers = []reactor.Timer{{Kind: "first", At: time.Now().Add(time.Hour)}}
			return d, err
		}
		d.Links = []string{fmt.Sprint("after ", o.Version(event.Payment))}
		return d, nil
	}
	w.deliver(delivery("a", captured(1, "pi")))
	w.deliver(delivery("b", captured(2, "pi")))
	w.start(spec(decide), quick)
	w.eventuallyPayments(1, "PaymentVoided", "PaymentCaptured")
	w.settled()
	assert.Zero(t, w.count(`SELECT count(*) FROM orderflow.refs WHERE ref = 'first'`))
	assert.Equal(t, 1, w.count(`SELECT count(*) FROM orderflow.refs WHERE ref = 'after 1'`))
}

func TestFactsOfOneOrderAreDecidedInTheOrderInWhichTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.placed(1, "number:1")
	var want []string
	for f := range 100 {
		name := fmt.Sprint("pi_", f)
		want = append(want, name)
		fact := captured(1, name)
		if f%3 == 0 {
			fact = named("number:1", name) // some know the order only by its name
		}
		w.deliver(delivery(name, fact))
	}
	w.start(spec(pays), quick)
	w.eventually("all are there", func() bool { return len(w.names(1)) == len(want) })
	assert.Equal(t, want, w.names(1))
}

func TestManyBellsAreOneLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var looks atomic.Int32
	decide := func(_ *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind == reactor.Ring {
			looks.Add(1)
		}
		return reactor.Decision{}, nil
	}
	for range 200 {
		w.ring(1)
	}
	w.start(spec(decide), quick)
	w.settled()
	assert.Positive(t, looks.Load())
	assert.Less(t, looks.Load(), int32(100))
}

func TestWhatWaitsForANameWakesWhenItIsLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(spec(pays), quick)
	const rounds = 40
	var racing sync.WaitGroup
	for n := range rounds {
		ref := fmt.Sprint("stripe:pi_", n)
		racing.Go(func() { w.deliver(delivery(ref, named(ref, ref), captured(n, "direct"))) })
		racing.Go(func() { w.placed(n, ref) })
	}
	racing.Wait()
	for n := range rounds {
		w.eventually("both payments are there", func() bool { return len(w.names(n)) == 2 })
	}
	w.settled()
	assert.Zero(t, w.count(`SELECT count(*) FROM orderflow.timers`))
	assert.Zero(t, w.count(`SELECT count(*) FROM orderflow.parked`))
}
