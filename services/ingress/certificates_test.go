package ingress

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
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
	return a.certifies("sns.amazonaws.com", until)
}

// certifies is a certificate in somebody's name for the key that tests sign with, as PEM.
func (a *authority) certifies(name string, until time.Time) []byte {
	a.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: certified.AddDate(0, -1, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, a.self, certtest.Key().Public(), a.key)
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

// A path can be written in any number of ways: whoever writes many of them, without having signed anything, does not
// make us fetch without end, nor forget what we know.
func TestWhoHasSignedNothingCannotMakeUsFetchWithoutEnd(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	good := ours.issues(certified.AddDate(0, 1, 0))
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/good.pem" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(good)
	}))
	defer server.Close()
	now := certified
	store := newCertificates(ours.roots(), func() time.Time { return now })
	store.client.Transport = server.Client().Transport
	_, err := store.get(context.Background(), server.URL+"/good.pem")
	require.NoError(t, err)

	for n := range 500 {
		_, err := store.get(context.Background(), fmt.Sprintf("%s/%d.pem", server.URL, n))
		require.Error(t, err)
	}
	assert.EqualValues(t, fetchMost, asked.Load())
	_, err = store.get(context.Background(), server.URL+"/other.pem")
	require.ErrorIs(t, err, errBudget)
	var refused *source.Refused
	require.NotErrorAs(t, err, &refused, "it may be a good one, and is asked for again")

	for n := range 3 * keptMost { // slowly, so that each is fetched and remembered
		now = now.Add(fetchEvery)
		_, err := store.get(context.Background(), fmt.Sprintf("%s/slow-%d.pem", server.URL, n))
		require.Error(t, err)
	}
	before := asked.Load()
	_, err = store.get(context.Background(), server.URL+"/good.pem")
	require.NoError(t, err)
	assert.Equal(t, before, asked.Load(), "what is good is not forgotten")

	now = now.Add(keptFor)
	for n := range 2 * fetchMost {
		_, _ = store.get(context.Background(), fmt.Sprintf("%s/again-%d.pem", server.URL, n))
	}
	before = asked.Load()
	_, err = store.get(context.Background(), server.URL+"/good.pem")
	require.NoError(t, err, "what was good a day ago is good while nothing is fetched")
	assert.Equal(t, before, asked.Load())
	now = certified.AddDate(0, 2, 0)
	_, err = store.get(context.Background(), server.URL+"/good.pem")
	require.Error(t, err, "it has expired")
}

// What is good at many places of a provider's is good, and does not push out the one that is in use.
func TestACertificateThatIsUsedIsNotForgotten(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	good := ours.issues(certified.AddDate(0, 1, 0))
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/used.pem" {
			asked.Add(1)
		}
		_, _ = w.Write(good)
	}))
	defer server.Close()
	now := certified
	store := newCertificates(ours.roots(), func() time.Time { return now })
	store.client.Transport = server.Client().Transport
	for n := range 3 * keptMost {
		now = now.Add(fetchEvery)
		for _, path := range []string{"used", fmt.Sprintf("other-%d", n)} {
			_, err := store.get(context.Background(), server.URL+"/"+path+".pem")
			require.NoError(t, err)
		}
	}
	assert.EqualValues(t, 1, asked.Load())
	assert.LessOrEqual(t, len(store.kept), keptMost)
}

func TestACertificateIsKeptNoLongerThanItIsGood(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	short := ours.issues(certified.Add(time.Hour))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(short) }))
	defer server.Close()
	now := certified
	store := newCertificates(ours.roots(), func() time.Time { return now })
	store.client.Transport = server.Client().Transport
	_, err := store.get(context.Background(), server.URL)
	require.NoError(t, err)
	now = now.Add(time.Hour + time.Second)
	_, err = store.get(context.Background(), server.URL)
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
}

// roundTrip answers in the place of the network.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// SNS and PayPal give their certificates without the one that issued them; they say where that is. (PayPal's libraries
// bring it along, and refuse a file that holds any other certificate than PayPal's own.)
func TestWhoIssuedACertificateIsLookedForWhereTheAuthorityHasIt(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "an issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: certified.AddDate(-1, 0, 0), NotAfter: certified.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, root.self, key.Public(), root.key)
	require.NoError(t, err)
	self, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	const (
		place   = "http://crt.r2m01.amazontrust.com/r2m01.cer"
		paypals = "http://cacerts.digicert.com/DigiCertGlobalG2TLSRSASHA2562020CA1-1.crt"
	)
	for name, c := range map[string]struct {
		says    []string
		answer  []byte
		status  int
		fetched bool
		want    string
	}{
		"where it is":             {[]string{"ldap://example.com/", place}, der, http.StatusOK, true, ""},
		"where PayPal's is":       {[]string{paypals}, der, http.StatusOK, true, ""},
		"where somebody else is":  {[]string{"http://example.com/r2m01.cer"}, der, http.StatusOK, false, "not to be trusted"},
		"a place that looks like": {[]string{"http://crt.r2m01.amazontrust.com.example.com/r2m01.cer", "http://crt.r2m01.amazontrust.com/../r2m01.cer", "http://cacerts.digicert.com.example.com/a.crt", "http://cacerts.digicert.com/a.crt?b"}, der, http.StatusOK, false, "not to be trusted"},
		"nothing":                 {nil, der, http.StatusOK, false, "not to be trusted"},
		"where another one is":    {[]string{place}, newAuthority(t).self.Raw, http.StatusOK, true, "not to be trusted"},
		"where no certificate is": {[]string{place}, []byte("<html>"), http.StatusOK, true, "cannot be read"},
		"where nothing is":        {[]string{place}, nil, http.StatusNotFound, true, "answered 404"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaf := &x509.Certificate{
				SerialNumber: big.NewInt(4), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: certified.AddDate(0, -1, 0), NotAfter: certified.AddDate(0, 1, 0), IssuingCertificateURL: c.says,
			}
			raw, err := x509.CreateCertificate(rand.Reader, leaf, self, key.Public(), key)
			require.NoError(t, err)
			alone := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
			fetched := false
			store := newCertificates(root.roots(), func() time.Time { return certified })
			store.client.Transport = roundTrip(func(r *http.Request) *http.Response {
				if r.URL.Host == "sns.eu-west-1.amazonaws.com" {
					return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(alone))}
				}
				fetched = true
				assert.Equal(t, c.says[len(c.says)-1], r.URL.String())
				return &http.Response{StatusCode: c.status, Body: io.NopCloser(bytes.NewReader(c.answer))}
			})
			got, err := store.get(context.Background(), "https://sns.eu-west-1.amazonaws.com/a.pem")
			assert.Equal(t, c.fetched, fetched)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				assert.Nil(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "sns.amazonaws.com", got.Subject.CommonName)
		})
	}
}
