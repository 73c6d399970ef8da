package payment

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/host"
)

// Money that waits for an order is reported when it gets old: an order number that was misspelt is never told by any
// shop, and nobody would notice. Most orders come within seconds of their payment, and the slowest provider repeats
// for some hours.
var parkedAges = []time.Duration{15 * time.Minute, 24 * time.Hour}

// watchEvery is how often it is looked for what got old.
const watchEvery = time.Minute

// watcher reports facts that have been parked for long: how many by a metric, each of them once per age in the log.
type watcher struct {
	pool  *pgxpool.Pool
	log   zerolog.Logger
	old   *prometheus.GaugeVec
	until time.Time // up to when facts were reported; zero at first, so that a start names all of them
}

func newWatcher(d host.Deps) *watcher {
	w := &watcher{pool: d.Pool, log: d.Log, old: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "orderflow_payment_parked", Help: "Reports of payments that have waited longer than this for an order that they name.",
	}, []string{"longer_than"})}
	d.Registry.MustRegister(w.old)
	return w
}

func (w *watcher) run(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn().Err(err).Msg("parked payments were not looked at")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look counts what is older than each age by the database's clock, and logs what became so since the last look.
func (w *watcher) look(ctx context.Context) error {
	var now time.Time
	if err := w.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return fmt.Errorf("look for parked payments: %w", err)
	}
	rows, err := w.pool.Query(ctx, `SELECT t.created_at, array_agg(p.ref ORDER BY p.ref) FROM orderflow.timers t
		JOIN orderflow.parked p USING (service, id) WHERE t.service = $1 AND t.due_at IS NULL AND t.created_at <= $2
		GROUP BY t.id, t.created_at ORDER BY t.created_at LIMIT 10000`, service, now.Add(-parkedAges[0]))
	if err != nil {
		return fmt.Errorf("look for parked payments: %w", err)
	}
	counts := make([]float64, len(parkedAges))
	var since time.Time
	var refs []string
	_, err = pgx.ForEachRow(rows, []any{&since, &refs}, func() error {
		for i, age := range parkedAges {
			if since.Add(age).After(now) {
				continue
			}
			counts[i]++
			if since.Add(age).After(w.until) {
				w.log.Warn().Strs("references", refs).Time("since", since).Dur("longer_than", age).
					Msg("a payment waits for an order that no shop has told of")
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for parked payments: %w", err)
	}
	for i, age := range parkedAges {
		w.old.WithLabelValues(age.String()).Set(counts[i])
	}
	w.until = now
	return nil
}
