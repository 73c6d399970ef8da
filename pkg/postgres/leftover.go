package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopLeftover ends a server that still runs on the folder because its parent was killed. One whose parent lives is
// somebody's: two processes must not share a folder, and neither may take it from the other.
func stopLeftover(ctx context.Context, data string) error {
	pid := postmaster(data)
	if pid == 0 {
		return nil // none, or a stale note of one: the server itself clears it away
	}
	if parent := parentOf(pid); isOurs(parent) {
		return fmt.Errorf("a Postgres (process %d, started by process %d) already runs on %s: stop that first, or name another folder", pid, parent, data)
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("a Postgres (process %d) still runs on %s and cannot be stopped: %w", pid, data, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("a Postgres (process %d) still runs on %s and does not stop", pid, data)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// postmaster is the process of the server that runs on a folder; 0 if there is none.
func postmaster(data string) int {
	note, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(note), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 || !isPostgresOn(pid, data) {
		return 0
	}
	return pid
}

func isPostgresOn(pid int, data string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(strings.ReplaceAll(string(line), "\x00", " "), data)
}

func parentOf(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if parent, ok := strings.CutPrefix(line, "PPid:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(parent))
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// isOurs says that a process is one that starts servers, and not one that takes orphans in: that is the system's first
// process, or somebody from whom we descend ourselves.
func isOurs(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || strings.TrimSpace(string(name)) == "systemd" {
		return false
	}
	if pid == 1 { // in a container it may be one of us
		theirs, errTheirs := os.Readlink("/proc/1/exe")
		ours, errOurs := os.Executable()
		return errTheirs == nil && errOurs == nil && theirs == ours
	}
	for ancestor := parentOf(os.Getpid()); ancestor > 1; ancestor = parentOf(ancestor) {
		if ancestor == pid {
			return false
		}
	}
	return true
}

// socketDir is short, whatever the data folder is called: the path of a socket has room for about a hundred bytes.
func socketDir(data string, a account) (string, error) {
	sum := sha256.Sum256([]byte(data))
	dir := "/tmp/orderflow-" + hex.EncodeToString(sum[:6])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the socket's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 || !a.mayOwn(info) {
		return "", fmt.Errorf("%s is not a private folder of ours: remove it", dir)
	}
	return dir, a.own(dir)
}
