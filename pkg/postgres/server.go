package postgres

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
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
}

// Server is a running Postgres.
type Server struct {
	socket string
	cmd    *exec.Cmd
	gone   chan struct{}
	logs   *tail
}

// superuser is the role that owns everything; only this user can reach the socket.
const superuser = "orderflow"

// startTimeout allows for the recovery of a server that was killed.
const startTimeout = 60 * time.Second

// Start makes the data folder on the first start, and runs a server on it.
func Start(ctx context.Context, o Options) (*Server, error) {
	data, err := filepath.Abs(filepath.Join(o.DataDir, fmt.Sprintf("pg%d", o.Binaries.Major)))
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	account, err := accountFor(data)
	if err != nil {
		return nil, err
	}
	if data, err = account.prepare(data); err != nil {
		return nil, err
	}
	if err := initialise(ctx, o.Binaries, data, account); err != nil {
		return nil, err
	}
	if err := stopLeftover(ctx, data); err != nil {
		return nil, err
	}
	socket, err := socketDir(data, account)
	if err != nil {
		return nil, err
	}
	s := &Server{socket: socket, gone: make(chan struct{}), logs: &tail{}}
	if err := s.launch(o, data, account); err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// initialise makes a data folder where there is none. It is made beside its place and moved there, so that one that
// was cut short is never taken for whole.
func initialise(ctx context.Context, b Binaries, data string, a account) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	if files, err := os.ReadDir(data); err == nil && len(files) > 0 {
		return fmt.Errorf("%s holds something else than a Postgres: name another folder, or move what is in it", data)
	}
	fresh := data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, "initdb"), "-D", fresh, "-U", superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-instructions", "--data-checksums")
	cmd.SysProcAttr, cmd.Dir = a.credential(), filepath.Dir(data)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make a data folder in %s: %w: %s", filepath.Dir(data), err, lastLine(out.String()))
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	return nil
}

// launch starts the server and watches it. The thread that starts it is kept for as long as it runs: Linux sends the
// death signal when that thread ends, not the process.
func (s *Server) launch(o Options, data string, a account) error {
	args := []string{"-D", data, "-k", s.socket, "-c", "listen_addresses=", "-c", "max_connections=200"}
	for name, value := range o.Settings {
		args = append(args, "-c", name+"="+value)
	}
	s.cmd = exec.Command(filepath.Join(o.Binaries.Dir, "postgres"), args...) //nolint:noctx // it is stopped with a signal of its own
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = data, s.logs, s.logs
	s.cmd.SysProcAttr = a.credential()
	dieWithParent(s.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // what it says is in its log
			close(s.gone)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	return nil
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.gone:
			return fmt.Errorf("start Postgres: %s", s.logs.cause())
		case <-ctx.Done():
			return fmt.Errorf("start Postgres: it did not answer in time: %s", s.logs.cause())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is how to connect to one of its databases.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.socket}}.Encode()
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

// Stop ends the server: sessions are cut, everything is on disk. Stopping twice is fine, stopping waits.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // gone already is fine
	<-s.gone
	_ = os.Remove(s.socket) // empty now; made again by the next start
}
