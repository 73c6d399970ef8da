package lives

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
)

var errAway = errors.New("it is away for a moment")

func digest(content []byte) []byte {
	h := sha256.Sum256(content)
	return h[:]
}

// service is one service and everything that waits for it.
type service struct {
	spec  reactor.Spec
	news  []*news
	bells []bell
	// timers by order and kind; those that wait for references are not among them.
	timers []*timer
	calls  []*call
	hand   []*inHand
	lately map[string]int // version of the service's stream that holds the answer to a call
}

func serve(s reactor.Spec) *service { return &service{spec: s, lately: map[string]int{}} }

// news is a fact on its way; without an entity it is looked for by its references.
type news struct {
	entity  ident.Entity
	trigger reactor.Trigger
	parked  bool
}

type bell struct {
	entity ident.Entity
	cause  ident.Cause
}

// inHand is what was decided and is not stored yet: others may append meanwhile.
type inHand struct {
	entity   ident.Entity
	items    []*news
	triggers []reactor.Trigger
	decided  reactor.Decision
	state    *order.State
	expected int
	batch    *batch // of inventory
	call     *call  // whose answer it is
}

func (s *service) ring(id ident.Entity, cause ident.Cause) {
	if !slices.ContainsFunc(s.bells, func(b bell) bool { return b.entity == id }) {
		s.bells = append(s.bells, bell{id, cause})
	}
}

// Patience is how long is waited for what is due by itself, when nothing else is left to do.
const Patience = 15 * time.Minute

// stepsMost is more than any life takes.
const stepsMost = 20_000

// Rest does everything that there is to do, also what is due by itself before long.
func (m *Memory) Rest() error { return m.RestUntil(Patience) }

// RestUntil lets so much time go by, at the end of which nothing is left to do.
func (m *Memory) RestUntil(patience time.Duration) error {
	for range stepsMost {
		if m.failed != nil {
			return m.failed
		}
		if m.Step() {
			continue
		}
		next := m.nextTimer()
		if next == nil || next.at.After(m.Now.Add(patience)) {
			return nil
		}
		if next.at.After(m.Now) {
			patience -= next.at.Sub(m.Now)
			m.Now = next.at
		}
	}
	return errors.New("it does not come to rest")
}

func (m *Memory) nextTimer() *timer {
	var next *timer
	for _, s := range m.services {
		for _, t := range s.timers {
			if t.refs == nil && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
	}
	return next
}

// Step does one thing; false if there is nothing to do now.
func (m *Memory) Step() bool {
	var may []func()
	for _, s := range m.services {
		may = m.options(may, s)
	}
	if len(may) == 0 {
		return false
	}
	may[m.chance(len(may))]()
	return true
}

func (m *Memory) options(may []func(), s *service) []func() {
	for _, h := range s.hand {
		may = append(may, func() { m.finish(s, h) })
	}
	for _, c := range s.calls {
		if !c.recording {
			may = append(may, func() { m.proceed(s, c) })
		}
	}
	for _, id := range s.waiting(m.Now) {
		if m.Replicas > 1 || !s.busy(id) {
			may = append(may, func() { m.begin(s, id) })
		}
	}
	return may
}

// busy says that one replica is deciding about an entity. Answers are recorded beside it.
func (s *service) busy(id ident.Entity) bool {
	return slices.ContainsFunc(s.hand, func(h *inHand) bool { return h.call == nil && h.entity == id })
}

// Sweep has everybody look at everything once more, as every service does each hour. One replica that decides that
// there is nothing to do does not see what another one is storing in the same moment: that is found now.
func (m *Memory) Sweep() {
	for _, s := range m.services {
		for id := range m.states {
			s.ring(id, ident.Named("sweep"))
		}
	}
}

// waiting are the entities that have something for the service.
func (s *service) waiting(now time.Time) []ident.Entity {
	var ids []ident.Entity
	add := func(id ident.Entity) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, b := range s.bells {
		add(b.entity)
	}
	for _, t := range s.timers {
		if t.refs == nil && !t.at.After(now) {
			add(t.entity)
		}
	}
	for _, n := range s.news {
		if !n.parked {
			add(n.entity) // the zero entity: it is looked for first
		}
	}
	return ids
}

// begin takes what there is for an entity, or the beginning of it, and decides. When it is stored is another matter.
func (m *Memory) begin(s *service, id ident.Entity) {
	if id.IsZero() {
		m.locate(s)
		return
	}
	h := m.take(s, id)
	m.decide(s, h)
	s.hand = append(s.hand, h)
	if m.chance(3) != 2 {
		m.finish(s, h)
	}
}

// locate finds the orders that references lead to, and parks what leads nowhere yet.
func (m *Memory) locate(s *service) {
	for _, n := range s.news {
		if n.parked || !n.entity.IsZero() {
			continue
		}
		n.parked = true
		for _, ref := range n.trigger.Fact.GetReferences() {
			if id, ok := m.links[ref]; ok {
				n.entity, n.parked = id, false
				break
			}
		}
	}
}

func (m *Memory) take(s *service, id ident.Entity) *inHand {
	h := &inHand{entity: id}
	s.news = slices.DeleteFunc(s.news, func(n *news) bool {
		take := n.entity == id && !n.parked && (len(h.items) == 0 || m.chance(2) == 0)
		if take {
			h.items = append(h.items, n)
		}
		return take
	})
	s.timers = slices.DeleteFunc(s.timers, func(t *timer) bool {
		due := t.entity == id && t.refs == nil && !t.at.After(m.Now)
		if due {
			h.items = append(h.items, &news{entity: id, trigger: reactor.Trigger{
				Kind: reactor.TimerRing, Cause: reactor.TimerID(s.spec.Service, id, t.kind), TimerKind: t.kind, At: m.Now,
			}})
		}
		return due
	})
	if i := slices.IndexFunc(s.bells, func(b bell) bool { return b.entity == id }); i >= 0 {
		h.items = append(h.items, &news{entity: id, trigger: reactor.Trigger{Kind: reactor.Ring, Cause: s.bells[i].cause, At: m.Now}})
		s.bells = slices.Delete(s.bells, i, i+1)
	}
	return h
}

// decide asks the service about each trigger in turn; each sees what the ones before it led to.
func (m *Memory) decide(s *service, h *inHand) {
	switch {
	case s.spec.Decide == nil:
		m.plan(h)
		return
	case h.call != nil:
		m.answer(s, h)
		return
	}
	h.state, h.decided = m.State(h.entity), reactor.Decision{}
	h.expected, h.triggers = h.state.Version(s.spec.Owns), m.triggers(s, h)
	w := &reactor.Work{Entity: h.entity, State: h.state.Clone(), Events: m.Events[h.entity], Triggers: h.triggers}
	if s.spec.Enrich != nil {
		m.fail(s.spec.Enrich(context.Background(), []*reactor.Work{w}))
	}
	h.state = h.state.Clone()
	for _, t := range h.triggers {
		t.Extra = w.Extra
		d, err := s.spec.Decide(h.state.Clone(), t, m.Now)
		m.fail(err)
		m.add(s, h, d, t)
	}
}

func (m *Memory) fail(err error) {
	if err != nil && m.failed == nil {
		m.failed = err
	}
}

// triggers leaves out facts that have led to an event already. What they asked for may not have been done: that is
// seen by looking.
func (m *Memory) triggers(s *service, h *inHand) []reactor.Trigger {
	caused := map[ident.Cause]bool{}
	for _, e := range m.Events[h.entity] {
		if e.Category == s.spec.Owns {
			caused[e.Cause] = true
		}
	}
	var triggers []reactor.Trigger
	for _, n := range h.items {
		t := n.trigger
		if t.Kind == reactor.Fact && caused[t.Cause] {
			if s.spec.Calls == nil {
				continue
			}
			t = reactor.Trigger{Kind: reactor.Ring, Cause: t.Cause, At: t.At}
		}
		caused[t.Cause] = caused[t.Cause] || t.Kind == reactor.Fact
		triggers = append(triggers, t)
	}
	return triggers
}

func (m *Memory) add(s *service, h *inHand, d reactor.Decision, t reactor.Trigger) {
	for i := range d.Events {
		e := &d.Events[i]
		if e.Cause.IsZero() {
			e.Cause = t.Cause
		}
		if e.OccurredAt.IsZero() {
			e.OccurredAt = m.Now
			if t.Kind == reactor.Fact && t.Fact.GetOccurredAt().IsValid() {
				e.OccurredAt = t.Fact.GetOccurredAt().AsTime()
			}
		}
	}
	h.state = h.state.With(s.spec.Owns, d.Events...)
	h.decided.Events = append(h.decided.Events, d.Events...)
	h.decided.Timers = append(h.decided.Timers, d.Timers...)
	h.decided.Clear = append(h.decided.Clear, d.Clear...)
	h.decided.Links = append(h.decided.Links, d.Links...)
	h.decided.Wake = append(h.decided.Wake, d.Wake...)
	h.decided.Requests = append(h.decided.Requests, d.Requests...)
}

// finish stores what was decided, or loses it with the process: then all of it comes again. Where the service's own
// stream has moved meanwhile, it is decided anew.
func (m *Memory) finish(s *service, h *inHand) {
	s.hand = slices.DeleteFunc(s.hand, func(x *inHand) bool { return x == h })
	if m.mishap() {
		m.again(s, h)
		return
	}
	for m.moved(s, h) {
		m.decide(s, h)
	}
	if h.batch != nil {
		m.store(s, h.batch)
		return
	}
	if m.Replicas == 1 && h.call == nil && m.overtaken(s, h) {
		m.again(s, h)
		return
	}
	m.write(s, h)
	if h.call != nil {
		m.answered(s, h.call)
	}
}

func (m *Memory) moved(s *service, h *inHand) bool {
	if h.batch != nil {
		return m.movedStock(h.batch)
	}
	return len(h.decided.Events) > 0 && m.State(h.entity).Version(s.spec.Owns) != h.expected
}

// again has what was in hand delivered once more.
func (m *Memory) again(s *service, h *inHand) {
	if h.call != nil {
		s.drop(h.call)
		s.ring(h.entity, ident.Named("redelivered"))
	}
	for _, n := range h.items {
		switch n.trigger.Kind {
		case reactor.TimerRing:
			s.timers = append(s.timers, &timer{entity: n.entity, kind: n.trigger.TimerKind, at: m.Now})
		case reactor.Ring:
			s.ring(n.entity, n.trigger.Cause)
		default:
			s.news = append(s.news, n)
		}
	}
}

func (m *Memory) write(s *service, h *inHand) {
	d := h.decided
	if len(d.Events) > 0 {
		m.record(h.entity, s.spec.Owns, d.Events)
	}
	for _, kind := range d.Clear {
		s.clear(h.entity, kind)
	}
	for _, t := range d.Timers {
		s.set(timer{h.entity, t.Kind, t.At, t.Refs})
	}
	m.link(h.entity, d.Links)
	m.wake(d.Wake)
	for _, q := range d.Requests {
		m.ask(s, h, q)
	}
}

// overtaken says that a decision that appends nothing did not see the answer of a call that is being stored, or was
// since: the loop, which knows of the calls of its own replica, looks again.
func (m *Memory) overtaken(s *service, h *inHand) bool {
	if h.batch != nil || len(h.decided.Events) > 0 {
		return false
	}
	for _, other := range slices.Clone(s.hand) {
		if other.call != nil && other.entity == h.entity {
			m.finish(s, other)
		}
	}
	return s.spec.Calls != nil && m.State(h.entity).Version(s.spec.Owns) != h.expected
}
