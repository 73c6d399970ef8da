package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Everything was killed at once, and nobody has taken note yet that the old server is dead.
func TestAServerStartsWhereAnotherOneIsStillDying(t *testing.T) {
	t.Parallel()
	b, dir := installed(t), folder(t)
	s := started(t, b, dir)
	account, data := s.account, s.data
	s.Stop()
	dead := exec.Command("true")
	dead.SysProcAttr = account.credential()
	require.NoError(t, dead.Start()) // and is not waited for
	note := fmt.Sprintf("%d\n%s\n%d\n5432\n%s\n", dead.Process.Pid, data, time.Now().Unix(), s.socket)
	path := filepath.Join(data, "postmaster.pid")
	require.NoError(t, os.WriteFile(path, []byte(note), 0o600))
	if c := account.credential().Credential; c != nil {
		require.NoError(t, os.Chown(path, int(c.Uid), int(c.Gid)))
	}
	require.Eventually(t, func() bool { // a zombie: it has no command any more and is still there
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", dead.Process.Pid))
		return err == nil && len(line) == 0 && syscall.Kill(dead.Process.Pid, 0) == nil
	}, time.Minute, time.Millisecond)
	noted := time.AfterFunc(500*time.Millisecond, func() { _ = dead.Wait() })
	defer noted.Stop()
	again, err := Start(context.Background(), Options{Binaries: b, DataDir: dir, Settings: fast})
	require.NoError(t, err)
	again.Stop()
}
