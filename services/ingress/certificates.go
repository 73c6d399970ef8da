package ingress

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// certificates fetches the certificates with which providers sign, and keeps them. Only a URL that a source found to be
// its provider's own is fetched, and only what a trusted authority has issued is used.
type certificates struct {
	client *http.Client
	roots  *x509.CertPool // nil for the system's
	clock  func() time.Time

	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string]kept
}

// kept is a certificate with its chain, or, for a while, that there is none.
type kept struct {
	certificate *x509.Certificate
	err         error
	until       time.Time
}

const (
	fetchTimeout = 2 * time.Second
	// certificateMost is larger than any chain.
	certificateMost = 64 << 10
	// keptMost bounds what is kept: providers change their certificates about once a year.
	keptMost = 64
	keptFor  = 24 * time.Hour
	// failedFor keeps a URL that leads nowhere from being fetched for every delivery that names it.
	failedFor = 10 * time.Second
)

func newCertificates(roots *x509.CertPool, clock func() time.Time) *certificates {
	return &certificates{
		client: providerClient(), roots: roots, clock: clock, kept: map[string]kept{},
	}
}

// providerClient fetches what a provider's message names: over HTTPS, from where it says and nowhere else.
func providerClient() *http.Client {
	return &http.Client{Timeout: fetchTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects")
	}}
}

// get is the certificate at a URL. An error says that it cannot be had now; one that is not to be trusted is *Refused.
func (c *certificates) get(ctx context.Context, at string) (*x509.Certificate, error) {
	now := c.clock()
	c.mu.Lock()
	have, ok := c.kept[at]
	c.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.certificate, have.err
	}
	got, err, _ := c.flight.Do(at, func() (any, error) { return c.fetch(ctx, at, now) })
	certificate, _ := got.(*x509.Certificate)
	keep := kept{certificate, err, now.Add(keptFor)}
	if err != nil {
		keep.until = now.Add(failedFor)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= keptMost {
		clear(c.kept)
	}
	c.kept[at] = keep
	return certificate, err
}

func (c *certificates) fetch(ctx context.Context, at string, now time.Time) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout) // others may wait for the same
	defer cancel()
	data, err := get(ctx, c.client, at)
	if err != nil {
		return nil, fmt.Errorf("fetch the certificate of a signature: %w", err)
	}
	return trusted(data, c.roots, now)
}

// get fetches what is at a URL, if it is there and not large.
func get(ctx context.Context, client *http.Client, at string) ([]byte, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" {
		return nil, errors.New("it is no https URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, certificateMost+1))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %d", u.Host, answer.StatusCode)
	case len(data) > certificateMost:
		return nil, fmt.Errorf("%s answered more than %d bytes", u.Host, certificateMost)
	}
	return data, nil
}

// trusted is the first certificate of a PEM file, if an authority that we trust has issued it, by way of the others.
func trusted(data []byte, roots *x509.CertPool, now time.Time) (*x509.Certificate, error) {
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, source.Refuse(source.Malformed, "the certificate that it names cannot be read")
		case leaf == nil:
			leaf = parsed
		default:
			between.AddCert(parsed)
		}
	}
	if leaf == nil {
		return nil, source.Refuse(source.Malformed, "there is no certificate where it says that one is")
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, source.Refuse(source.BadSignature, "the certificate that it names is not to be trusted: "+err.Error())
	}
	return leaf, nil
}

// certify finds the certificate that a request names, for sources that sign so.
func (h *handler) certify(ctx context.Context, a account, r *source.Request) (refused *source.Refused, unavailable error) {
	certified, ok := a.source.(source.Certified)
	if !ok {
		return nil, nil
	}
	at, err := certificateURL(certified, *r, a.Account)
	if err == nil {
		r.Certificate, err = h.certificates.get(ctx, at)
	}
	if errors.As(err, &refused) {
		return refused, nil
	}
	return nil, err
}

// Certificate is what a request names, fetched and verified as the ingress does it, for sources that sign so; nil for the
// others. An error that is a *source.Refused says that it is not to be trusted.
func Certificate(ctx context.Context, s source.Source, r source.Request, a source.Account) (*x509.Certificate, error) {
	h := &handler{certificates: newCertificates(nil, time.Now)}
	refused, err := h.certify(ctx, account{source: s, Account: a}, &r)
	if refused != nil {
		return nil, refused
	}
	return r.Certificate, err
}

// certificateURL asks the source. One that panics has found none.
func certificateURL(c source.Certified, r source.Request, a source.Account) (at string, err error) {
	defer func() {
		if recover() != nil {
			err = source.Refuse(source.Malformed, "the check panicked")
		}
	}()
	return c.CertificateURL(r, a)
}

// confirm fetches what a provider wants fetched before it begins to send.
func (h *handler) confirm(ctx context.Context, reading source.Reading) error {
	if reading.Confirm == "" {
		return nil
	}
	if _, err := get(ctx, h.certificates.client, reading.Confirm); err != nil {
		return fmt.Errorf("confirm a subscription: %w", err)
	}
	return nil
}
