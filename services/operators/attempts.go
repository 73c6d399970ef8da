package operators

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/web"
)

// How often one may try to log in: a name ten times at once and then every six seconds, an address twenty times and then
// every three. That leaves a guesser 14 400 tries a day.
const (
	nameBurst, nameEvery       = 10, 6 * time.Second
	addressBurst, addressEvery = 20, 3 * time.Second
)

// remembered is of how many names, and of how many addresses, attempts are counted at least.
const remembered = 1 << 14

// attempts are counted by address and by name. Whoever has logged in from an address is counted there apart from all
// others who use the name: else anybody could keep an operator out by guessing without end.
type attempts struct {
	byAddress, byName, byBoth *web.Rates

	mu    sync.Mutex
	known map[string]bool
}

func newAttempts() *attempts {
	return &attempts{
		byAddress: web.NewRates(rate.Every(addressEvery), addressBurst, remembered),
		byName:    web.NewRates(rate.Every(nameEvery), nameBurst, remembered),
		byBoth:    web.NewRates(rate.Every(nameEvery), nameBurst, remembered),
		known:     map[string]bool{},
	}
}

// wait is how long an attempt has to wait; 0 lets it in, and counts it.
func (a *attempts) wait(who, address string, now time.Time) time.Duration {
	address = addressKey(address)
	if wait := a.byAddress.Wait(address, now); wait > 0 {
		return wait
	}
	switch {
	case !name.MatchString(who):
		return 0 // it is nobody's, may be as long as a body, and is not worth remembering
	case a.knows(who, address):
		return a.byBoth.Wait(both(who, address), now)
	}
	return a.byName.Wait(who, now)
}

// welcome remembers that somebody logged in from an address.
func (a *attempts) welcome(who, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= remembered {
		clear(a.known)
	}
	a.known[both(who, addressKey(address))] = true
}

func (a *attempts) knows(who, address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[both(who, address)]
}

func both(who, address string) string { return who + " " + address }

// addressKey is what an address is counted under.
func addressKey(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return web.AddressKey(a)
}
