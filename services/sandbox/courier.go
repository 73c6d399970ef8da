package sandbox

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// courier carries the parcels: each is scanned as its course says, and every scan is posted until somebody takes it.
//
// There is one queue by time and a handful of goroutines, however many parcels are on their way. What is in the queue
// follows from the books, so that a restart makes it anew.
type courier struct {
	books  *books
	poster *poster // nil: scans stand in the books only
	config Config
	clock  func() time.Time
	log    zerolog.Logger

	mu   sync.Mutex
	jobs queue
	wake chan struct{}
}

// job is a parcel's next scan, or the next attempt to post one.
type job struct {
	at       time.Time
	tracking string
	post     *Scan
	attempt  int
}

func newCourier(config Config, b *books, p *poster, clock func() time.Time, log zerolog.Logger) *courier {
	c := &courier{books: b, poster: p, config: config, clock: clock, log: log, wake: make(chan struct{}, 1)}
	for _, s := range b.unposted {
		c.plan(job{at: s.OccurredAt, post: &s})
	}
	for _, p := range b.parcels {
		c.expect(p.Label.Tracking)
	}
	return c
}

// expect plans the next scan of a parcel, if there is one.
func (c *courier) expect(tracking string) {
	p, found := c.books.parcel(tracking)
	if found && !p.Label.Voided && len(p.Scans) < len(course(p.Order.To, c.config.Scans)) {
		c.plan(job{at: c.due(p), tracking: tracking})
	}
}

// due is when a parcel's next scan happens. It is told as planned, also when the sandbox was off at that time.
func (c *courier) due(p parcel) time.Time {
	return p.At.Add(c.config.ScanAfter + time.Duration(len(p.Scans))*c.config.ScanEvery)
}

func (c *courier) plan(j job) {
	c.mu.Lock()
	heap.Push(&c.jobs, j)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
}

// postersMost is how many scans are posted at once.
const postersMost = 16

// run carries until ctx ends. What was not posted by then is posted after the next start.
func (c *courier) run(ctx context.Context) error {
	posts := make(chan job)
	var posters sync.WaitGroup
	for range postersMost {
		posters.Go(func() {
			for j := range posts {
				c.tell(ctx, j)
			}
		})
	}
	defer posters.Wait()
	defer close(posts)
	for ctx.Err() == nil {
		due, next := c.take()
		told, err := c.scanAll(due)
		if err != nil {
			return err
		}
		for _, j := range told {
			select {
			case posts <- j:
			case <-ctx.Done():
			}
		}
		c.sleep(ctx, next)
	}
	return nil
}

// take removes every job that is due, and says how long it is until the next one.
func (c *courier) take() (due []job, next time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	for len(c.jobs) > 0 && !c.jobs[0].at.After(now) {
		due = append(due, heap.Pop(&c.jobs).(job)) //nolint:errcheck,forcetypeassert // it holds nothing else
	}
	if len(c.jobs) == 0 {
		return due, time.Hour
	}
	return due, c.jobs[0].at.Sub(now)
}

func (c *courier) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.wake:
	case <-ctx.Done():
	}
}

// scanAll writes the scans that are due, all in one go, and returns what is to be posted.
func (c *courier) scanAll(due []job) ([]job, error) {
	var told []job
	for _, j := range due {
		if j.post == nil {
			s, scanned := c.scan(j.tracking)
			if !scanned {
				continue
			}
			j = job{post: &s}
		}
		if c.poster != nil {
			told = append(told, j)
		}
	}
	return told, c.books.journal.sync()
}

func (c *courier) scan(tracking string) (Scan, bool) {
	p, found := c.books.parcel(tracking)
	steps := course(p.Order.To, c.config.Scans)
	n := len(p.Scans)
	if !found || n >= len(steps) {
		return Scan{}, false
	}
	s := Scan{
		Tracking: tracking, Reference: p.Label.Reference, ID: scanID(tracking, n), Status: steps[n].status, Code: steps[n].code,
		Location: steps[n].location, OccurredAt: c.due(p).UTC(),
	}
	if !c.books.scan(s) {
		return Scan{}, false
	}
	c.expect(tracking)
	return s, true
}

// scanID is the same for the same scan of the same parcel, whatever happens in between.
func scanID(tracking string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", tracking, n))
	return "scan_" + hex.EncodeToString(sum[:12])
}

// tell posts a scan and plans the next attempt if it was not taken.
func (c *courier) tell(ctx context.Context, j job) {
	wait, err := c.poster.post(ctx, *j.post)
	if err == nil {
		c.books.posted(j.post.ID)
		return
	}
	if ctx.Err() != nil {
		return
	}
	c.log.Debug().Err(err).Str("scan_id", j.post.ID).Int("attempt", j.attempt+1).Msg("scan not taken")
	c.plan(job{at: c.clock().Add(max(grown(j.attempt), min(wait, pauseMost))), post: j.post, attempt: j.attempt + 1})
}

// Pauses between attempts grow from a quarter of a second to a minute, and never end.
const (
	pauseFirst = 250 * time.Millisecond
	pauseMost  = time.Minute
)

func grown(attempt int) time.Duration { return min(pauseFirst<<min(attempt, 10), pauseMost) }

// queue is jobs by time, for container/heap.
//
//nolint:recvcheck // container/heap wants both: it compares values and grows what is behind the pointer
type queue []job

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push adds a job at the end.
func (q *queue) Push(x any) { *q = append(*q, x.(job)) } //nolint:errcheck,forcetypeassert // only jobs are pushed

// Pop takes the last job.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
