// Package tracing follows an order through the system with OpenTelemetry: from the webhook, through every message, to
// the calls of providers.
//
// A trace is what one delivery or one command led to, and its id is the delivery's or the command's own: whoever has
// the one finds the other. Messages carry it in the W3C header traceparent, every event in its metadata, every line of
// the log that is about one message in trace_id. Ids are there whether or not spans are sent anywhere.
package tracing

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/ident"
)

// From makes ctx go on from a span of somebody else, as a message brought it. A span that is none changes nothing.
func From(ctx context.Context, parent trace.SpanContext) context.Context {
	if !parent.IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parent)
}

// In makes the next span that begins in ctx without another one above it the first of a trace with that id. The zero
// id leaves it to chance.
func In(ctx context.Context, id ident.Trace) context.Context {
	if id.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, wanted{}, id)
}

// wanted is the key under which In leaves an id for ids to find.
type wanted struct{}

// Put writes the span of ctx into a message's header; the header is made if there is none. No span, no header.
func Put(ctx context.Context, m *nats.Msg) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	if m.Header == nil {
		m.Header = nats.Header{}
	}
	propagation.TraceContext{}.Inject(ctx, carrier(m.Header))
}

// Get reads the span that a message came from; not a valid one if it says nothing of it.
func Get(header nats.Header) trace.SpanContext {
	if len(header[parentHeader]) == 0 {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier(header)))
}

// parentHeader is the name that W3C gives it; NATS tells upper from lower case.
const parentHeader = "traceparent"

// carrier is a message's header as the propagator wants it.
type carrier nats.Header

func (c carrier) Get(key string) string { return nats.Header(c).Get(key) }
func (c carrier) Set(key, value string) { nats.Header(c).Set(key, value) }
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// Stored is a span as an outbox keeps it until its news is told: the trace's id, the span's and its flags. Nil of none.
func Stored(span trace.Span) []byte {
	s := contextOf(span)
	if !s.IsValid() {
		return nil
	}
	id, own := s.TraceID(), s.SpanID()
	return slices.Concat(id[:], own[:], []byte{byte(s.TraceFlags())})
}

// Restored is the span that Stored made; not a valid one of anything else.
func Restored(stored []byte) trace.SpanContext {
	var id trace.TraceID
	var span trace.SpanID
	if len(stored) != len(id)+len(span)+1 {
		return trace.SpanContext{}
	}
	copy(id[:], stored)
	copy(span[:], stored[len(id):])
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(stored[len(stored)-1]), Remote: true,
	})
}

// IDOf is the id of a span's trace; zero of none.
func IDOf(span trace.Span) ident.Trace { return ident.Trace(contextOf(span).TraceID()) }

func contextOf(span trace.Span) trace.SpanContext {
	if span == nil {
		return trace.SpanContext{}
	}
	return span.SpanContext()
}
