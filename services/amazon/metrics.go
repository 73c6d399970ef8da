package amazon

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of signals and of messages.
const (
	done     = "done"
	known    = "known" // it was read after the signal had come, or kept before
	later    = "later" // it is tried again
	givenUp  = "given_up"
	notThere = "not_deleted" // kept, and it comes again
)

type metrics struct {
	signals, messages *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		signals: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_amazon_signals_total", Help: "Notifications that an Amazon order has changed, by what came of reading the order: done, known (read meanwhile), later (tried again), given_up.",
		}, []string{"outcome"}),
		messages: f.NewCounterVec(prometheus.CounterOpts{
			Name: "orderflow_amazon_messages_total", Help: "Messages out of Amazon's queue: done, known (kept before), later (they come again), not_deleted (kept, and they come again).",
		}, []string{"outcome"}),
	}
}
