package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/order"
)

// watch looks at the whole system from outside of every service and says what waits: so that the figures are there also
// when the one that they are about is not. With several projectors each says the same; take the maximum.
type watch struct {
	pool *pgxpool.Pool
	js   jetstream.JetStream
	log  zerolog.Logger

	pending, inHand *prometheus.GaugeVec
	age             *prometheus.GaugeVec
	bytes, limit    *prometheus.GaugeVec
	dead            prometheus.Gauge
	outboxAge       prometheus.Gauge
	open, waiting   *prometheus.GaugeVec
	oldest          *prometheus.GaugeVec
	stuck           *prometheus.GaugeVec
}

// watchedEvery is how often it is looked at. What is counted over tables is counted over what is open, by an index.
const watchedEvery = 15 * time.Second

func newWatch(pool *pgxpool.Pool, js jetstream.JetStream, log zerolog.Logger, registry prometheus.Registerer) *watch {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "orderflow", Name: name, Help: help}, labels)
		if registry != nil {
			registry.MustRegister(g)
		}
		return g
	}
	return &watch{
		pool: pool, js: js, log: log,
		pending:   gauge("consumer_pending_messages", "Messages that a durable has not been handed yet.", "stream", "durable"),
		inHand:    gauge("consumer_unacknowledged_messages", "Messages that a durable was handed and has not acknowledged.", "stream", "durable"),
		age:       gauge("consumer_oldest_seconds", "Age of the oldest message that a durable has not acknowledged; 0 if there is none.", "stream", "durable"),
		bytes:     gauge("stream_bytes", "What a stream holds.", "stream"),
		limit:     gauge("stream_limit_bytes", "What a stream may hold.", "stream"),
		dead:      gauge("dead_messages", "Messages that were given up on and are still in DEAD.").WithLabelValues(),
		outboxAge: gauge("outbox_oldest_seconds", "Age of the oldest append that nobody was told of; 0 if there is none.").WithLabelValues(),
		open:      gauge("open_orders", "Orders that are on their way, by status.", "status"),
		waiting:   gauge("waiting_orders", "Orders that wait, by what for.", "gate"),
		oldest:    gauge("waiting_oldest_seconds", "Age of the oldest order that waits, by what for.", "gate"),
		stuck:     gauge("stuck_entities", "Orders and SKUs whose fold or decision fails.", "service"),
	}
}

// Run looks until ctx ends. Trouble is told once for as long as it lasts.
func (w *watch) Run(ctx context.Context) error {
	tick := time.NewTicker(watchedEvery)
	defer tick.Stop()
	failing := false
	for {
		err := w.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.log.Warn().Err(err).Msg("figures of what waits are not up to date; tried again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *watch) look(ctx context.Context) error {
	return errors.Join(w.lookAtStreams(ctx), w.lookAtOutbox(ctx), w.lookAtOrders(ctx), w.lookAtStuck(ctx))
}

func (w *watch) lookAtStreams(ctx context.Context) error {
	for _, name := range []string{bus.Intake, bus.Events, bus.Commands, bus.Dead} {
		stream, err := w.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		}
		info := stream.CachedInfo()
		w.bytes.WithLabelValues(name).Set(float64(info.State.Bytes))
		w.limit.WithLabelValues(name).Set(float64(info.Config.MaxBytes))
		if name == bus.Dead {
			w.dead.Set(float64(info.State.Msgs))
			continue
		}
		consumers := stream.ListConsumers(ctx)
		for c := range consumers.Info() {
			if c.Config.Durable == "" {
				continue
			}
			age, err := w.oldestOf(ctx, stream, c)
			if err != nil {
				return fmt.Errorf("look for the oldest message of %s: %w", c.Config.Durable, err)
			}
			w.pending.WithLabelValues(name, c.Config.Durable).Set(float64(c.NumPending))
			w.inHand.WithLabelValues(name, c.Config.Durable).Set(float64(c.NumAckPending))
			w.age.WithLabelValues(name, c.Config.Durable).Set(age.Seconds())
		}
		if err := consumers.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
			return fmt.Errorf("look at the durables of %s: %w", name, err)
		}
	}
	return nil
}

// oldestOf is the age of the first message behind those that a durable has acknowledged without a gap. Nothing is asked
// for where nothing waits.
func (w *watch) oldestOf(ctx context.Context, stream jetstream.Stream, c *jetstream.ConsumerInfo) (time.Duration, error) {
	if c.NumPending == 0 && c.NumAckPending == 0 {
		return 0, nil
	}
	var oldest time.Time
	for _, filter := range append(c.Config.FilterSubjects, c.Config.FilterSubject) {
		if filter == "" {
			continue
		}
		m, err := stream.GetMsg(ctx, c.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // nothing under this filter
		}
		if err != nil {
			return 0, err
		}
		if oldest.IsZero() || m.Time.Before(oldest) {
			oldest = m.Time
		}
	}
	if oldest.IsZero() {
		return 0, nil // it was acknowledged meanwhile
	}
	return max(time.Since(oldest), 0), nil
}

func (w *watch) lookAtOutbox(ctx context.Context) error {
	var age float64
	err := w.pool.QueryRow(ctx, `SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 FROM orderflow.outbox`).Scan(&age)
	if err != nil {
		return fmt.Errorf("look at the outbox: %w", err)
	}
	w.outboxAge.Set(max(age, 0))
	return nil
}

func (w *watch) lookAtOrders(ctx context.Context) error {
	open := order.OpenStatuses()
	if err := w.counts(ctx, w.open, `SELECT status, count(*) FROM read.orders WHERE status = ANY($1) GROUP BY 1`, open); err != nil {
		return fmt.Errorf("count open orders: %w", err)
	}
	rows, err := w.pool.Query(ctx, `SELECT gate, count(*)::float8, coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8
		FROM read.orders, unnest(waits_for) AS gate WHERE status = ANY($1) GROUP BY 1`, open)
	if err != nil {
		return fmt.Errorf("count waiting orders: %w", err)
	}
	found := map[string][2]float64{}
	var gate string
	var n, age float64
	if _, err := pgx.ForEachRow(rows, []any{&gate, &n, &age}, func() error { found[gate] = [2]float64{n, age}; return nil }); err != nil {
		return fmt.Errorf("count waiting orders: %w", err)
	}
	w.waiting.Reset()
	w.oldest.Reset()
	for gate, is := range found {
		w.waiting.WithLabelValues(gate).Set(is[0])
		w.oldest.WithLabelValues(gate).Set(is[1])
	}
	return nil
}

func (w *watch) lookAtStuck(ctx context.Context) error {
	if err := w.counts(ctx, w.stuck, `SELECT service, count(*) FROM orderflow.stuck GROUP BY 1`); err != nil {
		return fmt.Errorf("count what is stuck: %w", err)
	}
	return nil
}

// counts sets a gauge to what a query counts; what it does not name any more is gone.
func (w *watch) counts(ctx context.Context, gauge *prometheus.GaugeVec, query string, args ...any) error {
	rows, err := w.pool.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	found := map[string]float64{}
	var label string
	var n float64
	if _, err := pgx.ForEachRow(rows, []any{&label, &n}, func() error { found[label] = n; return nil }); err != nil {
		return err
	}
	gauge.Reset()
	for label, n := range found {
		gauge.WithLabelValues(label).Set(n)
	}
	return nil
}
