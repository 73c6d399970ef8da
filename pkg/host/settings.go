package host

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/tracing"
)

// Settings are what every process has.
type Settings struct {
	DatabaseURL  string `env:"DATABASE_URL" secret:"true" desc:"Where Postgres is: postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=FILE, with sslcert=FILE&sslkey=FILE if it asks for a certificate. Another machine is never spoken to in clear unless it says sslmode=disable. Every service but ingress and sandbox needs it."`
	DatabaseSize int32  `env:"DATABASE_POOL_SIZE" envDefault:"6" desc:"Connections to Postgres, for each service."`
	NATSURL      string `env:"NATS_URL" secret:"true" desc:"Where NATS is: tls://user:password@host:4222, several separated by commas; nats:// only for this machine. Every service but sandbox needs it."`
	NATSAccess
	MasterKey    string        `env:"MASTER_KEY" secret:"true" desc:"Wraps the keys of personal data: base64 of 32 bytes (openssl rand -base64 32). Several, separated by commas, while it is changed: the first one wraps."`
	AdminListen  string        `env:"ADMIN_LISTEN" envDefault:"127.0.0.1:9090" desc:"Address of /healthz, /readyz and /metrics."`
	LogLevel     string        `env:"LOG_LEVEL" envDefault:"info" desc:"debug, info, warn or error."`
	DrainPause   time.Duration `env:"DRAIN_PAUSE" envDefault:"0s" desc:"How long a process that stops says that it is not ready before it stops taking work: as long as a load balancer takes to notice."`
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" envDefault:"25s" desc:"How long what is in hand may take to finish when a process stops."`

	tracing.Settings
}

// Check asks both that are embedded: Go would ask neither.
func (s *Settings) Check() error { return errors.Join(s.NATSAccess.Check(), s.Settings.Check()) }

// load reads the settings of the host and of all services. Everything that is missing or wrong is told at once.
func load(environ map[string]string, services []Service) (Settings, error) {
	var s Settings
	errs := []error{read(environ, &s)}
	for _, service := range services {
		if service.Config != nil {
			errs = append(errs, read(environ, service.Config))
		}
	}
	for _, service := range services {
		for _, need := range []struct {
			name   string
			needed bool
		}{{"DATABASE_URL", service.Database}, {"NATS_URL", service.Broker}, {"MASTER_KEY", service.Database}} {
			if need.needed && environ[need.name] == "" && environ[need.name+FileEnding] == "" {
				errs = append(errs, fmt.Errorf("%s is not set: %s needs it", need.name, service.Name))
			}
		}
	}
	if s.MasterKey != "" {
		_, err := seal.ParseMasters(s.MasterKey)
		errs = append(errs, err)
	}
	return s, together(errs)
}

// together makes one error of many, each on a line of its own and none twice.
func together(errs []error) error {
	seen := map[string]bool{}
	var lines []string
	for _, err := range errs {
		if err == nil {
			continue
		}
		for line := range strings.Lines(err.Error()) { // a service may have joined several
			if line = strings.TrimSpace(line); line != "" && !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New("the settings are not complete:\n  " + strings.Join(lines, "\n  "))
}

// Checker is a config that knows what must hold beyond the types of its fields.
type Checker interface{ Check() error }

// EnvironChecker is a config with settings whose names are not known beforehand: it looks for them in the environment.
type EnvironChecker interface {
	CheckEnviron(environ map[string]string) error
}

// Read fills a service's config from an environment as the host does, and checks it: for tools that have to know how a
// service is set.
func Read(environ map[string]string, config any) error { return read(environ, config) }

func read(environ map[string]string, config any) error {
	held, missing := withFiles(environ, config)
	err := env.ParseWithOptions(config, env.Options{Environment: present(held)})
	var all env.AggregateError
	if errors.As(err, &all) {
		lines := make([]string, len(all.Errors))
		for i, e := range all.Errors {
			lines[i] = words(e, config)
		}
		return errors.Join(missing, errors.New(strings.Join(lines, "\n")))
	}
	if err != nil {
		return err
	}
	errs := []error{missing}
	if c, ok := config.(Checker); ok {
		errs = append(errs, c.Check())
	}
	if c, ok := config.(EnvironChecker); ok {
		errs = append(errs, c.CheckEnviron(environ))
	}
	return errors.Join(errs...)
}

// present leaves out what is set to nothing: an empty setting means its default.
func present(environ map[string]string) map[string]string {
	set := map[string]string{}
	for name, value := range environ {
		if value != "" {
			set[name] = value
		}
	}
	return set
}

// words names the setting instead of the field, and never its value, which may be a secret.
func words(err error, config any) string {
	var parse env.ParseError
	if errors.As(err, &parse) {
		if f, ok := reflect.TypeOf(config).Elem().FieldByName(parse.Name); ok {
			return fmt.Sprintf("%s is not a %s", name(f), parse.Type)
		}
	}
	return err.Error()
}

// Setting is one line of the table in the README.
type Setting struct {
	Name    string
	Default string
	About   string
	// Services that read it; empty means all.
	Services []string
}

// Describe lists the settings of the host and of services, in their order. One that several services read stands once.
func Describe(services []Service) []Setting {
	settings := describe(&Settings{}, "")
	at := map[string]int{}
	for _, service := range services {
		if service.Config == nil {
			continue
		}
		for _, s := range describe(service.Config, service.Name) {
			if i, ok := at[s.Name]; ok {
				settings[i].Services = append(settings[i].Services, service.Name)
				continue
			}
			at[s.Name] = len(settings)
			settings = append(settings, s)
		}
	}
	return settings
}

func describe(config any, service string) []Setting {
	var settings []Setting
	t := reflect.TypeOf(config).Elem()
	for f := range fields(t) {
		s := Setting{Name: name(f), Default: f.Tag.Get("envDefault"), About: f.Tag.Get("desc")}
		if secret(f) {
			s.About += " Or " + s.Name + FileEnding + "."
		}
		if service != "" {
			s.Services = []string{service}
		}
		settings = append(settings, s)
	}
	return settings
}

// fields are a struct's settings, those of embedded structs in their place.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			if f.Tag.Get("env") != "" && !yield(f) {
				return
			}
		}
	}
}

func name(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("env"), ",")
	return n
}
