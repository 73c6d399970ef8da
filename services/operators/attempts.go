package operators

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts is how often somebody may try: so many at once, and then one each time a while has passed. It remembers at
// least the last remembered keys and at most twice as many; one that is forgotten begins anew.
type attempts struct {
	every time.Duration
	burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

const remembered = 1 << 14

func newAttempts(burst int, every time.Duration) *attempts {
	return &attempts{every: every, burst: burst, young: map[string]*rate.Limiter{}}
}

// wait is how long the next attempt of a key has to wait; 0 lets it in, and counts it.
func (a *attempts) wait(key string, now time.Time) time.Duration {
	reserved := a.of(key).ReserveN(now, 1)
	wait := reserved.DelayFrom(now)
	if wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}

func (a *attempts) of(key string) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.young[key]
	if ok {
		return l
	}
	if l, ok = a.old[key]; !ok {
		l = rate.NewLimiter(rate.Every(a.every), a.burst)
	}
	if len(a.young) >= remembered {
		a.old, a.young = a.young, map[string]*rate.Limiter{}
	}
	a.young[key] = l
	return l
}

// addressKey is what an address is counted under: an IPv6 network of 64 bits is one.
func addressKey(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if network, err := a.Prefix(64); err == nil {
			return network.String()
		}
	}
	return a.String()
}
