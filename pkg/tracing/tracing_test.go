package tracing_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
)

func delivery(n byte) ident.Trace {
	return ident.Trace(ident.DeliveryOf("checkout", "default", "order", string(n), [32]byte{}))
}

func TestATraceHasTheIDOfItsDelivery(t *testing.T) {
	t.Parallel()
	tracer := tracing.Or(nil)
	id := delivery(1)
	ctx, first := tracer.Start(tracing.In(t.Context(), id), "first")
	assert.Equal(t, id, tracing.IDOf(first))
	_, below := tracer.Start(tracing.In(ctx, delivery(2)), "below")
	assert.Equal(t, id, tracing.IDOf(below), "what is below a span belongs to its trace")
	_, other := tracer.Start(tracing.In(t.Context(), ident.Trace{}), "by chance")
	assert.True(t, other.SpanContext().IsValid())
	assert.NotEqual(t, id, tracing.IDOf(other))
	assert.True(t, tracing.IDOf(nil).IsZero())
}

func TestAMessageCarriesItsSpan(t *testing.T) {
	t.Parallel()
	ctx, span := tracing.Or(nil).Start(tracing.In(t.Context(), delivery(1)), "first")
	m := &nats.Msg{}
	tracing.Put(ctx, m)
	assert.Equal(t, "00-"+delivery(1).String()+"-"+span.SpanContext().SpanID().String()+"-00", m.Header.Get("traceparent"))
	from := tracing.Get(m.Header)
	assert.True(t, from.Equal(span.SpanContext().WithRemote(true)))
	_, next := tracing.Or(nil).Start(tracing.From(t.Context(), from), "next")
	assert.Equal(t, delivery(1), tracing.IDOf(next))

	bare := &nats.Msg{}
	tracing.Put(t.Context(), bare)
	assert.Nil(t, bare.Header)
	for _, wrong := range []string{"", "00-1-2-3", "00-" + delivery(1).String() + "-0000000000000000-01", "ff-x"} {
		assert.False(t, tracing.Get(nats.Header{"traceparent": {wrong}}).IsValid(), wrong)
	}
}

func TestASpanIsKeptUntilItIsTold(t *testing.T) {
	t.Parallel()
	_, span := tracing.Or(nil).Start(t.Context(), "first")
	assert.True(t, tracing.Restored(tracing.Stored(span)).Equal(span.SpanContext().WithRemote(true)))
	assert.Nil(t, tracing.Stored(nil))
	for _, wrong := range [][]byte{nil, {1}, make([]byte, 25), make([]byte, 26)} {
		assert.False(t, tracing.Restored(wrong).IsValid())
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	require.NoError(t, tracing.Settings{Share: 1}.Check())
	require.NoError(t, tracing.Settings{Share: 0.1, Endpoint: "https://collector:4318/tenant"}.Check())
	for _, wrong := range []tracing.Settings{{Share: 1.1}, {Share: -1}, {Endpoint: "collector:4317"}, {Endpoint: "grpc://collector"}, {Endpoint: "://"}, {Endpoint: "https://user:word@collector"}} {
		assert.Error(t, wrong.Check(), wrong)
	}
}

// Ids of deliveries are UUIDs, of which some bits are always the same: the share has to hold for them too.
func TestAShareOfTracesIsTaken(t *testing.T) {
	t.Parallel()
	const traces = 20000
	for _, share := range []float64{0, 0.01, 0.3, 1} {
		sampler := tracing.Share(share)
		taken := 0
		for range traces {
			result := sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: trace.TraceID(uuid.New())})
			if result.Decision == sdktrace.RecordAndSample {
				taken++
			}
		}
		assert.InDelta(t, share, float64(taken)/traces, 0.02, "share %g", share)
	}
}

// A sampled span must reach whoever takes them.
func TestSpansAreSent(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	tracer := tracing.Sending(exporter).Of("payment")
	_, span := tracer.Start(tracing.In(t.Context(), delivery(3)), "decide")
	span.End()
	spans := exporter.GetSpans()
	require.Len(t, spans, 1)
	assert.Equal(t, delivery(3).String(), spans[0].SpanContext.TraceID().String())
	assert.Contains(t, spans[0].Resource.String(), "service.name=orderflow-payment")
}
