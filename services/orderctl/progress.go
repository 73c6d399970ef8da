package orderctl

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far something is that takes more than a moment: a bar on a terminal, plain lines elsewhere.
type progress struct {
	w    io.Writer
	what string
	bar  *progressbar.ProgressBar
	last time.Time
	done int
}

// plainEvery is how often a line is written where no bar can be drawn.
const plainEvery = 2 * time.Second

// newProgress begins to show what is being done on w.
func newProgress(w io.Writer, what string) *progress {
	p := &progress{w: w, what: what, last: time.Now(), done: -1}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	return p
}

// at says that so many of so many are done.
func (p *progress) at(done, total int) {
	if p.bar != nil {
		if p.bar.GetMax() != total {
			p.bar.ChangeMax(total)
		}
		_ = p.bar.Set(done) // a bar that cannot be drawn is no reason to stop
		return
	}
	if done == p.done || time.Since(p.last) < plainEvery {
		return
	}
	p.last, p.done = time.Now(), done
	fmt.Fprintf(p.w, "%s: %d of %d\n", p.what, done, total)
}

// end clears the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish() // as above
	}
}
