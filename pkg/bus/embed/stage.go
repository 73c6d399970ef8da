package embed

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// memory is where Linux keeps files in memory. Elsewhere batches are staged on the disk.
const memory = "/dev/shm"

// StageInMemory lets the streams that are there by now stage their batches in memory, as the server itself does for a
// stream with replicas. On the disk each batch is a store of its own with folders, checksums and four syncs, before the
// one sync that makes it durable: that is most of what a small batch takes. What is lost with the memory, in a power
// cut, is a batch that was not acknowledged: whoever published it does so again.
//
// The server looks for what it staged when it starts and removes the link then, so this is called after each start.
func (s *Server) StageInMemory() error {
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return nil //nolint:nilerr // it is no error to have none
	}
	streams, err := filepath.Glob(filepath.Join(s.dir, "jetstream", "*", "streams", "*"))
	if err != nil {
		return fmt.Errorf("stage batches in memory: %w", err)
	}
	if err := s.unstage(); err != nil {
		return err
	}
	s.staging = true
	for _, stream := range streams {
		if err := stage(filepath.Join(stream, "batches"), filepath.Join(s.staged, filepath.Base(stream))); err != nil {
			return err
		}
	}
	return nil
}

// Staging says that batches are staged in memory.
func (s *Server) Staging() bool { return s.staging }

// stage links a folder that is not there yet to one in memory.
func stage(link, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("stage batches in memory: %w", err)
	}
	err := os.Symlink(to, link)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("stage batches in memory: %w", err)
	}
	return nil
}

// unstage removes what is in memory, also from a start that was killed, and makes the folder anew as ours alone.
func (s *Server) unstage() error {
	if err := os.RemoveAll(s.staged); err != nil {
		return fmt.Errorf("stage batches in memory: %w", err)
	}
	if err := os.Mkdir(s.staged, 0o700); err != nil {
		return fmt.Errorf("stage batches in memory: %w", err)
	}
	return nil
}

// stagedFor is the same folder for the same data at every start.
func stagedFor(dir string) string {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(memory, fmt.Sprintf("orderflow-%d-%s", os.Getuid(), hex.EncodeToString(sum[:8])))
}
