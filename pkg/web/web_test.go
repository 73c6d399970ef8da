package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/web"
)

// serve runs an echo and returns where it is, and how to stop it and wait.
func serve(t *testing.T, e *echo.Echo) (url string, stop func() error) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l, e)(ctx) }()
	t.Cleanup(cancel)
	return "http://" + l.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}

func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, strings.TrimSpace(string(body))
}

func TestErrorsAreShortJSONThatGivesNothingAway(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	e := web.New(zerolog.New(&logs))
	e.GET("/panic", func(echo.Context) error { panic("hunter2") })
	e.GET("/error", func(echo.Context) error { return errors.New("hunter2") })
	e.GET("/fail", func(echo.Context) error {
		return web.Fail(http.StatusUnauthorized, "bad_signature", "Sign the raw body.")
	})
	e.GET("/large", func(echo.Context) error { return echo.ErrStatusRequestEntityTooLarge })
	url, stop := serve(t, e)
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/panic", 500, `{"error":"internal"}`},
		{"GET", "/error", 500, `{"error":"internal"}`},
		{"GET", "/fail", 401, `{"error":"bad_signature","message":"Sign the raw body."}`},
		{"GET", "/large", 413, `{"error":"too_large"}`},
		{"GET", "/nothing", 404, `{"error":"not_found"}`},
		{"POST", "/fail", 405, `{"error":"method_not_allowed"}`},
		{"GET", "/error", 500, `{"error":"internal"}`},
	} {
		status, body := get(t, c.method, url+c.path)
		assert.Equal(t, c.status, status, c.path)
		assert.Equal(t, c.body, body, c.path)
	}
	require.NoError(t, stop())
	assert.Contains(t, logs.String(), `"error":"string","path":"/panic"`, "whoever runs it is told of what kind it was, and where")
	assert.NotContains(t, logs.String(), `"error":"hunter2","path":"/panic"`, "a panic's words may repeat what was worked on")
}

func TestARequestInHandIsFinished(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	e := web.New(zerolog.Nop())
	e.GET("/", func(c echo.Context) error {
		close(entered)
		<-leave
		return c.String(http.StatusOK, "done")
	})
	url, stop := serve(t, e)
	answered := make(chan string, 1)
	go func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
		if err != nil {
			answered <- err.Error()
			return
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		answered <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	require.Eventually(t, func() bool { // it takes no new ones
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond)
	assert.Empty(t, stopped)
	close(leave)
	assert.Equal(t, "done", <-answered)
	require.NoError(t, <-stopped)
}

// A connection that is kept alive is given up by the answer, before the server closes it on a request that is on its way.
func TestWhoCallsWhileItDrainsIsAskedToGoElsewhere(t *testing.T) {
	t.Parallel()
	draining := make(chan struct{})
	e := web.New(zerolog.Nop())
	e.Use(web.Parting(draining))
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	url, _ := serve(t, e)
	parted := func(path string) bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.Close
	}
	assert.False(t, parted("/"))
	close(draining)
	assert.True(t, parted("/"))
	assert.True(t, parted("/nowhere"), "errors are answers too")
}
