package checklist_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/ingress"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// limit is the largest body that the receivers take.
const limit = 64 << 10

// setup is what a case wants of a receiver of its own.
type setup struct {
	scheme scheme
	// secrets of the scheme's account "default"; nil for its secret.
	secrets []string
	// rate is how many requests come through at once; 0 is any number.
	rate int
	// breaks says that its store will be.
	breaks bool
	// answer is when an answer is due; 0 is soon enough for anybody.
	answer time.Duration
	// certificate and key are files, for TLS.
	certificate, key string
}

// receiver is who is tried.
type receiver struct {
	url string
	// kept are the bodies of all deliveries that are durable, in their order.
	kept func() []string
	// says is everything that it wrote into its log and tells of itself.
	says func() string
	// rotate gives the scheme's account "default" other secrets, while it runs.
	rotate func(secrets ...string)
	// hang lets its store take everything and confirm nothing, go on, or be gone.
	hang, heal, lose func()
	// restart forgets everything that is not durable.
	restart func() (url string)
	stop    func()
}

// maker starts a receiver; an error says that it refuses to start so.
type maker func(setup) (*receiver, error)

// buffer is a log that is read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// ingresses makes ingresses, on a broker that all of a test share, or on one of its own if that is to break.
func ingresses(t *testing.T) maker {
	t.Helper()
	shared := testkit.NATS(t)
	return func(s setup) (*receiver, error) {
		js := shared
		if s.breaks {
			js = testkit.NATS(t)
		}
		r := &ingressed{t: t, js: js, setup: s, file: filepath.Join(t.TempDir(), "secrets")}
		stream, err := js.Stream(t.Context(), bus.Intake)
		if err != nil {
			return nil, err
		}
		r.seen = stream.CachedInfo().State.LastSeq // what came before is somebody else's
		return r.receiver()
	}
}

// ingressed is an ingress as the host starts it.
type ingressed struct {
	t     *testing.T
	js    jetstream.JetStream
	setup setup
	file  string
	log   buffer

	registry *prometheus.Registry
	url      string
	cancel   context.CancelFunc
	ended    chan error

	mu     sync.Mutex
	bodies []string
	seen   uint64
}

func (r *ingressed) receiver() (*receiver, error) {
	if err := r.start(); err != nil {
		return nil, err
	}
	noAck := func(on bool) {
		stream, err := r.js.Stream(r.t.Context(), bus.Intake)
		require.NoError(r.t, err)
		config := stream.CachedInfo().Config
		config.NoAck = on
		_, err = r.js.UpdateStream(r.t.Context(), config)
		require.NoError(r.t, err)
	}
	return &receiver{
		url: r.url, kept: r.kept, says: r.says, stop: r.stop,
		rotate: func(secrets ...string) { r.write(secrets) },
		hang:   func() { noAck(true) }, heal: func() { noAck(false) }, lose: r.js.Conn().Close,
		restart: func() string {
			r.stop()
			require.NoError(r.t, r.start())
			return r.url
		},
	}, nil
}

func (r *ingressed) write(secrets []string) {
	next := r.file + ".next"
	require.NoError(r.t, os.WriteFile(next, []byte(strings.Join(secrets, "\n")+"\n"), 0o600))
	require.NoError(r.t, os.Rename(next, r.file))
}

func (r *ingressed) environ() map[string]string {
	environ := map[string]string{
		"INGRESS_MODE": "both", "INGRESS_MAX_BODY": strconv.Itoa(limit), "INGRESS_RELOAD": "5ms", "INGRESS_LISTEN": "127.0.0.1:0",
		"INGRESS_TLS_CERT": r.setup.certificate, "INGRESS_TLS_KEY": r.setup.key, "INGRESS_ADDRESS_RATE": "0", "INGRESS_RATE": strconv.Itoa(r.setup.rate), "INGRESS_PUBLISH_TIMEOUT": "20s",
	}
	var names []string
	for _, s := range schemes {
		names = append(names, s.name)
		environ[s.setting], environ[s.setting+"_SECOND"] = s.secret, s.other
		answer := 20 * time.Second
		if r.setup.answer > 0 {
			answer = r.setup.answer
		}
		environ[strings.ToUpper(s.name)+"_ANSWER_TIMEOUT"] = answer.String()
	}
	environ["INGRESS_SOURCES"] = strings.Join(names, ",")
	if r.setup.secrets != nil {
		delete(environ, r.setup.scheme.setting)
		environ[r.setup.scheme.setting+"_FILE"] = r.file
	}
	return environ
}

func (r *ingressed) start() error {
	if r.setup.secrets != nil {
		r.write(r.setup.secrets)
	}
	service, environ := ingress.Service(), r.environ()
	if err := host.Read(environ, service.Config); err != nil {
		return err
	}
	r.registry = prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(context.Background())
	tasks, err := service.Start(ctx, host.Deps{
		JS: r.js, Bus: bus.NewPublisher(r.js), Log: zerolog.New(&r.log).Level(zerolog.DebugLevel), Registry: r.registry,
		Clock: func() time.Time { return now }, Environ: maps.Clone(environ),
		Listen: func(_, address string) (net.Listener, error) {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
			if err == nil {
				r.url = "http://" + l.Addr().String()
			}
			return l, err
		},
	})
	if err != nil {
		cancel()
		return err
	}
	r.cancel, r.ended = cancel, make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { r.ended <- task.Run(ctx) }()
	}
	return nil
}

// stop ends it; connections that the tests keep open are not waited for.
func (r *ingressed) stop() {
	client.CloseIdleConnections()
	r.cancel()
	for range cap(r.ended) {
		assert.NoError(r.t, <-r.ended)
	}
}

func (r *ingressed) kept() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	stream, err := r.js.Stream(context.Background(), bus.Intake)
	require.NoError(r.t, err)
	for last := stream.CachedInfo().State.LastSeq; r.seen < last; {
		r.seen++
		m, err := stream.GetMsg(context.Background(), r.seen)
		require.NoError(r.t, err)
		d := &intakev1.Delivery{}
		require.NoError(r.t, proto.Unmarshal(m.Data, d))
		r.bodies = append(r.bodies, string(d.GetBody()))
	}
	return r.bodies
}

func (r *ingressed) says() string {
	families, err := r.registry.Gather()
	require.NoError(r.t, err)
	return r.log.String() + fmt.Sprint(families)
}
