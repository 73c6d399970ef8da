package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the oldest major version that the migrations are written for, newest the newest that is looked for.
const oldest, newest = 14, 18

// Binaries are the programs of one Postgres installation.
type Binaries struct {
	Dir   string // holds initdb and postgres
	Major int
}

// environment is what its programs run with.
func (b Binaries) environment() []string {
	environ := os.Environ()
	if libraries := libraryPath(b.Dir); libraries != "" {
		environ = append(environ, "LD_LIBRARY_PATH="+libraries)
	}
	return environ
}

// ErrNone says that no Postgres was found and none could be fetched.
var ErrNone = errors.New("no Postgres 14 or newer was found, and none could be fetched; install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or set DATABASE_URL")

// Find looks for a Postgres: in the cache, on PATH, in the well-known folders; if there is none it fetches one into the
// cache. say hears of what takes time.
func Find(ctx context.Context, cache string, say func(string)) (Binaries, error) {
	return FindFor(ctx, cache, "", say)
}

// FindFor looks for a Postgres that can go on with the data in a folder: one of the version that was used there last,
// and any version if nothing is there yet. Data is never left behind for an empty folder of another version.
func FindFor(ctx context.Context, cache, dataDir string, say func(string)) (Binaries, error) {
	wanted := usedLast(dataDir)
	for _, dir := range candidates(cache) {
		if b, err := inspect(ctx, dir); err == nil && (wanted == 0 || b.Major == wanted) {
			return b, nil
		}
	}
	b, err := fetch(ctx, cache, wanted, say)
	switch {
	case err == nil:
		return b, nil
	case ctx.Err() != nil:
		return b, ctx.Err()
	}
	why := strings.ReplaceAll(err.Error(), "\n", "; ")
	if wanted != 0 {
		return b, fmt.Errorf("the data in %s is Postgres %d's, and no Postgres %d was found or could be fetched: install it, or begin with another data folder (%s)",
			dataDir, wanted, wanted, why)
	}
	return b, fmt.Errorf("%w (%s)", ErrNone, why)
}

// usedLast is the major version whose data in a folder was used last; 0 if there is none.
func usedLast(dataDir string) int {
	folders, err := os.ReadDir(placeOf(dataDir))
	if err != nil {
		return 0
	}
	major, latest := 0, time.Time{}
	for _, f := range folders {
		version, err := strconv.Atoi(strings.TrimPrefix(f.Name(), "pg"))
		if err != nil || f.Name() != dataFolder(version) {
			continue
		}
		data := filepath.Join(placeOf(dataDir), f.Name())
		if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
			continue
		}
		var used time.Time
		if note, err := os.Stat(filepath.Join(data, "postmaster.opts")); err == nil { // written by every start
			used = note.ModTime()
		}
		if major == 0 || used.After(latest) {
			major, latest = version, used
		}
	}
	return major
}

// candidates are folders that may hold a Postgres, newest version first within a kind of place.
func candidates(cache string) []string {
	dirs := append(newestFirst(cache+"/postgres-*/bin"), newestFirst(cache+"/postgres-debian-*/usr/lib/postgresql/*/bin")...)
	if path, err := exec.LookPath("postgres"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(resolved)) // Debian's versioned folder behind a link on PATH
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin", "/usr/local/pgsql/bin", "/usr/local/bin",
	} {
		dirs = append(dirs, newestFirst(pattern)...)
	}
	return dirs
}

var digits = regexp.MustCompile(`\d+`)

func newestFirst(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	fixed, _, _ := strings.Cut(pattern, "*") // a number in a parent folder's name is no version
	version := func(dir string) int { return versionIn(strings.TrimPrefix(dir, fixed)) }
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	return dirs
}

func versionIn(dir string) int {
	n, err := strconv.Atoi(digits.FindString(dir))
	if err != nil {
		return 0
	}
	return n
}

// inspect asks the programs for their version: a folder with a client alone is no server.
func inspect(ctx context.Context, dir string) (Binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = Binaries{Dir: dir}.environment()
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w: %s", dir, err, lastLine(failure.String()))
	}
	major := versionIn(string(out))
	if major < oldest {
		return Binaries{}, fmt.Errorf("%s holds version %d, %d or newer is needed", dir, major, oldest)
	}
	return Binaries{Dir: dir, Major: major}, nil
}
