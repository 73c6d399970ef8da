package reactor

import "time"

// Pace is what tests hurry.
type Pace struct {
	Pause                                                   func(attempt int) time.Duration
	CallTimeout, InHand, RingLease, SweepOutbox, SweepEvery time.Duration
}

// Hurry changes how long the loop waits for things; what is left empty stays as it is.
func (r *Reactor) Hurry(p Pace) {
	if p.Pause != nil {
		r.pace.pause = p.Pause
	}
	for _, change := range []struct {
		to   time.Duration
		what *time.Duration
	}{
		{p.CallTimeout, &r.pace.callTimeout}, {p.InHand, &r.pace.inHand}, {p.RingLease, &r.pace.ringLease},
		{p.SweepOutbox, &r.pace.sweepOutbox}, {p.SweepEvery, &r.pace.sweepEvery},
	} {
		if change.to != 0 {
			*change.what = change.to
		}
	}
}

// UsualPause is how long a message waits before it is tried again.
func UsualPause(attempt int) time.Duration { return pause(attempt) }
