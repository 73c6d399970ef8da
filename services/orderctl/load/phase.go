package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Phase is a rate for some time.
type Phase struct {
	// Rate is deliveries a second; 0 is as many as are taken.
	Rate     float64
	Duration time.Duration
	// Most ends a phase after so many deliveries; 0 is no limit.
	Most int
}

// String is the phase as it is written: 50x2m0s.
func (p Phase) String() string {
	return strconv.FormatFloat(p.Rate, 'g', -1, 64) + "x" + p.Duration.String()
}

// planned is how many deliveries belong to a phase; -1 if that is found out only by sending them.
func (p Phase) planned() int {
	if p.Rate == 0 {
		return -1
	}
	n := int(math.Round(p.Rate * p.Duration.Seconds()))
	if p.Most > 0 {
		n = min(n, p.Most)
	}
	return n
}

// due is when the n-th delivery of a phase is to be sent, after the phase began.
func (p Phase) due(n int) time.Duration {
	return time.Duration(float64(n) / p.Rate * float64(time.Second))
}

// mostRate keeps a typing error from becoming a billion.
const mostRate = 1_000_000

// ParsePhases reads 10x60s,50x120s: rate x duration, one after the other.
func ParsePhases(s string) ([]Phase, error) {
	var phases []Phase
	for part := range strings.SplitSeq(s, ",") {
		rate, duration, found := strings.Cut(strings.TrimSpace(part), "x")
		if !found {
			return nil, fmt.Errorf("%q is no phase: write rate x duration, as in 10x60s,50x120s", part)
		}
		p := Phase{}
		var err error
		if p.Rate, err = strconv.ParseFloat(strings.TrimSpace(rate), 64); err != nil {
			return nil, fmt.Errorf("%q is no phase: %q is no rate", part, rate)
		}
		if p.Duration, err = time.ParseDuration(strings.TrimSpace(duration)); err != nil {
			return nil, fmt.Errorf("%q is no phase: %q is no duration such as 60s or 2m", part, duration)
		}
		if err := p.Check(); err != nil {
			return nil, err
		}
		phases = append(phases, p)
	}
	return phases, nil
}

// Check says what is wrong with a phase.
func (p Phase) Check() error {
	if math.IsNaN(p.Rate) || p.Rate < 0 || p.Rate > mostRate {
		return fmt.Errorf("a rate is from 0 (as fast as possible) to %d a second", mostRate)
	}
	if p.Duration <= 0 {
		return fmt.Errorf("a phase of %s takes no time", p.Duration)
	}
	return nil
}
