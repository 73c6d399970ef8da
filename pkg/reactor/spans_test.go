package reactor_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/tracing"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// traces are those of the order's payment events.
func (w *world) traces(n int) []ident.Trace {
	events, err := w.store.Load(context.Background(), []ident.Entity{orderID(n)})
	require.NoError(w.t, err)
	var traces []ident.Trace
	for _, e := range events[orderID(n)] {
		if e.Category == event.Payment {
			traces = append(traces, e.Trace)
		}
	}
	return traces
}

// told are the traces that the bells of a type carry.
func (w *world) told(eventType string) []ident.Trace {
	stream, err := w.js.Stream(context.Background(), bus.Events)
	require.NoError(w.t, err)
	var traces []ident.Trace
	for next := uint64(1); ; {
		m, err := stream.GetMsg(context.Background(), next, jetstream.WithGetMsgSubject("events.payment.*."+eventType))
		if err != nil {
			require.ErrorIs(w.t, err, jetstream.ErrMsgNotFound)
			return traces
		}
		traces, next = append(traces, ident.Trace(tracing.Get(m.Header).TraceID())), m.Sequence+1
	}
}

func traceOf(id []byte) ident.Trace { return ident.Trace(id) }

func TestAnEventAndItsBellBelongToTheTraceOfTheDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(spec(pays), quick)
	one, two := delivery("one", captured(1, "a"), captured(2, "b")), delivery("two", captured(1, "c"))
	w.deliver(one)
	w.eventuallyPayments(1, "PaymentCaptured")
	w.deliver(two)
	w.eventuallyPayments(1, "PaymentCaptured", "PaymentCaptured")
	w.eventuallyPayments(2, "PaymentCaptured")
	assert.Equal(t, []ident.Trace{traceOf(one.GetId()), traceOf(two.GetId())}, w.traces(1), "each its own, also where one order is in two")
	assert.Equal(t, []ident.Trace{traceOf(one.GetId())}, w.traces(2))
	w.eventually("told", func() bool { return len(w.told("PaymentCaptured")) == 3 })
	assert.ElementsMatch(t, []ident.Trace{traceOf(one.GetId()), traceOf(one.GetId()), traceOf(two.GetId())}, w.told("PaymentCaptured"))
}

func TestACallItsAnswerAndATimerGoOnInTheTraceOfTheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	decide := func(o *order.State, tr reactor.Trigger, now time.Time) (reactor.Decision, error) {
		d, err := grants("g1")(o, tr, now)
		if tr.Kind == reactor.Command {
			d.Timers = []reactor.Timer{{Kind: "later", At: now.Add(50 * time.Millisecond)}}
		}
		if tr.Kind == reactor.TimerRing {
			d.Events = append(d.Events, says(&paymentv1.FundsCovered{}).Events...)
		}
		return d, err
	}
	w.start(calling(decide, reactor.Calls{Do: func(context.Context, *order.State, reactor.Request) (any, error) {
		return nil, nil
	}}), quick)
	w.command(1, "refund")
	w.eventually("granted, settled and rung", func() bool { return len(w.payments(1)) == 3 })
	command := ident.Trace(ident.Named("refund"))
	assert.Equal(t, []ident.Trace{command, command, command}, w.traces(1))
}

// A fact that waits for its order is a row and no message any more; its delivery is known all the same.
func TestAParkedFactKeepsItsTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(spec(pays), quick)
	d := delivery("early", named("stripe:pi_1", "a"))
	w.deliver(d)
	w.eventually("parked", func() bool { return w.count(`SELECT count(*) FROM orderflow.parked`) == 1 })
	w.placed(1, "stripe:pi_1")
	w.eventuallyPayments(1, "PaymentCaptured")
	assert.Equal(t, []ident.Trace{traceOf(d.GetId())}, w.traces(1))
}

// What a process that died did not tell is told by another one, in the same trace.
func TestABellOutOfTheOutboxCarriesItsTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, span := tracing.Or(nil).Start(t.Context(), "the process that died")
	events := event.Of(ident.Named("x"), time.Now(), &paymentv1.FundsCovered{})
	events[0].Span = span
	w.appended(1, event.Payment, "payment", events)
	w.start(spec(pays), reactor.Pace{SweepOutbox: time.Millisecond})
	w.eventually("told", func() bool {
		return fmt.Sprint(w.told("FundsCovered")) == fmt.Sprint([]ident.Trace{tracing.IDOf(span)})
	})
}
