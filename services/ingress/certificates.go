package ingress

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// certificates fetches the certificates with which providers sign, and keeps them. Only a URL that a source found to be
// its provider's own is fetched, and only what a trusted authority has issued is used.
type certificates struct {
	client *http.Client
	roots  *x509.CertPool // nil for the system's
	clock  func() time.Time
	// budget bounds what is fetched for whoever has signed nothing yet: a path can be written in any number of ways.
	budget *rate.Limiter

	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string]kept
}

// kept is a certificate with its chain, or, for a while, that there is none.
type kept struct {
	certificate *x509.Certificate
	err         error
	until, used time.Time
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
	// fetchEvery and fetchMost are how often something is fetched in the long run, and how often at once.
	fetchEvery = 6 * time.Second
	fetchMost  = 20
)

var errBudget = errors.New("too many certificates were asked for; none is fetched for a while")

func newCertificates(roots *x509.CertPool, clock func() time.Time) *certificates {
	return &certificates{
		client: providerClient(), roots: roots, clock: clock, budget: rate.NewLimiter(rate.Every(fetchEvery), fetchMost), kept: map[string]kept{},
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
	have, ok := c.known(at, now)
	if ok && now.Before(have.until) {
		return have.certificate, have.err
	}
	got, err, _ := c.flight.Do(at, func() (any, error) {
		if !c.budget.AllowN(now, 1) {
			return nil, errBudget
		}
		return c.fetch(ctx, at, now)
	})
	if certificate, _ := got.(*x509.Certificate); err == nil {
		c.keep(at, kept{certificate: certificate, until: earlier(now.Add(keptFor), certificate.NotAfter), used: now}, now)
		return certificate, nil
	}
	var refused *source.Refused
	if have.certificate != nil && now.Before(have.certificate.NotAfter) && !errors.As(err, &refused) {
		return have.certificate, nil // it was good a day ago, and whoever holds it cannot be asked now
	}
	if !errors.Is(err, errBudget) {
		c.keep(at, kept{err: err, until: now.Add(failedFor), used: now}, now)
	}
	return nil, err
}

// known is what came of a URL before.
func (c *certificates) known(at string, now time.Time) (kept, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[at]
	if ok {
		k.used = now
		c.kept[at] = k
	}
	return k, ok
}

// keep remembers what came of a URL. What has failed makes room for what has not, then what nobody has asked for longest:
// a provider's certificates are at more places than one, and whoever names them all has signed nothing yet.
func (c *certificates) keep(at string, what kept, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= keptMost {
		maps.DeleteFunc(c.kept, func(_ string, k kept) bool { return k.err != nil || !now.Before(k.until) })
	}
	if len(c.kept) >= keptMost {
		longest := slices.MinFunc(slices.Collect(maps.Keys(c.kept)), func(a, b string) int { return c.kept[a].used.Compare(c.kept[b].used) })
		delete(c.kept, longest)
	}
	c.kept[at] = what
}

func (c *certificates) fetch(ctx context.Context, at string, now time.Time) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout) // others may wait for the same
	defer cancel()
	data, err := get(ctx, c.client, at)
	if err != nil {
		return nil, fmt.Errorf("fetch the certificate of a signature: %w", err)
	}
	leaf, between, err := parsed(data)
	if err != nil {
		return nil, err
	}
	err = trusted(leaf, between, c.roots, now)
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		return leaf, distrusted(err)
	}
	issuer, err := c.issuer(ctx, leaf)
	if err != nil {
		return nil, fmt.Errorf("fetch who issued the certificate of a signature: %w", err)
	}
	if issuer != nil {
		between.AddCert(issuer)
	}
	return leaf, distrusted(trusted(leaf, between, c.roots, now))
}

// issuers is where the authorities of Amazon and PayPal (DigiCert's) have the certificates of those who issue theirs. SNS
// and PayPal give their own without them, and say where they are (RFC 5280, authority information access). Nothing but the
// root makes one trusted, so that it does no harm that they are fetched without TLS.
var issuers = regexp.MustCompile(`^http://(?:crt\.[a-z0-9]{1,20}\.amazontrust\.com/[a-z0-9]{1,20}\.(?:cer|crt)|cacerts\.digicert\.com/[A-Za-z0-9-]{1,80}\.crt)$`)

// issuer is the certificate of who issued another one; nil if it does not say where that is, at a place that we know.
func (c *certificates) issuer(ctx context.Context, leaf *x509.Certificate) (*x509.Certificate, error) {
	for _, at := range leaf.IssuingCertificateURL {
		if !issuers.MatchString(at) {
			continue
		}
		data, err := fetched(ctx, c.client, at)
		if err != nil {
			return nil, err
		}
		issuer, err := x509.ParseCertificate(data)
		if err != nil {
			return nil, source.Refuse(source.Malformed, "the certificate of who issued the one that it names cannot be read")
		}
		return issuer, nil
	}
	return nil, nil //nolint:nilnil // nobody is named, and nothing is wrong with that
}

// get fetches what is at a URL, if it is there and not large.
func get(ctx context.Context, client *http.Client, at string) ([]byte, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" {
		return nil, errors.New("it is no https URL")
	}
	return fetched(ctx, client, at)
}

func fetched(ctx context.Context, client *http.Client, at string) ([]byte, error) {
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
		return nil, fmt.Errorf("%s answered %d", request.URL.Host, answer.StatusCode)
	case len(data) > certificateMost:
		return nil, fmt.Errorf("%s answered more than %d bytes", request.URL.Host, certificateMost)
	}
	return data, nil
}

// parsed are the first certificate of a PEM file, and the others, by way of which it may have been issued.
func parsed(data []byte) (leaf *x509.Certificate, between *x509.CertPool, err error) {
	between = x509.NewCertPool()
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, nil, source.Refuse(source.Malformed, "the certificate that it names cannot be read")
		case leaf == nil:
			leaf = parsed
		default:
			between.AddCert(parsed)
		}
	}
	if leaf == nil {
		return nil, nil, source.Refuse(source.Malformed, "there is no certificate where it says that one is")
	}
	return leaf, between, nil
}

// trusted says that an authority that we trust has issued a certificate, by way of others.
func trusted(leaf *x509.Certificate, between, roots *x509.CertPool, now time.Time) error {
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

func distrusted(err error) error {
	if err == nil {
		return nil
	}
	return source.Refuse(source.BadSignature, "the certificate that it names is not to be trusted: "+err.Error())
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
