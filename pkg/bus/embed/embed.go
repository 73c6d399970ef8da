// Package embed runs a nats-server with JetStream in this process: the same server, on disk, synced so that an ack
// survives a power cut.
package embed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/orderflow/orderflow/pkg/bus"
)

// Server is a running nats-server.
type Server struct {
	server      *server.Server
	dir, staged string // its data, and where batches are staged in memory
	staging     bool
}

// storeMost is more than any disk has.
const storeMost = 1 << 50

// startTimeout is generous: a large store is recovered first.
const startTimeout = 60 * time.Second

// Option says how a server runs.
type Option func(*server.Options)

// WithUsers lets in only who has a password, by name, and lets each do what bus.Users says.
func WithUsers(passwords map[string]string) Option {
	return func(o *server.Options) {
		for _, u := range bus.Users() {
			o.Users = append(o.Users, &server.User{Username: u.Name, Password: passwords[u.Name], Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: u.Publish}, Subscribe: &server.SubjectPermission{Allow: u.Subscribe},
			}})
		}
	}
}

// Start runs a server that keeps its streams in dir and listens on address (127.0.0.1:0 picks a port).
func Start(dir, address string, options ...Option) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("NATS address %q: %w", address, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("NATS address %q: %w", address, err)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	config := &server.Options{
		ServerName: "orderflow", Host: host, Port: number, JetStream: true, StoreDir: dir, SyncAlways: true,
		// The streams say themselves how large they may be. By its own reckoning the server would refuse to make one that
		// might not fit beside everything else on the disk of a laptop.
		JetStreamMaxStore: storeMost,
		NoSigs:            true, NoLog: true, MaxPayload: 8 << 20, DisableJetStreamBanner: true,
	}
	for _, option := range options {
		option(config)
	}
	s, err := server.NewServer(config)
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Shutdown()
		return nil, errors.New("start NATS: it was not ready within a minute; is the address taken?")
	}
	return &Server{server: s, dir: dir, staged: stagedFor(dir)}, nil
}

// URL is where other processes reach it.
func (s *Server) URL() string { return s.server.ClientURL() }

// Keeps says that it still keeps what is published: a server whose disk is full gives its streams up, for good.
func (s *Server) Keeps() bool { return s.server.JetStreamEnabled() }

// InProcess is the option with which this process connects without a socket.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(s.server) }

// Stop flushes and stops it.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
	_ = os.RemoveAll(s.staged) // nothing is on its way any more
}
