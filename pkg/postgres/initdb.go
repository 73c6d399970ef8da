package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// initialise makes a data folder where there is none. It is made beside its place and moved there, so that one that
// was cut short is never taken for whole.
func initialise(ctx context.Context, b Binaries, data string, a account) error {
	made, err := holdsData(b, data)
	if made || err != nil {
		return err
	}
	fresh := data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	if err := initdb(ctx, b, fresh, a); err != nil {
		return fmt.Errorf("make a data folder in %s: %w", filepath.Dir(data), err)
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	return nil
}

// holdsData says that the data of this version is there. What else is there is left alone, and said.
func holdsData(b Binaries, data string) (bool, error) {
	written, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if version := strings.TrimSpace(string(written)); err == nil && version != strconv.Itoa(b.Major) {
		return false, fmt.Errorf("%s holds the data of Postgres %q, and this is Postgres %d: choose another data folder, or move what is in it", data, version, b.Major)
	}
	if err == nil {
		return true, nil
	}
	files, err := os.ReadDir(data)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(files) == 0:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for a database: %w: start as the user that %s belongs to, or choose another data folder", err, data)
	}
	return false, fmt.Errorf("%s holds something else than a Postgres: choose another data folder, or move what is in it", data)
}

func initdb(ctx context.Context, b Binaries, dir string, a account) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, "initdb"), "-D", dir, "-U", superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-instructions", "--data-checksums")
	cmd.SysProcAttr, cmd.Dir, cmd.Env = a.credential(), filepath.Dir(dir), b.environment()
	if !a.known() {
		cmd.SysProcAttr = named(cmd.SysProcAttr)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case !a.known():
		return fmt.Errorf("%w: initdb needs a name for user %d, and the system has none: start as a user that has a name, or set DATABASE_URL (%s)",
			err, os.Geteuid(), causeIn(out.String()))
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: the user that Postgres runs as (%s) may not run it", err, a.name)
	}
	return errors.New(causeIn(out.String()) + hint(out.String()))
}

// hint says what to do about a failure that a person can do something about.
func hint(said string) string {
	if strings.Contains(said, "No space left on device") || strings.Contains(said, "Check free disk space") {
		return ": the disk is full; make room, or choose a data folder on another disk"
	}
	return ""
}
