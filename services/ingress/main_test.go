package ingress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Secrets of these tests. They protect nothing.
const (
	stripeSecret   = "whsec_stripe_of_the_tests"
	stripeSecond   = "whsec_stripe_while_rolling"
	shopSecret     = "shop-secret-of-the-tests"
	checkoutSecret = "whsec_b3JkZXJmbG93LXRlc3Qtc2VjcmV0LW51bWJlci1vbmU="
	adyenKey       = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	paypalWebhook  = "1JE50Z90C7278043W"
	amazonTopic    = "arn:aws:sns:eu-west-1:123456789012:orders"
	sandboxSecret  = "whsec_b3JkZXJmbG93LXRlc3Qtc2VjcmV0LW51bWJlci10d28="
)

// server is an ingress as the host starts it, on a broker of the test's own.
type server struct {
	t        *testing.T
	url      string
	js       jetstream.JetStream
	registry *prometheus.Registry
	log      *safeBuffer
	stop     func()
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func environ() map[string]string {
	return map[string]string{
		"STRIPE_WEBHOOK_SECRET": stripeSecret + "," + stripeSecond, "SHOPIFY_WEBHOOK_SECRET": shopSecret, "WOOCOMMERCE_WEBHOOK_SECRET": shopSecret,
		"CHECKOUT_WEBHOOK_SECRET": checkoutSecret, "SANDBOX_WEBHOOK_SECRET": sandboxSecret, "TWILIO_AUTH_TOKEN": shopSecret, "B2B_WEBHOOK_SECRET": checkoutSecret, "CHECKOUT_WEBHOOK_SECRET_SECOND": sandboxSecret,
	}
}

func config() *Config {
	return &Config{
		Listen: "127.0.0.1:0", Sources: sourceNames(), MaxBody: 64 << 10, PublishTimeout: 5 * time.Second, Mode: "live",
		StripeSecrets: []string{stripeSecret, stripeSecond}, ShopifySecrets: []string{shopSecret}, WooCommerceSecrets: []string{shopSecret},
		CheckoutSecrets: []string{checkoutSecret}, SandboxSecrets: []string{sandboxSecret}, TwilioTokens: []string{shopSecret}, B2BSecrets: []string{checkoutSecret}, StripeShop: "checkout/default",
		EasyPostSecrets: []string{shopSecret}, ShippoSecrets: []string{shopSecret}, FedExTokens: []string{shopSecret}, UPSCredentials: []string{shopSecret}, USPSSecrets: []string{shopSecret},
		AdyenKeys: []string{adyenKey}, AdyenShop: "checkout/default", AdyenCapture: "manual", PayPalWebhooks: []string{paypalWebhook}, AmazonTopics: []string{amazonTopic}, PayPalShop: "checkout/default",
	}
}

func serve(t *testing.T, change ...func(*Config)) *server {
	t.Helper()
	return serveWith(t, environ(), change...)
}

func serveWith(t *testing.T, environ map[string]string, change ...func(*Config)) *server {
	t.Helper()
	s := &server{t: t, js: testkit.NATS(t), registry: prometheus.NewRegistry(), log: &safeBuffer{}}
	c := config()
	for _, f := range change {
		f(c)
	}
	tasks, err := start(t.Context(), c, host.Deps{
		JS: s.js, Bus: bus.NewPublisher(s.js), Log: zerolog.New(s.log).Level(zerolog.DebugLevel), Registry: s.registry, Clock: time.Now, Environ: environ,
		Listen: func(name, address string) (net.Listener, error) {
			require.Equal(t, "ingress", name)
			l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
			if err == nil {
				s.url = "http://" + l.Addr().String()
			}
			return l, err
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { done <- task.Run(ctx) }()
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		for range tasks {
			require.NoError(t, <-done)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// signed is a delivery as its provider would send it now.
func signed(t *testing.T, sourceName, secret, body string) *http.Request {
	t.Helper()
	h, err := SourceByName(sourceName).Sign([]byte(body), source.Signing{Secret: secret, At: time.Now()})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/"+sourceName, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = h
	return r
}

func unsigned(t *testing.T, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
	require.NoError(t, err)
	return r
}

// answer is what a provider gets.
type answer struct {
	status int
	body   string
	header http.Header
}

func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	base, err := http.NewRequestWithContext(r.Context(), r.Method, s.url+r.URL.String(), r.Body)
	require.NoError(s.t, err)
	base.Header, base.ContentLength = r.Header, r.ContentLength
	if r.URL.Host != "" {
		base.URL = r.URL
	}
	response, err := http.DefaultClient.Do(base)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, strings.TrimSpace(string(body)), response.Header}
}

// kept are all deliveries in the stream, by their messages' order.
func (s *server) kept() []*intakev1.Delivery {
	s.t.Helper()
	stream, err := s.js.Stream(context.Background(), bus.Intake)
	require.NoError(s.t, err)
	var all []*intakev1.Delivery
	for n := uint64(1); n <= stream.CachedInfo().State.LastSeq; n++ {
		m, err := stream.GetMsg(context.Background(), n)
		require.NoError(s.t, err)
		d := &intakev1.Delivery{}
		require.NoError(s.t, proto.Unmarshal(m.Data, d))
		require.Equal(s.t, bus.IntakeSubject(d), m.Subject)
		all = append(all, d)
	}
	return all
}

func (s *server) counted(metric string, labels ...string) float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	require.NoError(s.t, err)
	total := 0.0
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			var have []string
			for _, l := range m.GetLabel() {
				have = append(have, l.GetValue())
			}
			if strings.Join(have, ",") == strings.Join(labels, ",") {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}

// gauge is the value of a gauge that there is once.
func (s *server) gauge(metric string) float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	require.NoError(s.t, err)
	for _, f := range families {
		if f.GetName() == metric {
			require.Len(s.t, f.GetMetric(), 1)
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}

func problem(t *testing.T, a answer) string {
	t.Helper()
	var p struct {
		Error string `json:"error"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	return p.Error
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func sum256(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func decode(t *testing.T, data []byte) *intakev1.Delivery {
	t.Helper()
	d := &intakev1.Delivery{}
	require.NoError(t, proto.Unmarshal(data, d))
	return d
}

func TestABrokerThatCannotKeepDeliveriesIsRefused(t *testing.T) {
	t.Parallel()
	js := testkit.NATS(t)
	deps := host.Deps{JS: js, Bus: bus.NewPublisher(js), Environ: environ()}
	c := config()
	c.MaxBody = js.Conn().MaxPayload()
	_, err := start(t.Context(), c, deps)
	require.ErrorContains(t, err, "raise its max_payload")
	require.NoError(t, js.DeleteStream(t.Context(), bus.Intake))
	_, err = start(t.Context(), config(), deps)
	require.EqualError(t, err, "stream INTAKE is missing; orderctl provision makes it")
}
