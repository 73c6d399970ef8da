// Package web is how every HTTP server of ours is set up: time-outs, panics that stay inside, and errors that are
// short JSON and give nothing away.
package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/fault"
)

// Problem is the body of every error.
type Problem struct {
	// Error is one machine word: not_found, bad_signature …
	Error string `json:"error"`
	// Message says what to do next, to a person.
	Message string `json:"message,omitempty"`
}

// Fail is an error with a status; handlers return it.
func Fail(status int, code, message string) error {
	return echo.NewHTTPError(status, Problem{Error: code, Message: message})
}

// New is an echo without routes.
func New(log zerolog.Logger) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = func(err error, c echo.Context) { answer(log, err, c) }
	e.Use(recovered(log))
	return e
}

// Parting asks whoever calls once draining has begun to come by a new connection the next time, which a load balancer leads
// elsewhere: a request that is sent into a connection while its server closes it gets no answer.
func Parting(draining <-chan struct{}) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			select {
			case <-draining:
				c.Response().Header().Set(echo.HeaderConnection, "close")
			default:
			}
			return next(c)
		}
	}
}

// recovered answers a panic as an error, and tells where it was, but not its words: they may repeat what was worked on.
func recovered(log zerolog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				switch p := recover(); p {
				case nil:
				case http.ErrAbortHandler: // the server's own way to cut a connection
					panic(p)
				default:
					log.Error().Str("error", fault.Panicked(p)).Str("path", c.Path()).Bytes("stack", debug.Stack()).Msg("panic")
					err = Fail(http.StatusInternalServerError, "internal", "")
				}
			}()
			return next(c)
		}
	}
}

func answer(log zerolog.Logger, err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, problem := http.StatusInternalServerError, Problem{Error: "internal"}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		status = he.Code
		if p, ok := he.Message.(Problem); ok {
			problem = p
		} else {
			problem = Problem{Error: word(status)}
		}
	} else {
		log.Error().Err(err).Str("path", c.Path()).Msg("request failed")
	}
	if err := c.JSON(status, problem); err != nil {
		log.Debug().Err(err).Msg("answer not written")
	}
}

func word(status int) string {
	switch status {
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	}
	return "refused"
}

// Time-outs of every server: a sender that is slow to send is cut off, so that it cannot hold a connection for ever.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	closeTimeout  = 15 * time.Second
)

// Serve is a task that serves until its context ends, and then lets requests in hand finish.
func Serve(l net.Listener, e *echo.Echo) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		s := server(e)
		return untilDone(ctx, s, func() error { return s.Serve(l) })
	}
}

// server is a server with the time-outs of all of ours.
func server(e *echo.Echo) *http.Server {
	return &http.Server{
		Handler: e, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
}

// untilDone serves until the context ends, and then lets requests in hand finish.
func untilDone(ctx context.Context, s *http.Server, serve func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return s.Shutdown(closing)
}
