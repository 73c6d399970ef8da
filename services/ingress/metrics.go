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
	limited     = "limited"
	notAllowed  = "not_allowed"
	slowBody    = "slow_body"
)

type metrics struct {
	webhooks    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	quarantined *prometheus.CounterVec

	limiterFailed  prometheus.Counter
	secrets        *prometheus.GaugeVec
	secretsRead    *prometheus.GaugeVec
	reloads        *prometheus.CounterVec
	certificateEnd prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		webhooks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_webhooks_total",
			Help: "Webhooks by source and outcome: accepted, duplicate, quarantined, greeting, unknown, too_large, encoded, slow_body, broken, limited, not_allowed, unavailable, or why the signature was refused.",
		}, []string{"source", "outcome"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orderflow_webhook_seconds", Help: "Time from a webhook's headers to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"source"}),
		quarantined: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_quarantined_total", Help: "Deliveries that were kept and could not, or not wholly, be used.",
		}, []string{"source", "reason"}),
		limiterFailed: f.NewCounter(prometheus.CounterOpts{
			Name: "orderflow_ingress_limiter_failures_total", Help: "Requests that were let in because the limiter failed.",
		}),
		secrets: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "orderflow_ingress_secrets", Help: "Secrets that an account's deliveries may be signed with. More than one for long is a rotation that was not finished.",
		}, []string{"source", "account"}),
		secretsRead: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "orderflow_ingress_secrets_changed_timestamp_seconds", Help: "When the secrets that count were read, since 1970.",
		}, []string{"source", "account"}),
		reloads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_ingress_reloads_total", Help: "Changes of files with secrets or the certificate, by outcome: changed, or failed (what was there before counts).",
		}, []string{"file", "outcome"}),
		certificateEnd: f.NewGauge(prometheus.GaugeOpts{
			Name: "orderflow_ingress_certificate_expires_timestamp_seconds", Help: "Until when the TLS certificate is good, since 1970; 0 without one.",
		}),
	}
}

func (m *metrics) answered(source, outcome string, took time.Duration) {
	m.webhooks.WithLabelValues(source, outcome).Inc()
	m.seconds.WithLabelValues(source).Observe(took.Seconds())
}
