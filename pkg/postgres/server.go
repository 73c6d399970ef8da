package postgres

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say where a server keeps its data and how it behaves.
type Options struct {
	Binaries Binaries
	// DataDir holds one folder per major version: a newer Postgres never touches an older one's data.
	DataDir string
	// Settings are added to the server's command line: fsync=off for tests.
	Settings map[string]string
	// Say hears, once for each reason, that the server ended by itself and is started again.
	Say func(string)
}

// Server is a Postgres that is kept running until it is stopped.
type Server struct {
	socket  string
	options Options
	data    string
	account account
	logs    *tail

	stop              sync.Once
	stopping, stopped chan struct{}

	mu  sync.Mutex
	run *process
}

// process is one run of the server's program.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{}
}

// superuser is the role that owns everything; only this user can reach the socket.
const superuser = "orderflow"

// startTimeout allows for the recovery of a server that was killed.
const startTimeout = 60 * time.Second

func dataFolder(major int) string { return fmt.Sprintf("pg%d", major) }

// Start makes the data folder on the first start, and runs a server on it.
func Start(ctx context.Context, o Options) (*Server, error) {
	parent, err := filepath.Abs(o.DataDir)
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	data := filepath.Join(placeOf(parent), dataFolder(o.Binaries.Major))
	account, err := accountFor(data)
	if err != nil {
		return nil, err
	}
	if err := account.prepare(filepath.Dir(data)); err != nil {
		return nil, err
	}
	if err := initialise(ctx, o.Binaries, data, account); err != nil {
		return nil, err
	}
	socket, err := socketDir(data, account)
	if err != nil {
		return nil, err
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	s := &Server{
		socket: socket, options: o, data: data, account: account, logs: &tail{}, stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	go s.keepRunning()
	return s, nil
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	run := s.running()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-run.gone:
			cause := s.logs.cause()
			return fmt.Errorf("start Postgres: %s%s", cause, hint(cause))
		case <-ctx.Done():
			return fmt.Errorf("start Postgres: it did not answer in time: %s", s.logs.cause())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is how to connect to one of its databases.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	query := url.Values{"host": {s.socket}}
	if port := s.options.Settings["port"]; port != "" {
		query.Set("port", port) // it is part of the socket's name
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// EnsureDatabase makes a database unless it is there.
func (s *Server) EnsureDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("make database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil || there {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("make database %s: %w", name, err)
	}
	return nil
}
