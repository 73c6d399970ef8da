package web

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRates(t *testing.T) {
	t.Parallel()
	l := NewRates(2, 2, 10)
	now := time.Unix(1772366400, 0)
	assert.Zero(t, l.Wait("a", now))
	assert.Zero(t, l.Wait("a", now))
	assert.Equal(t, time.Second/2, l.Wait("a", now))
	assert.Equal(t, time.Second/2, l.Wait("a", now), "who is turned away waits no longer for it")
	assert.Zero(t, l.Wait("b", now))
	assert.Zero(t, l.Wait("a", now.Add(time.Second/2)))
}

func TestRatesRememberABoundedNumber(t *testing.T) {
	t.Parallel()
	l := NewRates(1, 1, 100)
	now := time.Unix(1772366400, 0)
	assert.Zero(t, l.Wait("who calls often", now))
	for n := range 1000 {
		assert.Zero(t, l.Wait(strconv.Itoa(n), now))
		assert.Positive(t, l.Wait("who calls often", now), "it is not forgotten as long as it calls")
		require.LessOrEqual(t, len(l.young)+len(l.old), 200)
	}
}

func TestAnIPv6NetworkIsOneCaller(t *testing.T) {
	t.Parallel()
	key := func(a string) string { return AddressKey(netip.MustParseAddr(a)) }
	assert.Equal(t, key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"))
	assert.NotEqual(t, key("2001:db8:1:2::1"), key("2001:db8:1:3::1"))
	assert.NotEqual(t, key("203.0.113.1"), key("203.0.113.2"))
	assert.Equal(t, key("203.0.113.1"), key("::ffff:203.0.113.1"), "written as IPv6")
	assert.Equal(t, key("fe80::1"), key("fe80::1%eth0"))
	assert.NotEmpty(t, AddressKey(netip.Addr{}))
}
