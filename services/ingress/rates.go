package ingress

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/web"
)

// limiter says how long the next request of a key has to wait; 0 lets it in.
type limiter interface {
	Wait(key string, now time.Time) time.Duration
}

// remembered is how many addresses are remembered at least: some MB.
const remembered = 1 << 15

// newRates limits each key to so many requests a second, and as many at once after a quiet second; nil if there is no
// limit.
func newRates(perSecond int) limiter {
	if perSecond <= 0 {
		return nil
	}
	return web.NewRates(rate.Limit(perSecond), perSecond, remembered)
}

// slow asks a limiter. One that fails lets the request in: a delivery that is turned away may never come again, and what
// comes through is still measured and has to be signed.
func (h *handler) slow(l limiter, key string) (wait time.Duration) {
	if l == nil {
		return 0
	}
	defer func() {
		if recover() != nil {
			h.metrics.limiterFailed.Inc()
			wait = 0
		}
	}()
	return l.Wait(key, h.clock())
}
