package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// fetchDebian takes Debian's packages apart without installing them, which needs no rights. The tree stays as it is in
// them: the programs look for their own files beside themselves.
func fetchDebian(ctx context.Context, temp string, wanted int, say func(string)) (fetched, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fetched{}, fmt.Errorf("%s is not installed", tool)
		}
	}
	say("fetching Postgres with apt-get download, once")
	root := filepath.Join(temp, "debian")
	if err := os.MkdirAll(root, 0o755); err != nil { //nolint:gosec // programs, not secrets
		return fetched{}, fmt.Errorf("fetch Postgres: %w", err)
	}
	for major := newest; major >= oldest; major-- {
		name := fmt.Sprintf("postgresql-%d", major)
		if wanted != 0 && major != wanted {
			continue
		}
		if run(ctx, root, "apt-get", "download", name) != nil {
			continue
		}
		if err := downloadLibraries(ctx, root, name); err != nil {
			return fetched{}, err
		}
		if err := unpack(ctx, root); err != nil {
			return fetched{}, err
		}
		bin := filepath.Join("usr", "lib", "postgresql", fmt.Sprint(major), "bin")
		// It is the one part that wants a compiler's library, six times as large as everything else.
		_ = os.Remove(filepath.Join(root, filepath.Dir(bin), "lib", "llvmjit.so"))
		return fetched{root, fmt.Sprintf("postgres-debian-%d", major), bin}, nil
	}
	return fetched{}, errors.New("apt-get does not know it; try apt-get update")
}

// downloadLibraries fetches the libraries that a package needs and this machine has not installed.
func downloadLibraries(ctx context.Context, dir, name string) error {
	list, err := output(ctx, dir, "apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
		"--no-breaks", "--no-replaces", "--no-enhances", name)
	if err != nil {
		return err
	}
	var missing []string
	for _, needed := range libraries(list) {
		if status, err := output(ctx, dir, "dpkg-query", "-W", "-f", "${db:Status-Status}", needed); err != nil || status != "installed" {
			missing = append(missing, needed)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return run(ctx, dir, "apt-get", append([]string{"download"}, missing...)...)
}

// libraries are those in a list of what a package depends on, without the C library, which has to be the machine's own.
func libraries(list string) []string {
	var names []string
	for name := range strings.Lines(list) {
		name = strings.TrimRight(name, "\n")
		if (strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "zlib1g")) && !notNeeded.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

var notNeeded = regexp.MustCompile(`^libc6|^libllvm|^libz3|perl`)

func unpack(ctx context.Context, dir string) error {
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, p := range packages {
		if err := run(ctx, dir, "dpkg-deb", "-x", p, dir); err != nil {
			return err
		}
		_ = os.Remove(p)
	}
	return nil
}

// libraryPath is where the libraries are that were fetched along with programs; empty for those that need none.
func libraryPath(bin string) string {
	root, _, inTree := strings.Cut(bin, "/usr/lib/postgresql/")
	if !inTree || root == "" {
		return ""
	}
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*", "usr/lib", "lib"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err == nil {
			dirs = append(dirs, found...)
		}
	}
	return strings.Join(dirs, ":")
}
