package orderctl

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// benchAppends is how fast decisions are stored, each of one event, with its outbox row.
type benchAppends struct {
	// Batch is how many decisions share a transaction, Writers how many transactions are under way at once.
	Batch     int     `json:"batch"`
	Writers   int     `json:"writers"`
	Appends   int     `json:"appends"`
	PerSecond float64 `json:"per_second"`
}

// appends measures the event store by itself: no service runs.
func (b *bench) appends(ctx context.Context) error {
	return b.with(ctx, "append", nil, func(ctx context.Context, s *benchSystem) error {
		for _, a := range []benchAppends{{Batch: 1, Writers: 1}, {Batch: 1, Writers: 16}, {Batch: 256, Writers: 1}, {Batch: 256, Writers: 2}} {
			b.say("append, batches of %d, %s at once", a.Batch, count(a.Writers, "transaction"))
			if err := b.append(ctx, s, &a); err != nil {
				return err
			}
			b.report.Appends = append(b.report.Appends, a)
		}
		return nil
	})
}

func (b *bench) append(ctx context.Context, s *benchSystem, a *benchAppends) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	began := time.Now()
	end := began.Add(time.Duration(b.seconds) * time.Second / 2)
	var done atomic.Int64
	var writers sync.WaitGroup
	for w := range a.Writers {
		writers.Go(func() {
			var told []eventstore.OutboxID // as the loop does: the row goes with the next transaction
			for n := 0; time.Now().Before(end) && ctx.Err() == nil; n++ {
				appended, err := s.store.Append(ctx, "payment", captures(fmt.Sprintf("%dx%d-%d-%d", a.Batch, a.Writers, w, n), a.Batch), told)
				if err != nil {
					fail(err)
					return
				}
				told = []eventstore.OutboxID{appended.Outbox}
				done.Add(int64(a.Batch))
			}
		})
	}
	writers.Wait()
	a.Appends = int(done.Load())
	a.PerSecond = float64(a.Appends) / time.Since(began).Seconds()
	return context.Cause(ctx)
}

// captures are decisions that money came, each for an order of its own.
func captures(name string, n int) []eventstore.Unit {
	units := make([]eventstore.Unit, n)
	for i := range units {
		number := name + "-" + strconv.Itoa(i)
		id, cause := ident.Order("checkout", "bench", number), ident.Named("bench", number)
		m := &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
			Names: []string{"stripe:pi_" + number, "stripe:ch_" + number}, Amount: &typev1.Money{MinorUnits: 4599, Currency: "USD"},
			Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe", ReportId: cause[:],
		}}
		units[i] = eventstore.Unit{Appends: []eventstore.Append{{
			Entity: id, Category: event.Payment, Events: event.Of(cause, time.Now(), m),
		}}}
	}
	return units
}
