package ingress

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhoCallsIsSaidByTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	trusted, err := parsePrefixes("INGRESS_TRUSTED_PROXIES", []string{"10.0.0.0/8", " 192.0.2.1", "fd00::/8"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		peer   string
		header http.Header
		tls    bool
		want   string // address scheme host
	}{
		"nobody in front":             {"203.0.113.9:4711", nil, false, "203.0.113.9 http called.example"},
		"nobody in front, TLS":        {"203.0.113.9:4711", nil, true, "203.0.113.9 https called.example"},
		"a stranger who says so":      {"203.0.113.9:4711", http.Header{"X-Forwarded-For": {"1.1.1.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil.example"}}, false, "203.0.113.9 http called.example"},
		"a proxy":                     {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"198.51.100.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"hooks.example:8443"}}, false, "198.51.100.7 https hooks.example:8443"},
		"a proxy that says nothing":   {"10.1.2.3:4711", nil, false, "10.1.2.3 http called.example"},
		"what the caller made up":     {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7"}}, false, "198.51.100.7 http called.example"},
		"two proxies":                 {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7, 192.0.2.1"}}, false, "198.51.100.7 http called.example"},
		"two proxies, two headers":    {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"198.51.100.7", "192.0.2.1"}}, false, "198.51.100.7 http called.example"},
		"proxies all the way":         {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"10.0.0.9, 10.0.0.8"}}, false, "10.0.0.9 http called.example"},
		"a hop that is no address":    {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"198.51.100.7, unknown, 10.0.0.8"}}, false, "10.0.0.8 http called.example"},
		"with ports":                  {"10.1.2.3:4711", http.Header{"X-Forwarded-For": {"198.51.100.7:1234"}}, false, "198.51.100.7 http called.example"},
		"IPv6 with a port":            {"[fd00::1]:4711", http.Header{"X-Forwarded-For": {"[2001:db8::1]:99"}}, false, "2001:db8::1 http called.example"},
		"IPv6 in brackets":            {"[fd00::1%eth0]:4711", http.Header{"X-Forwarded-For": {"[2001:db8::1]"}}, false, "2001:db8::1 http called.example"},
		"IPv4 in IPv6":                {"[::ffff:10.1.2.3]:4711", http.Header{"X-Forwarded-For": {"::ffff:198.51.100.7"}}, false, "198.51.100.7 http called.example"},
		"schemes of two, last counts": {"10.1.2.3:4711", http.Header{"X-Forwarded-Proto": {"http, HTTPS"}}, false, "10.1.2.3 https called.example"},
		"a scheme that is none":       {"10.1.2.3:4711", http.Header{"X-Forwarded-Proto": {"javascript"}}, false, "10.1.2.3 http called.example"},
		"a host that is none":         {"10.1.2.3:4711", http.Header{"X-Forwarded-Host": {"evil.example/path?"}}, false, "10.1.2.3 http called.example"},
	} {
		r := &http.Request{Host: "called.example", RemoteAddr: c.peer, Header: c.header}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		got := callerOf(r, trusted)
		assert.Equal(t, c.want, got.address.String()+" "+got.scheme+" "+got.host, name)
	}
	assert.Equal(t, caller{scheme: "http", host: "x"}, callerOf(&http.Request{Host: "x", RemoteAddr: "@"}, trusted), "a socket of this machine")
}

func TestRangesOfAddresses(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"", "10.0.0.0/33", "stripe.com", "10.0.0.*", "1.2.3"} {
		_, err := parsePrefixes("STRIPE_ALLOW", []string{"10.0.0.0/8", wrong})
		require.ErrorContains(t, err, "STRIPE_ALLOW: it holds what is no address", wrong)
	}
	all, err := parsePrefixes("X", []string{"203.0.113.7", "2001:db8::5/32", "::ffff:198.51.100.1"})
	require.NoError(t, err)
	for text, want := range map[string]bool{
		"203.0.113.7": true, "203.0.113.8": false, "2001:db8:1::1": true, "2001:db9::1": false, "198.51.100.1": true,
	} {
		assert.Equal(t, want, all.has(netip.MustParseAddr(text)), text)
	}
	assert.False(t, all.has(netip.Addr{}))
}

func FuzzCaller(f *testing.F) {
	trusted, err := parsePrefixes("X", []string{"10.0.0.0/8", "fd00::/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("10.0.0.1:1", "198.51.100.7, 10.0.0.2", "https", "hooks.example")
	f.Add("[fd00::1]:1", "[2001:db8::1]:99,,", "http,https", "[::1]:80")
	f.Add("203.0.113.9:4711", "1.1.1.1", "https", "evil.example")
	f.Fuzz(func(t *testing.T, peer, forwarded, proto, host string) {
		r := &http.Request{Host: "called.example", RemoteAddr: peer, Header: http.Header{
			"X-Forwarded-For": {forwarded}, "X-Forwarded-Proto": {proto}, "X-Forwarded-Host": {host},
		}}
		got := callerOf(r, trusted)
		from, err := netip.ParseAddrPort(peer)
		switch {
		case err != nil:
			require.False(t, got.address.IsValid())
		case !trusted.has(plain(from.Addr())):
			require.Equal(t, caller{plain(from.Addr()), "http", "called.example"}, got, "a stranger was believed")
		default:
			require.True(t, got.address.IsValid())
		}
		require.Contains(t, []string{"http", "https"}, got.scheme)
		require.NotContains(t, got.host, "/")
	})
}
