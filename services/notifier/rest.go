package notifier

import (
	"sync"
	"time"
)

// How long a server that fails is left alone: it grows with every failure in a row.
const (
	restFirst = 500 * time.Millisecond
	restMost  = 30 * time.Second
)

// rest leaves a server alone that was not there for us, so that the next messages do not each wait for it.
type rest struct {
	clock func() time.Time

	mu       sync.Mutex
	failures int // in a row, of the server itself
	until    time.Time
}

// on says that the server is left alone now.
func (r *rest) on() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock().Before(r.until)
}

// served notes whether the server itself was there for us.
func (r *rest) served(ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.failures, r.until = 0, time.Time{}
		return
	}
	r.until = r.clock().Add(min(restFirst<<min(r.failures, 10), restMost))
	r.failures++
}

// asked leaves the server alone for as long as it asked for, within reason.
func (r *rest) asked(pause time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := r.clock().Add(min(pause, restMost)); until.After(r.until) {
		r.until = until
	}
}
