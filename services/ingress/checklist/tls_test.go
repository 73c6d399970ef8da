package checklist_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certificate is one for 127.0.0.1 that signs itself, in two files.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(certFile, cert, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return certFile, keyFile, pool
}

// T9: HTTP/2 and HTTP/1.1 over TLS are the same as without.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := schemes[0]
	certFile, keyFile, pool := certificate(t)
	shared, err := ingresses(t)(setup{scheme: s, certificate: certFile, key: keyFile})
	require.NoError(t, err)
	t.Cleanup(shared.stop)
	b := bench{s, shared, nil, 10 * time.Second}
	url := strings.Replace(b.url, "http://", "https://", 1)
	for proto, two := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: two}
		t.Cleanup(transport.CloseIdleConnections)
		send := func(d delivery, length int64) (int, string) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+d.path, chunks(d.body))
			require.NoError(t, err)
			r.Header, r.ContentLength = d.header, length
			response, err := transport.RoundTrip(r)
			require.NoError(t, err)
			response.Body.Close()
			return response.StatusCode, response.Proto
		}
		d := b.plain()
		for _, length := range []int64{int64(len(d.body)), -1} {
			status, spoken := send(d, length)
			assert.Equal(t, []any{http.StatusOK, proto}, []any{status, spoken})
		}
		assert.Equal(t, 1, b.times(d.body), proto)
		for _, c := range []struct {
			d    delivery
			want int
		}{
			{d.set(b.header), http.StatusUnauthorized}, {d.set(b.header, "x", d.header.Get(b.header)), http.StatusUnauthorized}, {d.set("Content-Encoding", "gzip"), http.StatusUnsupportedMediaType},
			{b.signed(b.pad(limit)), http.StatusOK}, {b.signed(b.pad(limit + 1)), http.StatusRequestEntityTooLarge},
		} {
			status, _ := send(c.d, -1)
			assert.Equal(t, c.want, status, proto)
		}
	}
}
