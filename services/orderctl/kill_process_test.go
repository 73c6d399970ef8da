//go:build linux

package orderctl

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killFolder is one that other accounts can pass through: Postgres may run as another user.
func killFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "orderflow-kill-*") //nolint:usetesting // its parents must let others through as well
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the folder is kept: %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

// process is one that a test started, and the only kind that it kills.
type process struct {
	name string
	cmd  *exec.Cmd
	said output
	gone chan struct{}
	err  error // how it ended, once it is gone
}

// output is what a process printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// launch starts a program. It does not outlive the test. The thread that starts it is kept for as long as it runs: the
// death signal is sent when that thread ends, not the process.
func launch(t *testing.T, name string, environ []string, program string, args ...string) *process {
	t.Helper()
	p := &process{name: name, gone: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.gone)
		}
	}()
	require.NoError(t, <-started, name)
	t.Cleanup(func() {
		p.kill()
		<-p.gone
	})
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill is kill -9.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// ended says whether it is gone.
func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// end asks it to stop, and waits for it.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(lifetime):
		require.Fail(t, "it does not stop", "%s: %s", p.name, p.said.String())
	}
	require.NoError(t, p.err, "%s: %s", p.name, p.said.String())
}

// descendants are all processes below one, as /proc knows them.
func descendants(pid int) []int {
	children := map[int][]int{}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		// pid (name) state parent …; a name may hold anything, also blanks and brackets
		_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	var below []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		below = append(below, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return below
}

// postmasterOf is the process of the Postgres that runs below a process; 0 if there is none.
func postmasterOf(pid int) int {
	for _, child := range descendants(pid) {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", child))
		if err == nil && filepath.Base(exe) == "postgres" {
			return child // parents come before their children
		}
	}
	return 0
}

// postgresIn are the processes that work in a folder, with what they say they do and what the kernel knows of them.
func postgresIn(dir string) []string {
	var found []string
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, path := range all {
		cwd, err := os.Readlink(path + "/cwd")
		if err != nil || !strings.HasPrefix(cwd, dir) {
			continue
		}
		line, _ := os.ReadFile(path + "/cmdline") // gone meanwhile: empty
		wait, _ := os.ReadFile(path + "/wchan")   // as above
		found = append(found, fmt.Sprintf("%s %s waits in %s", filepath.Base(path), strings.ReplaceAll(string(line), "\x00", " "), wait))
	}
	return found
}
