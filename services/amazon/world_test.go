package amazon

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Secrets of these tests. They protect nothing.
const (
	clientSecret = "amzn1.oa2-cs.v1.canary-of-the-client"
	refreshToken = "Atzr|canary-of-the-seller"
	accessToken  = "Atza|canary-of-the-access"
	orderToken   = "Atz.sprdt|canary-of-the-address"
)

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

// world is the service as the host starts it, with a broker of the test's own.
type world struct {
	t        *testing.T
	js       jetstream.JetStream
	config   *Config
	registry *prometheus.Registry
	log      *safeBuffer
	keep     *keeper
}

func newWorld(t *testing.T) *world {
	t.Helper()
	js := testkit.NATS(t)
	w := &world{t: t, js: js, registry: prometheus.NewRegistry(), log: &safeBuffer{}, config: &Config{}}
	require.NoError(t, host.Read(map[string]string{}, w.config))
	account, err := w.config.account()
	require.NoError(t, err)
	w.keep = &keeper{js: js, bus: bus.NewPublisher(js), account: account, clock: time.Now, log: zerolog.Nop()}
	return w
}

// run runs the service until the test ends, or what it returns is called.
func (w *world) run() (stop func()) {
	w.t.Helper()
	require.NoError(w.t, w.config.Check())
	tasks, err := start(w.t.Context(), w.config, host.Deps{
		JS: w.js, Bus: bus.NewPublisher(w.js), Log: zerolog.New(w.log).Level(zerolog.DebugLevel), Registry: w.registry, Clock: time.Now,
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, task := range tasks {
		running.Go(func() { assert.NoError(w.t, task.Run(ctx)) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		for _, secret := range []string{clientSecret, refreshToken, accessToken, orderToken, "Zoë", "Example Street"} {
			assert.NotContains(w.t, w.log.String(), secret)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// kept are all deliveries of a topic in the stream.
func (w *world) kept(topic string) []*intakev1.Delivery {
	w.t.Helper()
	stream, err := w.js.Stream(context.Background(), bus.Intake)
	require.NoError(w.t, err)
	var all []*intakev1.Delivery
	for n := uint64(1); n <= stream.CachedInfo().State.LastSeq; n++ {
		m, err := stream.GetMsg(context.Background(), n)
		require.NoError(w.t, err)
		d := &intakev1.Delivery{}
		require.NoError(w.t, proto.Unmarshal(m.Data, d))
		require.Equal(w.t, bus.IntakeSubject(d), m.Subject)
		if d.GetTopic() == topic {
			all = append(all, d)
		}
	}
	return all
}

func (w *world) eventually(holds func() bool, what string) {
	w.t.Helper()
	require.Eventually(w.t, holds, 20*time.Second, 10*time.Millisecond, "%s\n%s", what, w.log)
}

func (w *world) counted(metric, outcome string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == metric && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// seller is a stand-in for the Selling Partner API, with Login with Amazon, as both speak on the wire.
type seller struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	orders  map[string]string           // payloads of getOrder
	items   map[string][]string         // pages of getOrderItems, each a list of items
	address string                      // payload of getOrderAddress
	fail    []func(http.ResponseWriter) // what the next calls of getOrder answer instead
	asked   []string                    // every call
	forbid  bool                        // restricted data
}

func newSeller(t *testing.T) *seller {
	t.Helper()
	s := &seller{t: t, orders: map[string]string{}, items: map[string][]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/o2/token", s.login)
	mux.HandleFunc("GET /orders/v0/orders/{id}", s.with(accessToken, s.getOrder))
	mux.HandleFunc("GET /orders/v0/orders/{id}/orderItems", s.with(accessToken, s.getItems))
	mux.HandleFunc("GET /orders/v0/orders/{id}/address", s.with(orderToken, s.getAddress))
	mux.HandleFunc("POST /tokens/2021-03-01/restrictedDataToken", s.with(accessToken, s.restrict))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// configures makes a service call this API.
func (s *seller) configures(c *Config) {
	c.ClientID, c.ClientSecret, c.RefreshToken, c.TokenURL, c.API = "amzn1.application-oa2-client.1", clientSecret, refreshToken, s.url+"/auth/o2/token", s.url
}

func (s *seller) login(w http.ResponseWriter, r *http.Request) {
	s.note("login")
	if assert.NoError(s.t, r.ParseForm()) {
		assert.Equal(s.t, "refresh_token", r.PostForm.Get("grant_type"))
		assert.Equal(s.t, []string{refreshToken, "amzn1.application-oa2-client.1", clientSecret}, []string{r.PostForm.Get("refresh_token"), r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")})
	}
	answer(w, http.StatusOK, `{"access_token":"`+accessToken+`","refresh_token":"`+refreshToken+`","token_type":"bearer","expires_in":3600}`)
}

func (s *seller) with(token string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-amz-access-token") != token {
			answer(w, http.StatusForbidden, `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The access token you provided is revoked."}]}`)
			return
		}
		next(w, r)
	}
}

func (s *seller) getOrder(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.note("order " + id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fail) > 0 {
		fail := s.fail[0]
		s.fail = s.fail[1:]
		fail(w)
		return
	}
	w.Header().Set("x-amzn-RateLimit-Limit", "200.0")
	if s.orders[id] == "" {
		answer(w, http.StatusNotFound, `{"errors":[{"code":"NotFound","message":"Zoë's order is not there"}]}`)
		return
	}
	answer(w, http.StatusOK, `{"payload":`+s.orders[id]+`}`)
}

func (s *seller) getItems(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	defer s.mu.Unlock()
	page := 0
	if token := r.URL.Query().Get("NextToken"); token != "" {
		page = strings.Count(token, "+/=")
	}
	next := ""
	if page+1 < len(s.items[id]) {
		next = `,"NextToken":"` + strings.Repeat("+/=", page+1) + `"`
	}
	answer(w, http.StatusOK, `{"payload":{"AmazonOrderId":"`+id+`","OrderItems":`+s.items[id][page]+next+`}}`)
}

func (s *seller) restrict(w http.ResponseWriter, r *http.Request) {
	s.note("restricted")
	var ask struct {
		Resources []struct{ Method, Path string } `json:"restrictedResources"`
	}
	s.mu.Lock()
	forbid := s.forbid
	s.mu.Unlock()
	if forbid {
		answer(w, http.StatusForbidden, `{"errors":[{"code":"Unauthorized","message":"Application does not have access to one or more requested data elements"}]}`)
		return
	}
	if assert.NoError(s.t, json.NewDecoder(r.Body).Decode(&ask)) && assert.Len(s.t, ask.Resources, 1) {
		assert.Equal(s.t, http.MethodGet, ask.Resources[0].Method)
		assert.Regexp(s.t, `^/orders/v0/orders/[0-9-]+/address$`, ask.Resources[0].Path)
	}
	answer(w, http.StatusOK, `{"restrictedDataToken":"`+orderToken+`","expiresIn":3600}`)
}

func (s *seller) getAddress(w http.ResponseWriter, r *http.Request) {
	s.note("address " + r.PathValue("id"))
	answer(w, http.StatusOK, `{"payload":`+s.address+`}`)
}

func (s *seller) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
}

func (s *seller) times(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.asked {
		if a == what {
			n++
		}
	}
	return n
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
