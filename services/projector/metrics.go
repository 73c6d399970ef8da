package projector

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics say how fresh the tables are.
type metrics struct {
	projected *prometheus.CounterVec
	swept     prometheus.Counter
	rebuild   prometheus.Gauge
}

// newMetrics registers what the loop counts. Without a registry it counts for nobody.
func newMetrics(registry prometheus.Registerer, lag func() float64) *metrics {
	m := &metrics{
		projected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "orderflow", Name: "projected_total", Help: "Entities whose rows were brought up to date.",
		}, []string{"family"}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "orderflow", Name: "projection_swept_total", Help: "Entities that the sweep found behind: their bell was lost or is on its way, or an older fold wrote their rows.",
		}),
		rebuild: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "orderflow", Name: "projection_rebuild_ratio", Help: "How far the running rebuild is, from 0 to 1; 1 if none runs.",
		}),
	}
	m.rebuild.Set(1)
	if registry != nil {
		registry.MustRegister(m.projected, m.swept, m.rebuild, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "orderflow", Name: "projection_lag_seconds",
			Help: "Age of the oldest event that was told and is not projected yet; what is stuck does not count.",
		}, lag))
	}
	return m
}

// rung is every bell that was heard and not answered.
type rung struct {
	clock func() time.Time
	mu    sync.Mutex
	bells map[*bell]struct{}
}

func newRung(clock func() time.Time) *rung { return &rung{clock: clock, bells: map[*bell]struct{}{}} }

func (r *rung) add(b *bell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bells[b] = struct{}{}
}

func (r *rung) done(b *bell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.bells, b)
	if b.over != nil {
		b.over()
	}
}

// lag is the age of the oldest of them, in seconds.
func (r *rung) lag() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	oldest := now
	for b := range r.bells {
		if b.at.Before(oldest) {
			oldest = b.at
		}
	}
	return now.Sub(oldest).Seconds()
}

// watchEvery is how often the progress of a rebuild, which runs in another process, is read.
const watchEvery = 10 * time.Second

func (c *collector) watchRebuild(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ratio := 1.0
		// No row: there was no rebuild yet. Trouble with the database shows elsewhere.
		_ = c.pool.QueryRow(ctx, `SELECT CASE WHEN ended_at IS NULL THEN done::float8 / greatest(total, 1) ELSE 1 END FROM projection.rebuild`).Scan(&ratio)
		c.metrics.rebuild.Set(ratio)
	}
}
