package shippo

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

const (
	secret = "hush"
	token  = "token:a-long-token"
	body   = `{"event":"track_updated"}`
	hook   = "https://hooks.example.com/webhooks/shippo"
)

var now = time.Unix(1772366400, 0)

func mac(stamp, secret, body string) string {
	return hex.EncodeToString(source.HMAC([]byte(secret), []byte(stamp+"."+body)))
}

func request(url, body string, signatures ...string) source.Request {
	r := source.Request{URL: url, Header: http.Header{}, Body: []byte(body), ReceivedAt: now}
	for _, s := range signatures {
		r.Header.Add("shippo-auth-signature", s)
	}
	return r
}

func TestVerifyASignature(t *testing.T) {
	t.Parallel()
	at := func(by time.Duration) string {
		stamp := fmt.Sprint(now.Add(by).Unix())
		return "t=" + stamp + ",v1=" + mac(stamp, secret, body)
	}
	good, stamp := at(0), fmt.Sprint(now.Unix())
	// openssl dgst -sha256 -hmac hush over 1772366400.{"event":"track_updated"}
	assert.Equal(t, "6225791984170d98b4e24a8effe1e0ff6780050cbe42217a7f24b48bc8b9dbce", mac(stamp, secret, body))
	for name, c := range map[string]struct {
		r       source.Request
		secrets []string
		want    source.Code
	}{
		"good":                         {request(hook, body, good), []string{secret}, ""},
		"two secrets, the second":      {request(hook, body, good), []string{"other", secret}, ""},
		"two signatures, the last":     {request(hook, body, "t="+stamp+",v1="+mac(stamp, "other", body)+",v1="+mac(stamp, secret, body)), []string{secret}, ""},
		"blanks, another version":      {request(hook, body, "t="+stamp+", v1="+strings.ToUpper(mac(stamp, secret, body))+", v2=00"), []string{secret}, ""},
		"beside a token that is wrong": {request(hook+"?token=b-long-token", body, good), []string{token, secret}, ""},
		"five minutes old":             {request(hook, body, at(-source.Tolerance)), []string{secret}, ""},
		"five minutes early":           {request(hook, body, at(source.Tolerance)), []string{secret}, ""},
		"too old":                      {request(hook, body, at(-source.Tolerance-time.Second)), []string{secret}, source.TooOld},
		"from the future":              {request(hook, body, at(source.Tolerance+time.Second)), []string{secret}, source.FromFuture},
		"old and forged":               {request(hook, body+" ", at(-time.Hour)), []string{secret}, source.BadSignature},
		"a byte changed":               {request(hook, body+"\n", good), []string{secret}, source.BadSignature},
		"another secret":               {request(hook, body, good), []string{"other"}, source.BadSignature},
		"an empty secret":              {request(hook, body, "t="+stamp+",v1="+mac(stamp, "", body)), []string{""}, source.BadSignature},
		"a token is no key":            {request(hook, body, "t="+stamp+",v1="+mac(stamp, "a-long-token", body)), []string{token}, source.NotSigned},
		"a key is no token":            {request(hook+"?token="+secret, body), []string{secret}, source.NotSigned},
		"two times":                    {request(hook, body, "t=1,"+good), []string{secret}, source.Malformed},
		"a time with a plus":           {request(hook, body, "t=+"+stamp+",v1="+mac("+"+stamp, secret, body)), []string{secret}, source.Malformed},
		"a time with a zero before it": {request(hook, body, "t=0"+stamp+",v1="+mac("0"+stamp, secret, body)), []string{secret}, source.Malformed},
		"no time":                      {request(hook, body, "v1="+mac(stamp, secret, body)), []string{secret}, source.Malformed},
		"no signature":                 {request(hook, body, "t="+stamp), []string{secret}, source.Malformed},
		"no hex":                       {request(hook, body, "t="+stamp+",v1=zz"), []string{secret}, source.Malformed},
		"twice":                        {request(hook, body, good, good), []string{secret}, source.Malformed},
		"nothing":                      {request(hook, body), []string{secret}, source.NotSigned},
		"no secret":                    {request(hook, body, good), nil, source.NotSigned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scantest.Refused(t, c.want, New().Verify(c.r, source.Account{Secrets: c.secrets}))
		})
	}
}

func TestVerifyAToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url     string
		secrets []string
		want    source.Code
	}{
		"good":                    {hook + "?token=a-long-token", []string{token}, ""},
		"two secrets, the second": {hook + "?token=a-long-token", []string{"token:b-long-token", token}, ""},
		"beside another one":      {hook + "?a=1&token=a-long-token#x", []string{token}, ""},
		"escaped":                 {hook + "?token=a%2Dlong%2Dtoken", []string{token}, ""},
		"another":                 {hook + "?token=a-long-tokem", []string{token}, source.BadSignature},
		"longer":                  {hook + "?token=a-long-token1", []string{token}, source.BadSignature},
		"with its prefix":         {hook + "?token=token:a-long-token", []string{token}, source.BadSignature},
		"in capitals":             {hook + "?Token=a-long-token", []string{token}, source.NotSigned},
		"twice":                   {hook + "?token=a-long-token&token=a-long-token", []string{token}, source.Malformed},
		"empty":                   {hook + "?token=", []string{"token:"}, source.NotSigned},
		"none":                    {hook, []string{token}, source.NotSigned},
		"a broken query":          {hook + "?token=a-long-token&%zz", []string{token}, source.Malformed},
		"no URL":                  {"://", []string{token}, source.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := New().Verify(request(c.url, body), source.Account{Secrets: c.secrets})
			scantest.Refused(t, c.want, err)
			if err != nil {
				assert.NotContains(t, err.Error(), "long", "what stands in a URL is not told")
			}
		})
	}
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	h, err := New().Sign([]byte(body), source.Signing{Secret: secret, At: now})
	require.NoError(t, err)
	r := source.Request{Header: h, Body: []byte(body), ReceivedAt: now}
	require.NoError(t, New().Verify(r, source.Account{Secrets: []string{secret}}))

	_, err = New().Sign([]byte(body), source.Signing{Secret: token, At: now, URL: hook})
	require.ErrorContains(t, err, "?token=")
	h, err = New().Sign([]byte(body), source.Signing{Secret: token, At: now, URL: hook + "?token=a-long-token"})
	require.NoError(t, err)
	r = source.Request{URL: hook + "?token=a-long-token", Header: h, Body: []byte(body), ReceivedAt: now}
	require.NoError(t, New().Verify(r, source.Account{Secrets: []string{token}}))

	for _, bad := range []string{"", " ", "token:", "token:short"} {
		_, err = New().Sign([]byte(body), source.Signing{Secret: bad, At: now})
		require.Error(t, err, bad)
	}
}
