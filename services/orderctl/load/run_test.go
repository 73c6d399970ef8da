package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// answering is an ingress that answers as it is told.
func answering(t *testing.T, answer http.HandlerFunc) Options {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return Options{
		URL: s.URL, Targets: []Target{{Source: "stripe", Secret: secret, Weight: 1}}, Connections: 8, Timeout: 10 * time.Second, Grace: 10 * time.Second,
		Orders: Orders{Seed: 1, SKUs: 10, At: time.Now()},
	}
}

func sent(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	return r
}

// Every source's deliveries are signed, each in its share, and each goes where its account is.
func TestDeliveriesAreSignedAndShared(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	paths, wrong := map[string]int{}, []error{}
	o := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		paths[r.URL.Path]++
		name := map[string]string{
			"/webhooks/stripe": "stripe", "/webhooks/shopify/eu": "shopify", "/webhooks/woocommerce": "woocommerce", "/webhooks/checkout": "checkout",
		}[r.URL.Path]
		if err == nil {
			err = ingress.SourceByName(name).Verify(source.Request{Header: r.Header, Body: body, ReceivedAt: time.Now()}, source.Account{Secrets: []string{secret}})
		}
		if err != nil || r.Header.Get("Content-Type") == "" {
			wrong = append(wrong, err)
		}
	})
	o.Targets = []Target{
		{Source: "stripe", Secret: secret, Weight: 3}, {Source: "shopify", Account: "eu", Secret: secret, Weight: 1}, {Source: "woocommerce", Secret: secret}, {Source: "checkout", Secret: secret},
	}
	o.Phases = []Phase{{Duration: time.Minute, Most: 60}}
	r := sent(t, o)
	assert.True(t, r.All.Good())
	assert.Equal(t, 60, r.All.Accepted)
	assert.Empty(t, wrong)
	assert.Equal(t, map[string]int{"/webhooks/stripe": 30, "/webhooks/shopify/eu": 10, "/webhooks/woocommerce": 10, "/webhooks/checkout": 10}, paths)
}

// One answer that takes long makes everything behind it late, and that is what is reported: not that the others were
// answered at once when they could be sent at last.
func TestLatencyCountsFromWhenADeliveryWasDue(t *testing.T) {
	t.Parallel()
	const stall = 400 * time.Millisecond
	var first sync.Once
	o := answering(t, func(http.ResponseWriter, *http.Request) {
		first.Do(func() { time.Sleep(stall) })
	})
	o.Connections, o.Phases = 1, []Phase{{Rate: 100, Duration: 300 * time.Millisecond}}
	r := sent(t, o)
	require.Equal(t, 30, r.All.Accepted)
	assert.GreaterOrEqual(t, r.All.Latency.Max, 400.0)
	assert.GreaterOrEqual(t, r.All.Latency.P50, 200.0, "half of them were due in the first half, and answered after the stall")
}

func TestWhatIsStillWaitingAfterTheGraceIsNotSent(t *testing.T) {
	t.Parallel()
	o := answering(t, func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) })
	o.Connections, o.Grace, o.Phases = 1, 0, []Phase{{Rate: 100, Duration: 300 * time.Millisecond}}
	r := sent(t, o)
	assert.Equal(t, 30, r.All.Intended)
	assert.Positive(t, r.All.Sent)
	assert.Less(t, r.All.Sent, 10)
	assert.False(t, r.All.Good())
	assert.False(t, r.Interrupted)
}

func TestEveryAnswerIsCountedAsWhatItIs(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	statuses := []int{200, 202, 301, 401, 429, 503}
	o := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(statuses[int(n.Add(1)-1)%len(statuses)])
	})
	o.Phases = []Phase{{Duration: time.Minute, Most: 60}}
	var told sync.Map
	o.Answered = func(n int, due time.Time, status int) {
		_, twice := told.LoadOrStore(n, status)
		assert.False(t, twice)
		assert.False(t, due.IsZero())
	}
	all := sent(t, o).All
	assert.Equal(t, []int{60, 60, 20, 20, 10, 10, 0}, []int{all.Intended, all.Sent, all.Accepted, all.Refused, all.Failed, all.Other, all.Errors})
	assert.Equal(t, map[string]int{"200": 10, "202": 10, "301": 10, "401": 10, "429": 10, "503": 10}, all.Statuses)
	for i := range 60 {
		_, ok := told.Load(i)
		assert.True(t, ok, i)
	}
}

// A server that closes connections, as every one does after a while, is no error; one that dies is, and the sender goes
// on when it is back.
func TestConnectionsAreOpenedAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	o := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%5 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	o.Connections, o.Phases = 2, []Phase{{Duration: time.Minute, Most: 50}}
	closed := sent(t, o).All
	assert.True(t, closed.Good())

	o = answering(t, func(_ http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%5 == 0 {
			panic(http.ErrAbortHandler) // the connection breaks and nobody answers
		}
	})
	o.Connections, o.Phases = 2, []Phase{{Duration: time.Minute, Most: 50}}
	all := sent(t, o).All
	assert.Equal(t, 50, all.Sent)
	assert.Equal(t, 50, all.Accepted+all.Errors)
	assert.Positive(t, all.Accepted)
}

func TestAnAnswerThatNeverComesIsAnError(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	o := answering(t, func(_ http.ResponseWriter, _ *http.Request) { <-stuck })
	t.Cleanup(func() { close(stuck) })
	o.Connections, o.Timeout, o.Phases = 1, 50*time.Millisecond, []Phase{{Duration: time.Minute, Most: 1}}
	all := sent(t, o).All
	assert.Equal(t, map[string]int{"no answer in time": 1}, all.Reasons)
	assert.Equal(t, []int{1, 0, 1}, []int{all.Sent, all.Accepted, all.Errors})
}

func TestInterruptedItReportsWhatWasSent(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var n atomic.Int64
	o := answering(t, func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 10 {
			interrupt()
		}
	})
	o.Phases = []Phase{{Rate: 200, Duration: time.Minute}, {Rate: 1, Duration: time.Hour}}
	r, err := Run(ctx, o)
	require.NoError(t, err)
	assert.True(t, r.Interrupted)
	assert.GreaterOrEqual(t, r.All.Accepted, 10, "what was under way was answered")
	assert.Less(t, r.All.Intended, 200*60, "what was not due yet was not intended")
	assert.Len(t, r.Phases, 1, "the second phase had not begun")
}

func TestPhasesFollowOneAnother(t *testing.T) {
	t.Parallel()
	o := answering(t, func(http.ResponseWriter, *http.Request) {})
	o.Phases = []Phase{{Rate: 100, Duration: 200 * time.Millisecond}, {Duration: 100 * time.Millisecond}, {Rate: 50, Duration: 200 * time.Millisecond}}
	r := sent(t, o)
	require.Len(t, r.Phases, 3)
	assert.Equal(t, []int{20, 10}, []int{r.Phases[0].Accepted, r.Phases[2].Accepted})
	assert.Positive(t, r.Phases[1].Accepted)
	assert.Equal(t, 30+r.Phases[1].Accepted, r.All.Accepted)
	assert.InDelta(t, 100, r.Phases[0].PerSecond, 60)
}

func TestWhatCannotBeRunIsSaid(t *testing.T) {
	t.Parallel()
	good := Options{
		URL: "http://127.0.0.1:1", Targets: []Target{{Source: "stripe", Secret: secret}}, Connections: 1, Orders: Orders{SKUs: 1}, Timeout: time.Second,
		Phases: []Phase{{Rate: 1, Duration: time.Second}},
	}
	for what, change := range map[string]func(*Options){
		"nobody answers at":     func(*Options) {},
		"no address":            func(o *Options) { o.URL = "127.0.0.1:8080" },
		"at least one":          func(o *Options) { o.Connections = 0 },
		"takes no time":         func(o *Options) { o.Phases = []Phase{{Rate: 1}} },
		"orders of a source":    func(o *Options) { o.Targets = []Target{{Source: "sandbox", Secret: secret}} },
		"it is one of stripe, ": func(o *Options) { o.Targets = []Target{{Source: "amazon", Secret: secret}} },
	} {
		o := good
		change(&o)
		_, err := Run(t.Context(), o)
		assert.ErrorContains(t, err, what)
	}
}
