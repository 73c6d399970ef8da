package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
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
	for _, dir := range []string{data, filepath.Dir(data)} {
		var owner syscall.Stat_t
		if err := syscall.Stat(dir, &owner); err == nil && owner.Uid != 0 {
			return account{true, int(owner.Uid), int(owner.Gid), fmt.Sprintf("user %d", owner.Uid)}, nil
		}
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

// placeOf is where the data goes that was to be kept in a folder. Where the account that the server runs as cannot get
// there (a home folder of root's), that is a folder named after it in /var/tmp.
func placeOf(dir string) string {
	if os.Geteuid() != 0 || reachable(dir) {
		return dir
	}
	sum := sha256.Sum256([]byte(dir))
	return "/var/tmp/orderflow-" + hex.EncodeToString(sum[:6])
}

// prepare makes the folder that will hold the data and gives it to the account.
func (a account) prepare(parent string) error {
	info, err := os.Lstat(parent)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(parent, 0o755); err == nil { //nolint:gosec // the data folder inside is private
			info, err = os.Lstat(parent)
		}
	}
	if err != nil {
		return fmt.Errorf("make a folder for the database: %w: choose another data folder", err)
	}
	if info.Mode()&fs.ModeSymlink != 0 && !strings.HasPrefix(parent, "/var/tmp/") {
		info, err = os.Stat(parent)
	}
	if err != nil || !info.IsDir() {
		return fmt.Errorf("%s is no folder: choose another data folder", parent)
	}
	if !a.mayOwn(info) {
		return fmt.Errorf("%s belongs to another user: start as that user, or choose another data folder", parent)
	}
	return a.own(parent)
}

// reachable says that everybody may pass through all folders that lead to a path.
func reachable(path string) bool {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.IsDir() && info.Mode().Perm()&0o001 == 0 {
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

// known says that the system has a name for the user that programs of this account run as.
func (a account) known() bool {
	id := os.Geteuid()
	if a.drop {
		id = a.uid
	}
	_, err := user.LookupId(strconv.Itoa(id))
	return err == nil
}

func (a account) credential() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we stop it in our own order
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids of the system
	}
	return attr
}
