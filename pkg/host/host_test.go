package host_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/pkg/web"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var masterKey = base64.StdEncoding.EncodeToString(make([]byte, 32))

// process is a host that runs beside the test.
type process struct {
	admin string
	stop  context.CancelFunc
	ready chan struct{}
	ended chan error
}

func start(t *testing.T, environ map[string]string, services ...host.Service) *process {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{"http://" + l.Addr().String(), cancel, make(chan struct{}), make(chan error, 1)}
	all := map[string]string{"LOG_LEVEL": "error"}
	for name, value := range environ {
		all[name] = value
	}
	go func() {
		p.ended <- host.Run(ctx, services, host.Options{
			Environ: all, Log: zerolog.Nop(), Listeners: map[string]net.Listener{"admin": l}, Ready: func() { close(p.ready) },
		})
	}()
	t.Cleanup(cancel)
	return p
}

func (p *process) await(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case err := <-p.ended:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "not ready")
	}
}

func (p *process) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(30 * time.Second):
		require.Fail(t, "it does not end")
		return nil
	}
}

func (p *process) get(t *testing.T, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.admin+path, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, strings.TrimSpace(string(body))
}

// idle is a service whose one task waits for its end and says when that came.
func idle(name string, ended func()) host.Service {
	return host.Service{Name: name, Start: func(context.Context, host.Deps) ([]host.Task, error) {
		return []host.Task{{Name: "wait", Run: func(ctx context.Context) error {
			<-ctx.Done()
			ended()
			return nil
		}}}, nil
	}}
}

func TestProbesFromStartToEnd(t *testing.T) {
	t.Parallel()
	leave, told := make(chan struct{}), make(chan struct{})
	p := start(t, nil, idle("a", func() { <-leave }), host.Service{Name: "b", Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
		return []host.Task{{Name: "listen", Run: func(ctx context.Context) error {
			<-d.Draining
			close(told)
			<-ctx.Done()
			return nil
		}}}, nil
	}})
	p.await(t)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		status, body := p.get(t, path)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, want, body)
	}
	status, body := p.get(t, "/metrics")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "go_goroutines")
	assert.Contains(t, body, "\norderflow_ready 1\n")
	status, _ = p.get(t, "/nothing")
	assert.Equal(t, http.StatusNotFound, status)
	p.stop()
	require.Eventually(t, func() bool {
		status, body = p.get(t, "/readyz")
		return status == http.StatusServiceUnavailable
	}, 10*time.Second, time.Millisecond)
	assert.Equal(t, "draining", body)
	<-told
	status, _ = p.get(t, "/healthz")
	assert.Equal(t, http.StatusOK, status, "it is alive while it drains")
	close(leave)
	require.NoError(t, p.end(t))
}

func TestTheLogSaysWhenItIsReadyAndWhenItStops(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, host.Run(ctx, []host.Service{idle("a", func() {}), idle("b", func() {})}, host.Options{
		Environ: map[string]string{"ADMIN_LISTEN": "127.0.0.1:0"}, Log: zerolog.New(&log), Ready: stop,
	}))
	assert.Regexp(t, `"services":\["a","b"\],"message":"ready"[^\x00]*"message":"stopping`, log.String())
}

func TestATaskThatFailsStopsTheProcessAndReadinessSaysSo(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	failing := host.Service{Name: "b", Start: func(context.Context, host.Deps) ([]host.Task, error) {
		return []host.Task{{Name: "loop", Run: func(context.Context) error { return errors.New("it broke") }}}, nil
	}}
	p := start(t, nil, idle("a", func() { <-leave }), failing)
	require.Eventually(t, func() bool {
		_, body := p.get(t, "/readyz")
		return body == "failed: b: loop: it broke"
	}, 10*time.Second, time.Millisecond)
	close(leave)
	require.EqualError(t, p.end(t), "b: loop: it broke")
}

func TestATaskThatEndsByItselfIsAFailure(t *testing.T) {
	t.Parallel()
	p := start(t, nil, host.Service{Name: "a", Start: func(context.Context, host.Deps) ([]host.Task, error) {
		return []host.Task{{Name: "loop", Run: func(context.Context) error { return nil }}}, nil
	}})
	require.EqualError(t, p.end(t), "a: loop: it ended by itself")
}

func TestATaskThatFailsWhileItStopsIsTold(t *testing.T) {
	t.Parallel()
	p := start(t, nil, host.Service{Name: "a", Start: func(context.Context, host.Deps) ([]host.Task, error) {
		return []host.Task{{Name: "loop", Run: func(ctx context.Context) error { <-ctx.Done(); return errors.New("not flushed") }}}, nil
	}})
	p.await(t)
	p.stop()
	require.EqualError(t, p.end(t), "a: loop: not flushed")
}

// What takes work from outside stops first, and only when it has stopped the loops do.
func TestFrontStopsBeforeBack(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ends []string
	note := func(name string) func() {
		return func() {
			mu.Lock()
			defer mu.Unlock()
			ends = append(ends, name)
		}
	}
	front := idle("ingress", note("front"))
	front.Front = true
	p := start(t, nil, idle("orders", note("back")), front)
	p.await(t)
	p.stop()
	require.NoError(t, p.end(t))
	assert.Equal(t, []string{"front", "back"}, ends)
}

func TestWhatDoesNotFinishInTimeIsSaid(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	p := start(t, map[string]string{"DRAIN_TIMEOUT": "20ms"}, idle("a", func() { <-never }))
	p.await(t)
	p.stop()
	require.ErrorContains(t, p.end(t), "not everything finished within 20ms")
}

type config struct {
	Secret string        `env:"A_SECRET,required" desc:"x"`
	Delay  time.Duration `env:"A_DELAY" envDefault:"5s" desc:"How long."`
	Limit  int           `env:"A_LIMIT" envDefault:"3" desc:"How many."`
	wrong  error
}

func (c *config) Check() error { return c.wrong }

func (c *config) CheckEnviron(environ map[string]string) error {
	if environ["A_SECRET_EU"] == "wrong" {
		return errors.New("A_SECRET_EU is wrong")
	}
	return nil
}

func TestSettingsThatAreMissingOrWrongAreToldAtOnce(t *testing.T) {
	t.Parallel()
	service := idle("a", func() {})
	service.Config, service.Database, service.Broker = &config{}, true, true
	other := idle("b", func() {})
	other.Config = &config{Secret: "x", wrong: nil}
	p := start(t, map[string]string{"A_DELAY": "hunter2", "A_LIMIT": "hunter3", "DATABASE_POOL_SIZE": "hunter4", "MASTER_KEY": "hunter5"}, service, other)
	err := p.end(t)
	require.Error(t, err)
	for _, word := range []string{"A_SECRET", "A_DELAY", "A_LIMIT", "DATABASE_POOL_SIZE", "DATABASE_URL", "NATS_URL", "MASTER_KEY"} {
		assert.Contains(t, err.Error(), word)
	}
	assert.NotContains(t, err.Error(), "hunter", "never a value")
	assert.Equal(t, 1, strings.Count(err.Error(), "A_DELAY"), "each line once")
}

func TestAnEmptySettingMeansItsDefaultAndCheckIsAsked(t *testing.T) {
	t.Parallel()
	c := &config{wrong: errors.New("A_LIMIT is less than nothing")}
	service := idle("a", func() {})
	service.Config = c
	p := start(t, map[string]string{"A_SECRET": "x", "A_DELAY": "", "A_LIMIT": "-1"}, service)
	require.ErrorContains(t, p.end(t), "A_LIMIT is less than nothing")
	assert.Equal(t, 5*time.Second, c.Delay)
	assert.Equal(t, -1, c.Limit)
}

func TestEveryLineThatIsWrongStandsOnItsOwn(t *testing.T) {
	t.Parallel()
	service := idle("a", func() {})
	service.Config = &config{wrong: errors.Join(errors.New("A_LIMIT is wrong"), errors.New("A_DELAY is wrong\n  and so is A_B"))}
	p := start(t, map[string]string{"A_SECRET": "x", "A_SECRET_EU": "wrong"}, service)
	require.EqualError(t, p.end(t), "the settings are not complete:\n  A_LIMIT is wrong\n  A_DELAY is wrong\n  and so is A_B\n  A_SECRET_EU is wrong")
}

func TestServicesNeedNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, start(t, nil, idle("a", nil), idle("a", nil)).end(t), "name of its own")
	require.ErrorContains(t, start(t, map[string]string{"LOG_LEVEL": "loud"}, idle("a", nil)).end(t), "LOG_LEVEL")
}

func TestListenersAreHandedOver(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	service := host.Service{Name: "web", Front: true, Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
		got, err := d.Listen("web", "not even an address")
		if err != nil {
			return nil, err
		}
		other, err := d.Listen("other", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		assert.Same(t, l, got)
		return []host.Task{{Name: "http", Run: web.Serve(got, web.New(d.Log))}, {Name: "more", Run: web.Serve(other, web.New(d.Log))}}, nil
	}}
	ctx, cancel := context.WithCancel(context.Background())
	err = host.Run(ctx, []host.Service{service}, host.Options{
		Environ: map[string]string{}, Log: zerolog.Nop(), Listeners: map[string]net.Listener{"web": l, "admin": admin}, Ready: cancel,
	})
	require.NoError(t, err)
	err = host.Run(context.Background(), []host.Service{service}, host.Options{
		Environ: map[string]string{"ADMIN_LISTEN": "nowhere"}, Log: zerolog.Nop(), Listeners: map[string]net.Listener{"web": l},
	})
	require.ErrorContains(t, err, "listen for admin")
}

// broker is a nats-server with the environment that leads to it.
func broker(t *testing.T, provisioned bool) string {
	t.Helper()
	s, err := embed.Start(t.TempDir(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	if provisioned {
		conn, err := nats.Connect(s.URL())
		require.NoError(t, err)
		defer conn.Close()
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		require.NoError(t, bus.Provision(context.Background(), js, bus.StreamOptions{}))
	}
	return s.URL()
}

// loop is a service with a loop, as all of ours have.
func loop(name string) host.Service {
	return host.Service{Name: name, Database: true, Broker: true, Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
		return []host.Task{d.Reactor(reactor.Spec{
			Service: name, Owns: event.Payment, Facts: bus.OwnerPayment, Commands: true, Rings: []bus.Ring{{Category: event.Order}},
			Decide: func(*order.State, reactor.Trigger, time.Time) (reactor.Decision, error) {
				return reactor.Decision{}, nil
			},
		})}, nil
	}}
}

func TestTwoServicesRunTheirLoopsAndReadinessDependsOnWhatTheyNeed(t *testing.T) {
	t.Parallel()
	s, err := embed.Start(t.TempDir(), "127.0.0.1:0")
	require.NoError(t, err)
	conn, err := nats.Connect(s.URL())
	require.NoError(t, err)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, bus.Provision(context.Background(), js, bus.StreamOptions{}))
	conn.Close()
	p := start(t, map[string]string{"DATABASE_URL": testkit.DSN(t), "NATS_URL": s.URL(), "MASTER_KEY": masterKey}, loop("payment"), loop("fraud"))
	p.await(t)
	status, body := p.get(t, "/readyz")
	assert.Equal(t, http.StatusOK, status, body)
	_, body = p.get(t, "/metrics")
	assert.Contains(t, body, `orderflow_batch_messages_count{service="payment"}`)
	s.Stop()
	require.Eventually(t, func() bool {
		_, body = p.get(t, "/readyz")
		return strings.Contains(body, "payment misses NATS") && strings.Contains(body, "fraud misses NATS")
	}, 10*time.Second, 10*time.Millisecond)
	status, _ = p.get(t, "/healthz")
	assert.Equal(t, http.StatusOK, status, "a broker that is away is no reason to be killed")
	p.stop()
	require.NoError(t, p.end(t))
}

func TestAStartWithoutWhatItNeedsIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	provisioned := broker(t, true)
	private := loop("payment")
	private.Migrations = fstest.MapFS{"migrations/00001_x.sql": {Data: []byte("-- +goose Up\nCREATE SCHEMA payment;\n")}}
	for what, c := range map[string]struct {
		service host.Service
		environ map[string]string
		want    string
	}{
		"no database": {loop("payment"), map[string]string{"DATABASE_URL": "postgres://nobody@127.0.0.1:1/x?connect_timeout=2", "NATS_URL": provisioned}, "payment: connect to Postgres"},
		"no URL":      {loop("payment"), map[string]string{"DATABASE_URL": "://hunter2", "NATS_URL": provisioned}, "payment: DATABASE_URL cannot be read"},
		"not migrated": {private, map[string]string{"DATABASE_URL": testkit.DSN(t), "NATS_URL": provisioned},
			"payment: the database is older than this program: run 'orderctl migrate' first"},
		"no broker":  {loop("payment"), map[string]string{"DATABASE_URL": testkit.DSN(t), "NATS_URL": "nats://127.0.0.1:1"}, "payment: connect to NATS"},
		"no streams": {loop("payment"), map[string]string{"DATABASE_URL": testkit.DSN(t), "NATS_URL": broker(t, false)}, "stream INTAKE is missing; orderctl provision makes it"},
	} {
		c.environ["MASTER_KEY"] = masterKey
		err := start(t, c.environ, c.service).end(t)
		require.ErrorContains(t, err, c.want, what)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.NotContains(t, err.Error(), "payment: payment: the", what)
		assert.NotContains(t, err.Error(), "\n", what)
	}
	dsn := testkit.DSN(t)
	require.NoError(t, host.Migrate(context.Background(), dsn, []host.Service{private}))
	p := start(t, map[string]string{"DATABASE_URL": dsn, "NATS_URL": provisioned, "MASTER_KEY": masterKey}, private)
	p.await(t)
	p.stop()
	require.NoError(t, p.end(t))
}

func TestAnAddressThatCannotBeReadIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"hunter2", "postgres://orderflow:hunter2@host:port/orderflow"} {
		err := host.Migrate(t.Context(), url, nil)
		require.ErrorContains(t, err, "DATABASE_URL cannot be read")
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestDescribeListsEverySettingOnce(t *testing.T) {
	t.Parallel()
	a, b := idle("a", nil), idle("b", nil)
	a.Config, b.Config = &config{}, &config{}
	var lines []string
	for _, s := range host.Describe([]host.Service{a, b, idle("c", nil)}) {
		assert.NotEmpty(t, s.About, s.Name)
		lines = append(lines, fmt.Sprint(s.Name, "=", s.Default, s.Services))
	}
	assert.Subset(t, lines, []string{"DATABASE_URL=[]", "A_SECRET=[a b]", "A_DELAY=5s[a b]", "DRAIN_TIMEOUT=25s[]"})
}
