package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// journalName is the one file in the folder of the books: a line of JSON for everything that happened.
const journalName = "books.jsonl"

// journal is an append-only file of lines. Appending is cheap; whoever has to be sure waits in sync, and all who wait
// at the same time share one fsync. Without a file it keeps nothing.
type journal struct {
	file *os.File // nil: in memory

	mu      sync.Mutex
	pending []byte
	end     int64 // offset behind the last line, pending ones included

	syncing sync.Mutex
	synced  int64
	err     error
	broken  chan struct{} // closed at the first error: what is in memory is no longer what is kept
}

// position says where a line stands, to read it again.
type position struct {
	offset int64
	size   int
}

// openJournal opens the journal of a folder and reads every line of it. A line that was cut off by a crash was never
// answered for; it is taken away.
func openJournal(dir string, each func(line []byte, at position) error) (*journal, error) {
	j := &journal{broken: make(chan struct{})}
	if dir == "" {
		return j, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the books: %w", err)
	}
	name := filepath.Join(dir, journalName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the books: %w", err)
	}
	j.file = f
	if err := j.load(each); err != nil {
		return nil, errors.Join(fmt.Errorf("read the books %s: %w", name, err), f.Close())
	}
	return j, syncDir(dir)
}

func (j *journal) load(each func(line []byte, at position) error) error {
	r := bufio.NewReaderSize(j.file, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := each(bytes.TrimSuffix(line, []byte{'\n'}), position{j.end, len(line)}); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		j.end += int64(len(line))
	}
	if err := j.file.Truncate(j.end); err != nil {
		return err
	}
	j.synced = j.end
	_, err := j.file.Seek(j.end, io.SeekStart)
	return err
}

// syncDir makes the name of a new file survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the books: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("open the books: %w", err)
	}
	return nil
}

// append adds a line in the order of the calls. It is kept once sync has returned.
func (j *journal) append(line []byte) position {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := position{j.end, len(line) + 1}
	j.end += int64(at.size)
	if j.file != nil {
		j.pending = append(append(j.pending, line...), '\n')
	}
	return at
}

// sync returns when everything that was appended before is on disk.
func (j *journal) sync() error {
	if j.file == nil {
		return nil
	}
	j.mu.Lock()
	wanted := j.end
	j.mu.Unlock()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.err != nil || j.synced >= wanted {
		return j.err
	}
	j.mu.Lock()
	lines, end := j.pending, j.end
	j.pending = nil
	j.mu.Unlock()
	_, err := j.file.Write(lines)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = fmt.Errorf("keep the books: %w", err)
		close(j.broken)
		return j.err
	}
	j.synced = end
	return nil
}

// read returns a line that was synced before.
func (j *journal) read(at position) ([]byte, error) {
	line := make([]byte, at.size)
	if _, err := j.file.ReadAt(line, at.offset); err != nil {
		return nil, fmt.Errorf("read the books: %w", err)
	}
	return line, nil
}

// close keeps what is left and closes the file.
func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.sync(), j.file.Close())
}
