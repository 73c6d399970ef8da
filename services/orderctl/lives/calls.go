package lives

import (
	"context"
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
)

// timer has an order looked at again.
type timer struct {
	entity ident.Entity
	kind   string
	at     time.Time
	refs   []string // it waits for one of them, and not for a time
}

// call is a request on its way.
type call struct {
	entity  ident.Entity
	state   *order.State
	request reactor.Request
	done    bool
	answer  any
	err     error
	joined  bool // asked for once more meanwhile
	// recording says that its answer is being decided about.
	recording bool
}

// ask begins a call, unless it is under way, or was answered when the decision did not know of it yet.
func (m *Memory) ask(s *service, h *inHand, q reactor.Request) {
	if h.state.Version(s.spec.Owns) < s.lately[h.entity.String()+q.Key()] {
		s.ring(h.entity, ident.Named("stale"))
		return
	}
	for _, c := range s.calls {
		if c.entity == h.entity && c.request.Key() == q.Key() {
			c.joined = true
			return
		}
	}
	s.calls = append(s.calls, &call{entity: h.entity, state: h.state, request: q})
}

// proceed makes a call, or records its answer, or loses it with the process that made it.
func (m *Memory) proceed(s *service, c *call) {
	if m.mishap() {
		s.drop(c)
		s.ring(c.entity, ident.Named("redelivered"))
		return
	}
	if !c.done {
		c.answer, c.err = s.spec.Calls.Do(context.Background(), c.state, c.request)
		c.done = true
		if m.chance(3) == 2 {
			return // it is recorded later
		}
	}
	h := &inHand{entity: c.entity, call: c}
	m.decide(s, h)
	c.recording = true
	s.hand = append(s.hand, h)
	if m.chance(3) != 2 {
		m.finish(s, h)
	}
}

// answer decides what an answer means.
func (m *Memory) answer(s *service, h *inHand) {
	c := h.call
	h.state, h.decided = m.State(h.entity).Clone(), reactor.Decision{}
	h.expected = h.state.Version(s.spec.Owns)
	d, err := s.spec.Calls.Record(h.state.Clone(), c.request, c.answer, c.err, m.Now)
	m.fail(err)
	m.add(s, h, d, reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("call", s.spec.Service, c.entity.String(), c.request.Key()), At: m.Now})
}

// answered ends a call whose answer is stored.
func (m *Memory) answered(s *service, c *call) {
	s.drop(c)
	s.lately[c.entity.String()+c.request.Key()] = m.State(c.entity).Version(s.spec.Owns)
	if c.joined {
		s.ring(c.entity, ident.Named("joined"))
	}
}

func (s *service) drop(c *call) {
	s.calls = slices.DeleteFunc(s.calls, func(x *call) bool { return x == c })
}

func (s *service) clear(id ident.Entity, kind string) {
	s.timers = slices.DeleteFunc(s.timers, func(t *timer) bool { return t.entity == id && t.kind == kind })
}

func (s *service) set(t timer) {
	s.clear(t.entity, t.kind)
	if len(t.refs) == 0 {
		t.refs = nil
	}
	s.timers = append(s.timers, &t)
}

// link has names lead to an order, if they lead nowhere yet, and lets whoever waits for them come again.
func (m *Memory) link(id ident.Entity, refs []string) {
	for _, ref := range refs {
		if _, known := m.links[ref]; !known {
			m.links[ref] = id
		}
	}
	if len(refs) == 0 {
		return
	}
	for _, s := range m.services {
		for _, n := range s.news {
			if n.parked && slices.ContainsFunc(n.trigger.Fact.GetReferences(), func(r string) bool { return slices.Contains(refs, r) }) {
				n.parked = false
			}
		}
	}
}

// wake rings the timers that wait for one of the references.
func (m *Memory) wake(refs []string) {
	for _, s := range m.services {
		for _, t := range s.timers {
			if slices.ContainsFunc(t.refs, func(r string) bool { return slices.Contains(refs, r) }) {
				t.refs, t.at = nil, m.Now
			}
		}
	}
}

// Parked counts facts that wait for an order.
func (m *Memory) Parked() int {
	var n int
	for _, s := range m.services {
		for _, w := range s.news {
			if w.parked {
				n++
			}
		}
	}
	return n
}
