package tracing

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Settings say where spans go. The names are OpenTelemetry's own; what else its OTLP exporter reads from the environment
// (OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE, _TIMEOUT …) holds as well.
type Settings struct {
	Endpoint string  `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"Where traces are sent, by OTLP over HTTP: http://collector:4318. Empty: nowhere; trace ids are made all the same. OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE and what else OpenTelemetry's exporter knows are read too."`
	Share    float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"1" desc:"Share of the traces that are sent, from 0 to 1. A trace is sent whole or not at all, if every service has the same share."`
}

// Check says what cannot be meant.
func (s Settings) Check() error {
	var errs []error
	if s.Share < 0 || s.Share > 1 || math.IsNaN(s.Share) {
		errs = append(errs, errors.New("OTEL_TRACES_SAMPLER_ARG is a share from 0 to 1"))
	}
	if s.Endpoint != "" {
		switch u, err := url.Parse(s.Endpoint); {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			errs = append(errs, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT looks like http://collector:4318"))
		case u.User != nil: // the exporter would leave it out, and everybody can read this setting
			errs = append(errs, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT names a user: what logs in belongs into OTEL_EXPORTER_OTLP_HEADERS"))
		}
	}
	return errors.Join(errs...)
}

// Tracing makes the spans of a process and sends them, if they are to be sent.
type Tracing struct {
	sampler   sdktrace.Sampler
	processor sdktrace.SpanProcessor // nil where nothing is sent
}

// New is the tracing of a process; onError hears of spans that could not be sent.
func New(ctx context.Context, s Settings, onError func(error)) (*Tracing, error) {
	if s.Endpoint == "" {
		return &Tracing{sampler: sdktrace.NeverSample()}, nil
	}
	// The endpoint is a base to which the kind of telemetry is added, by OpenTelemetry's exporter specification.
	target, err := url.JoinPath(s.Endpoint, "v1/traces")
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(target))
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(onError))
	return &Tracing{sampler: share(s.Share), processor: sdktrace.NewBatchSpanProcessor(exporter)}, nil
}

// Of makes the spans of one service.
func (t *Tracing) Of(service string) trace.Tracer {
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(t.sampler), sdktrace.WithIDGenerator(ids{}),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.namespace", "orderflow"), attribute.String("service.name", "orderflow-"+service))),
	}
	if t.processor != nil {
		options = append(options, sdktrace.WithSpanProcessor(t.processor))
	}
	return sdktrace.NewTracerProvider(options...).Tracer("github.com/orderflow/orderflow")
}

// Close sends what is left.
func (t *Tracing) Close(ctx context.Context) error {
	if t.processor == nil {
		return nil
	}
	if err := t.processor.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// Or is the tracer, and where there is none one whose spans have ids and are sent nowhere.
func Or(tracer trace.Tracer) trace.Tracer {
	if tracer != nil {
		return tracer
	}
	return (&Tracing{sampler: sdktrace.NeverSample()}).Of("none")
}

// ids begins a trace with the id that In asked for.
type ids struct{}

func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(wanted{}).(ident.Trace)
	if !ok {
		_, _ = rand.Read(id[:]) // it never fails
	}
	return trace.TraceID(id), newSpanID()
}

func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return newSpanID() }

func newSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		_, _ = rand.Read(id[:])
	}
	return id
}

// share takes a share of all traces by their ids, so that every service takes the same ones. It looks at the last seven
// bytes, which are random in ids of ours too, whose first ones are not (W3C Trace Context level 2, random trace id;
// OpenTelemetry's own sampler looks at bits that say which kind of UUID it is).
type share float64

func (s share) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
	random := binary.BigEndian.Uint64(p.TraceID[8:]) & (1<<56 - 1)
	if float64(random) < float64(s)*(1<<56) {
		result.Decision = sdktrace.RecordAndSample
	}
	return result
}

func (s share) Description() string { return fmt.Sprintf("share of trace ids %g", float64(s)) }
