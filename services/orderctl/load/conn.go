package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// conn is one keep-alive connection to the ingress and the one goroutine that uses it: half the work of net/http's
// client, which hands every request through three goroutines.
type conn struct {
	to      *url.URL
	timeout time.Duration

	mu      sync.Mutex // of what stop touches
	net     net.Conn
	stopped time.Time // zero: not yet

	read *bufio.Reader
	used bool // since it was dialled
	head []byte
}

func newConn(to *url.URL, timeout time.Duration) *conn { return &conn{to: to, timeout: timeout} }

// dial connects if it is not connected.
func (c *conn) dial(ctx context.Context) error {
	if c.net != nil {
		return nil
	}
	port := c.to.Port()
	d := &net.Dialer{Timeout: c.timeout}
	var opened net.Conn
	var err error
	if c.to.Scheme == "https" {
		opened, err = (&tls.Dialer{NetDialer: d}).DialContext(ctx, "tcp", net.JoinHostPort(c.to.Hostname(), orElse(port, "443")))
	} else {
		opened, err = d.DialContext(ctx, "tcp", net.JoinHostPort(c.to.Hostname(), orElse(port, "80")))
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.net = opened
	c.mu.Unlock()
	c.read, c.used = bufio.NewReaderSize(opened, 4<<10), false
	return nil
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close() // nothing is under way on it
		c.net = nil
	}
}

// stopWait is how long an answer is waited for once nobody wants to go on.
const stopWait = 2 * time.Second

// stop lets what is under way come to its end, soon.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = time.Now().Add(stopWait)
	if c.net != nil {
		_ = c.net.SetDeadline(c.stopped) // it is a socket
	}
}

func (c *conn) deadline() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now().Add(c.timeout)
	if !c.stopped.IsZero() && c.stopped.Before(at) {
		at = c.stopped
	}
	return c.net.SetDeadline(at)
}

// post sends a delivery and returns the status of the answer. A connection that was closed while it had nothing to do
// is opened again, once.
func (c *conn) post(ctx context.Context, path string, header http.Header, body []byte) (int, error) {
	for {
		if err := c.dial(ctx); err != nil {
			return 0, err
		}
		idle := c.used
		status, err := c.once(path, header, body)
		if err == nil {
			return status, nil
		}
		c.close()
		if !idle || ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
	}
}

func (c *conn) once(path string, header http.Header, body []byte) (int, error) {
	if err := c.deadline(); err != nil {
		return 0, err
	}
	c.head = append(c.head[:0], "POST "...)
	c.head = append(c.head, path...)
	c.head = append(c.head, " HTTP/1.1\r\nHost: "...)
	c.head = append(c.head, c.to.Host...)
	c.head = append(c.head, "\r\nUser-Agent: orderctl-load\r\nContent-Length: "...)
	c.head = strconv.AppendInt(c.head, int64(len(body)), 10)
	c.head = append(c.head, "\r\n"...)
	for name, values := range header {
		for _, value := range values {
			c.head = append(c.head, name...)
			c.head = append(c.head, ": "...)
			c.head = append(c.head, value...)
			c.head = append(c.head, "\r\n"...)
		}
	}
	c.head = append(c.head, "\r\n"...)
	c.head = append(c.head, body...)
	if _, err := c.net.Write(c.head); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	c.used = true
	if answer.Close {
		c.close()
	}
	return answer.StatusCode, nil
}
