package operators

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	logins   *prometheus.CounterVec
	commands *prometheus.CounterVec
	refused  prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "orderflow", Subsystem: "operators", Name: "logins_total", Help: "Logins of operators: ok, refused, too_many.",
		}, []string{"outcome"}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "orderflow", Subsystem: "operators", Name: "commands_total", Help: "Commands run for operators: ok, or failed, which is any exit status but 0. The command is none where nothing was run.",
		}, []string{"command", "outcome"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "orderflow", Subsystem: "operators", Name: "tokens_refused_total", Help: "Requests with a token that is not good, or with none.",
		}),
	}
	registry.MustRegister(m.logins, m.commands, m.refused)
	return m
}
