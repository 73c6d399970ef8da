package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/tracing"
	"github.com/orderflow/orderflow/pkg/web"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// publisher keeps a delivery; it returns when that is durable.
type publisher interface {
	Publish(ctx context.Context, subject string, id ident.Delivery, data []byte) (duplicate bool, err error)
}

// handler takes webhooks.
type handler struct {
	accounts accounts
	config   *Config
	publish  publisher
	// most is the largest message that the broker takes.
	most    int64
	metrics *metrics
	// certificates are those that signatures name.
	certificates *certificates
	// proxies are believed about who calls; addresses is nil where no address is limited.
	proxies   prefixes
	addresses limiter
	room      room
	samples   sampler
	log       zerolog.Logger
	tracer    trace.Tracer
	clock     func() time.Time
	draining  <-chan struct{}
}

// errLate says that nobody waits for the answer any more.
var errLate = errors.New("it took longer than its sender waits")

// receipt is the body of a 2xx.
type receipt struct {
	Received bool `json:"received"`
}

// retryAfter is when a provider may come again if the broker does not keep up.
const retryAfter = "5"

// take is one request. The errors are all that a caller learns: short, and the same whatever exactly was wrong.
func (h *handler) take(c echo.Context) error {
	began := h.clock()
	outcome, err := h.outcome(c)
	name := c.Param("source")
	if h.accounts[name] == nil {
		name = unknown // what anybody may write into a path is no label
	}
	h.metrics.answered(name, outcome, h.clock().Sub(began))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, receipt{true})
}

func (h *handler) outcome(c echo.Context) (string, error) {
	began := time.Now()
	from := callerOf(c.Request(), h.proxies)
	a, outcome, err := h.enter(c, from)
	if err != nil {
		h.turned(a, outcome, nil)
		return outcome, err
	}
	due := began.Add(a.patience())
	body, outcome, err := h.body(c, a, due)
	defer h.room.give(body)
	if err != nil {
		h.turned(a, outcome, func(e *zerolog.Event) { e.Int64("body_bytes", c.Request().ContentLength) })
		return outcome, err
	}
	// No finer than the journal keeps it, so that a replay tells the very same.
	r := source.Request{URL: h.url(c.Request(), from), Header: c.Request().Header, Body: body, ReceivedAt: h.clock().Truncate(time.Microsecond)}
	if g, ok := a.source.(source.Greeter); ok && g.Greets(r) {
		return greeting, nil
	}
	// What is signed is worth keeping, so it goes on when the caller has gone.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(c.Request().Context()), earlier(due, time.Now().Add(h.config.PublishTimeout)))
	defer cancel()
	refused, err := h.certifyInTime(ctx, a, &r)
	if err != nil {
		return h.unavailable(c, a, err)
	}
	if refused == nil {
		refused = verify(a, r)
	}
	if refused != nil {
		h.turned(a, string(refused.Code), unverified(r, refused))
		return string(refused.Code), web.Fail(http.StatusUnauthorized, "not_verified", "The delivery could not be verified.")
	}
	return h.keep(ctx, c, a, r, began)
}

// patience is how long the account's sender waits for an answer.
func (a account) patience() time.Duration {
	if a.answer > 0 {
		return a.answer
	}
	return slowest
}

// slowest is how long a body may take to arrive, and an answer where nothing says how long it may take.
const slowest = 15 * time.Second

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// url is what the provider called: what it was told, where the ingress is behind a proxy.
func (h *handler) url(r *http.Request, from caller) string {
	if h.config.PublicURL != "" {
		return strings.TrimSuffix(h.config.PublicURL, "/") + r.URL.RequestURI()
	}
	return from.scheme + "://" + from.host + r.URL.RequestURI()
}

// unavailable is the answer to a delivery that is asked for again.
func (h *handler) unavailable(c echo.Context, a account, err error) (string, error) {
	h.log.Warn().Err(err).Str("source", a.source.Name()).Str("account", a.Name).Msg("delivery not kept")
	return unavailable, sendAgain(c)
}

func sendAgain(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderRetryAfter, retryAfter)
	return web.Fail(http.StatusServiceUnavailable, "unavailable", "Please send it again.")
}

// body reads the bytes that were signed, not one more than allowed, and not for longer than the answer may take. They take
// room until that is given back, also after an error.
func (h *handler) body(c echo.Context, a account, due time.Time) (body []byte, outcome string, err error) {
	request, most := c.Request(), h.config.MaxBody
	if a.body > 0 {
		most = a.body
	}
	if e := request.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, encoded, web.Fail(http.StatusUnsupportedMediaType, "unsupported_encoding", "Send the body as it was signed, without Content-Encoding.")
	}
	large := web.Fail(http.StatusRequestEntityTooLarge, "too_large", "")
	if request.ContentLength > most {
		return nil, tooLarge, large
	}
	// Where the connection has no deadlines, as in tests without one, the server's own holds.
	connection := http.NewResponseController(c.Response())
	_ = connection.SetReadDeadline(earlier(due, time.Now().Add(slowest)))
	body, err = h.room.read(http.MaxBytesReader(c.Response(), request.Body, most))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return body, tooLarge, large
	case errors.Is(err, errFull):
		return body, unavailable, sendAgain(c)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, slowBody, web.Fail(http.StatusRequestTimeout, "too_slow", "The body did not arrive in time.")
	case err != nil:
		return body, broken, web.Fail(http.StatusBadRequest, "incomplete", "The body did not arrive whole.")
	}
	_ = connection.SetReadDeadline(time.Time{}) // it is about the body alone
	return body, "", nil
}

// certifyInTime is certify for as long as an answer is of use. A certificate that comes later is there for the next one.
func (h *handler) certifyInTime(ctx context.Context, a account, r *source.Request) (refused *source.Refused, unavailable error) {
	if _, ok := a.source.(source.Certified); !ok {
		return nil, nil
	}
	type answer struct {
		request source.Request
		refused *source.Refused
		err     error
	}
	done := make(chan answer, 1)
	go func(request source.Request) {
		refused, err := h.certify(ctx, a, &request)
		done <- answer{request, refused, err}
	}(*r)
	select {
	case got := <-done:
		*r = got.request
		return got.refused, got.err
	case <-ctx.Done():
		return nil, errLate
	}
}

// verify asks the source. One that panics has not verified anything.
func verify(a account, r source.Request) (refused *source.Refused) {
	defer func() {
		if recover() != nil {
			refused = &source.Refused{Code: source.Malformed, Detail: "the check panicked"}
		}
	}()
	err := a.source.Verify(r, a.Account)
	if err != nil && !errors.As(err, &refused) {
		refused = &source.Refused{Code: source.Malformed, Detail: "the check failed"}
	}
	return refused
}

// keep publishes what a verified request says. An answer that comes too late is none, so it is asked for again. The span
// begins with the request, in the trace that has the delivery's id: one that was not verified has none.
func (h *handler) keep(ctx context.Context, c echo.Context, a account, r source.Request, began time.Time) (outcome string, err error) {
	reading, failure := Read(a.source, r, a.Account)
	if failure != nil {
		h.log.Error().Err(failure).Str("source", a.source.Name()).Msg("delivery not read")
	}
	d, id := NewDelivery(a.source, r, a.Account, reading)
	ctx, span := h.tracer.Start(tracing.In(ctx, ident.Trace(id)), "webhook "+a.source.Name(), trace.WithTimestamp(began),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("orderflow.account", a.Name)))
	defer func() {
		span.SetAttributes(attribute.String("orderflow.outcome", outcome))
		span.End()
	}()
	data, err := encode(d, h.most)
	if err != nil {
		return unavailable, err
	}
	again, err := h.publish.Publish(ctx, bus.IntakeSubject(d), id, data)
	if err != nil {
		return h.unavailable(c, a, fmt.Errorf("delivery %s: %w", id, err))
	}
	if err := h.confirm(ctx, reading); err != nil {
		return h.unavailable(c, a, err)
	}
	if ctx.Err() != nil {
		return h.unavailable(c, a, errLate)
	}
	return h.kept(a, d, id, again), nil
}

// kept counts what was kept, each delivery once.
func (h *handler) kept(a account, d *intakev1.Delivery, id ident.Delivery, again bool) string {
	switch q := d.GetQuarantine(); {
	case again:
		return duplicate
	case q != nil:
		h.metrics.quarantined.WithLabelValues(a.source.Name(), q.GetReason()).Inc()
		h.log.Warn().Str("source", a.source.Name()).Str("account", a.Name).Str("topic", topicOf(d)).Str("delivery", id.String()).Stringer("trace_id", ident.Trace(id)).
			Str("reason", q.GetReason()).Str("detail", q.GetDetail()).Int("facts", len(d.GetFacts())).Msg("delivery quarantined")
		return quarantined
	}
	return accepted
}

var topicWord = regexp.MustCompile(`^[A-Za-z][A-Za-z._/:-]{0,63}$`)

// topicOf is a topic that may be told: what a body says in its place may be anything.
func topicOf(d *intakev1.Delivery) string {
	if !topicWord.MatchString(d.GetTopic()) {
		return ""
	}
	return d.GetTopic()
}
