package ingress

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Outcomes of requests beside the codes of refusal.
const (
	accepted    = "accepted"
	duplicate   = "duplicate"
	quarantined = "quarantined"
	greeting    = "greeting"
	unknown     = "unknown"
	tooLarge    = "too_large"
	encoded     = "encoded"
	broken      = "broken"
	unavailable = "unavailable"
)

type metrics struct {
	webhooks    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	quarantined *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		webhooks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_webhooks_total",
			Help: "Webhooks by source and outcome: accepted, duplicate, quarantined, greeting, unknown, too_large, encoded, broken, unavailable, or why the signature was refused.",
		}, []string{"source", "outcome"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orderflow_webhook_seconds", Help: "Time from a webhook's headers to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"source"}),
		quarantined: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_quarantined_total", Help: "Deliveries that were kept and could not, or not wholly, be used.",
		}, []string{"source", "reason"}),
	}
}

func (m *metrics) answered(source, outcome string, took time.Duration) {
	m.webhooks.WithLabelValues(source, outcome).Inc()
	m.seconds.WithLabelValues(source).Observe(took.Seconds())
}
