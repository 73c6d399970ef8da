package usps

import (
	"encoding/base64"
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
	secret = "0123456789abcdef0123456789abcdef"
	body   = `{"timestamp":"2026-07-23T14:32:00Z","payload":"{\"trackingNumber\":\"9400\",\"status\":\"Delivered\"}"}`
	signed = `2026-07-23T14:32:00Z{"trackingNumber":"9400","status":"Delivered"}`
	// openssl dgst -sha256 -hmac of what is signed, in base64.
	macOfBody = "K1sQ4znfko0KjOShfav2FxeD/z6HGsAqpAg9H8Y3Cnw="
)

func request(body, name string, signatures ...string) source.Request {
	r := source.Request{Header: http.Header{}, Body: []byte(body), ReceivedAt: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, s := range signatures {
		r.Header.Add(name, s)
	}
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	whole := base64.StdEncoding.EncodeToString(source.HMAC([]byte(secret), []byte(body)))
	for name, c := range map[string]struct {
		r       source.Request
		secrets []string
		want    source.Code
	}{
		"good, and half a year old":       {request(body, "X-HMAC", macOfBody), []string{secret}, ""},
		"under its other name":            {request(body, "HMAC-Header", macOfBody), []string{secret}, ""},
		"two secrets, the second":         {request(body, "x-hmac", macOfBody), []string{"other", secret}, ""},
		"blanks around it":                {request(body, "x-hmac", " "+macOfBody+" "), []string{secret}, ""},
		"escaped otherwise":               {request(strings.Replace(body, "Delivered", `\u0044elivered`, 1), "x-hmac", macOfBody), []string{secret}, ""},
		"fields in another order":         {request(`{"links":[1],"payload":"{\"trackingNumber\":\"9400\",\"status\":\"Delivered\"}", "timestamp":"2026-07-23T14:32:00Z"}`+"\n", "x-hmac", macOfBody), []string{secret}, ""},
		"the payload changed":             {request(strings.Replace(body, "9400", "9401", 1), "x-hmac", macOfBody), []string{secret}, source.BadSignature},
		"the timestamp changed":           {request(strings.Replace(body, ":00Z", ":01Z", 1), "x-hmac", macOfBody), []string{secret}, source.BadSignature},
		"the payload said twice":          {request(strings.Replace(body, `{"timestamp"`, `{"payload":"{}","timestamp"`, 1), "x-hmac", macOfBody), []string{secret}, ""},
		"and the other one last":          {request(strings.Replace(body, `"}`+"\"}", `"}`+"\",\"PAYLOAD\":\"{}\"}", 1), "x-hmac", macOfBody), []string{secret}, source.BadSignature},
		"the whole body was signed":       {request(body, "x-hmac", whole), []string{secret}, source.BadSignature},
		"another secret":                  {request(body, "x-hmac", macOfBody), []string{"other"}, source.BadSignature},
		"no secret":                       {request(body, "x-hmac", macOfBody), nil, source.BadSignature},
		"an empty secret":                 {request(body, "x-hmac", base64.StdEncoding.EncodeToString(source.HMAC(nil, []byte(signed)))), []string{""}, source.BadSignature},
		"base64 without padding":          {request(body, "x-hmac", strings.TrimRight(macOfBody, "=")), []string{secret}, source.Malformed},
		"half of it":                      {request(body, "x-hmac", "AAAA"), []string{secret}, source.Malformed},
		"twice":                           {request(body, "x-hmac", macOfBody, macOfBody), []string{secret}, source.Malformed},
		"no JSON":                         {request("{", "x-hmac", macOfBody), []string{secret}, source.Malformed},
		"something behind it":             {request(body+"{}", "x-hmac", macOfBody), []string{secret}, source.Malformed},
		"a payload that is no text":       {request(`{"timestamp":"2026-07-23T14:32:00Z","payload":{"trackingNumber":"9400"}}`, "x-hmac", macOfBody), []string{secret}, source.Malformed},
		"a payload that is taken back":    {request(strings.Replace(body, `"}`+"\"}", `"}`+"\",\"payload\":null}", 1), "x-hmac", macOfBody), []string{secret}, source.Malformed},
		"a payload by itself":             {request(`{"trackingNumber":"9400","status":"Delivered"}`, "x-hmac", macOfBody), []string{secret}, source.Malformed},
		"no timestamp":                    {request(`{"payload":"{}"}`, "x-hmac", base64.StdEncoding.EncodeToString(source.HMAC([]byte(secret), []byte("{}")))), []string{secret}, source.Malformed},
		"a subscription without a secret": {request(body, "x-hmac"), []string{secret}, source.NotSigned},
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
	assert.Equal(t, macOfBody, h.Get(header))
	require.NoError(t, New().Verify(source.Request{Header: h, Body: []byte(body)}, source.Account{Secrets: []string{secret}}))
	_, err = New().Sign([]byte(body), source.Signing{Secret: " "})
	require.Error(t, err)
	_, err = New().Sign([]byte(`{"trackingNumber":"9400"}`), source.Signing{Secret: secret})
	require.ErrorContains(t, err, "payload")
	require.Error(t, New().CheckSecret(""))
}
