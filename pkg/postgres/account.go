package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs as. Postgres refuses to run as root, so root drops to the owner of the data
// folder, else to postgres, else to nobody.
type account struct {
	drop     bool
	uid, gid int
	name     string
}

func accountFor(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	var owner syscall.Stat_t
	if err := syscall.Stat(data, &owner); err == nil && owner.Uid != 0 {
		return account{true, int(owner.Uid), int(owner.Gid), fmt.Sprintf("user %d", owner.Uid)}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return account{true, uid, gid, name}, nil
		}
	}
	return account{}, errors.New("root may not run Postgres, and there is neither a user postgres nor nobody to run it as: start as an ordinary user")
}

// prepare makes the folder that will hold the data and gives it to the account. Where the account cannot get there
// (a home folder of root's), the data goes to a folder of the same hash in /var/tmp instead.
func (a account) prepare(data string) (string, error) {
	parent := filepath.Dir(data)
	if info, err := os.Stat(parent); err == nil && !info.IsDir() {
		return "", fmt.Errorf("%s is no folder: name one for the data", parent)
	}
	if a.drop && !reachable(parent) {
		sum := sha256.Sum256([]byte(data))
		parent = "/var/tmp/orderflow-" + hex.EncodeToString(sum[:6])
		data = filepath.Join(parent, filepath.Base(data))
	}
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // the data folder inside is private
		return "", fmt.Errorf("make %s: %w", parent, err)
	}
	return data, a.own(parent)
}

// reachable says that everybody may pass through all folders that lead to a path.
func reachable(path string) bool {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// own gives a folder to the account.
func (a account) own(dir string) error {
	if !a.drop {
		return nil
	}
	if err := os.Chown(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", dir, a.name, err)
	}
	return nil
}

// mayOwn says that a folder is this user's, or the account's.
func (a account) mayOwn(info os.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(owner.Uid) == os.Geteuid() || a.drop && int(owner.Uid) == a.uid)
}

func (a account) credential() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we stop it in our own order
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids of the system
	}
	return attr
}
