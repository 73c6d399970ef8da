package embed

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// Serve is nats-server -c file: a server as its configuration says, until ctx ends. It logs to where the configuration
// says, else to standard error.
func Serve(ctx context.Context, file string) error {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return fmt.Errorf("configuration of NATS: %w", err)
	}
	options.NoSigs = true // the process has its own ideas about signals
	s, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	s.ConfigureLogger()
	s.Start()
	if !s.Running() {
		s.WaitForShutdown()
		return errors.New("start NATS: it stopped again; its log says why")
	}
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
