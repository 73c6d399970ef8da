package checklist_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// rawBody: what is signed are bytes, and bytes are kept.
func rawBody(t tester, b bench) {
	body := b.body(fresh())
	inside := func(member string) string { return "{" + member + "," + body[1:] }
	for what, changed := range map[string]string{
		"pretty":            strings.Replace(body, "{", "{\n  ", 1) + "\n",
		"newlines behind":   body + "\r\n\n",
		"blanks before":     " \t\n" + body,
		"byte order mark":   "\xef\xbb\xbf" + body,
		"escaped slash":     inside(`"note":"a\/b"`),
		"escapes":           inside(`"note":"\u0026\u2028\u003c"`),
		"raw separators":    inside("\"note\":\"\u2028\u2029\""),
		"emoji":             inside(`"note":"😀 e` + "\u0301" + `"`),
		"invalid UTF-8":     inside("\"note\":\"\xff\xfe\""),
		"a key twice":       inside(`"note":1,"note":2`),
		"numbers":           inside(`"note":[1.0,1e2,-0,18446744073709551616]`),
		"NUL":               body + "\x00",
		"nothing":           "",
		"an empty object":   "{}",
		"no JSON":           "hello " + body,
		"looks like a form": "a=1&b=%7B%7D&id=" + fresh(),
	} {
		b.lets(t, b.signed(changed), what)
	}
}

// changedBody: one byte is enough.
func changedBody(t tester, b bench) {
	d := b.plain()
	flip := func(n int) string {
		bytes := []byte(d.body)
		bytes[n] ^= 1
		return string(bytes)
	}
	for what, body := range map[string]string{
		"the first": flip(0), "one in the middle": flip(len(d.body) / 2), "the last": flip(len(d.body) - 1), "one less": d.body[:len(d.body)-1], "half": d.body[:len(d.body)/2],
		"none": "", "a newline more": d.body + "\n", "a blank more": d.body + " ", "a blank before": " " + d.body, "twice": d.body + d.body, "NUL": d.body + "\x00",
		"a byte order mark": "\xef\xbb\xbf" + d.body, "other blanks": strings.Replace(d.body, ":", ": ", 1), "another escape": strings.Replace(d.body, "MUG", `M\u0055G`, 1) + " ",
	} {
		changed := d
		changed.body = body
		b.refuses(t, changed, what)
	}
	b.lets(t, d, "as it was")
}

func wrongSecrets(t tester, b bench) {
	id := fresh()
	for what, secret := range map[string]string{"another account's": b.other, "half of it": b.secret[:len(b.secret)/2], "none": ""} {
		b.refuses(t, b.at(secret, id, stamp(), b.body(id)), what)
	}
	b.refuses(t, b.with(id, stamp(), b.value(stamp(), b.spell(make([]byte, 32))), b.body(id)), "zeros")
	for _, secrets := range [][]string{{""}, {"   "}} {
		r, err := b.make(setup{scheme: b.scheme, secrets: secrets})
		if err == nil {
			r.stop()
		}
		require.Error(t, err, "it starts with an empty secret, which is everybody's")
	}
}

// oddSecrets: a secret is what it is, byte by byte.
func oddSecrets(t tester, b bench) {
	if len(b.odd) == 0 {
		return
	}
	own := b.own(t, setup{secrets: b.odd})
	defer own.stop()
	for _, secret := range b.odd {
		id := fresh()
		own.lets(t, own.at(secret, id, stamp(), own.body(id)), secret)
		if other := norm.NFKD.String(secret); b.keyed && other != secret {
			own.refuses(t, own.at(other, id, stamp(), own.body(id)), "it looks the same, and is not")
		}
	}
}

func severalSignatures(t tester, b bench) {
	id, body := fresh(), b.body(fresh())
	good, bad := b.sign(b.secret, id, stamp(), body), b.sign(b.other, id, stamp(), body)
	if b.fine != nil {
		for _, value := range b.fine(stamp(), good, bad) {
			b.lets(t, b.with(id, stamp(), value, body), value)
		}
	}
	if b.foul != nil {
		for _, value := range b.foul(stamp(), good, bad) {
			b.refuses(t, b.with(id, stamp(), value, body), value)
		}
	}
}

// clock: to the second, both ways, and the time is the text that was signed.
func clock(t tester, b bench) {
	if !b.timed {
		return
	}
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	id := fresh()
	body := b.body(id)
	for _, stamp := range []string{at(0), at(-tolerance), at(tolerance)} {
		b.lets(t, b.at(b.secret, fresh(), stamp, body), stamp)
	}
	for what, stamp := range map[string]string{
		"a second too old": at(-tolerance - time.Second), "a second too early": at(tolerance + time.Second), "a year old": at(-365 * 24 * time.Hour), "in a year": at(365 * 24 * time.Hour),
		"milliseconds": strconv.FormatInt(now.UnixMilli(), 10), "1970": "0", "signed": "+" + at(0), "before 1970": "-1", "too large": "9223372036854775808", "a fraction": at(0) + ".0",
		"an exponent": "1772366400e0", "hexadecimal": "0x69a42d80", "a blank": " ", "a word": "now",
	} {
		b.refuses(t, b.at(b.secret, id, stamp, body), what)
	}
	// Who prints the number that was read anew verifies another text than was signed.
	for _, spelt := range []string{"+" + at(0), "0" + at(0), "00" + at(0)} {
		b.refuses(t, b.with(id, spelt, b.value(spelt, b.sign(b.secret, id, at(0), body)), body), "another text for the same time: "+spelt)
	}
	// What is old is told to be forged if it is.
	b.refuses(t, b.at(b.other, id, at(-time.Hour), body), "old and forged")
}

// rotation: any secret that is active signs, and no other; they change while it runs, under load.
func rotation(t tester, b bench) {
	third := strings.Replace(b.secret, "1", "3", 1)
	if b.ided { // base64
		third = "whsec_" + base64.StdEncoding.EncodeToString([]byte("checklist-of-the-checkout-3"))
	}
	own := b.own(t, setup{secrets: []string{b.secret, b.other}})
	defer own.stop()
	by := func(secret string) delivery {
		id := fresh()
		return own.at(secret, id, stamp(), own.body(id))
	}
	own.lets(t, by(b.secret), "the first")
	own.lets(t, by(b.other), "the second")
	own.refuses(t, by(third), "one that is not there yet")

	var stop atomic.Bool
	var load sync.WaitGroup
	var lost atomic.Int64
	for range 2 {
		load.Go(func() {
			for !stop.Load() {
				d := by(b.other)
				r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, own.url+d.path, strings.NewReader(d.body))
				if err != nil {
					lost.Add(1)
					return
				}
				r.Header = d.header
				response, err := client.Do(r)
				if err != nil {
					lost.Add(1)
					continue
				}
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					lost.Add(1)
				}
			}
		})
	}
	own.rotate(third, b.other)
	b.soon(t, func() bool { return own.post(t, by(third)).status == http.StatusOK }, "a new secret counts without a restart")
	stop.Store(true)
	load.Wait()
	assert.Zero(t, lost.Load(), "deliveries were refused while secrets changed")
	own.refuses(t, by(b.secret), "one that is gone")
	own.lets(t, by(b.other), "the one that stayed")
}

// spellings: what a lenient decoder takes for the same is another signature.
func spellings(t tester, b bench) {
	id := fresh()
	body := b.body(id)
	for n := 0; ; n++ { // one whose two alphabets differ
		mac := b.mac(b.secret, id, stamp(), body)
		if text := base64.StdEncoding.EncodeToString(mac); strings.ContainsAny(text, "+/") {
			break
		}
		require.Less(t, n, 1000)
		body += " "
	}
	mac := b.mac(b.secret, id, stamp(), body)
	good := b.spell(mac)
	others := []string{
		good[:10] + " " + good[10:], good[:10] + "\t" + good[10:], "sha256=" + good, "0x" + good, good + good, good[1:], "\"" + good + "\"", base64.StdEncoding.EncodeToString([]byte(good)), hex.EncodeToString([]byte(good)),
	}
	if good == hex.EncodeToString(mac) {
		others = append(others, base64.StdEncoding.EncodeToString(mac), good[:63], good+"0", good+"zz")
	} else {
		others = append(others, hex.EncodeToString(mac), base64.RawStdEncoding.EncodeToString(mac), base64.URLEncoding.EncodeToString(mac), good+"=", strings.ToLower(good))
	}
	for _, other := range others {
		b.refuses(t, b.with(id, stamp(), b.value(stamp(), other), body), other)
	}
	b.lets(t, b.with(id, stamp(), b.value(stamp(), good), body), "as it is spelt")
}

// headers: once, of a size, of ASCII; names have no case. Nothing in them makes a server stumble.
func headers(t tester, b bench) {
	d := b.plain()
	names := []string{b.header}
	if b.timed {
		for name := range b.rest("1", "1") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		good := d.header.Get(name)
		for what, values := range map[string][]string{
			"missing": nil, "empty": {""}, "blank": {"  "}, "twice": {good, good}, "a bad one first": {"x", good}, "a bad one behind": {good, "x"},
			"9 KiB": {good + strings.Repeat("x", 9<<10)}, "letters": {"é€"}, "commas": {strings.Repeat(",", 2000)}, "equals": {strings.Repeat("=", 2000)},
		} {
			b.refuses(t, d.set(name, values...), name+" "+what)
		}
		for what, value := range map[string]string{"no UTF-8": "\xff\xfe", "NUL": good + "\x00", "folded": good[:4] + "\r\n " + good[4:], "70 KiB": strings.Repeat("x", 70<<10)} {
			a := b.wire(t, d.set(name, value).raw("1.1", "Connection: close"))
			assert.True(t, a.status >= 400 && a.status < 500, "%s %s: %d", name, what, a.status)
		}
	}
	assert.Zero(t, b.times(d.body))
	lower := strings.Replace(d.raw("1.1", "Connection: close"), http.CanonicalHeaderKey(b.header), strings.ToLower(b.header), 1)
	assert.Equal(t, http.StatusOK, b.wire(t, lower).status, "lower case")
	upper := strings.Replace(d.raw("1.1", "Connection: close"), http.CanonicalHeaderKey(b.header), strings.ToUpper(b.header), 1)
	assert.Equal(t, http.StatusOK, b.wire(t, upper).status, "upper case")
	assert.Equal(t, 1, b.times(d.body))
}

// partsOfSignatures: whoever compares only as much as was sent lets in who sends nothing.
func partsOfSignatures(t tester, b bench) {
	id := fresh()
	body := b.body(id)
	mac := b.mac(b.secret, id, stamp(), body)
	for _, n := range []int{0, 1, 2, 3, 8, 16, 30, 31} {
		b.refuses(t, b.with(id, stamp(), b.value(stamp(), b.spell(mac[:n])), body), strconv.Itoa(n)+" bytes of it")
	}
	for _, n := range []int{0, 15, 31} {
		wrong := append([]byte(nil), mac...)
		wrong[n] ^= 1
		b.refuses(t, b.with(id, stamp(), b.value(stamp(), b.spell(wrong)), body), "one bit of it")
	}
	b.refuses(t, b.with(id, stamp(), b.value(stamp(), b.spell(append(mac, 0))), body), "a byte more")
}

// crossReplay: what was signed for one opens no other, and what is not there looks all the same.
func crossReplay(t tester, b bench) {
	for _, to := range schemes {
		d := b.plain()
		if to.name != b.name {
			d.path = "/webhooks/" + to.name
			d.header.Set(to.header, to.value(stamp(), b.sign(b.secret, d.header.Get("Webhook-Id"), stamp(), d.body)))
			b.refuses(t, d, "at "+to.name)
			id := fresh()
			forged := to.at(b.secret, id, stamp(), to.body(id))
			b.refuses(t, forged, to.name+" with the secret of "+b.name)
		}
	}
	d := b.plain()
	d.path += "/second"
	b.refuses(t, d, "at another account")
	id := fresh()
	second := b.at(b.other, id, stamp(), b.body(id))
	b.refuses(t, second, "another account's")
	second.path += "/second"
	b.lets(t, second, "another account's, there")
	var unknown []answer
	for _, path := range []string{"/webhooks/klarna", "/webhooks/" + b.name + "/third", "/webhooks/" + b.name + "/1", "/webhooks/klarna/second"} {
		d := b.plain()
		d.path = path
		unknown = append(unknown, b.post(t, d))
	}
	for _, a := range unknown {
		assert.Equal(t, http.StatusNotFound, a.status)
		assert.Equal(t, unknown[0].body, a.body)
	}
}
