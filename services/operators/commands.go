package operators

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/orderflow/orderflow/pkg/web"
)

// command runs a command for whoever's token it is, and answers with what it prints while it prints it.
func (h *handler) command(c echo.Context) error {
	a, err := h.authenticated(c)
	if err != nil {
		return err
	}
	var asked Command
	if err := read(c, LargestCommand, &asked); err != nil {
		return err
	}
	if err := asked.check(); err != nil {
		return err
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	default:
		return later(c, http.StatusServiceUnavailable, "busy", "too many commands run at this moment", time.Second)
	}
	ctx, cancel := context.WithTimeoutCause(c.Request().Context(), h.config.Timeout, errTooLong)
	defer cancel()
	// The server's time-outs are for requests that are read and answered at once.
	control := http.NewResponseController(c.Response())
	until := time.Now().Add(h.config.Timeout + time.Minute)
	if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until)); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/x-ndjson")
	c.Response().WriteHeader(http.StatusOK)
	out := &frames{to: c.Response()}
	exit := h.ran(ctx, c, a, asked, out)
	return out.send(Frame{Exit: &exit})
}

var errTooLong = errors.New("it took longer than OPERATORS_COMMAND_TIMEOUT")

// ran runs the command, with a line in the log before it and one after. Arguments stand there only where they cannot be
// a customer's name or address.
func (h *handler) ran(ctx context.Context, c echo.Context, a Account, asked Command, out *frames) int {
	log := h.log.With().Str("operator", a.Name).Str("role", string(a.Role)).Str("address", c.RealIP()).Str("request", requestOf(c)).Logger()
	began, command := h.clock(), "none"
	exit := h.run(ctx, Call{
		Command: asked, Operator: a.Name, Role: a.Role, Request: requestOf(c),
		Begun: func(what string, flags, args []string) {
			command = what
			begins := log.Info().Str("command", what).Strs("flags", flags)
			if len(args) > 0 {
				begins = begins.Strs("args", args)
			}
			begins.Msg("command begins")
		},
		Stdout: stream{out, func(b []byte) Frame { return Frame{Stdout: b} }}, Stderr: stream{out, func(b []byte) Frame { return Frame{Stderr: b} }},
	})
	h.metrics.commands.WithLabelValues(command, outcome(exit)).Inc()
	log.Info().Str("command", command).Int("exit", exit).Dur("took_ms", h.clock().Sub(began)).Msg("command ended")
	return exit
}

func outcome(exit int) string {
	if exit == 0 {
		return "ok"
	}
	return "failed"
}

// authenticated is who the token in the header is of.
func (h *handler) authenticated(c echo.Context) (Account, error) {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	a, err := h.tokens.asker(c.Request().Context(), h.accounts, token)
	switch {
	case errors.Is(err, errToken):
		h.metrics.refused.Inc()
		if h.told.Wait(addressKey(c.RealIP()), h.clock()) == 0 {
			h.log.Warn().Err(err).Str("address", c.RealIP()).Str("request", requestOf(c)).Msg("token refused")
		}
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="orderflow", error="invalid_token"`)
		return a, web.Fail(http.StatusUnauthorized, "bad_token", "log in again: orderctl login NAME")
	case err != nil:
		h.log.Error().Err(err).Str("request", requestOf(c)).Msg("operators cannot be looked up")
		return a, web.Fail(http.StatusServiceUnavailable, "unavailable", "try again later")
	}
	return a, nil
}

func (c Command) check() error {
	size := 0
	for _, arg := range c.Args {
		size += len(arg) + 1
		if strings.ContainsRune(arg, 0) {
			return web.Fail(http.StatusBadRequest, "bad_request", "an argument holds NUL")
		}
	}
	switch {
	case len(c.Args) == 0:
		return web.Fail(http.StatusBadRequest, "bad_request", "there are no arguments")
	case size > largestArgs:
		return web.Fail(http.StatusRequestEntityTooLarge, "too_large", "the arguments are larger than 64 KiB")
	}
	return nil
}

// frames writes one frame after the other, each at once.
type frames struct {
	mu sync.Mutex
	to *echo.Response
}

func (f *frames) send(frame Frame) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := json.NewEncoder(f.to).Encode(frame); err != nil {
		return err
	}
	f.to.Flush()
	return nil
}

// stream is one of the two that a command prints to.
type stream struct {
	to    *frames
	frame func([]byte) Frame
}

func (s stream) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return len(b), s.to.send(s.frame(b))
}
