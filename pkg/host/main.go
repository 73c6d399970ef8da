package host

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
)

// Main runs one service as a program of its own, and is all that its main does. Exit status 1 says that it failed, 2
// that it was called wrongly.
func Main(s Service) {
	if len(os.Args) > 1 {
		help := os.Args[1] == "--help" || os.Args[1] == "-h" || os.Args[1] == "help"
		if help {
			fmt.Print(usage(s)) //nolint:forbidigo // this is what --help is for
			return
		}
		fmt.Fprintf(os.Stderr, "%s takes no arguments, its settings come from the environment: %s --help\n", s.Name, s.Name)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	if err := Run(ctx, []Service{s}, Options{Environ: Environ(), Log: log}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
	fmt.Fprintf(&b, "%s: %s\n\nSettings, from the environment:\n", s.Name, s.About)
	for _, setting := range Describe([]Service{s}) {
		fmt.Fprintf(&b, "\n  %s", setting.Name)
		if setting.Default != "" {
			fmt.Fprintf(&b, " (%s)", setting.Default)
		}
		fmt.Fprintf(&b, "\n      %s\n", setting.About)
	}
	return b.String()
}
