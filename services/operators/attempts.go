package operators

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/web"
)

// remembered is of how many names, and of how many addresses, attempts are counted at least.
const remembered = 1 << 14

// newAttempts is how often somebody may try: so many at once, and then one each time a while has passed.
func newAttempts(burst int, every time.Duration) *web.Rates {
	return web.NewRates(rate.Every(every), burst, remembered)
}

// addressKey is what an address is counted under.
func addressKey(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return web.AddressKey(a)
}
