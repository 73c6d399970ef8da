package postgres

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// installed is a Postgres of this machine, found or fetched as everybody's is.
func installed(t *testing.T) Binaries {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	b, err := Find(context.Background(), filepath.Join(cache, "orderflow"), func(string) {})
	require.NoError(t, err)
	return b
}

// folder is one that the account of the server can reach, as folders of tests cannot when root runs them.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "orderflow-pg-test-*") //nolint:usetesting // the account must be able to get there
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

var fast = map[string]string{"fsync": "off", "shared_buffers": "16MB"}

func started(t *testing.T, b Binaries, dir string) *Server {
	t.Helper()
	s, err := Start(context.Background(), Options{Binaries: b, DataDir: dir, Settings: fast})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func query(t *testing.T, s *Server, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("orders"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), sql).Scan(&answer))
	return answer
}

// One folder through its life: made, used, stopped, started again, killed, started again.
func TestTheLifeOfAFolder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := installed(t)
	dir := filepath.Join(folder(t), strings.Repeat("a long name ", 15)) // far longer than a socket's path may be
	s := started(t, b, dir)
	assert.LessOrEqual(t, len(s.socket), 60)
	require.NoError(t, s.EnsureDatabase(ctx, "orders"))
	require.NoError(t, s.EnsureDatabase(ctx, "orders"), "twice is fine")
	conn, err := pgx.Connect(ctx, s.URL("orders"))
	require.NoError(t, err)
	_, err = conn.Exec(ctx, `CREATE TABLE t AS SELECT 'kept'::text AS x`)
	require.NoError(t, err)
	assert.Empty(t, query(t, s, `SHOW listen_addresses`), "no TCP")

	_, err = Start(ctx, Options{Binaries: b, DataDir: dir, Settings: fast})
	require.ErrorContains(t, err, "already runs on", "who shares a folder is refused")
	assert.Equal(t, "kept", query(t, s, `SELECT x FROM t`), "and the first one goes on")

	var stopping sync.WaitGroup
	for range 3 { // with a session open
		stopping.Go(s.Stop)
	}
	stopping.Wait()
	s.Stop()
	_ = conn.Close(ctx)
	assert.NoDirExists(t, s.socket, "nothing is left behind beside the data")

	s = started(t, b, dir)
	assert.Equal(t, "kept", query(t, s, `SELECT x FROM t`))
	require.NoError(t, s.cmd.Process.Kill())
	<-s.gone
	s.Stop()
	s = started(t, b, dir)
	assert.Equal(t, "kept", query(t, s, `SELECT x FROM t`))
	s.Stop()
}

func TestRootDropsToAnAccountWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root has rights to drop")
	}
	b := installed(t)
	dir := folder(t)
	s := started(t, b, dir)
	info, err := os.Stat("/proc/" + strconv.Itoa(s.cmd.Process.Pid))
	require.NoError(t, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	assert.NotZero(t, owner.Uid)
	s.Stop()
	a, err := accountFor(filepath.Join(dir, "pg"+strconv.Itoa(b.Major)))
	require.NoError(t, err)
	assert.Equal(t, int(owner.Uid), a.uid, "the owner of the folder, the next time too")
	closed, err := os.MkdirTemp("/tmp", "orderflow-pg-closed-*") //nolint:usetesting // closed as a home folder is, and nothing else
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(closed) })
	moved, err := a.prepare(filepath.Join(closed, "data", "pg17"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(moved, "/var/tmp/orderflow-"), moved)
	_ = os.RemoveAll(filepath.Dir(moved))
}

func TestAFolderOfSomethingElseIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := installed(t)
	data := func(dir string) string { return filepath.Join(dir, "pg"+strconv.Itoa(b.Major)) }

	dir := folder(t)
	require.NoError(t, os.MkdirAll(data(dir), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(data(dir), "photo.jpg"), nil, 0o600))
	_, err := Start(ctx, Options{Binaries: b, DataDir: dir})
	require.ErrorContains(t, err, "holds something else than a Postgres")
	assert.FileExists(t, filepath.Join(data(dir), "photo.jpg"))

	dir = folder(t)
	require.NoError(t, os.MkdirAll(data(dir), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data(dir), "PG_VERSION"), []byte("9.6\n"), 0o600))
	_, err = Start(ctx, Options{Binaries: b, DataDir: dir})
	require.ErrorContains(t, err, "start Postgres: ")
	assert.NotContains(t, err.Error(), "\n")

	dir = filepath.Join(folder(t), "file")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	_, err = Start(ctx, Options{Binaries: b, DataDir: dir})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
}

// fake is a folder that answers as the programs of a version do.
func fake(t *testing.T, dir, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho \"postgres (PostgreSQL) " + version + "\"\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func TestFindPrefersTheCacheAndWhatIsNewEnough(t *testing.T) {
	ctx := context.Background()
	cache, path := t.TempDir(), t.TempDir()
	old := fake(t, filepath.Join(cache, "postgres-9.0", "bin"), "9.6.1")
	onPath := fake(t, filepath.Join(t.TempDir(), "16", "bin"), "16.4 (Debian 16.4-1)")
	require.NoError(t, os.Symlink(filepath.Join(onPath, "postgres"), filepath.Join(path, "postgres")))
	t.Setenv("PATH", path+":/bin:/usr/bin")

	found, err := Find(ctx, cache, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, Binaries{onPath, 16}, found, "through the link on PATH, and past %s which is too old", old)
	fake(t, filepath.Join(cache, "postgres-14.1", "bin"), "14.1")
	newest := fake(t, filepath.Join(cache, "postgres-17.2", "bin"), "17.2")
	found, err = Find(ctx, cache, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, Binaries{newest, 17}, found)

	_, err = inspect(ctx, old)
	require.ErrorContains(t, err, "14 or newer")
	_, err = inspect(ctx, t.TempDir())
	require.Error(t, err, "a client alone is no server")
}

func TestLinksThatAPackageCannotHoldAreMade(t *testing.T) {
	t.Parallel()
	native := filepath.Join(t.TempDir(), "native")
	require.NoError(t, os.MkdirAll(filepath.Join(native, "lib"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(native, "lib", "libpq.so.5.17"), []byte("lib"), 0o600))
	list := `[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"},{"source":"native/lib/libpq.so.5.17","target":"../../../escape"}]`
	require.NoError(t, os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(list), 0o600))
	require.NoError(t, makeLinks(native))
	require.NoError(t, makeLinks(native), "twice is fine")
	data, err := os.ReadFile(filepath.Join(native, "lib", "libpq.so.5"))
	require.NoError(t, err)
	assert.Equal(t, "lib", string(data))
	_, err = os.Lstat(filepath.Join(filepath.Dir(native), "escape"))
	require.NoError(t, err, "nothing is linked outside of the package")
	require.NoError(t, makeLinks(t.TempDir()), "a package without links")
}

func TestTheCauseOfAFailureIsFoundInALog(t *testing.T) {
	t.Parallel()
	l := &tail{}
	_, _ = l.Write([]byte("LOG:  starting\nFATAL:  data directory has wrong owner\nLOG:  bye\n"))
	assert.Equal(t, "FATAL:  data directory has wrong owner", l.cause())
	_, _ = l.Write([]byte(strings.Repeat("x", 20<<10) + "\nlast words"))
	assert.Equal(t, "last words", l.cause())
}

// A process that is killed leaves its server behind, if only for a moment: whoever starts next ends it and goes on.
func TestTheServerOfAProcessThatWasKilledIsEnded(t *testing.T) {
	t.Parallel()
	b := installed(t)
	dir := folder(t)
	started(t, b, dir).Stop()
	data := filepath.Join(dir, "pg"+strconv.Itoa(b.Major))
	a, err := accountFor(data)
	require.NoError(t, err)
	// The shell is the process that dies: it ends at once, and the server is taken in by whoever takes orphans.
	shell := exec.CommandContext(context.Background(), "/bin/sh", "-c", `"$0" -D "$1" -k "$1" -c listen_addresses= >/dev/null 2>&1 &`,
		filepath.Join(b.Dir, "postgres"), data)
	shell.SysProcAttr = a.credential()
	require.NoError(t, shell.Run())
	require.Eventually(t, func() bool { return postmaster(data) != 0 }, 20*time.Second, 10*time.Millisecond)
	orphan := postmaster(data)
	s := started(t, b, dir)
	assert.NotEqual(t, orphan, postmaster(data))
	assert.Equal(t, s.cmd.Process.Pid, postmaster(data))
}
