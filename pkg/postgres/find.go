package postgres

import (
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
)

// oldest is the oldest major version that the migrations are written for.
const oldest = 14

// Binaries are the programs of one Postgres installation.
type Binaries struct {
	Dir   string // holds initdb and postgres
	Major int
}

// ErrNone says that no Postgres was found and none could be fetched.
var ErrNone = errors.New("no Postgres 14 or newer was found, and none could be fetched; install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or set DATABASE_URL")

// Find looks for a Postgres: in the cache, on PATH, in the well-known folders; if there is none it fetches one into the
// cache. say hears of what takes time.
func Find(ctx context.Context, cache string, say func(string)) (Binaries, error) {
	for _, dir := range candidates(cache) {
		if b, err := inspect(ctx, dir); err == nil {
			return b, nil
		}
	}
	fetched, err := fetch(ctx, cache, say)
	if err != nil {
		return Binaries{}, fmt.Errorf("%w (%s)", ErrNone, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return inspect(ctx, fetched)
}

// candidates are folders that may hold a Postgres, newest version first within a kind of place.
func candidates(cache string) []string {
	dirs := newestFirst(filepath.Join(cache, "postgres-*", "bin"))
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
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	major := versionIn(string(out))
	if major < oldest {
		return Binaries{}, fmt.Errorf("%s holds version %d, %d or newer is needed", dir, major, oldest)
	}
	return Binaries{Dir: dir, Major: major}, nil
}
