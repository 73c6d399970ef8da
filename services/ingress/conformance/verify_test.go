package conformance_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// refused is why a request is not let in. Whatever the reason, it repeats no secret.
func refused(t require.TestingT, s subject, err error, what string) source.Code {
	var why *source.Refused
	require.ErrorAs(t, err, &why, what)
	assert.NotEmpty(t, why.Detail, what)
	for _, secret := range []string{s.secret, s.signs, s.other} {
		assert.NotContains(t, why.Detail, secret, what)
	}
	return why.Code
}

func letsIn(t tester, s subject) {
	require.NotEqual(t, s.secret, s.other)
	require.NoError(t, s.Verify(s.request(t), s.account(s.secret)))
	require.NoError(t, s.CheckSecret(s.secret))
	require.NoError(t, s.CheckSecret(s.other))
}

func rotates(t tester, s subject) {
	for _, secrets := range [][]string{{s.secret, s.other}, {s.other, s.secret}, {s.other, "", s.secret}} {
		require.NoError(t, s.Verify(s.request(t), s.account(secrets...)))
	}
}

func keepsOut(t tester, s subject) {
	assert.Equal(t, source.BadSignature, refused(t, s, s.Verify(s.request(t), s.account(s.other)), "another secret"))
	refused(t, s, s.Verify(s.request(t), s.account()), "no secret")
	refused(t, s, s.Verify(s.request(t), s.account("")), "an empty secret")
	for _, secret := range []string{"", " ", "\t"} {
		require.Error(t, s.CheckSecret(secret), "an empty secret is taken for one")
	}
}

func seesChanges(t tester, s subject) {
	if s.bearer {
		return // its body is not signed
	}
	r := s.request(t)
	body := string(r.Body)
	var changed []string
	for _, f := range s.fields {
		require.Contains(t, body, f[0])
		changed = append(changed, strings.Replace(body, f[0], f[1], 1))
	}
	if len(s.fields) == 0 {
		middle := []byte(body)
		middle[len(middle)/2] ^= 1
		changed = append(changed, body+"\n", body+" ", body[:len(body)-1], " "+body, string(middle), strings.Replace(body, "1", "2", 1), "", "{}", "\xef\xbb\xbf"+body)
	}
	for _, other := range changed {
		require.NotEqual(t, body, other)
		r.Body = []byte(other)
		refused(t, s, s.Verify(r, s.account(s.secret)), other)
	}
}

func readsHeadersOnce(t tester, s subject) {
	r, a := s.request(t), s.account(s.secret)
	for _, name := range s.headers() {
		value := r.Header.Get(name)
		require.NotEmpty(t, value, name)
		assert.Equal(t, source.NotSigned, refused(t, s, s.Verify(with(r, name), a), name), "without "+name)
		assert.Equal(t, source.NotSigned, refused(t, s, s.Verify(with(r, name, ""), a), name), name+" empty")
		assert.Equal(t, source.NotSigned, refused(t, s, s.Verify(with(r, name, "  "), a), name), name+" blank")
		assert.Equal(t, source.Malformed, refused(t, s, s.Verify(with(r, name, value, value), a), name), name+" twice")
		assert.Equal(t, source.Malformed, refused(t, s, s.Verify(with(r, name, "x", value), a), name), name+" twice, the second good")
		assert.Equal(t, source.Malformed, refused(t, s, s.Verify(with(r, name, value+strings.Repeat("x", 9<<10)), a), name), name+" of 9 KiB")
		for _, odd := range []string{"\xff\xfe", "é", "\x00", value + "\x00", "%s", strings.Repeat(",", 1000), strings.Repeat("=", 1000)} {
			refused(t, s, s.Verify(with(r, name, odd), a), name+": "+odd)
		}
	}
	for _, name := range s.headers() { // names of headers have no case
		lower := r
		lower.Header = http.Header{}
		for key, values := range r.Header {
			for _, v := range values {
				lower.Header.Add(strings.ToLower(key), v)
			}
		}
		require.NoError(t, s.Verify(lower, a), name)
	}
}

// digest is the signature in its header.
var digest = regexp.MustCompile(`[A-Za-z0-9+/]{27,}={0,2}`)

// A signature is spelt as its sender spells it: what a lenient decoder takes for the same is another one.
func readsOneSpelling(t tester, s subject) {
	if s.bearer || s.signature == "" {
		return // it has no signature in a header
	}
	r, a := s.request(t), s.account(s.secret)
	header := r.Header.Get(s.signature)
	spelt := digest.FindAllString(header, -1)
	require.NotEmpty(t, spelt, header)
	good := spelt[len(spelt)-1]
	var others []string
	switch s.spelling {
	case base64Spelt:
		raw, err := base64.StdEncoding.DecodeString(good)
		require.NoError(t, err)
		others = []string{
			hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), base64.RawStdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw),
			good + "=", good[:10] + "\n" + good[10:], good[:10] + " " + good[10:], strings.ToLower(good), "=" + good, base64.StdEncoding.EncodeToString([]byte(good)),
			base64.StdEncoding.EncodeToString(raw[:len(raw)-1]), base64.StdEncoding.EncodeToString(append(raw, 0)), loose(good),
		}
	case bothSpelt:
		others = []string{strings.TrimRight(good, "="), good + "=", good[:10] + "\n" + good[10:], strings.ToLower(good), "=" + good, loose(good)}
	case hexSpelt:
		raw, err := hex.DecodeString(good)
		require.NoError(t, err)
		others = []string{base64.StdEncoding.EncodeToString(raw), good[1:], good + "0", good + "00", "0x" + good, good[:len(good)-2], good[:10] + " " + good[10:], "g" + good[1:]}
	default:
		require.Failf(t, "no spelling", "the sample of %s has no spelling", s.Name())
	}
	for _, other := range others {
		if other != good {
			refused(t, s, s.Verify(with(r, s.signature, strings.Replace(header, good, other, 1)), a), other)
		}
	}
}

// loose is base64 with bits in its last character that stand for nothing.
func loose(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	bare := strings.TrimRight(text, "=")
	if bare == text {
		return text
	}
	last := strings.IndexByte(alphabet, bare[len(bare)-1])
	return bare[:len(bare)-1] + string(alphabet[last|1]) + text[len(bare):]
}

func looksAtTheClock(t tester, s subject) {
	if s.lasts == 0 {
		return
	}
	r, a := s.request(t), s.account(s.secret)
	for after, want := range map[time.Duration]source.Code{
		s.lasts: "", -source.Tolerance: "", s.lasts + time.Second: source.TooOld, -source.Tolerance - time.Second: source.FromFuture,
	} {
		r.ReceivedAt = now.Add(after)
		err := s.Verify(r, a)
		if want == "" {
			require.NoError(t, err, after)
			continue
		}
		assert.Equal(t, want, refused(t, s, err, after.String()), after)
	}
}

// What was signed for one source opens the door of no other.
func TestAnotherSourcesDeliveryIsRefused(t *testing.T) {
	t.Parallel()
	all := subjects(t)
	for _, from := range all {
		r := from.request(t)
		for _, to := range all {
			if from.Name() == to.Name() {
				continue
			}
			r.URL, r.Certificate = to.url, to.certificate
			refused(t, to, to.Verify(r, to.account(to.secret)), from.Name()+" to "+to.Name())
		}
	}
}

// Whatever stands in the headers, a source says no and does not panic.
func TestNoHeaderPanics(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			names := s.headers()
			if len(names) == 0 {
				t.Skip("it needs no header")
			}
			rapid.Check(t, func(t *rapid.T) {
				h := http.Header{}
				for _, name := range names {
					h[http.CanonicalHeaderKey(name)] = rapid.SliceOfN(rapid.String(), 0, 2).Draw(t, name)
				}
				r := source.Request{URL: s.url, Header: h, Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"), ReceivedAt: now, Certificate: s.certificate}
				refused(t, s, s.Verify(r, s.account(s.secret)), "random headers")
				if c, ok := s.Source.(source.Certified); ok {
					_, err := c.CertificateURL(r, s.account(s.secret))
					refused(t, s, err, "random headers")
				}
			})
		})
	}
}
