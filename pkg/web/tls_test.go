package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/web"
)

// pair is a certificate for 127.0.0.1 that signs itself, with its key, as PEM.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// Kubernetes mounts a secret as symbolic links to a folder, which it replaces: files are never written in place.
func mount(t *testing.T, at string, files map[string][]byte) {
	t.Helper()
	have, err := os.ReadDir(at)
	require.NoError(t, err)
	folder := filepath.Join(at, "..version-"+strconv.Itoa(len(have)))
	require.NoError(t, os.Mkdir(folder, 0o700))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
		if _, err := os.Lstat(filepath.Join(at, name)); err != nil {
			require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(at, name)))
		}
	}
	next := filepath.Join(at, "..next")
	require.NoError(t, os.Symlink(filepath.Base(folder), next))
	require.NoError(t, os.Rename(next, filepath.Join(at, "..data")))
}

func TestACertificateIsReplacedWhileItServes(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	cert, key := pair(t, "first")
	mount(t, at, map[string][]byte{"tls.crt": cert, "tls.key": key})
	c, err := web.LoadCertificate(filepath.Join(at, "tls.crt"), filepath.Join(at, "tls.key"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), c.Expires(), time.Minute)

	e := web.New(zerolog.Nop())
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, c.Request().Proto) })
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- web.ServeTLS(l, e, c)(ctx) }()

	shown := func(config *tls.Config) (name, proto string, err error) {
		config.InsecureSkipVerify = true
		config.NextProtos = []string{"h2", "http/1.1"}
		conn, err := (&tls.Dialer{Config: config}).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			return "", "", err
		}
		defer conn.Close()
		secure, ok := conn.(*tls.Conn)
		require.True(t, ok)
		state := secure.ConnectionState()
		return state.PeerCertificates[0].Subject.CommonName, state.NegotiatedProtocol, nil
	}
	name, proto, err := shown(&tls.Config{MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "h2"}, []string{name, proto})
	_, _, err = shown(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.Error(t, err, "TLS 1.1")

	second, secondKey := pair(t, "second")
	mount(t, at, map[string][]byte{"tls.crt": second, "tls.key": key})
	_, err = c.Reload()
	require.Error(t, err, "the key of another certificate")
	name, _, err = shown(&tls.Config{MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	assert.Equal(t, "first", name)

	mount(t, at, map[string][]byte{"tls.crt": second, "tls.key": secondKey})
	changed, err := c.Reload()
	require.NoError(t, err)
	assert.True(t, changed)
	changed, err = c.Reload()
	require.NoError(t, err)
	assert.False(t, changed)
	name, _, err = shown(&tls.Config{MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	assert.Equal(t, "second", name)

	cancel()
	require.NoError(t, <-ended)
}

func TestACertificateHasToBeThere(t *testing.T) {
	t.Parallel()
	_, err := web.LoadCertificate(filepath.Join(t.TempDir(), "none"), "none")
	require.ErrorContains(t, err, "read the certificate")
}
