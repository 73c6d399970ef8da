package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// Certificate is what a server shows of itself, from two PEM files that are replaced while it serves: new connections
// get the new one, those that are open stay.
type Certificate struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
	hash              [sha256.Size]byte
}

// LoadCertificate reads a certificate with its chain, and its key.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	_, err := c.Reload()
	return c, err
}

// Reload reads the files again, and says whether they hold another pair. After an error the one before it stays: a file
// may be there before the other one. It is for one caller at a time.
func (c *Certificate) Reload() (changed bool, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("read the certificate's key: %w", err)
	}
	hash := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if hash == c.hash {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, errors.New("the certificate and its key are no pair of PEM files that belong together")
	}
	c.now.Store(&pair)
	c.hash = hash
	return true, nil
}

// Expires is the last moment at which the certificate is good.
func (c *Certificate) Expires() time.Time { return c.now.Load().Leaf.NotAfter }

func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
}

// ServeTLS is Serve behind a certificate: TLS 1.2 or later, HTTP/1.1 or HTTP/2.
func ServeTLS(l net.Listener, e *echo.Echo, c *Certificate) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		s := server(e)
		s.TLSConfig = c.config()
		s.ErrorLog = log.New(strangers{}, "", 0)
		return untilDone(ctx, s, func() error { return s.ServeTLS(l, "", "") })
	}
}

// strangers is the server's own log without the handshakes that fail: whoever looks for open ports could fill it.
type strangers struct{}

func (strangers) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("TLS handshake error")) {
		return len(p), nil
	}
	return os.Stderr.Write(p)
}
