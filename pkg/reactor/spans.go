package reactor

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// Names of what spans say. The order's id and the events' are there, and nothing that a person told.
const (
	entityKey  = attribute.Key("orderflow.entity.id")
	eventKey   = attribute.Key("orderflow.event.id")
	versionKey = attribute.Key("orderflow.event.version")
	callKey    = attribute.Key("orderflow.call")
)

// beginSpans gives each thing that is to be decided a span: in the trace of its message, and where there is none (a
// timer, a sweep) in the trace of the entity's latest event.
func (r *Reactor) beginSpans(ctx context.Context, works []*Work, began time.Time) {
	for _, w := range works {
		for i := range w.Triggers {
			t := &w.Triggers[i]
			_, t.span = r.deps.Tracer.Start(above(ctx, w.Events, *t), r.spec.Service+" decide", trace.WithTimestamp(began),
				trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(entityKey.String(w.Entity.String())))
		}
	}
}

// above is what the span of a trigger goes on from.
func above(ctx context.Context, events []event.Recorded, t Trigger) context.Context {
	if t.from.IsValid() {
		return tracing.From(ctx, t.from)
	}
	return tracing.In(ctx, traceOf(events, t))
}

func traceOf(events []event.Recorded, t Trigger) (id ident.Trace) {
	switch {
	case t.from.IsValid():
		return ident.Trace(t.from.TraceID())
	case t.Delivery != nil:
		copy(id[:], t.Delivery.GetId())
	case t.Command != nil:
		copy(id[:], t.Command.GetId())
	default:
		id = latest(events)
	}
	return id
}

func latest(events []event.Recorded) (id ident.Trace) {
	var at time.Time
	for _, e := range events {
		if !e.Trace.IsZero() && !e.RecordedAt.Before(at) {
			id, at = e.Trace, e.RecordedAt
		}
	}
	return id
}

func endSpans(works []*Work) {
	for _, w := range works {
		for _, t := range w.Triggers {
			if w.err != nil {
				t.span.SetStatus(codes.Error, "put off or given up")
			}
			t.span.End()
		}
	}
}

// trace is where to look for what led to a work, for the log.
func (w *Work) trace() string {
	for _, it := range w.items {
		if id := traceOf(w.Events, it.trigger); !id.IsZero() {
			return id.String()
		}
	}
	return ""
}

// beginCall is the span of a call, under the decision that asked for it.
func (r *Reactor) beginCall(ctx context.Context, asked trace.Span, id ident.Entity, request Request) (context.Context, trace.Span) {
	if asked != nil {
		ctx = trace.ContextWithSpan(ctx, asked)
	}
	return r.deps.Tracer.Start(ctx, r.spec.Service+" call", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(entityKey.String(id.String()), callKey.String(request.Key())))
}

// endCall says how a call ended. What a provider said stays out of it: that may hold anything.
func endCall(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "failed")
	}
	span.End()
}

// give gives the events of a batch, which a service made by itself, the spans of their causes. One that stands for many
// orders goes into the trace of the first.
func give(units []eventstore.Unit, works []*Work) {
	spans := map[ident.Cause]trace.Span{}
	var first trace.Span
	for _, w := range works {
		for _, t := range w.Triggers {
			spans[t.Cause] = t.span
			if first == nil {
				first = t.span
			}
		}
	}
	for _, u := range units {
		for _, a := range u.Appends {
			for i, e := range a.Events {
				if a.Events[i].Span = spans[e.Cause]; a.Events[i].Span == nil {
					a.Events[i].Span = first
				}
			}
		}
	}
}

// tellSpans adds to spans what was appended in them.
func tellSpans(u eventstore.Unit, stored []event.Recorded) {
	n := 0
	for _, a := range u.Appends {
		for _, e := range a.Events {
			if e.Span != nil && e.Span.IsRecording() {
				e.Span.AddEvent(stored[n].Type, trace.WithAttributes(
					eventKey.String(stored[n].ID.String()), versionKey.Int(stored[n].Version), entityKey.String(a.Entity.String())))
			}
			n++
		}
	}
}
