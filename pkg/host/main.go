package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	_ "golang.org/x/crypto/x509roots/fallback" // an image that holds nothing else has no certificates of authorities
)

// Main runs one service as a program of its own, and is all that its main does. Exit status 1 says that it failed, 2
// that it was called wrongly.
func Main(s Service) {
	if len(os.Args) > 1 {
		os.Exit(called(s, os.Args[1], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	if err := Run(ctx, []Service{s}, Options{Environ: Environ(), Log: log}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// called is what a service does when it is called with a word, and the exit status.
func called(s Service, word string, out, trouble io.Writer) int {
	switch word {
	case "--help", "-h", "help":
		fmt.Fprint(out, usage(s))
		return 0
	case "health":
		return healthy(Environ(), out, trouble)
	}
	fmt.Fprintf(trouble, "%s takes no arguments, its settings come from the environment: %s --help\n", s.Name, s.Name)
	return 2
}

const healthTimeout = 3 * time.Second

// healthy asks the process that runs beside this one, with the same environment, whether it is ready: an image that
// holds nothing else than a service checks its health with it.
func healthy(environ map[string]string, out, trouble io.Writer) int {
	says, err := askBeside(environ)
	if err != nil {
		fmt.Fprintln(trouble, err)
		return 1
	}
	fmt.Fprintln(out, says)
	return 0
}

func askBeside(environ map[string]string) (string, error) {
	var s Settings
	if err := read(environ, &s); err != nil {
		return "", err
	}
	url, err := Reach(s.AdminListen)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	ready, says, err := Ask(ctx, url)
	if err == nil && !ready {
		err = errors.New("not ready: " + says)
	}
	return says, err
}

// Environ is the process's environment by name.
func Environ() map[string]string {
	environ := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	return environ
}

func usage(s Service) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n  %s          runs it\n  %s health   asks the one that runs with the same settings whether it is ready: exit status 0 or 1\n\nSettings, from the environment:\n", s.Name, s.About, s.Name, s.Name)
	for _, setting := range Describe([]Service{s}) {
		fmt.Fprintf(&b, "\n  %s", setting.Name)
		if setting.Default != "" {
			fmt.Fprintf(&b, " (%s)", setting.Default)
		}
		fmt.Fprintf(&b, "\n      %s\n", setting.About)
	}
	return b.String()
}
