package ingress

import (
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRates(t *testing.T) {
	t.Parallel()
	require.Nil(t, newRates(0))
	l := newRates(2)
	now := time.Unix(1772366400, 0)
	assert.Zero(t, l.wait("a", now))
	assert.Zero(t, l.wait("a", now))
	assert.Equal(t, time.Second/2, l.wait("a", now))
	assert.Equal(t, time.Second/2, l.wait("a", now), "who is turned away waits no longer for it")
	assert.Zero(t, l.wait("b", now))
	assert.Zero(t, l.wait("a", now.Add(time.Second/2)))
}

func TestRatesRememberABoundedNumber(t *testing.T) {
	t.Parallel()
	l := newRates(1).(*rates) //nolint:errcheck // newRates makes no other
	l.generation = 100
	now := time.Unix(1772366400, 0)
	assert.Zero(t, l.wait("who calls often", now))
	for n := range 1000 {
		assert.Zero(t, l.wait(strconv.Itoa(n), now))
		assert.Positive(t, l.wait("who calls often", now), "it is not forgotten as long as it calls")
		require.LessOrEqual(t, len(l.young)+len(l.old), 200)
	}
}

func TestAnIPv6NetworkIsOneCaller(t *testing.T) {
	t.Parallel()
	key := func(a string) string { return addressKey(netip.MustParseAddr(a)) }
	assert.Equal(t, key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"))
	assert.NotEqual(t, key("2001:db8:1:2::1"), key("2001:db8:1:3::1"))
	assert.NotEqual(t, key("203.0.113.1"), key("203.0.113.2"))
	assert.NotEmpty(t, addressKey(netip.Addr{}))
}

// failing is a limiter whose memory is gone.
type failing struct{}

func (failing) wait(string, time.Time) time.Duration { panic("gone") }

// What is turned away may never come again, so a limiter that fails lets in; size and signature are still looked at.
func TestALimiterThatFailsLetsIn(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	h := bare(t, SourceByName("checkout"), k)
	h.addresses = failing{}
	a := h.accounts["checkout"][defaultAccount]
	a.rate = failing{}
	h.accounts["checkout"][defaultAccount] = a
	require.Equal(t, http.StatusOK, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)))
	require.Len(t, k.data, 1)
	require.Equal(t, http.StatusUnauthorized, h.direct(t, unsigned(t, "/webhooks/checkout", anOrder)))
	large := unsigned(t, "/webhooks/checkout", anOrder)
	large.ContentLength = h.config.MaxBody + 1
	require.Equal(t, http.StatusRequestEntityTooLarge, h.direct(t, large))
	require.Len(t, k.data, 1)
}

func TestWhoCallsTooOftenIsToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"an account":  func(c *Config) { c.Rate = 1 },
		"an address":  func(c *Config) { c.AddressRate = 1 },
		"both of one": func(c *Config) { c.Rate, c.AddressRate = 1, 2 },
	} {
		s := serve(t, change)
		require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status, name)
		a := s.send(signed(t, "checkout", checkoutSecret, anOrder))
		require.Equal(t, http.StatusTooManyRequests, a.status, name)
		require.Equal(t, "too_often", problem(t, a), name)
		require.Equal(t, "1", a.header.Get("Retry-After"), name)
		require.Len(t, s.kept(), 1, name)
	}
	s := serve(t, func(c *Config) { c.Rate = 1 })
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status)
	second := signed(t, "checkout", sandboxSecret, anOrder)
	second.URL.Path = "/webhooks/checkout/second"
	require.Equal(t, http.StatusOK, s.send(second).status, "another account has a limit of its own")
	require.Equal(t, http.StatusOK, s.send(signed(t, "stripe", stripeSecret, anIntent)).status, "so has another source")
}

func TestAddressesThatMayCall(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) {
		c.Proxies, c.Allow = []string{"127.0.0.0/8"}, []string{"203.0.113.0/24"}
	})
	for forwarded, want := range map[string]int{
		"203.0.113.5": http.StatusOK, "203.0.114.5": http.StatusForbidden, "203.0.113.5, 198.51.100.1": http.StatusForbidden, "": http.StatusForbidden,
	} {
		r := signed(t, "checkout", checkoutSecret, anOrder)
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		a := s.send(r)
		assert.Equal(t, want, a.status, forwarded)
		if want != http.StatusOK {
			assert.JSONEq(t, `{"error":"not_allowed"}`, a.body)
		}
	}
	assert.InDelta(t, 3, s.counted("orderflow_webhooks_total", notAllowed, "checkout"), 0)
	assert.NotContains(t, s.log.String(), "198.51.100.1", "an address is told to nobody")
}
