package ingress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
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
	log          zerolog.Logger
	clock        func() time.Time
}

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
	a, ok := h.accounts.find(c.Param("source"), c.Param("account"))
	if !ok {
		return unknown, web.Fail(http.StatusNotFound, "not_found", "")
	}
	body, outcome, err := h.body(c)
	if err != nil {
		h.log.Debug().Str("source", a.source.Name()).Str("account", a.Name).Str("why", outcome).Msg("webhook refused")
		return outcome, err
	}
	// No finer than the journal keeps it, so that a replay tells the very same.
	r := source.Request{URL: h.url(c.Request()), Header: c.Request().Header, Body: body, ReceivedAt: h.clock().Truncate(time.Microsecond)}
	if g, ok := a.source.(source.Greeter); ok && g.Greets(r) {
		return greeting, nil
	}
	refused, err := h.certify(c.Request().Context(), a, &r)
	if err != nil {
		return h.unavailable(c, a, err)
	}
	if refused == nil {
		refused = verify(a, r)
	}
	if refused != nil {
		h.refused(a, r, refused)
		return string(refused.Code), web.Fail(http.StatusUnauthorized, "not_verified", "The delivery could not be verified.")
	}
	return h.keep(c, a, r)
}

// url is what the provider called: what it was told, where the ingress is behind a proxy.
func (h *handler) url(r *http.Request) string {
	if h.config.PublicURL != "" {
		return strings.TrimSuffix(h.config.PublicURL, "/") + r.URL.RequestURI()
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}

// unavailable is the answer to a delivery that is asked for again.
func (h *handler) unavailable(c echo.Context, a account, err error) (string, error) {
	h.log.Warn().Err(err).Str("source", a.source.Name()).Str("account", a.Name).Msg("delivery not kept")
	c.Response().Header().Set(echo.HeaderRetryAfter, retryAfter)
	return unavailable, web.Fail(http.StatusServiceUnavailable, "unavailable", "Please send it again.")
}

// body reads the bytes that were signed, and not one more than allowed.
func (h *handler) body(c echo.Context) (body []byte, outcome string, err error) {
	request := c.Request()
	if e := request.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, encoded, web.Fail(http.StatusUnsupportedMediaType, "unsupported_encoding", "Send the body as it was signed, without Content-Encoding.")
	}
	large := web.Fail(http.StatusRequestEntityTooLarge, "too_large", "")
	if request.ContentLength > h.config.MaxBody {
		return nil, tooLarge, large
	}
	body, err = io.ReadAll(http.MaxBytesReader(c.Response(), request.Body, h.config.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge, large
	case err != nil:
		return nil, broken, web.Fail(http.StatusBadRequest, "incomplete", "The body did not arrive whole.")
	}
	return body, "", nil
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

// refused tells whoever looks for a wrong secret what came, and nothing of what stood in it.
func (h *handler) refused(a account, r source.Request, refused *source.Refused) {
	hash := sha256.Sum256(r.Body)
	h.log.Debug().Str("source", a.source.Name()).Str("account", a.Name).Str("why", string(refused.Code)).
		Str("body_sha256", hex.EncodeToString(hash[:])).Int("body_bytes", len(r.Body)).Msg("webhook refused")
}

// keep publishes what a verified request says. It goes on when the caller has gone: what is signed is worth keeping.
func (h *handler) keep(c echo.Context, a account, r source.Request) (string, error) {
	reading, failure := Read(a.source, r, a.Account)
	if failure != nil {
		h.log.Error().Err(failure).Str("source", a.source.Name()).Msg("delivery not read")
	}
	d, id := NewDelivery(a.source, r, a.Account, reading)
	data, err := encode(d, h.most)
	if err != nil {
		return unavailable, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), h.config.PublishTimeout)
	defer cancel()
	again, err := h.publish.Publish(ctx, bus.IntakeSubject(d), id, data)
	if err != nil {
		return h.unavailable(c, a, fmt.Errorf("delivery %s: %w", id, err))
	}
	if err := h.confirm(ctx, reading); err != nil {
		return h.unavailable(c, a, err)
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
		h.log.Warn().Str("source", a.source.Name()).Str("account", a.Name).Str("topic", d.GetTopic()).Str("delivery", id.String()).
			Str("reason", q.GetReason()).Str("detail", q.GetDetail()).Int("facts", len(d.GetFacts())).Msg("delivery quarantined")
		return quarantined
	}
	return accepted
}
