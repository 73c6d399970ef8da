package ingress

import (
	"context"
	"time"

	"github.com/orderflow/orderflow/pkg/web"
)

// watched is something out of files that are replaced while the ingress runs.
type watched struct {
	setting string
	// reload reads the files again. After an error what was there before counts.
	reload func() (changed bool, err error)
	// show tells the metrics what counts now.
	show func()
}

// watch is all that is read again, and tells the metrics what is there at the start.
func (h *handler) watch(certificate *web.Certificate) []watched {
	var all []watched
	for _, f := range h.accounts.files() {
		labels := []string{f.source.Name(), f.account}
		all = append(all, watched{f.setting, func() (bool, error) { return f.load(h.clock()) }, func() {
			h.metrics.secrets.WithLabelValues(labels...).Set(float64(len(*f.now.Load())))
			h.metrics.secretsRead.WithLabelValues(labels...).Set(float64(f.changed.Load()))
		}})
	}
	if certificate != nil {
		all = append(all, watched{"INGRESS_TLS_CERT", certificate.Reload, func() {
			h.metrics.certificateEnd.Set(float64(certificate.Expires().Unix()))
		}})
	}
	now := float64(h.clock().Unix())
	for _, accounts := range h.accounts {
		for _, a := range accounts {
			h.metrics.secrets.WithLabelValues(a.source.Name(), a.Name).Set(float64(len(a.current().Secrets)))
			h.metrics.secretsRead.WithLabelValues(a.source.Name(), a.Name).Set(now)
		}
	}
	for _, w := range all {
		w.show()
	}
	return all
}

// keepCurrent looks at files until ctx ends. What is wrong with one is said once, until it is right or wrong otherwise.
// It looks at what is in them and not at their times: a mounted secret is a symbolic link that leads elsewhere at once.
func (h *handler) keepCurrent(ctx context.Context, all []watched, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	said := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.look(all, said)
		}
	}
}

// look reads everything once; said is what was wrong the last time, by setting.
func (h *handler) look(all []watched, said map[string]string) {
	for _, w := range all {
		changed, err := w.reload()
		switch {
		case err != nil && said[w.setting] == err.Error():
		case err != nil:
			said[w.setting] = err.Error()
			h.metrics.reloads.WithLabelValues(w.setting, "failed").Inc()
			h.log.Error().Err(err).Str("setting", w.setting).Msg("not reloaded: what was there before counts")
		case changed:
			h.metrics.reloads.WithLabelValues(w.setting, "changed").Inc()
			w.show()
			h.log.Info().Str("setting", w.setting).Msg("reloaded")
			delete(said, w.setting)
		default:
			delete(said, w.setting)
		}
	}
}
