package web

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates is a limit for each key, such as an address or a name: so many at once, and then as many in a second as each says.
// It remembers at least the last remembered keys and at most twice as many; one that is forgotten begins anew.
type Rates struct {
	each       rate.Limit
	burst      int
	remembered int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// NewRates makes a limit for each key.
func NewRates(each rate.Limit, burst, remembered int) *Rates {
	return &Rates{each: each, burst: burst, remembered: remembered, young: map[string]*rate.Limiter{}}
}

// Wait is how long the next one of a key has to wait; 0 lets it in, and counts it.
func (r *Rates) Wait(key string, now time.Time) time.Duration {
	reserved := r.of(key).ReserveN(now, 1)
	wait := reserved.DelayFrom(now)
	if wait > 0 {
		reserved.CancelAt(now) // what is turned away takes nobody's turn
	}
	return wait
}

func (r *Rates) of(key string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.young[key]
	if ok {
		return l
	}
	if l, ok = r.old[key]; !ok {
		l = rate.NewLimiter(r.each, r.burst)
	}
	if len(r.young) >= r.remembered {
		r.old, r.young = r.young, map[string]*rate.Limiter{}
	}
	r.young[key] = l
	return l
}

// hostBits is what one customer of a provider has of IPv6, so that nobody has 2^64 addresses of his own.
const hostBits = 64

// AddressKey is what an address is counted under: an IPv6 network of 64 bits is one.
func AddressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a.String()
	}
	network, err := a.Prefix(hostBits)
	if err != nil {
		return a.String()
	}
	return network.String()
}
