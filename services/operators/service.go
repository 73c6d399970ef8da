package operators

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/web"
)

// Service is what the host runs. The runner is made of what the host gave.
func Service(runner func(host.Deps) Runner) host.Service {
	config := &Config{}
	return host.Service{
		Name: "operators", About: "Runs orderctl's commands for whoever is logged in.",
		Config: config, Database: true, Broker: true, Migrations: migrations, Front: true,
		Start: func(_ context.Context, d host.Deps) ([]host.Task, error) { return start(*config, runner(d), d) },
	}
}

func start(config Config, run Runner, d host.Deps) ([]host.Task, error) {
	keys, err := newKeyring(d.Environ)
	if errors.Is(err, errNoKeys) {
		d.Log.Info().Msg("TOKEN_KEYS is not set: operators cannot log in, and nothing listens for them")
		return []host.Task{{Name: "operators", Run: idle}}, nil
	}
	if err != nil {
		return nil, err
	}
	var certificate *web.Certificate
	if config.TLSCert != "" {
		if certificate, err = web.LoadCertificate(config.TLSCert, config.TLSKey); err != nil {
			return nil, err
		}
	}
	e, err := newHandler(config, keys, run, d).routes()
	if err != nil {
		return nil, err
	}
	l, err := d.Listen("operators", config.Listen)
	if err != nil {
		return nil, err
	}
	serve := serving(l, e, certificate)
	return []host.Task{{Name: "operators", Run: func(ctx context.Context) error {
		var beside sync.WaitGroup
		defer beside.Wait()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		beside.Go(func() { keepCurrent(ctx, config.Reload, d.Log, keys, certificate) })
		return serve(ctx)
	}}}, nil
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func serving(l net.Listener, e *echo.Echo, certificate *web.Certificate) func(context.Context) error {
	if certificate == nil {
		return web.Serve(l, e)
	}
	return web.ServeTLS(l, e, certificate)
}

// keepCurrent reads keys and certificate again until ctx ends. What is wrong with one is said once, until it is right or
// wrong otherwise; what was there before counts until then.
func keepCurrent(ctx context.Context, every time.Duration, log zerolog.Logger, keys *keyring, certificate *web.Certificate) {
	reloads := map[string]func() (bool, error){keysSetting: keys.reload}
	if certificate != nil {
		reloads["OPERATORS_TLS_CERT"] = certificate.Reload
	}
	said := map[string]string{}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for setting, reload := range reloads {
			changed, err := reload()
			switch {
			case err == nil:
				delete(said, setting)
			case said[setting] != err.Error():
				said[setting] = err.Error()
				log.Error().Err(err).Str("setting", setting).Msg("not reloaded: what was there before counts")
			}
			if changed {
				log.Info().Str("setting", setting).Msg("reloaded")
			}
		}
	}
}

// handler answers operators.
type handler struct {
	config   Config
	accounts *Accounts
	tokens   *tokens
	run      Runner
	log      zerolog.Logger
	clock    func() time.Time
	draining <-chan struct{}
	metrics  *metrics

	attempts *attempts
	told     *web.Rates    // refused tokens that the log tells of, by address: the metric counts all of them
	guesses  chan struct{} // passwords that are being compared: each takes a processor
	running  chan struct{} // commands
}

const (
	mostGuesses  = 2
	mostCommands = 8
)

func newHandler(config Config, keys *keyring, run Runner, d host.Deps) *handler {
	stranger() // made now, so that the first one who is not known waits no longer than others
	return &handler{
		config: config, accounts: NewAccounts(d.Pool), tokens: &tokens{keys, config.Life, d.Clock}, run: run,
		log: d.Log, clock: d.Clock, draining: d.Draining, metrics: newMetrics(d.Registry),
		attempts: newAttempts(), told: web.NewRates(rate.Every(addressEvery), addressBurst, remembered),
		guesses: make(chan struct{}, mostGuesses), running: make(chan struct{}, mostCommands),
	}
}

func (h *handler) routes() (*echo.Echo, error) {
	proxies, err := h.config.proxies()
	if err != nil {
		return nil, err
	}
	e := web.New(h.log)
	e.Use(web.Parting(h.draining))
	e.IPExtractor = echo.ExtractIPDirect()
	if len(proxies) > 0 {
		trusted := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, p := range proxies {
			trusted = append(trusted, echo.TrustIPRange(p))
		}
		e.IPExtractor = echo.ExtractIPFromXFFHeader(trusted...)
	}
	// An id of a caller's own would let it write into our log what it likes.
	e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Request().Header.Del(RequestHeader)
			c.Response().Header().Set("Cache-Control", "no-store")
			c.Response().Header().Set("X-Content-Type-Options", "nosniff")
			return next(c)
		}
	}, middleware.RequestID())
	e.POST(LoginPath, h.login)
	e.POST(CommandsPath, h.command)
	return e, nil
}

func requestOf(c echo.Context) string { return c.Response().Header().Get(RequestHeader) }

// read is a JSON body of at most so many bytes, and nothing that we do not know.
func read(c echo.Context, most int64, into any) error {
	body := http.MaxBytesReader(c.Response(), c.Request().Body, most)
	return decode(body, into)
}
