package orderctl

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// collector takes spans as OpenTelemetry's collector does, by OTLP over HTTP.
type collector struct {
	mu    sync.Mutex
	spans []*tracev1.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &collectorv1.ExportTraceServiceRequest{}
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, request) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// of are the spans of a trace by name.
func (c *collector) of(trace uuid.UUID) map[string][]*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	named := map[string][]*tracev1.Span{}
	for _, s := range c.spans {
		if uuid.UUID(s.GetTraceId()) == trace {
			named[s.GetName()] = append(named[s.GetName()], s)
		}
	}
	return named
}

// named are the spans of that name; all of them if it is empty.
func (c *collector) named(name string) (some []*tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if name == "" || s.GetName() == name {
			some = append(some, s)
		}
	}
	return some
}

// An order is followed from its webhook to the call of the carrier, in the trace that has its delivery's id.
func TestAnOrderIsOneTraceFromItsWebhookToTheProvider(t *testing.T) {
	t.Parallel()
	c := &collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	r := runAll(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	const orders = 20
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(orders)))
	sent, err := r.sender.Send(t.Context(), demo.Tell(orders, time.Now(), 1), func(int) {})
	require.NoError(t, err)
	_, err = demo.Watch(t.Context(), r.pool, sent, lifetime, func(int) {})
	require.NoError(t, err)

	// An order of several deliveries has several traces, and which of them its label is in depends on what came last before it.
	found, err := r.pool.Query(t.Context(), `SELECT d.id FROM orderflow.events e JOIN journal.deliveries d ON d.id = encode(e.trace_id, 'hex')::uuid
		WHERE e.type = 'fulfillment.v1.LabelPurchased'`)
	require.NoError(t, err)
	deliveries, err := pgx.CollectRows(found, pgx.RowTo[uuid.UUID])
	require.NoError(t, err)
	require.NotEmpty(t, deliveries, "a label's trace is a delivery")
	var named map[string][]*tracev1.Span
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(deliveries, func(id uuid.UUID) bool {
			named = c.of(id)
			return !slices.ContainsFunc([]string{
				"orders decide", "payment decide", "fraud decide", "inventory decide", "fulfillment decide", "fulfillment call", "notifier call", "projector project",
			}, func(name string) bool { return len(named[name]) == 0 })
		})
	}, lifetime, 50*time.Millisecond, "every service takes part in one")

	above := map[string]*tracev1.Span{}
	for _, spans := range named {
		for _, s := range spans {
			above[hex.EncodeToString(s.GetSpanId())] = s
		}
	}
	label := named["fulfillment call"][0]
	for s := label; ; s = above[hex.EncodeToString(s.GetParentSpanId())] {
		require.NotNil(t, s, "a span above is missing")
		if len(s.GetParentSpanId()) == 0 {
			assert.True(t, strings.HasPrefix(s.GetName(), "webhook "), "it began with %q", s.GetName())
			break
		}
	}
	rows, err := r.pool.Query(t.Context(), `SELECT type, count(trace_id), count(*) FROM orderflow.events GROUP BY type`)
	require.NoError(t, err)
	var eventType string
	var traced, all int
	_, err = pgx.ForEachRow(rows, []any{&eventType, &traced, &all}, func() error {
		assert.Equal(t, all, traced, "%s: every event has the trace of what led to it", eventType)
		return nil
	})
	require.NoError(t, err)
}
