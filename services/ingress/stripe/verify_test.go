package stripe

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	secret = "whsec_test_secret"
	second = "whsec_test_second"
	body   = `{"id": "evt_test_webhook"}`
)

// mac is a signature, worked out without the library under test: HMAC-SHA256 over "t.body" under the whole secret.
func mac(at, secret, body string) string {
	return hex.EncodeToString(source.HMAC([]byte(secret), []byte(at+"."+body)))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	stamp := fmt.Sprint(now.Unix())
	good := "t=" + stamp + ",v1=" + mac(stamp, secret, body)
	shifted := func(by time.Duration) string {
		s := fmt.Sprint(now.Add(by).Unix())
		return "t=" + s + ",v1=" + mac(s, secret, body)
	}
	long := strings.Repeat("x", 9<<10)
	for name, c := range map[string]struct {
		header  string
		body    string
		secrets []string
		want    source.Code
	}{
		"good":                             {good, body, []string{secret}, ""},
		"two secrets, the second":          {good, body, []string{second, secret}, ""},
		"two signatures, the first":        {good + ",v1=" + mac(stamp, second, body), body, []string{secret}, ""},
		"two signatures, the last":         {"t=" + stamp + ",v1=" + mac(stamp, second, body) + ",v1=" + mac(stamp, secret, body), body, []string{secret}, ""},
		"bad hex beside a good one":        {"t=" + stamp + ",v1=zz,v1=" + mac(stamp, secret, body), body, []string{secret}, ""},
		"a v0 beside it":                   {good + ",v0=" + mac(stamp, second, body), body, []string{secret}, ""},
		"upper case hex":                   {"t=" + stamp + ",v1=" + strings.ToUpper(mac(stamp, secret, body)), body, []string{secret}, ""},
		"the time last":                    {"v1=" + mac(stamp, secret, body) + ",t=" + stamp, body, []string{secret}, ""},
		"five minutes old":                 {shifted(-source.Tolerance), body, []string{secret}, ""},
		"five minutes early":               {shifted(source.Tolerance), body, []string{secret}, ""},
		"too old":                          {shifted(-source.Tolerance - time.Second), body, []string{secret}, source.TooOld},
		"from the future":                  {shifted(source.Tolerance + time.Second), body, []string{secret}, source.FromFuture},
		"old and forged":                   {shifted(-time.Hour), body + " ", []string{secret}, source.BadSignature},
		"a byte changed":                   {good, strings.Replace(body, "test", "tesT", 1), []string{secret}, source.BadSignature},
		"a line end appended":              {good, body + "\n", []string{secret}, source.BadSignature},
		"truncated":                        {good, body[1:], []string{secret}, source.BadSignature},
		"another secret":                   {good, body, []string{second}, source.BadSignature},
		"no secret":                        {good, body, nil, source.BadSignature},
		"an empty secret":                  {"t=" + stamp + ",v1=" + mac(stamp, "", body), body, []string{""}, source.BadSignature},
		"another time":                     {strings.Replace(good, stamp, fmt.Sprint(now.Unix()+1), 1), body, []string{secret}, source.BadSignature},
		"the body alone was signed":        {"t=" + stamp + ",v1=" + hex.EncodeToString(source.HMAC([]byte(secret), []byte(body))), body, []string{secret}, source.BadSignature},
		"only a v0":                        {"t=" + stamp + ",v0=" + mac(stamp, secret, body), body, []string{secret}, source.Malformed},
		"no v1":                            {"t=" + stamp, body, []string{secret}, source.Malformed},
		"no time":                          {"v1=" + mac(stamp, secret, body), body, []string{secret}, source.Malformed},
		"two times":                        {"t=1," + good, body, []string{secret}, source.Malformed},
		"a time in words":                  {"t=now,v1=" + mac("now", secret, body), body, []string{secret}, source.Malformed},
		"a time with a plus":               {"t=+" + stamp + ",v1=" + mac(stamp, secret, body), body, []string{secret}, source.Malformed},
		"a time with a zero before it":     {"t=0" + stamp + ",v1=" + mac(stamp, secret, body), body, []string{secret}, source.Malformed},
		"a time before 1970":               {"t=-" + stamp + ",v1=" + mac("-"+stamp, secret, body), body, []string{secret}, source.Malformed},
		"a time of 2^63":                   {"t=9223372036854775808,v1=00", body, []string{secret}, source.Malformed},
		"milliseconds":                     {"t=" + stamp + "000,v1=" + mac(stamp+"000", secret, body), body, []string{secret}, source.Malformed},
		"a value with an equals sign":      {good + ",v1=a=b", body, []string{secret}, source.Malformed},
		"words":                            {"signed, promise", body, []string{secret}, source.Malformed},
		"longer than any":                  {long, body, []string{secret}, source.Malformed},
		"nothing":                          {" ", body, []string{secret}, source.NotSigned},
		"blanks after commas hide what v1": {strings.ReplaceAll(good, ",", ", "), body, []string{secret}, source.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := source.Request{Header: http.Header{}, Body: []byte(c.body), ReceivedAt: now}
			r.Header.Set("stripe-signature", c.header)
			requireCode(t, c.want, New().Verify(r, source.Account{Secrets: c.secrets}))
		})
	}
	twice := source.Request{Header: http.Header{"Stripe-Signature": {good, good}}, Body: []byte(body), ReceivedAt: now}
	requireCode(t, source.Malformed, New().Verify(twice, source.Account{Secrets: []string{secret}}))
	requireCode(t, source.NotSigned, New().Verify(source.Request{Body: []byte(body), ReceivedAt: now}, source.Account{Secrets: []string{secret}}))
}

func requireCode(t *testing.T, want source.Code, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Code, refused.Detail)
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	h, err := New().Sign([]byte(body), source.Signing{Secret: secret, At: now})
	require.NoError(t, err)
	r := source.Request{Header: h, Body: []byte(body), ReceivedAt: now}
	require.NoError(t, New().Verify(r, source.Account{Secrets: []string{secret}}))
	_, err = New().Sign([]byte(body), source.Signing{Secret: " ", At: now})
	require.Error(t, err)
}
