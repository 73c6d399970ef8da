package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// caller is who calls, and what was called: as the connection says, or as a proxy says that is trusted.
type caller struct {
	address      netip.Addr // the zero Addr where nobody can say
	scheme, host string
}

// callerOf looks at the connection first. What it comes from is believed about those before it only if it is a trusted
// proxy; X-Forwarded-For is read from its end, to the first address that is none. Of several hosts or schemes the last
// counts, which the nearest proxy wrote. Anybody may send these headers, so from others they mean nothing.
func callerOf(r *http.Request, trusted prefixes) caller {
	c := caller{scheme: "http", host: r.Host}
	if r.TLS != nil {
		c.scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c
	}
	c.address = plain(peer.Addr())
	if !trusted.has(c.address) {
		return c
	}
	if scheme := strings.ToLower(last(r.Header, "X-Forwarded-Proto")); scheme == "http" || scheme == "https" {
		c.scheme = scheme
	}
	if host := last(r.Header, "X-Forwarded-Host"); isHost(host) {
		c.host = host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n := len(hops) - 1; n >= 0 && trusted.has(c.address); n-- {
		before, ok := addressIn(strings.TrimSpace(hops[n]))
		if !ok {
			break // the nearest that can be read is all that is known
		}
		c.address = before
	}
	return c
}

// last is the last value of a header that may be a list, or have come several times.
func last(h http.Header, name string) string {
	values := strings.Split(strings.Join(h.Values(name), ","), ",")
	return strings.TrimSpace(values[len(values)-1])
}

// isHost says that a text is a host, perhaps with a port, and nothing else.
func isHost(text string) bool {
	u, err := url.Parse("//" + text)
	return err == nil && text != "" && u.Host == text
}

// addressIn reads an address, with or without a port.
func addressIn(text string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return plain(a), true
	}
	a, err := netip.ParseAddrPort(text)
	return plain(a.Addr()), err == nil
}

// plain is the one way in which an address is written.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// prefixes are ranges of addresses.
type prefixes []netip.Prefix

func (p prefixes) has(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

var errPrefix = errors.New("it holds what is no address and no range of addresses, such as 203.0.113.7 or 2001:db8::/32")

// parsePrefixes reads ranges of addresses, and single ones.
func parsePrefixes(setting string, list []string) (prefixes, error) {
	var all prefixes
	for _, text := range list {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				prefix = netip.PrefixFrom(plain(a), plain(a).BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", setting, errPrefix)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}
