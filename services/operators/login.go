package operators

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/orderflow/orderflow/pkg/web"
)

// decode reads one JSON value and nothing after it.
func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.Decode(&struct{}{}) != io.EOF {
		err = errors.New("something follows")
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return web.Fail(http.StatusRequestEntityTooLarge, "too_large", "")
	case err != nil:
		return web.Fail(http.StatusBadRequest, "bad_request", "the body is not the JSON that is documented")
	}
	return nil
}

// login gives a token for a name and its password. Whatever is wrong with them, the answer is the same and takes as long.
func (h *handler) login(c echo.Context) error {
	var l Login
	if err := read(c, LargestLogin, &l); err != nil {
		return err
	}
	if err := h.mayTry(c, l.Name); err != nil {
		return err
	}
	ctx := c.Request().Context()
	a, hash, err := h.accounts.find(ctx, l.Name)
	if err != nil && !errors.Is(err, ErrNoOperator) {
		h.log.Error().Err(err).Str("request", requestOf(c)).Msg("operators cannot be looked up")
		return web.Fail(http.StatusServiceUnavailable, "unavailable", "try again later")
	}
	select {
	case h.guesses <- struct{}{}:
		defer func() { <-h.guesses }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !matches(hash, l.Password) || a.DisabledAt != nil {
		h.metrics.logins.WithLabelValues("refused").Inc()
		h.log.Warn().Str("operator", a.Name).Str("address", c.RealIP()).Str("request", requestOf(c)).Msg("login refused") // a name that there is not may be a password
		return web.Fail(http.StatusUnauthorized, "bad_login", "no operator has this name and this password")
	}
	token, until, err := h.tokens.make(a)
	if err != nil {
		return err
	}
	h.attempts.welcome(a.Name, c.RealIP())
	h.metrics.logins.WithLabelValues("ok").Inc()
	h.log.Info().Str("operator", a.Name).Str("role", string(a.Role)).Str("address", c.RealIP()).Str("request", requestOf(c)).Msg("logged in")
	return c.JSON(http.StatusOK, Session{Token: token, Name: a.Name, Role: a.Role, ExpiresAt: until})
}

// mayTry counts an attempt for its address and for its name.
func (h *handler) mayTry(c echo.Context, who string) error {
	wait := h.attempts.wait(who, c.RealIP(), h.clock())
	if wait == 0 {
		return nil
	}
	h.metrics.logins.WithLabelValues("too_many").Inc()
	h.log.Warn().Str("address", c.RealIP()).Str("request", requestOf(c)).Msg("too many logins")
	return later(c, http.StatusTooManyRequests, "too_many", "too many attempts", wait)
}

// later tells when to come again.
func later(c echo.Context, status int, code, message string, wait time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	c.Response().Header().Set(echo.HeaderRetryAfter, seconds)
	return web.Fail(status, code, message+"; try again in "+seconds+" s")
}
