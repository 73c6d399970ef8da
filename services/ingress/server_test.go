package ingress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

const (
	received = `{"received":true}`
	anIntent = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1772366400,"livemode":true,
		"data":{"object":{"id":"pi_1","object":"payment_intent","amount":2500,"amount_received":2500,"currency":"eur","created":1772366300,
		"latest_charge":"ch_1","receipt_email":"ada@example.com","metadata":{"order_number":"#1001","items":"[{\"sku\":\"MUG\",\"quantity\":2,\"price\":\"12.50\"}]"}}}}`
	anOrder = `{"type":"order.created","timestamp":"2026-03-01T12:00:00Z","data":{"order_number":"1001","currency":"EUR",
		"items":[{"sku":"MUG","quantity":2,"price":"12.50"}],"customer":{"email":"ada@example.com"}}}`
	aScan = `{"type":"tracking.updated","data":{"tracking_number":"SB1","scan_id":"SB1-1","status":"in_transit","occurred_at":"2026-03-01T12:00:00Z"}}`
)

func TestASignedDeliveryIsKeptBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, r := range map[string]*http.Request{
		"stripe": signed(t, "stripe", stripeSecret, anIntent), "checkout": signed(t, "checkout", checkoutSecret, anOrder),
		"sandbox": signed(t, "sandbox", sandboxSecret, aScan),
	} {
		a := s.send(r)
		require.Equal(t, http.StatusOK, a.status, a.body)
		assert.Equal(t, received, a.body)
		kept := s.kept()
		d := kept[len(kept)-1]
		assert.Equal(t, name, d.GetSource())
		assert.Equal(t, "default", d.GetAccount())
		assert.NotEmpty(t, d.GetFacts())
		assert.Nil(t, d.GetQuarantine())
		for _, h := range d.GetHeaders() {
			assert.NotContains(t, strings.ToLower(h.GetName()), "signature")
		}
		assert.InDelta(t, 1, s.counted("orderflow_webhooks_total", accepted, name), 0)
	}
}

func TestTheBodyIsKeptByteForByte(t *testing.T) {
	t.Parallel()
	s := serve(t)
	body := strings.Replace(anOrder, "MUG", `M\u00dcG\/\u2028😀`, 1) + "\n\n"
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, body)).status)
	assert.Equal(t, body, string(s.kept()[0].GetBody()))
	assert.Equal(t, "MÜG/\u2028😀", s.kept()[0].GetFacts()[0].GetOrderDescribed().GetLines()[0].GetSku())
}

func TestTheSameDeliveryTwiceIsOneMessage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := signed(t, "checkout", checkoutSecret, anOrder)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			again := unsigned(t, r.URL.Path, anOrder)
			again.Header = r.Header
			a := s.send(again)
			assert.Equal(t, http.StatusOK, a.status)
			assert.Equal(t, received, a.body)
		})
	}
	wg.Wait()
	assert.Len(t, s.kept(), 1)
	assert.InDelta(t, 1, s.counted("orderflow_webhooks_total", accepted, "checkout"), 0)
	assert.InDelta(t, 49, s.counted("orderflow_webhooks_total", duplicate, "checkout"), 0)
}

func TestTwoBodiesUnderOneDeliveryIDAreBothKept(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, body := range []string{anIntent, strings.Replace(anIntent, `"amount":2500`, `"amount":2600`, 1)} {
		require.Equal(t, http.StatusOK, s.send(signed(t, "stripe", stripeSecret, body)).status)
	}
	kept := s.kept()
	require.Len(t, kept, 2)
	assert.Equal(t, kept[0].GetDeliveryId(), kept[1].GetDeliveryId())
	assert.NotEqual(t, kept[0].GetId(), kept[1].GetId())
}

func TestTheIDIsThatOfIdent(t *testing.T) {
	t.Parallel()
	r := source.Request{Body: []byte(anIntent), ReceivedAt: time.Now()}
	a := source.Account{Name: "default", Mode: source.Live}
	reading, err := Read(SourceByName("stripe"), r, a)
	require.NoError(t, err)
	d, id := NewDelivery(SourceByName("stripe"), r, a, reading)
	assert.Equal(t, ident.DeliveryOf("stripe", "default", "payment_intent.succeeded", "evt_1", sum256(anIntent)), id)
	assert.Equal(t, id[:], d.GetId())
}

func TestWhatIsNotSignedGetsNowhere(t *testing.T) {
	t.Parallel()
	s := serve(t)
	changed := signed(t, "stripe", stripeSecret, anIntent)
	changed.Body, changed.ContentLength = io.NopCloser(strings.NewReader(strings.Replace(anIntent, "pi_1", "pi_2", 1))), int64(len(anIntent))
	cross := signed(t, "checkout", checkoutSecret, anOrder)
	cross.URL.Path = "/webhooks/checkout/second"
	otherSource := signed(t, "checkout", checkoutSecret, anOrder)
	otherSource.URL.Path = "/webhooks/stripe"
	for name, c := range map[string]struct {
		request *http.Request
		code    source.Code
		source  string
	}{
		"no signature":        {unsigned(t, "/webhooks/stripe", anIntent), source.NotSigned, "stripe"},
		"another secret":      {signed(t, "stripe", "whsec_other", anIntent), source.BadSignature, "stripe"},
		"a changed body":      {changed, source.BadSignature, "stripe"},
		"too old":             {at(t, -6*time.Minute), source.TooOld, "stripe"},
		"from the future":     {at(t, 6*time.Minute), source.FromFuture, "stripe"},
		"an empty body":       {unsigned(t, "/webhooks/checkout", ""), source.NotSigned, "checkout"},
		"of another account":  {cross, source.BadSignature, "checkout"},
		"of another source":   {otherSource, source.NotSigned, "stripe"},
		"a form, no greeting": {unsigned(t, "/webhooks/stripe", "webhook_id=1"), source.NotSigned, "stripe"},
	} {
		before := s.counted("orderflow_webhooks_total", string(c.code), c.source)
		a := s.send(c.request)
		assert.Equal(t, http.StatusUnauthorized, a.status, name)
		assert.JSONEq(t, `{"error":"not_verified","message":"The delivery could not be verified."}`, a.body, name)
		assert.InDelta(t, before+1, s.counted("orderflow_webhooks_total", string(c.code), c.source), 0, name)
	}
	assert.Empty(t, s.kept())
	for _, secret := range []string{stripeSecret, checkoutSecret, "ada@example.com", "pi_1"} {
		assert.NotContains(t, s.log.String(), secret)
	}
}

func at(t *testing.T, from time.Duration) *http.Request {
	t.Helper()
	h, err := SourceByName("stripe").Sign([]byte(anIntent), source.Signing{Secret: stripeSecret, At: time.Now().Add(from)})
	require.NoError(t, err)
	r := unsigned(t, "/webhooks/stripe", anIntent)
	r.Header = h
	return r
}

func TestBothSecretsOfARotationAreGood(t *testing.T) {
	t.Parallel()
	s := serve(t)
	require.Equal(t, http.StatusOK, s.send(signed(t, "stripe", stripeSecret, anIntent)).status)
	require.Equal(t, http.StatusOK, s.send(signed(t, "stripe", stripeSecond, anIntent)).status)
}

func TestFurtherAccounts(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := signed(t, "checkout", sandboxSecret, anOrder)
	r.URL.Path = "/webhooks/checkout/second"
	require.Equal(t, http.StatusOK, s.send(r).status)
	d := s.kept()[0]
	assert.Equal(t, "second", d.GetAccount())
	assert.Equal(t, "second", d.GetFacts()[0].GetOrder().GetAccount())

	named := signed(t, "checkout", checkoutSecret, anOrder)
	named.URL.Path = "/webhooks/checkout/default"
	require.Equal(t, http.StatusOK, s.send(named).status)
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, path := range []string{"/webhooks/klarna", "/webhooks/stripe/nobody", "/webhooks", "/", "/webhooks/stripe/default/more"} {
		a := s.send(unsigned(t, path, anIntent))
		assert.Equal(t, http.StatusNotFound, a.status, path)
		assert.JSONEq(t, `{"error":"not_found"}`, a.body, path)
	}
	r := unsigned(t, "/webhooks/stripe", "")
	r.Method = http.MethodGet
	assert.Equal(t, http.StatusMethodNotAllowed, s.send(r).status)
	assert.InDelta(t, 1, s.counted("orderflow_webhooks_total", unknown, unknown), 0)
	assert.Empty(t, s.kept())
}

// chunked hides a body's length.
type chunked struct{ io.Reader }

func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxBody = 2000 })
	pad := func(n int) string { return anOrder + strings.Repeat(" ", n-len(anOrder)) }

	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, pad(2000))).status)
	a := s.send(signed(t, "checkout", checkoutSecret, pad(2001)))
	require.Equal(t, http.StatusRequestEntityTooLarge, a.status)
	require.Equal(t, "too_large", problem(t, a))

	lying := signed(t, "checkout", checkoutSecret, pad(100_000))
	lying.Body, lying.ContentLength = io.NopCloser(chunked{strings.NewReader(pad(100_000))}), -1
	require.Equal(t, http.StatusRequestEntityTooLarge, s.send(lying).status)

	small := signed(t, "checkout", checkoutSecret, anOrder)
	small.Body, small.ContentLength = io.NopCloser(chunked{strings.NewReader(anOrder)}), -1
	require.Equal(t, http.StatusOK, s.send(small).status)
	require.Len(t, s.kept(), 2)
}

func TestEncodedBodies(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(anOrder))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r := signed(t, "checkout", checkoutSecret, zipped.String())
	r.Header.Set("Content-Encoding", "gzip")
	a := s.send(r)
	require.Equal(t, http.StatusUnsupportedMediaType, a.status)
	require.Equal(t, "unsupported_encoding", problem(t, a))
	require.Empty(t, s.kept())
}

func TestWhatIsSignedIsNeverRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, c := range map[string]struct {
		source, secret, body string
		reason               string
		facts                int
	}{
		"no JSON":                       {"checkout", checkoutSecret, "hello", source.NotJSON, 0},
		"an empty body":                 {"checkout", checkoutSecret, "", source.NotJSON, 0},
		"JSON with a tail":              {"checkout", checkoutSecret, anOrder + "x", source.NotJSON, 0},
		"a list":                        {"stripe", stripeSecret, "[1]", source.BadValue, 0},
		"an empty object":               {"stripe", stripeSecret, "{}", source.MissingField, 0},
		"an unknown topic":              {"stripe", stripeSecret, `{"id":"evt_2","type":"invoice.paid","livemode":true}`, source.UnknownTopic, 0},
		"an unknown topic of ours":      {"checkout", checkoutSecret, `{"type":"order.archived","data":{}}`, source.UnknownTopic, 0},
		"a test on a live account":      {"stripe", stripeSecret, strings.Replace(anIntent, `"livemode":true`, `"livemode":false`, 1), source.TestMode, 0},
		"a refund of nothing":           {"checkout", checkoutSecret, `{"type":"refund.created","data":{"amount":"1","currency":"EUR"}}`, source.NoReference, 0},
		"items that cannot be read":     {"stripe", stripeSecret, strings.Replace(anIntent, `\"12.50\"`, `\"x\"`, 1), source.BadValue, 1},
		"an id that fits no index":      {"stripe", stripeSecret, strings.Replace(anIntent, "pi_1", "pi_"+strings.Repeat("x", 5000), 1), source.BadValue, 2},
		"a version nobody knows":        {"stripe", stripeSecret, strings.Replace(anIntent, `"object":"event"`, `"object":"event","api_version":"2099-01-01.zebra"`, 1), "", 2},
		"an authentic informational":    {"stripe", stripeSecret, `{"id":"evt_3","type":"payment_intent.created","livemode":true}`, "", 0},
		"JSON behind a byte order mark": {"checkout", checkoutSecret, "\xef\xbb\xbf" + anOrder, "", 1},
	} {
		a := s.send(signed(t, c.source, c.secret, c.body))
		require.Equal(t, http.StatusOK, a.status, name)
		require.Equal(t, received, a.body, name)
		kept := s.kept()
		d := kept[len(kept)-1]
		assert.Equal(t, c.body, string(d.GetBody()), name)
		assert.Equal(t, c.reason, d.GetQuarantine().GetReason(), "%s: %s", name, d.GetQuarantine().GetDetail())
		assert.Len(t, d.GetFacts(), c.facts, name)
		if c.reason != "" {
			assert.Positive(t, s.counted("orderflow_quarantined_total", c.reason, c.source), name)
		}
	}
	assert.NotContains(t, s.log.String(), "ada@example.com")
}

func TestAnAccountForTestsTakesTests(t *testing.T) {
	t.Parallel()
	test := strings.Replace(anIntent, `"livemode":true`, `"livemode":false`, 1)
	for mode, c := range map[string]struct{ live, test string }{
		"live": {"", source.TestMode}, "test": {source.TestMode, ""}, "both": {"", ""},
	} {
		s := serve(t, func(c *Config) { c.Mode = mode })
		for body, reason := range map[string]string{anIntent: c.live, test: c.test} {
			require.Equal(t, http.StatusOK, s.send(signed(t, "stripe", stripeSecret, body)).status)
			kept := s.kept()
			assert.Equal(t, reason, kept[len(kept)-1].GetQuarantine().GetReason(), mode)
		}
	}
}

func TestNoAckNo2xx(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.PublishTimeout = 200 * time.Millisecond })
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status)
	s.js.Conn().Close()
	a := s.send(signed(t, "checkout", checkoutSecret, anOrder))
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "unavailable", problem(t, a))
	require.NotEmpty(t, a.header.Get("Retry-After"))
	// The signature goes before the broker.
	require.Equal(t, http.StatusUnauthorized, s.send(unsigned(t, "/webhooks/checkout", anOrder)).status)
	require.Positive(t, s.counted("orderflow_webhooks_total", unavailable, "checkout"))
}

// never is a broker that takes everything and acks nothing.
type never struct{}

func (never) Publish(ctx context.Context, _ string, _ ident.Delivery, _ []byte) (bool, error) {
	<-ctx.Done()
	return false, errors.New("no ack in time")
}

func TestAHangingBrokerIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	h := bare(t, SourceByName("checkout"), never{})
	h.config.PublishTimeout = 50 * time.Millisecond
	began := time.Now()
	status := h.direct(t, signed(t, "checkout", checkoutSecret, anOrder))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Less(t, time.Since(began), 4*time.Second)
}

// odd is a source that fails where a source must not.
type odd struct {
	source.Source
	verify, read func()
}

func (o odd) Name() string { return "checkout" }
func (o odd) Verify(source.Request, source.Account) error {
	o.verify()
	return nil
}

func (o odd) Read(source.Request, source.Account) source.Reading {
	o.read()
	return source.Reading{}
}

// kept remembers what was published.
type keeper struct {
	mu   sync.Mutex
	data [][]byte
}

func (k *keeper) Publish(_ context.Context, _ string, _ ident.Delivery, data []byte) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.data = append(k.data, data)
	return false, nil
}

func TestAPanicLosesNoDelivery(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	h := bare(t, odd{verify: func() {}, read: func() { panic("ada@example.com") }}, k)
	var log bytes.Buffer
	h.log = zerolog.New(&log)
	require.Equal(t, http.StatusOK, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)))
	require.Len(t, k.data, 1)
	d := decode(t, k.data[0])
	assert.True(t, bytes.Equal([]byte(anOrder), d.GetBody()))
	assert.Equal(t, source.BadValue, d.GetQuarantine().GetReason())
	assert.Equal(t, "the normaliser failed", d.GetQuarantine().GetDetail())
	assert.NotContains(t, log.String(), "ada@example.com")
}

func TestACheckThatPanicsLetsNobodyIn(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	h := bare(t, odd{verify: func() { panic("x") }, read: func() {}}, k)
	require.Equal(t, http.StatusUnauthorized, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)))
	require.Empty(t, k.data)
}

func TestTextThatNoDatabaseKeeps(t *testing.T) {
	t.Parallel()
	body := strings.NewReplacer("MUG", `M\u0000UG`, "ada@", `ad\u0000a@`).Replace(anOrder)
	reading, err := Read(SourceByName("checkout"), source.Request{Body: []byte(body)}, source.Account{Name: "default", Mode: source.Live})
	require.NoError(t, err)
	o := reading.Facts[0].GetOrderDescribed()
	assert.Equal(t, "M\uFFFDUG", o.GetLines()[0].GetSku())
	assert.Equal(t, "ad\uFFFDa@example.com", o.GetPerson().GetEmail())
}

func TestWhatFitsIntoNoMessageGoesWithoutFacts(t *testing.T) {
	t.Parallel()
	d := &intakev1.Delivery{Body: []byte("body"), Facts: []*intakev1.Fact{{References: []string{strings.Repeat("x", 500)}}}}
	data, err := encode(d, 200)
	require.NoError(t, err)
	got := decode(t, data)
	assert.Empty(t, got.GetFacts())
	assert.Equal(t, "body", string(got.GetBody()))
	assert.Equal(t, source.BadValue, got.GetQuarantine().GetReason())

	d = &intakev1.Delivery{Body: []byte("body"), Facts: []*intakev1.Fact{{References: []string{"\xff"}}}}
	data, err = encode(d, 1<<20)
	require.NoError(t, err)
	assert.Equal(t, source.BadValue, decode(t, data).GetQuarantine().GetReason())
}

func TestRequestsInHandAreAnsweredWhenItStops(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := signed(t, "checkout", checkoutSecret, anOrder)
	r.Host = "ingress"
	r.Header.Set("Expect", "100-continue")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	var head bytes.Buffer
	require.NoError(t, r.Write(&head))
	_, err = conn.Write(bytes.TrimSuffix(head.Bytes(), []byte(anOrder)))
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	line, err := answers.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue") // the body is being waited for
	_, err = answers.ReadString('\n')
	require.NoError(t, err)

	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	require.Eventually(t, func() bool { // the door is closed for whoever comes now
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 5*time.Second, 5*time.Millisecond)
	_, err = conn.Write([]byte(anOrder))
	require.NoError(t, err)
	response, err := http.ReadResponse(answers, r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	<-stopped
	require.Len(t, s.kept(), 1)
}

// bare is a handler without a broker.
func bare(t *testing.T, s source.Source, p publisher) *handler {
	t.Helper()
	c := config()
	a := account{source: s, Account: source.Account{Name: defaultAccount, Secrets: []string{checkoutSecret}, Mode: source.Live}}
	return &handler{
		tracer:   tracing.Or(nil),
		accounts: accounts{"checkout": {defaultAccount: a}}, config: c, publish: p, most: 1 << 20, metrics: newMetrics(prometheus.NewRegistry()),
		log: zerolog.Nop(), clock: time.Now,
	}
}

func (h *handler) direct(t *testing.T, r *http.Request) int {
	t.Helper()
	e := web.New(zerolog.Nop())
	e.POST("/webhooks/:source", h.take)
	w := newRecorder()
	e.ServeHTTP(w, r)
	return w.Code
}

func TestWooCommercesGreetingIsAnsweredAndMeansNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	ping := func(path, body string) answer {
		r := unsigned(t, path, body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return s.send(r)
	}
	a := ping("/webhooks/woocommerce", "webhook_id=7")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, received, a.body)
	require.Equal(t, http.StatusUnauthorized, ping("/webhooks/woocommerce", `webhook_id=7&{"id":1,"status":"processing"}`).status)
	require.Equal(t, http.StatusUnauthorized, ping("/webhooks/shopify", "webhook_id=7").status)
	require.Empty(t, s.kept())
	require.InDelta(t, 1, s.counted("orderflow_webhooks_total", greeting, "woocommerce"), 0)
}

func TestAFullStreamRefusesAndTheProviderComesAgain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, anOrder)).status)
	stream, err := s.js.Stream(context.Background(), bus.Intake)
	require.NoError(t, err)
	full := stream.CachedInfo().Config
	full.MaxMsgs = 1
	_, err = s.js.UpdateStream(context.Background(), full)
	require.NoError(t, err)
	second := strings.Replace(anOrder, "1001", "1002", 1)
	a := s.send(signed(t, "checkout", checkoutSecret, second))
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	full.MaxMsgs = -1
	_, err = s.js.UpdateStream(context.Background(), full)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.send(signed(t, "checkout", checkoutSecret, second)).status)
	require.Len(t, s.kept(), 2)
}

func TestAnOldClientIsServed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := signed(t, "checkout", checkoutSecret, anOrder)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	var whole bytes.Buffer
	r.Host = "ingress"
	require.NoError(t, r.Write(&whole))
	_, err = conn.Write(bytes.Replace(whole.Bytes(), []byte("HTTP/1.1"), []byte("HTTP/1.0"), 1))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestAClientThatLeavesInTheMiddleHasSentNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := signed(t, "checkout", checkoutSecret, anOrder)
	r.Host = "ingress"
	var whole bytes.Buffer
	require.NoError(t, r.Write(&whole))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	_, err = conn.Write(whole.Bytes()[:whole.Len()-10])
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return s.counted("orderflow_webhooks_total", broken, "checkout") == 1 }, 10*time.Second, 5*time.Millisecond)
	require.Empty(t, s.kept())
}
