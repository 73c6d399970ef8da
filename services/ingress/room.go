package ingress

import (
	"errors"
	"io"
	"sync/atomic"
)

// room is what is left for bodies: whoever sends many of them at a time, without having signed anything, must not take the
// process. It counts what has arrived and not what was announced, so that nobody takes room by promising much.
type room struct {
	most  int64 // 0 is no limit
	taken atomic.Int64
}

// errFull says that there is no room for more.
var errFull = errors.New("no more bodies are taken at a time")

// read reads all of a body, as long as there is room. What was read has to be given back, also after an error.
func (r *room) read(from io.Reader) (body []byte, err error) {
	return io.ReadAll(&taking{from, r})
}

// give makes room again.
func (r *room) give(body []byte) { r.taken.Add(-int64(len(body))) }

// taking is a reader that takes room for what it reads.
type taking struct {
	io.Reader
	room *room
}

func (t *taking) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if taken := t.room.taken.Add(int64(n)); t.room.most > 0 && taken > t.room.most {
		return n, errFull
	}
	return n, err
}
