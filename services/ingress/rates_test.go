package ingress

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNoRateIsNoLimit(t *testing.T) {
	t.Parallel()
	require.Nil(t, newRates(0))
	require.NotNil(t, newRates(1))
}

// failing is a limiter whose memory is gone.
type failing struct{}

func (failing) Wait(string, time.Time) time.Duration { panic("gone") }

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
