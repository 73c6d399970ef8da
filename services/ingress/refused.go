package ingress

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// sampler picks, of many events of a kind, one in a while, and counts the others. The zero value works.
type sampler struct {
	mu   sync.Mutex
	seen map[string]*sampled
}

type sampled struct {
	at     time.Time
	passed int
}

// sampleEvery is how long one sample of a kind stands for what follows.
const sampleEvery = time.Second

// take says whether this one is picked, and how many of its kind were passed over since the last. Kinds are few: names of
// sources and reasons, nothing that a caller writes.
func (s *sampler) take(kind string, now time.Time) (passed int, picked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.seen[kind]
	if last == nil {
		if s.seen == nil {
			s.seen = map[string]*sampled{}
		}
		s.seen[kind] = &sampled{at: now}
		return 0, true
	}
	if age := now.Sub(last.at); age < sampleEvery && age >= 0 {
		last.passed++
		return 0, false
	}
	passed = last.passed
	last.at, last.passed = now, 0
	return passed, true
}

// turned tells of a request that was turned away: one a second of each source and reason, with LOG_LEVEL=debug all of them.
// It tells what whoever looks for a wrong secret or a wrong clock needs, and nothing of what stood in the request.
func (h *handler) turned(a account, why string, about func(*zerolog.Event)) {
	name := unknown
	if a.source != nil {
		name = a.source.Name()
	}
	level := zerolog.InfoLevel
	passed, picked := h.samples.take(name+" "+why, h.clock())
	if !picked {
		level = zerolog.DebugLevel
	}
	e := h.log.WithLevel(level)
	if e == nil {
		return // not at this level
	}
	e = e.Str("source", name).Str("account", a.Name).Str("why", why)
	if passed > 0 {
		e = e.Int("not_logged", passed)
	}
	if about != nil {
		about(e)
	}
	e.Msg("webhook refused")
}

// unverified are the facts about a request whose signature was refused.
func unverified(r source.Request, refused *source.Refused) func(*zerolog.Event) {
	return func(e *zerolog.Event) {
		hash := sha256.Sum256(r.Body)
		e.Str("body_sha256", hex.EncodeToString(hash[:])).Int("body_bytes", len(r.Body))
		if refused.Skew != 0 {
			e.Float64("clock_skew_seconds", refused.Skew.Seconds())
		}
	}
}
