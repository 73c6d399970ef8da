package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// becomeOwner has root go on as the user that the folder belongs to: what root writes there, that user could not read
// at the next start.
func becomeOwner(dir string) error {
	var owner syscall.Stat_t
	if err := syscall.Stat(dir, &owner); err != nil {
		return fmt.Errorf("look whose folder %s is: %w", dir, err)
	}
	if os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	uid, gid := int(owner.Uid), int(owner.Gid)
	for _, drop := range []func() error{
		func() error { return syscall.Setgroups([]int{gid}) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
	} {
		if err := drop(); err != nil {
			return fmt.Errorf("go on as user %d, whose folder %s is: %w: start as that user", uid, dir, err)
		}
	}
	return nil
}

// usable adds to trouble with the data folder what a person can do about it.
func usable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: start as the user that it belongs to, or choose another folder with --data", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: the disk is full; make room, or choose a folder on another disk with --data", err)
	}
	return err
}
