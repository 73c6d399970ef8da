package ingress

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress/source"
)

func TestTermsOfASource(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxBody, c.AnswerTimeout, c.Rate, c.Allow = 1<<20, 10*time.Second, 5, []string{"10.0.0.0/8"}
	environ := map[string]string{
		"STRIPE_MAX_BODY": "4096", "STRIPE_ANSWER_TIMEOUT": "1s", "STRIPE_RATE": "0", "STRIPE_ALLOW": "203.0.113.1, 203.0.113.2", "TWILIO_MAX_BODY": "500000",
	}
	got := func(name string) terms {
		terms, err := settleTerms(c, SourceByName(name), environ)
		require.NoError(t, err)
		return terms
	}
	stripe := got("stripe")
	assert.Equal(t, []any{int64(4096), time.Second, nil, 2}, []any{stripe.body, stripe.answer, stripe.rate, len(stripe.allow)})
	assert.Equal(t, []any{int64(1 << 20), 4 * time.Second}, []any{got("shopify").body, got("shopify").answer})
	assert.Equal(t, 10*time.Second, got("checkout").answer)
	assert.NotNil(t, got("checkout").rate)
	assert.Len(t, got("checkout").allow, 1)
	assert.Equal(t, int64(500000), got("twilio").body)
	delete(environ, "TWILIO_MAX_BODY")
	assert.Equal(t, int64(256<<10), got("twilio").body)
	c.MaxBody = 2048
	assert.Equal(t, []int64{2048, 256 << 10, 4 << 20}, []int64{got("shopify").body, got("twilio").body, got("ups").body})
	// What they wait, by their own pages; an answer takes a while to arrive, too.
	for name, waits := range map[string]time.Duration{"shopify": 5 * time.Second, "shippo": 3 * time.Second, "woocommerce": time.Minute} {
		assert.Less(t, got(name).answer, waits, name)
	}
	_, err := settleTerms(c, SourceByName("stripe"), map[string]string{"STRIPE_ANSWER_TIMEOUT": "1m"})
	require.ErrorContains(t, err, "at most 25s")
	_, err = settleTerms(c, SourceByName("stripe"), map[string]string{"STRIPE_MAX_BODY": "1", "STRIPE_ANSWER_TIMEOUT": "soon", "STRIPE_RATE": "-1", "STRIPE_ALLOW": "stripe.com"})
	for _, want := range []string{"STRIPE_MAX_BODY", "STRIPE_ANSWER_TIMEOUT", "STRIPE_RATE", "STRIPE_ALLOW"} {
		require.ErrorContains(t, err, want)
	}
}

// late is a broker that keeps everything, after a while.
type late struct{ after time.Duration }

func (l late) Publish(context.Context, string, ident.Delivery, []byte) (bool, error) {
	time.Sleep(l.after)
	return false, nil
}

// The time counts from the request's beginning, whatever takes it, and what comes later than the sender waits is no 200.
func TestAnAnswerComesInTimeOrNot(t *testing.T) {
	t.Parallel()
	for name, broker := range map[string]publisher{"a broker that hangs": never{}, "a broker that is slow": late{300 * time.Millisecond}} {
		h := bare(t, SourceByName("checkout"), broker)
		a := h.accounts["checkout"][defaultAccount]
		a.answer = 100 * time.Millisecond
		h.accounts["checkout"][defaultAccount] = a
		began := time.Now()
		require.Equal(t, http.StatusServiceUnavailable, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)), name)
		require.Less(t, time.Since(began), 4*time.Second, name)
	}
}

// distant is a source whose certificates are far away.
type distant struct{ odd }

func (distant) CertificateURL(source.Request, source.Account) (string, error) {
	return "https://certificates.example/1.pem", nil
}

// unanswered is a host that never answers.
type unanswered struct{}

func (unanswered) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestACertificateThatDoesNotComeIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	h := bare(t, distant{odd{verify: func() {}, read: func() {}}}, k)
	h.certificates = newCertificates(nil, time.Now)
	h.certificates.client.Transport = unanswered{}
	a := h.accounts["checkout"][defaultAccount]
	a.answer = 50 * time.Millisecond
	h.accounts["checkout"][defaultAccount] = a
	began := time.Now()
	require.Equal(t, http.StatusServiceUnavailable, h.direct(t, unsigned(t, "/webhooks/checkout", anOrder)))
	require.Less(t, time.Since(began), fetchTimeout)
	require.Empty(t, k.data)
}

func TestOfWhatIsTurnedAwayASampleIsTold(t *testing.T) {
	t.Parallel()
	h := bare(t, SourceByName("stripe"), never{})
	a := h.accounts["checkout"][defaultAccount]
	a.Secrets = []string{stripeSecret}
	h.accounts["checkout"][defaultAccount] = a
	var log bytes.Buffer
	h.log = zerolog.New(&log).Level(zerolog.InfoLevel)
	now := time.Now()
	h.clock = func() time.Time { return now }
	old := func() *http.Request {
		r := at(t, -400*time.Second)
		r.URL.Path = "/webhooks/checkout"
		return r
	}
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, h.direct(t, old()))
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	for _, want := range []string{`"level":"info"`, `"source":"stripe"`, `"why":"too_old"`, `"body_sha256":"`, `"body_bytes":`, `"clock_skew_seconds":400.`, `"message":"webhook refused"`} {
		require.Contains(t, log.String(), want)
	}
	require.Equal(t, http.StatusUnauthorized, h.direct(t, unsigned(t, "/webhooks/checkout", anIntent)))
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "another reason has a sample of its own")
	now = now.Add(time.Second)
	require.Equal(t, http.StatusUnauthorized, h.direct(t, old()))
	require.Contains(t, log.String(), `"not_logged":9`)
	h.log = h.log.Level(zerolog.DebugLevel)
	log.Reset()
	require.Equal(t, http.StatusUnauthorized, h.direct(t, old()))
	require.Contains(t, log.String(), `"level":"debug"`)
	require.NotContains(t, log.String(), "ada@example.com")
}

// The photograph of a door makes a body larger than that of anybody else.
func TestADeliveryWithAPhotographIsTaken(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	ups := SourceByName("ups")
	h := bare(t, ups, k)
	h.most = 8 << 20
	a := h.accounts["checkout"][defaultAccount]
	var err error
	a.terms, err = settleTerms(config(), ups, nil)
	require.NoError(t, err)
	h.accounts["checkout"][defaultAccount] = a
	body := `{"trackingNumber":"1Z999AA10123456784","gmtActivityDate":"20260302","gmtActivityTime":"084150","activityStatus":{"type":"D","code":"FS"},"deliveryPhoto":"` +
		strings.Repeat("aGVsbG8g", 3<<17) + `"}`
	r := unsigned(t, "/webhooks/checkout", body)
	r.Header.Set("credential", checkoutSecret)
	require.Equal(t, http.StatusOK, h.direct(t, r))
	require.Len(t, decode(t, k.data[0]).GetFacts(), 1)
}
