package paypal

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What PayPal's documented code makes (transmission id, time, webhook id and CRC-32 between bars, RSA with SHA-256), run with
// buffer-crc32 1.0.0 and OpenSSL 3.0.19. The key belongs to the certificate in testdata/signer.pem. PayPal's libraries ask
// its API instead of looking at a signature.
const (
	clientID   = "b8e3c2a0-1573-11f1-8e2e-0242ac120002"
	clientBody = `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","summary":"Zoë 🥐 <&>"}` + "\n"
	clientMark = "PfMYosbliBAwpo5JpQSMONT3FNaJtCoyHkM6ejQ+KJ+a/X/iNaw8KboD1zXeBajAu/HsXP+6x6F7TaVd1kSRsRUgcRBIMg2IdtOXO7sv3EIyM6zih4uhftSycgbEn1NpL4kcZnXRm1m5h75YWmXRlmIgEOIgMl7ojJUgKK+wW6MfW1NaVVq+9segNrEn2igEgGHg0Ca+gMuC/J4mlCvdKis31PQg0snAcwzV8Fepptkq5/AQ7Yly7cLUZbUcDboSLg/f9/h4nGviKY+vQ2LcgwbWj/NwHLW5esbSN+Eph/RDsknL5vnSc5n4BTEG2VtHu28wqrh4HZfjjQx+88UXMg=="
)

func signer(t *testing.T) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile("testdata/signer.pem")
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func TestWhatTheDocumentedCodeSigns(t *testing.T) {
	t.Parallel()
	certificate := signer(t)
	take := func(id, at, body, webhook string) error {
		h := http.Header{}
		for name, value := range map[string]string{
			"PAYPAL-TRANSMISSION-ID": id, "PAYPAL-TRANSMISSION-TIME": at, "PAYPAL-TRANSMISSION-SIG": clientMark, "PAYPAL-AUTH-ALGO": "SHA256withRSA",
			"PAYPAL-CERT-URL": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-ab66f33d",
		} {
			h.Set(name, value)
		}
		return New().Verify(source.Request{Header: h, Body: []byte(body), ReceivedAt: now, Certificate: certificate}, source.Account{Secrets: []string{another, webhook}})
	}
	const at = "2026-03-01T12:00:00Z"
	require.NoError(t, take(clientID, at, clientBody, webhook))
	require.Error(t, take(clientID, at, clientBody+" ", webhook))
	require.Error(t, take("c"+clientID[1:], at, clientBody, webhook))
	require.Error(t, take(clientID, "2026-03-01T12:00:01Z", clientBody, webhook))
	require.Error(t, take(clientID, at, clientBody, "2JE50Z90C7278043X"))
}
