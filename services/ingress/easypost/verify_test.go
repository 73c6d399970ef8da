package easypost

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

const (
	secret = "sécret" // as one rune; EasyPost signs with e and an accent
	body   = `{"id":"evt_1","description":"batch.created","weight":614.4}`
	// macOfBody is openssl's: the key 73 65 cc 81 63 72 65 74.
	macOfBody = "a341b0d7e0496a31d91935fb7294e772ba153796cb858c253dcd836737e20a4b"
)

func request(body string, signatures ...string) source.Request {
	r := source.Request{Header: http.Header{}, Body: []byte(body)}
	for _, s := range signatures {
		r.Header.Add("x-hmac-signature", s)
	}
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	raw := hex.EncodeToString(source.HMAC([]byte(secret), []byte(body))) // the key as it was typed
	for name, c := range map[string]struct {
		r       source.Request
		secrets []string
		want    source.Code
	}{
		"good":                       {request(body, scheme+macOfBody), []string{secret}, ""},
		"the secret decomposed":      {request(body, scheme+macOfBody), []string{"se\u0301cret"}, ""},
		"two secrets, the second":    {request(body, scheme+macOfBody), []string{"other", secret}, ""},
		"upper case hex":             {request(body, scheme+strings.ToUpper(macOfBody)), []string{secret}, ""},
		"blanks around it":           {request(body, " "+scheme+macOfBody+" "), []string{secret}, ""},
		"the key as it was typed":    {request(body, scheme+raw), []string{secret}, source.BadSignature},
		"another secret":             {request(body, scheme+macOfBody), []string{"other"}, source.BadSignature},
		"no secret":                  {request(body, scheme+macOfBody), nil, source.BadSignature},
		"an empty secret":            {request(body, scheme+hex.EncodeToString(source.HMAC(nil, []byte(body)))), []string{""}, source.BadSignature},
		"a line end appended":        {request(body+"\n", scheme+macOfBody), []string{secret}, source.BadSignature},
		"a number written otherwise": {request(strings.Replace(body, "614.4", "614.40", 1), scheme+macOfBody), []string{secret}, source.BadSignature},
		"half of it":                 {request(body, scheme+macOfBody[:32]), []string{secret}, source.BadSignature},
		"nothing behind the scheme":  {request(body, scheme), []string{secret}, source.BadSignature},
		"without the scheme":         {request(body, macOfBody), []string{secret}, source.Malformed},
		"the scheme twice":           {request(body, scheme+scheme+macOfBody), []string{secret}, source.Malformed},
		"no hex":                     {request(body, scheme+"zz"), []string{secret}, source.Malformed},
		"twice":                      {request(body, scheme+macOfBody, scheme+macOfBody), []string{secret}, source.Malformed},
		"longer than any":            {request(body, scheme+strings.Repeat("0", 9<<10)), []string{secret}, source.Malformed},
		"bytes that are no text":     {request(body, scheme+"\xff\x00"), []string{secret}, source.Malformed},
		"no header":                  {request(body), []string{secret}, source.NotSigned},
		"an empty header":            {request(body, " "), []string{secret}, source.NotSigned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scantest.Refused(t, c.want, New().Verify(c.r, source.Account{Secrets: c.secrets}))
		})
	}
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	h, err := New().Sign([]byte(body), source.Signing{Secret: secret})
	require.NoError(t, err)
	assert.Equal(t, scheme+macOfBody, h.Get(header))
	require.NoError(t, New().Verify(source.Request{Header: h, Body: []byte(body)}, source.Account{Secrets: []string{secret}}))
	_, err = New().Sign([]byte(body), source.Signing{Secret: " "})
	require.Error(t, err)
	require.Error(t, New().CheckSecret(""))
	require.NoError(t, New().CheckSecret(secret))
}
