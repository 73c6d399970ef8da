package load

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// phase is a phase while it runs: who takes what is next, and what became of it.
type phase struct {
	Phase
	began time.Time

	mu       sync.Mutex
	taken    int
	statuses map[int]int
	errors   map[string]int
	answered int
	last     time.Time // of the last answer
	latency  *hdrhistogram.Histogram
}

func newPhase(p Phase) *phase {
	return &phase{Phase: p, statuses: map[int]int{}, errors: map[string]int{}, latency: newHistogram()}
}

// newHistogram keeps microseconds up to an hour to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Hour.Microseconds(), 3)
}

// take takes the next delivery of the phase, with when it is due; false if there is none left.
func (p *phase) take(now time.Time) (due time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.Rate == 0 && (p.Most > 0 && p.taken >= p.Most || !now.Before(p.began.Add(p.Duration))):
		return due, false
	case p.Rate > 0 && p.taken >= p.planned():
		return due, false
	case p.Rate == 0:
		due = now
	default:
		due = p.began.Add(p.due(p.taken))
	}
	p.taken++
	return due, true
}

// count notes what became of a delivery.
func (p *phase) count(due, now time.Time, status int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered++
	if now.After(p.last) {
		p.last = now
	}
	if err != nil {
		p.errors[short(err)]++
	} else {
		p.statuses[status]++
	}
	micros := min(max(now.Sub(due).Microseconds(), 1), p.latency.HighestTrackableValue())
	_ = p.latency.RecordValue(micros) // it is within bounds, see above
}

func (p *phase) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// due is how many deliveries of the phase were due at a time.
func (p *phase) dueBy(at time.Time) int {
	planned := p.planned()
	switch {
	case planned < 0:
		return p.answered
	case at.Before(p.began):
		return 0
	}
	return max(min(planned, int(at.Sub(p.began).Seconds()*p.Rate)+1), p.answered)
}

// short is an error in few words, so that those of many deliveries can be counted.
func short(err error) string {
	var number syscall.Errno
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// Latency is percentiles in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	v := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	return Latency{ms(v[0]), ms(v[1]), ms(v[2]), ms(v[3]), ms(h.Max())}
}

// statusNames are statuses as they stand in JSON.
func statusNames(statuses map[int]int) map[string]int {
	named := make(map[string]int, len(statuses))
	for status, n := range statuses {
		named[strconv.Itoa(status)] = n
	}
	return named
}
