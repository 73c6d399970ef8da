package check

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"sigs.k8s.io/yaml"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/orderctl"
)

// Code is what there is in the code of what manifests can name.
type Code struct {
	services map[string]host.Service
	settings map[string]host.Setting
	secret   map[string]bool     // settings that are secrets
	durables map[string][]string // by service, as STREAM/durable
	words    map[string]bool     // every string in the sources
	programs map[string]bool
	statuses map[string]int // what the admin port answers a path of a probe or of metrics
	ackWait  time.Duration
	alerts   alertGroups // as Prometheus reads them without an operator
}

// ReadCode asks the packages, and the sources below the root of the repository for what no package tells.
func ReadCode(ctx context.Context, root string) (*Code, error) {
	c := &Code{
		services: map[string]host.Service{}, settings: map[string]host.Setting{}, secret: map[string]bool{},
		durables: durables(), words: map[string]bool{}, programs: map[string]bool{},
		ackWait: bus.CommandsDurable("orders").AckWait,
	}
	c.secrets(reflect.TypeFor[host.Settings]())
	for _, s := range orderctl.Services() {
		c.services[s.Name] = s
		if s.Config != nil {
			c.secrets(reflect.TypeOf(s.Config).Elem())
		}
	}
	// Addresses that hold a password.
	c.secret["DATABASE_URL"], c.secret["NATS_URL"], c.secret["SMTP_URL"] = true, true, true
	for _, s := range host.Describe(orderctl.Services()) {
		c.settings[s.Name] = s
	}
	for _, top := range []string{"pkg", "services"} {
		if err := c.read(filepath.Join(root, top)); err != nil {
			return nil, fmt.Errorf("read the sources: %w", err)
		}
	}
	alerts, err := os.ReadFile(filepath.Join(root, alertsFile))
	if err == nil {
		err = yaml.UnmarshalStrict(alerts, &c.alerts)
	}
	if err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	c.statuses, err = ask(ctx)
	return c, err
}

const alertsFile = "deploy/prometheus/alerts.yaml"

func (c *Code) secrets(t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		if f.Tag.Get("secret") == "true" {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			c.secret[name] = true
		}
	}
}

// durables are those that the broker lets each service pull: there are no others.
func durables() map[string][]string {
	found := map[string][]string{}
	call := regexp.MustCompile(`^\$JS\.API\.CONSUMER\.INFO\.([A-Z]+)\.([a-z-]+)$`)
	for _, user := range bus.Users() {
		for _, subject := range user.Publish {
			if m := call.FindStringSubmatch(subject); m != nil {
				found[user.Name] = append(found[user.Name], m[1]+"/"+m[2])
			}
		}
	}
	return found
}

// read collects the words of all sources but tests, and the names of programs.
func (c *Code) read(top string) error {
	files := token.NewFileSet()
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if folder := filepath.Dir(path); filepath.Base(filepath.Dir(folder)) == "cmd" {
			c.programs[filepath.Base(folder)] = true
		}
		source, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(source, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if word, err := strconv.Unquote(literal.Value); err == nil {
					c.words[word] = true
				}
			}
			return true
		})
		return nil
	})
}

// ask runs the host with a service that does nothing, and asks its admin port.
func ask(ctx context.Context) (map[string]int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	idle := host.Service{Name: "idle", Start: func(context.Context, host.Deps) ([]host.Task, error) { return nil, nil }}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, []host.Service{idle}, host.Options{
			Environ: map[string]string{"GOGC": "100"}, Log: zerolog.New(io.Discard),
			Listeners: map[string]net.Listener{"admin": l}, Ready: func() { close(ready) },
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		return nil, fmt.Errorf("run the host: %w", err)
	}
	statuses := map[string]int{}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String()+path, http.NoBody)
		if err != nil {
			return nil, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, fmt.Errorf("ask the admin port: %w", err)
		}
		_ = response.Body.Close()
		statuses[path] = response.StatusCode
	}
	cancel()
	return statuses, <-ended
}
