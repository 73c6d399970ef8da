package reactor

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

type metrics struct {
	batch     prometheus.Histogram
	appended  *prometheus.CounterVec
	conflicts prometheus.Counter
	retries   prometheus.Counter
	parked    prometheus.Counter
	dead      prometheus.Counter
	swept     prometheus.Counter
	inFlight  prometheus.Gauge
	calls     *prometheus.HistogramVec
	stages    *prometheus.HistogramVec
}

// newMetrics registers what the loop counts. Without a registry it counts for nobody.
func newMetrics(registry prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "orderflow", Name: name, Help: help, ConstLabels: labels})
	}
	m := &metrics{
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "orderflow", Name: "batch_messages", Help: "Messages handled in one turn of the loop.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}, ConstLabels: labels,
		}),
		appended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "orderflow", Name: "events_appended_total", Help: "Events appended, by type.", ConstLabels: labels,
		}, []string{"type"}),
		conflicts: counter("append_conflicts_total", "Decisions that were made again because somebody was faster."),
		retries:   counter("retries_total", "Messages put off to a timer."),
		parked:    counter("parked_total", "Facts that wait for what they refer to."),
		dead:      counter("dead_total", "Messages given up on."),
		swept:     counter("outbox_swept_total", "Appends that were told by the sweeper."),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "orderflow", Name: "calls_in_flight", Help: "Calls to the outside under way or waiting.", ConstLabels: labels,
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "orderflow", Name: "call_seconds", Help: "How long calls to the outside took: answered, also with a no, or failed.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, ConstLabels: labels,
		}, []string{"outcome"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "orderflow", Name: "stage_seconds",
			Help:    "How long after the beginning of its order an event of a type was first recorded. An order begins with its first event, and that with its webhook.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600}, ConstLabels: labels,
		}, []string{"type"}),
	}
	if registry != nil {
		registry.MustRegister(m.batch, m.appended, m.conflicts, m.retries, m.parked, m.dead, m.swept, m.inFlight, m.calls, m.stages)
	}
	return m
}

func (m *metrics) called(took time.Duration, err error) {
	outcome := "answered"
	if err != nil {
		outcome = "failed"
	}
	m.calls.WithLabelValues(outcome).Observe(took.Seconds())
}

// stored counts events, and how long it took their orders to come to them for the first time.
func (m *metrics) stored(units [][]event.Recorded, works []*Work) {
	known := make(map[ident.Entity]*Work, len(works))
	for _, w := range works {
		known[w.Entity] = w
	}
	for _, events := range units {
		for _, e := range events {
			m.appended.WithLabelValues(e.Type).Inc()
			w := known[e.Entity]
			if w == nil || e.Category == event.Stock || w.holds(e.Type) {
				continue
			}
			if began := w.began(); !began.IsZero() {
				m.stages.WithLabelValues(e.Type).Observe(max(e.RecordedAt.Sub(began).Seconds(), 0))
			}
		}
	}
}

func (w *Work) holds(eventType string) bool {
	return slices.ContainsFunc(w.Events, func(e event.Recorded) bool { return e.Type == eventType })
}

// began is when the first event of an entity was recorded, and when the news of it came where there is none yet.
func (w *Work) began() time.Time {
	var first time.Time
	earlier := func(at time.Time) {
		if first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	for _, e := range w.Events {
		earlier(e.RecordedAt)
	}
	if first.IsZero() {
		for _, t := range w.Triggers {
			earlier(t.At)
		}
	}
	return first
}
