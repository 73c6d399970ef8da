package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs certificates for a test's own servers and clients.
type Authority struct {
	// File holds its certificate, in PEM.
	File string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one that nobody knows yet, and writes its certificate into dir.
func NewAuthority(tb testing.TB, dir, name string) *Authority {
	tb.Helper()
	a := &Authority{File: filepath.Join(dir, name+".ca.crt"), key: newKey(tb)}
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(tb, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(tb, err)
	writePEM(tb, a.File, "CERTIFICATE", der)
	return a
}

// Pair is where a certificate and its key stand, in PEM.
type Pair struct{ Cert, Key string }

// Write signs a certificate for a name, others beside it and an address (127.0.0.1, or none), valid until a time, and
// writes it to the pair's files, in the place of what stood there.
func (a *Authority) Write(tb testing.TB, to Pair, name, address string, until time.Time, others ...string) {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name}, DNSNames: append([]string{name}, others...),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
	}
	if address != "" {
		template.IPAddresses = []net.IP{net.ParseIP(address)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(tb, err)
	writePEM(tb, to.Cert, "CERTIFICATE", der)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	writePEM(tb, to.Key, "PRIVATE KEY", private)
}

// Issue is Write into new files in dir, valid for an hour.
func (a *Authority) Issue(tb testing.TB, dir, name, address string) Pair {
	tb.Helper()
	pair := Pair{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
	a.Write(tb, pair, name, address, time.Now().Add(time.Hour))
	return pair
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	return key
}

func serial(tb testing.TB) *big.Int {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	require.NoError(tb, err)
	return n
}

func writePEM(tb testing.TB, path, kind string, der []byte) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
