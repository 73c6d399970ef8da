package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// stuckChild is the process of a session that will not notice the death of its server.
func stuckChild(t *testing.T, s *Server) int {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	child := int(conn.PgConn().PID())
	require.NoError(t, syscall.Kill(child, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	return child
}

func TestAServerComesBackThoughAChildDidNotNoticeItsDeath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("who works in a folder is known on Linux only")
	}
	s := started(t, installed(t), folder(t))
	stuckChild(t, s)
	require.NoError(t, s.running().cmd.Process.Kill())
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
		return err == nil && conn.Close(context.Background()) == nil
	}, 30*time.Second, 50*time.Millisecond)
}

func TestAStartEndsTheChildrenOfAServerThatWasKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("who works in a folder is known on Linux only")
	}
	b, dir := installed(t), folder(t)
	first := started(t, b, dir)
	child := stuckChild(t, first)
	close(first.stopping) // its process is killed together with its server, so that nobody starts that again
	first.stop.Do(func() {})
	require.NoError(t, first.running().cmd.Process.Kill())
	<-first.running().gone
	second, err := Start(context.Background(), Options{Binaries: b, DataDir: filepath.Clean(dir), Settings: fast})
	require.NoError(t, err)
	second.Stop()
	require.Eventually(t, func() bool { _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", child)); return err != nil }, time.Minute, time.Millisecond, "it was ended")
}
