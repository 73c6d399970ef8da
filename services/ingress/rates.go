package ingress

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter says how long the next request of a key has to wait; 0 lets it in.
type limiter interface {
	wait(key string, now time.Time) time.Duration
}

// rates is a limit for each key: so many requests a second, and as many at once after a quiet second. It remembers at
// least the last generation keys and at most twice as many; one that is forgotten begins anew.
type rates struct {
	each       rate.Limit
	burst      int
	generation int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// generation is how many addresses are remembered at least: some MB.
const generation = 1 << 15

// newRates makes a limiter; nil if there is no limit.
func newRates(perSecond int) limiter {
	if perSecond <= 0 {
		return nil
	}
	return &rates{each: rate.Limit(perSecond), burst: perSecond, generation: generation, young: map[string]*rate.Limiter{}}
}

func (r *rates) wait(key string, now time.Time) time.Duration {
	l := r.of(key)
	reserved := l.ReserveN(now, 1)
	wait := reserved.DelayFrom(now)
	if wait > 0 {
		reserved.CancelAt(now) // a request that is turned away takes nobody's turn
	}
	return wait
}

func (r *rates) of(key string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.young[key]
	if ok {
		return l
	}
	if l, ok = r.old[key]; !ok {
		l = rate.NewLimiter(r.each, r.burst)
	}
	if len(r.young) >= r.generation {
		r.old, r.young = r.young, map[string]*rate.Limiter{}
	}
	r.young[key] = l
	return l
}

// hostBits is what one customer of a provider has of IPv6, so that nobody has 2^64 addresses of his own.
const hostBits = 64

// addressKey is what an address is counted under.
func addressKey(a netip.Addr) string {
	if !a.Is6() {
		return a.String()
	}
	prefix, err := a.Prefix(hostBits)
	if err != nil {
		return a.String()
	}
	return prefix.String()
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
	return l.wait(key, h.clock())
}
