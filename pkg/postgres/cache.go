package postgres

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Cache is where fetched programs are kept between runs: in the user's cache, if the user that the server runs as can
// get there. It cannot where root's home is closed, and there is none for a user without a home; then it is a folder
// that only this user may write to.
func Cache() (string, error) {
	if dir, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(dir, "orderflow")
		made := os.MkdirAll(dir, 0o755) == nil //nolint:gosec // programs, not secrets
		if made && (os.Geteuid() != 0 || reachable(dir)) {
			return dir, nil
		}
	}
	dir := fmt.Sprintf("/var/tmp/orderflow-programs-%d", os.Geteuid())
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs, not secrets: the user postgres has to run them
		return "", fmt.Errorf("make a folder for programs: %w; set XDG_CACHE_HOME to one that can be written to", err)
	}
	info, err := os.Lstat(dir)
	if err == nil && mine(info) && info.IsDir() && info.Mode().Perm()&0o022 == 0 {
		err = os.Chmod(dir, 0o755) //nolint:gosec // as above, whatever the umask is
	}
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !mine(info) {
		return "", fmt.Errorf("%s is not a folder that only this user writes to: remove it, or set XDG_CACHE_HOME", dir)
	}
	return dir, nil
}

func mine(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}

// openToAll lets every user read and run what was fetched, whatever this user's umask is.
func openToAll(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() || info.Mode().Perm()&0o100 != 0 {
			mode = 0o755
		}
		return os.Chmod(path, mode) //nolint:gosec // the folder is this user's own
	})
}
