package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// launch starts the server and watches it. The thread that starts it is kept for as long as it runs: Linux sends the
// death signal when that thread ends, not the process.
func (s *Server) launch() error {
	args := []string{"-D", s.data, "-k", s.socket, "-c", "listen_addresses=", "-c", "max_connections=200"}
	for name, value := range s.options.Settings {
		args = append(args, "-c", name+"="+value)
	}
	cmd := exec.Command(filepath.Join(s.options.Binaries.Dir, "postgres"), args...) //nolint:noctx // it is stopped with a signal of its own
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.data, s.options.Binaries.environment(), s.logs, s.logs
	cmd.SysProcAttr = s.account.credential()
	dieWithParent(cmd.SysProcAttr)
	cmd.WaitDelay = orphanGrace // a child that outlives it holds what it writes its log to
	run := &process{cmd, make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // what it says is in its log
			close(run.gone)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	s.mu.Lock()
	s.run = run
	s.mu.Unlock()
	return nil
}

func (s *Server) running() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// A server that ended by itself, as it does on a full disk, is started again, after growing pauses while that fails.
const (
	firstPause = 500 * time.Millisecond
	mostPause  = 10 * time.Second
	// steady is how long a server has run that did not fail at once.
	steady = 30 * time.Second
)

func (s *Server) keepRunning() {
	defer close(s.stopped)
	pause, began := firstPause, time.Now()
	for told := ""; ; {
		select {
		case <-s.stopping:
			return
		case <-s.running().gone:
		}
		endOrphans(s.data)
		if time.Since(began) > steady {
			pause, told = firstPause, ""
		}
		if cause := s.logs.cause(); cause != told { // once for each reason: this may go on for hours
			told = cause
			s.options.Say("Postgres ended and is started again until it stays: " + cause + hint(cause))
		}
		select {
		case <-s.stopping:
			return
		case <-time.After(pause):
		}
		pause, began = min(2*pause, mostPause), time.Now()
		s.logs.clear()
		_ = s.launch() // if it fails, what ran last is still gone, and it is tried again
	}
}

// Stop ends the server: sessions are cut, everything is on disk. Stopping twice is fine, stopping waits.
func (s *Server) Stop() {
	s.stop.Do(func() { close(s.stopping) })
	<-s.stopped // nothing is started any more
	s.end()
}

func (s *Server) end() {
	run := s.running()
	_ = run.cmd.Process.Signal(syscall.SIGINT) // gone already is fine
	<-run.gone
	_ = os.Remove(s.socket) // empty now; made again by the next start
}
