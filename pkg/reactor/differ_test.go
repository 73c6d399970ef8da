package reactor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// meeting brings two decisions about one order together, so that both are taken on the same state before either is
// stored. Whoever comes later (decides again) passes.
type meeting struct {
	mu   sync.Mutex
	here map[ident.Entity]int
	both map[ident.Entity]chan struct{}
}

func newMeeting() *meeting {
	return &meeting{here: map[ident.Entity]int{}, both: map[ident.Entity]chan struct{}{}}
}

func (m *meeting) wait(id ident.Entity) {
	m.mu.Lock()
	m.here[id]++
	if m.both[id] == nil {
		m.both[id] = make(chan struct{})
	}
	both := m.both[id]
	if m.here[id] == 2 {
		close(both)
	}
	m.mu.Unlock()
	select {
	case <-both:
	case <-time.After(soon):
	}
}

// side is one replica's opinion of the same news: what it appends, and everything else that it stores with it.
type side struct {
	name   string
	events []proto.Message
}

// decide says so once both sides know the state; the one that is to lose does not answer before the other is stored.
func (s side) decide(w *world, m *meeting, loser string) reactor.Decide {
	return func(o *order.State, tr reactor.Trigger, _ time.Time) (reactor.Decision, error) {
		if tr.Kind != reactor.Fact {
			return reactor.Decision{}, nil
		}
		m.wait(o.ID)
		if s.name == loser {
			w.eventually("the winner is stored", func() bool {
				return w.count(`SELECT count(*) FROM orderflow.events WHERE entity_id = $1`, o.ID.String()) > 0
			})
		}
		d := says(s.events...)
		mark := s.name + "/" + o.ID.String()
		d.Links, d.Timers = []string{mark}, []reactor.Timer{{Kind: s.name, At: time.Now().Add(time.Hour)}}
		d.Tx = func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO private (who, entity) VALUES ($1, $2)`, s.name, o.ID.String())
			return err
		}
		return d, nil
	}
}

// Two replicas of different versions are told the same and come to different decisions, of different length, on the same
// state. One of them stands, with its names, timers and rows; of the other nothing is stored, not even behind it.
func TestOfTwoDecisionsOnOneMessageOneStandsWhole(t *testing.T) {
	t.Parallel()
	paid, covered, voided := &paymentv1.PaymentCaptured{}, &paymentv1.FundsCovered{}, &paymentv1.PaymentVoided{}
	for name, sides := range map[string][2]side{
		"one begins as the other":     {{"short", []proto.Message{paid}}, {"long", []proto.Message{paid, covered, voided}}},
		"they have nothing in common": {{"short", []proto.Message{voided}}, {"long", []proto.Message{paid, covered}}},
		"the same in another order":   {{"short", []proto.Message{paid, covered}}, {"long", []proto.Message{covered, paid}}},
	} {
		for _, loser := range []string{"", "short", "long"} {
			t.Run(name+", to lose: "+loser, func(t *testing.T) {
				t.Parallel()
				differ(t, sides, loser)
			})
		}
	}
}

func differ(t *testing.T, sides [2]side, loser string) {
	t.Helper()
	w := newWorld(t)
	_, err := w.pool.Exec(t.Context(), `CREATE TABLE private (who text, entity text)`)
	require.NoError(t, err)
	m := newMeeting()
	// Each replica hears everything through a broker of its own, as if every message were delivered to both.
	other := w.elsewhere()
	w.start(spec(sides[0].decide(w, m, loser)), quick)
	other.start(spec(sides[1].decide(w, m, loser)), quick)
	orders := 24
	if loser != "" {
		orders = 4
	}
	ended := func() bool { return w.unacked() == 0 && other.unacked() == 0 }
	for n := range orders {
		d := delivery(fmt.Sprint(n), captured(n, "pi"))
		w.deliver(d)
		other.deliver(d)
		if loser != "" { // in a batch the one would wait for the other's first and the other for the one's second
			w.eventually("both have ended", ended)
			require.NotEqual(t, loser, w.winner(n, sides))
		}
	}
	for n := range orders {
		w.winner(n, sides)
	}
	w.eventually("both have ended", ended)
	for n := range orders {
		w.winner(n, sides) // still, after the loser has looked again
	}
	assert.Equal(t, orders, w.count(`SELECT count(*) FROM private`))
	assert.Equal(t, orders, w.count(`SELECT count(*) FROM orderflow.refs`))
	assert.Equal(t, orders, w.count(`SELECT count(*) FROM orderflow.timers`))
	assert.Empty(t, append(w.dead(), other.dead()...))
}

// elsewhere is the same database behind another broker.
func (w *world) elsewhere() *world {
	w.t.Helper()
	js := testkit.NATS(w.t)
	return &world{w.t, w.store, w.pool, js, bus.NewPublisher(js)}
}

// winner waits for the order's stream and says whose decision it is, with all that belongs to it.
func (w *world) winner(n int, sides [2]side) string {
	w.t.Helper()
	w.eventually("something is stored", func() bool { return len(w.payments(n)) > 0 })
	got := w.payments(n)
	for _, s := range sides {
		var want []string
		for _, m := range s.events {
			want = append(want, event.NameOf(event.TypeOf(m)))
		}
		if !assert.ObjectsAreEqual(want, got) {
			continue
		}
		id := orderID(n).String()
		assert.Equal(w.t, 1, w.count(`SELECT count(*) FROM orderflow.refs WHERE ref = $1`, s.name+"/"+id))
		assert.Equal(w.t, 1, w.count(`SELECT count(*) FROM orderflow.timers WHERE entity_id = $1 AND kind = $2`, id, s.name))
		assert.Equal(w.t, 1, w.count(`SELECT count(*) FROM private WHERE entity = $1 AND who = $2`, id, s.name))
		return s.name
	}
	require.Fail(w.t, "half a decision, or two", "%v", got)
	return ""
}

// A delivery that comes again long after the broker has forgotten it, to a process that never saw it, with a clock of
// days later: nothing is recorded anew, whatever happened to the order since.
func TestADeliveryThatComesAgainDaysLaterIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := delivery("a", captured(1, "pi_1"), captured(2, "pi_1"))
	w.deliver(d)
	stop := w.start(spec(pays), quick)
	w.eventuallyPayments(2, "PaymentCaptured")
	w.eventuallyPayments(1, "PaymentCaptured")
	w.deliver(delivery("b", captured(1, "pi_2")))
	w.eventuallyPayments(1, "PaymentCaptured", "PaymentCaptured")
	stop()

	later := w.elsewhere() // nothing of the old broker is left
	r := reactor.New(spec(pays), reactor.Deps{
		Store: w.store, JS: later.js, Bus: later.bus, Clock: func() time.Time { return time.Now().Add(72 * time.Hour) },
	})
	r.Hurry(quick)
	later.run(r)
	for range 3 {
		later.deliver(d)
	}
	later.deliver(delivery("c", captured(3, "pi_3")))
	later.eventuallyPayments(3, "PaymentCaptured")
	later.settled()
	assert.Equal(t, []string{"pi_1", "pi_2"}, later.names(1))
	assert.Equal(t, []string{"pi_1"}, later.names(2))
}

func (w *world) run(r *reactor.Reactor) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(w.t, r.Run(ctx)) })
	w.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// Facts are parked by two processes while a third one links what they wait for, each with connections of its own: every
// fact finds its order, once, and nothing is left waiting.
func TestParkingByTwoProcessesRacesWithLinkingByAThird(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := w.process()
	linker := w.process()
	w.start(spec(pays), quick)
	second.start(spec(pays), quick)
	const rounds = 150
	for n := range rounds {
		ref, charge := fmt.Sprint("stripe:pi_", n), fmt.Sprint("stripe:ch_", n)
		byCharge := named(charge, charge)
		byCharge.References = []string{charge, ref}
		var racing sync.WaitGroup
		racing.Go(func() { w.deliver(delivery(ref, named(ref, ref))) })
		racing.Go(func() { w.deliver(delivery(charge, byCharge)) })
		racing.Go(func() { linker.placed(n, ref, charge) })
		racing.Wait()
	}
	for n := range rounds {
		w.eventually("both facts are there", func() bool { return len(w.names(n)) == 2 })
		assert.ElementsMatch(t, []string{fmt.Sprint("stripe:pi_", n), fmt.Sprint("stripe:ch_", n)}, w.names(n))
	}
	w.settled()
	assert.Zero(t, w.count(`SELECT count(*) FROM orderflow.timers`))
	assert.Zero(t, w.count(`SELECT count(*) FROM orderflow.parked`))
}

// process is another process on the same database and broker: it shares no connection and no memory with this one.
func (w *world) process() *world {
	w.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), w.pool.Config())
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	return &world{w.t, eventstore.New(pool, testkit.Vault(w.t, pool)), pool, w.js, bus.NewPublisher(w.js)}
}
