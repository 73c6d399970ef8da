package ingress

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// authority issues certificates for tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	self *x509.Certificate
}

var certified = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: certified.AddDate(-1, 0, 0), NotAfter: certified.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	self, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{t, key, self}
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.self)
	return pool
}

// issues is a certificate that is valid until then, as PEM.
func (a *authority) issues(until time.Time) []byte {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: certified.AddDate(0, -1, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, a.self, key.Public(), a.key)
	require.NoError(a.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestACertificateIsFetchedOnceAndOnlyTrustedOnesAreUsed(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter)
		refused string
		broken  string
	}{
		"good":           {answer: func(w http.ResponseWriter) { _, _ = w.Write(ours.issues(certified.AddDate(0, 1, 0))) }},
		"of a stranger":  {answer: func(w http.ResponseWriter) { _, _ = w.Write(others.issues(certified.AddDate(0, 1, 0))) }, refused: "not to be trusted"},
		"expired":        {answer: func(w http.ResponseWriter) { _, _ = w.Write(ours.issues(certified.Add(-time.Hour))) }, refused: "not to be trusted"},
		"no certificate": {answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }, refused: "there is no certificate"},
		"bytes that are none": {
			answer: func(w http.ResponseWriter) {
				_, _ = w.Write([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
			},
			refused: "cannot be read",
		},
		"not there": {answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, broken: "answered 404"},
		"a redirect": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://192.0.2.1/")
			w.WriteHeader(http.StatusFound)
		}, broken: "redirects"},
		"without end": {answer: func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, certificateMost+1)) }, broken: "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				c.answer(w)
			}))
			defer server.Close()
			now := certified
			store := newCertificates(ours.roots(), func() time.Time { return now })
			store.client.Transport = server.Client().Transport
			for range 2 {
				got, err := store.get(context.Background(), server.URL)
				var refused *source.Refused
				switch {
				case c.refused != "":
					require.ErrorAs(t, err, &refused)
					assert.Contains(t, refused.Detail, c.refused)
				case c.broken != "":
					require.ErrorContains(t, err, c.broken)
					assert.NotErrorAs(t, err, &refused)
				default:
					require.NoError(t, err)
					assert.Equal(t, "sns.amazonaws.com", got.Subject.CommonName)
				}
			}
			assert.EqualValues(t, 1, asked.Load())
			now = now.Add(failedFor + time.Second)
			_, _ = store.get(context.Background(), server.URL)
			if c.refused+c.broken == "" {
				assert.EqualValues(t, 1, asked.Load())
			} else {
				assert.EqualValues(t, 2, asked.Load(), "what failed is tried again after a while")
			}
		})
	}
	_, err := newCertificates(nil, time.Now).get(context.Background(), "http://sns.eu-west-1.amazonaws.com/a.pem")
	require.ErrorContains(t, err, "no https URL")
}
