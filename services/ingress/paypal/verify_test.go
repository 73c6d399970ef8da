package paypal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
)

const (
	webhook     = "1JE50Z90C7278043W"
	another     = "9XL90610J3647323C"
	body        = `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.PENDING"}`
	sandboxName = "messageverificationcerts.sandbox.paypal.com"
	liveName    = "messageverificationcerts.paypal.com"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ours(tb testing.TB) *x509.Certificate {
	tb.Helper()
	return certtest.Certificate(tb, now, sandboxName, nil, certtest.Key().Public(), certtest.Key())
}

// delivery is a good one, changed.
func delivery(t *testing.T, change ...func(*source.Request)) source.Request {
	t.Helper()
	h, err := New().Sign([]byte(body), source.Signing{Secret: webhook + "\n" + certtest.KeyPEM(), At: now})
	require.NoError(t, err)
	r := source.Request{Header: h, Body: []byte(body), ReceivedAt: now, Certificate: ours(t)}
	for _, c := range change {
		c(&r)
	}
	return r
}

func set(name string, values ...string) func(*source.Request) {
	return func(r *source.Request) { r.Header[name] = values }
}
func drop(name string) func(*source.Request) { return func(r *source.Request) { r.Header.Del(name) } }
func at(after time.Duration) func(*source.Request) {
	return func(r *source.Request) { r.ReceivedAt = now.Add(after) }
}

func issued(c *x509.Certificate) func(*source.Request) {
	return func(r *source.Request) { r.Certificate = c }
}

func TestVerify(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good := []string{webhook}
	live := set(headerCert, "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77")
	for name, c := range map[string]struct {
		request source.Request
		secrets []string
		want    source.Code
	}{
		"good":                          {delivery(t), good, ""},
		"two webhooks, the second":      {delivery(t), []string{another, webhook}, ""},
		"a webhook with its key":        {delivery(t), []string{webhook + "\n" + certtest.KeyPEM()}, ""},
		"three days old":                {delivery(t, at(retried+source.Tolerance)), good, ""},
		"five minutes early":            {delivery(t, at(-source.Tolerance)), good, ""},
		"named as an alternative":       {delivery(t, issued(certtest.Certificate(t, now, "", []string{sandboxName}, certtest.Key().Public(), certtest.Key()))), good, ""},
		"of the live side":              {delivery(t, live, issued(certtest.Certificate(t, now, liveName, nil, certtest.Key().Public(), certtest.Key()))), good, ""},
		"older than PayPal comes again": {delivery(t, at(retried+source.Tolerance+time.Second)), good, source.TooOld},
		"from the future":               {delivery(t, at(-source.Tolerance-time.Second)), good, source.FromFuture},
		"old and forged":                {delivery(t, at(100*time.Hour), set(headerID, "x")), good, source.BadSignature},
		"a byte changed":                {delivery(t, func(r *source.Request) { r.Body = []byte(strings.Replace(body, "WH-1", "WH-2", 1)) }), good, source.BadSignature},
		"a byte appended":               {delivery(t, func(r *source.Request) { r.Body = []byte(body + "\n") }), good, source.BadSignature},
		"another webhook":               {delivery(t), []string{another}, source.BadSignature},
		"no webhook":                    {delivery(t), nil, source.BadSignature},
		"an empty one":                  {delivery(t), []string{""}, source.BadSignature},
		"another id":                    {delivery(t, set(headerID, "another")), good, source.BadSignature},
		"another time":                  {delivery(t, set(headerTime, "2026-03-01T12:00:01Z")), good, source.BadSignature},
		"the same time spelt otherwise": {delivery(t, set(headerTime, "2026-03-01T13:00:00+01:00")), good, source.BadSignature},
		"the id takes the time along":   {delivery(t, func(r *source.Request) { r.Header.Set(headerID, r.Header.Get(headerID)+"|2026-03-01T12:00:00Z") }), good, source.Malformed},
		"another key signed":            {delivery(t, issued(certtest.Certificate(t, now, sandboxName, nil, other.Public(), other))), good, source.BadSignature},
		"the sandbox for the live side": {delivery(t, live), good, source.BadSignature},
		"the live side for the sandbox": {delivery(t, issued(certtest.Certificate(t, now, liveName, nil, certtest.Key().Public(), certtest.Key()))), good, source.BadSignature},
		"a certificate of another host": {delivery(t, issued(certtest.Certificate(t, now, "www.paypal.com", []string{"www.paypal.com"}, certtest.Key().Public(), certtest.Key()))), good, source.BadSignature},
		"a name that only begins so":    {delivery(t, issued(certtest.Certificate(t, now, sandboxName+".example.com", nil, certtest.Key().Public(), certtest.Key()))), good, source.BadSignature},
		"a small key":                   {delivery(t, issued(certtest.Certificate(t, now, sandboxName, nil, small.Public(), small))), good, source.BadSignature},
		"no RSA":                        {delivery(t, issued(certtest.Certificate(t, now, sandboxName, nil, curve.Public(), curve))), good, source.BadSignature},
		"no certificate":                {delivery(t, issued(nil)), good, source.NotSigned},
		"another algorithm":             {delivery(t, set(headerAlgo, "SHA1withRSA")), good, source.Malformed},
		"none":                          {delivery(t, set(headerAlgo, "none")), good, source.Malformed},
		"no algorithm":                  {delivery(t, drop(headerAlgo)), good, source.NotSigned},
		"no id":                         {delivery(t, drop(headerID)), good, source.NotSigned},
		"no time":                       {delivery(t, drop(headerTime)), good, source.NotSigned},
		"no signature":                  {delivery(t, drop(headerSig)), good, source.NotSigned},
		"no URL":                        {delivery(t, drop(headerCert)), good, source.NotSigned},
		"signed twice":                  {delivery(t, set(headerSig, "a", "b")), good, source.Malformed},
		"two URLs":                      {delivery(t, set(headerCert, signedAt, signedAt)), good, source.Malformed},
		"a time in seconds":             {delivery(t, set(headerTime, "1772366400")), good, source.Malformed},
		"no base64":                     {delivery(t, set(headerSig, "signed")), good, source.Malformed},
		"base64 with a line end":        {delivery(t, func(r *source.Request) { r.Header.Set(headerSig, r.Header.Get(headerSig)+"\n") }), good, source.Malformed},
		"a certificate from somewhere":  {delivery(t, set(headerCert, "https://example.com/v1/notifications/certs/CERT-1")), good, source.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireCode(t, c.want, New().Verify(c.request, source.Account{Secrets: c.secrets}))
		})
	}
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

// Whoever knows a CRC can make another body for it: what PayPal signs does not tell them apart. This is how it is, and
// why a delivery is only as safe as the way that it came.
func TestOnlyAChecksumOfTheBodyIsSigned(t *testing.T) {
	t.Parallel()
	forged := colliding(`{"id":"WH-2","event_type":"PAYMENT.CAPTURE.COMPLETED","x":"`, body)
	require.NotEqual(t, body, forged)
	require.NoError(t, New().Verify(delivery(t, func(r *source.Request) { r.Body = []byte(forged) }), source.Account{Secrets: []string{webhook}}))
}

// The URL is fetched before anything is known to be PayPal's: nothing but a certificate at a host of PayPal's passes.
func TestWhereACertificateMayBe(t *testing.T) {
	t.Parallel()
	const path = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
	for _, host := range []string{"api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"} {
		at, err := New().CertificateURL(source.Request{Header: http.Header{headerCert: {"https://" + host + path}}}, source.Account{})
		require.NoError(t, err)
		require.Equal(t, "https://"+host+path, at)
	}
	for _, at := range []string{
		"http://api.paypal.com" + path, "https://www.paypal.com" + path, "https://paypal.com" + path, "https://api.paypal.com.example.com" + path,
		"https://example.com/api.paypal.com" + path, "https://api.paypal.com@example.com" + path, "https://api.paypal.com:443" + path, "https://api.paypal.com:x@192.0.2.1" + path,
		"https://169.254.169.254" + path, "https://localhost" + path, "https://[::1]" + path, "https://xapi.paypal.com" + path, "https://apixpaypal.com" + path,
		"https://api.paypal.com\\@example.com" + path, "https://api.paypal.com\t" + path, " https://api.paypal.com" + path, "https://api.paypal.com" + path + "\n",
		"https://api.paypal.com" + path + "?x=1", "https://api.paypal.com" + path + "#x", "https://api.paypal.com" + path + "/../../../v1/x", "https://api.paypal.com/v1/notifications/certs/",
		"https://api.paypal.com/v1/notifications/certs/..", "https://api.paypal.com/v1/notifications/certs/%2e%2e", "https://api.paypal.com/webapps/x?" + path, "//api.paypal.com" + path,
		"HTTPS://API.PAYPAL.COM" + path, "https://api.paypal.com./v1/notifications/certs/CERT-1", "https://\u0430pi.paypal.com" + path, "file:///etc/passwd", "ftp://api.paypal.com" + path,
		"https://api.sandbox.paypal.com.paypal.com" + path, "https://api.paypal.com" + path + strings.Repeat("x", 200),
	} {
		_, err := New().CertificateURL(source.Request{Header: http.Header{headerCert: {at}}}, source.Account{})
		requireCode(t, source.Malformed, err)
	}
	_, err := New().CertificateURL(source.Request{}, source.Account{})
	requireCode(t, source.NotSigned, err)
}

func TestSign(t *testing.T) {
	t.Parallel()
	der, err := x509.MarshalPKCS8PrivateKey(certtest.Key())
	require.NoError(t, err)
	newer := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	h, err := New().Sign([]byte(body), source.Signing{Secret: webhook + "\n" + newer, At: now, ID: "ours"})
	require.NoError(t, err)
	require.Equal(t, "ours", h.Get("PAYPAL-TRANSMISSION-ID"))
	r := source.Request{Header: h, Body: []byte(body), ReceivedAt: now, Certificate: ours(t)}
	require.NoError(t, New().Verify(r, source.Account{Secrets: []string{webhook}}))
	for _, secret := range []string{"", webhook, certtest.KeyPEM(), webhook + "\nkey", "no id\n" + certtest.KeyPEM(), webhook + "\n" + strings.Replace(certtest.KeyPEM(), "M", "N", 1)} {
		_, err := New().Sign([]byte(body), source.Signing{Secret: secret, At: now})
		require.Error(t, err)
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	require.NoError(t, New().CheckSecret(webhook))
	require.NoError(t, New().CheckSecret(webhook+"\n"+certtest.KeyPEM()))
	for _, secret := range []string{"", "short", webhook + "|", webhook + "\nkey", "WH-58D329510W468432D-8HN650336L201105X", certtest.KeyPEM()} {
		require.Error(t, New().CheckSecret(secret), secret)
	}
	require.Equal(t, "PAYPAL_WEBHOOK_ID", source.Setting(New()))
}

// Whatever stands in the headers, they are taken only if they are those that were signed.
func FuzzHeaders(f *testing.F) {
	h, err := New().Sign([]byte(body), source.Signing{Secret: webhook + "\n" + certtest.KeyPEM(), At: now})
	require.NoError(f, err)
	signer := ours(f)
	id, stamp, signature, url, algo := h.Get(headerID), h.Get(headerTime), h.Get(headerSig), h.Get(headerCert), h.Get(headerAlgo)
	f.Add(id, stamp, signature, url, algo)
	f.Add(id+"|"+stamp, stamp, signature, url, algo)
	f.Add(id, "2026-03-01T12:00:00.0Z", signature, url, algo)
	f.Add(id, "2026-03-01t12:00:00z", signature, url+"\n", "sha256withrsa")
	f.Add(id, stamp, base64.StdEncoding.EncodeToString([]byte("x")), "https://api.paypal.com/v1/notifications/certs/CERT-1", algo)
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, i, s, sig, u, a string) {
		r := source.Request{
			Header: http.Header{headerID: {i}, headerTime: {s}, headerSig: {sig}, headerCert: {u}, headerAlgo: {a}}, Body: []byte(body), ReceivedAt: now, Certificate: signer,
		}
		if at, err := New().CertificateURL(r, source.Account{}); err == nil {
			require.Regexp(t, `^https://(api|api-m)\.(sandbox\.)?paypal\.com/v1/notifications/certs/[\w-]+$`, at)
		}
		if err := New().Verify(r, source.Account{Secrets: []string{webhook}}); err != nil {
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			return
		}
		require.Equal(t, []string{id, stamp, algo}, []string{i, s, a})
		require.Contains(t, u, ".sandbox.paypal.com/")
	})
}
