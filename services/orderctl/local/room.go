package local

import (
	"context"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/orderflow/orderflow/pkg/bus/embed"
)

// What may be taken of the disk: on a small one INTAKE refuses before the disk is full, and the log of the database is
// made short.
const (
	intakeMost = 10 << 30
	intakeLeft = 16 << 20
	walMost    = 2 << 30
	walLeast   = 64 << 20
	// roomThatIsNone is too little for any file to grow by what it grows at once.
	roomThatIsNone = 4 << 20
	// roomToGoOn is what has to be free before services are started again after the disk was full.
	roomToGoOn = 64 << 20
)

// free is how much room the disk of a folder has; a lot where nobody can tell.
func free(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return intakeMost * 4
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:gosec,unconvert // a disk's size; the types differ by system
}

// IntakeBytes is how large INTAKE may become: half of what is free or its own already.
func (g *Ground) IntakeBytes() int64 {
	room := free(g.Dir)
	_ = filepath.WalkDir(filepath.Join(g.Dir, "nats"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what just went away takes no room
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			room += info.Size()
		}
		return nil
	})
	return min(max(room/2, intakeLeft), intakeMost)
}

// walSize is how much of its log the database keeps between two checkpoints.
func (g *Ground) walSize() string {
	return strconv.FormatInt(min(max(free(g.Dir)/8, walLeast), walMost)>>20, 10) + "MB"
}

// watch looks for a disk that is full, and then for room. A broker that could not write once never writes again, so
// everything has to be started again then; meanwhile the ingress answers 503.
func (g *Ground) watch(ctx context.Context, server *embed.Server) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	full := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		room := free(g.Dir)
		if !full && (room < roomThatIsNone || !server.Keeps()) {
			full = true
			g.Say("The disk of " + g.Dir + " is full: webhooks are answered 503 until you make room. What was accepted is kept.")
		}
		if full && room >= roomToGoOn {
			g.Say("The disk has room again: everything is started again.")
			server.Stop() // or else services would wait for it, to finish what they have in hand
			close(g.again)
			return
		}
	}
}

// forgiving is a log that lines are lost from while its disk is full: there is nowhere to say so.
type forgiving struct{ io.Writer }

func (f forgiving) Write(p []byte) (int, error) {
	_, _ = f.Writer.Write(p)
	return len(p), nil
}

// Again is closed when everything has to be started again because the broker gave up.
func (g *Ground) Again() <-chan struct{} { return g.again }
