package lives

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/services/fraud"
	"github.com/orderflow/orderflow/services/fulfillment"
	"github.com/orderflow/orderflow/services/inventory"
	"github.com/orderflow/orderflow/services/notifier"
	"github.com/orderflow/orderflow/services/orders"
	"github.com/orderflow/orderflow/services/payment"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Memory is the suite without Postgres and NATS: every service decides as it always does, over events that are kept
// here, and hears of the others by doorbells that wait here.
type Memory struct {
	Carrier *Carrier
	// Events are each order's, as they were recorded.
	Events map[ident.Entity][]event.Recorded
	Now    time.Time
	// Replicas are how many of each service there are: 1 or 2.
	Replicas int
	// Told is what was delivered, in a few words each.
	Told []string

	chance   Chance
	states   map[ident.Entity]*order.State
	links    map[string]ident.Entity
	services []*service
	shelves  *shelves
	// mishaps is how many more crashes and failed calls there may be: in the end everything is well.
	mishaps int
	failed  error
}

// Chance picks one of n.
type Chance func(n int) int

// AsItComes picks the first that there is: everything is done at once and in order.
func AsItComes(int) int { return 0 }

// NewMemory is a suite in which nothing has happened yet.
func NewMemory(chance Chance, mishaps int, now time.Time) *Memory {
	m := &Memory{
		Events: map[ident.Entity][]event.Recorded{}, Now: now, Replicas: 1, chance: chance, mishaps: mishaps, states: map[ident.Entity]*order.State{},
		links: map[string]ident.Entity{}, shelves: newShelves(),
	}
	m.Carrier = newCarrier(m)
	risk := &fraud.Config{HoldAbove: 0.8, RejectAbove: 1}
	rules := orders.Rules{
		Config: orders.Config{
			RequireAddress: true, PriorityAbove: "500", PaymentDeadline: 7 * 24 * time.Hour, HoldDeadline: 24 * time.Hour, ServiceDeadline: time.Hour,
		},
		Digest: digest,
	}
	parcels := fulfillment.Rules{SettleDelay: 5 * time.Second, RetryDelay: 10 * time.Second, CallTimeout: 10 * time.Second}
	mails := notifier.Config{From: "Shop <orders@shop.example>", Shop: "Shop", SMTPConnections: 1, Rules: notifier.Rules{HeldAfter: time.Minute}}
	m.services = []*service{
		serve(rules.Spec()), serve(payment.Spec(m)), serve(risk.Spec(seals{})),
		serve(reactor.Spec{Service: "inventory", Owns: event.Inventory, Facts: bus.OwnerStock, Rings: inventory.Rings()}),
		serve(fulfillment.Spec(parcels, m.Carrier, seals{}, func() time.Time { return m.Now })),
		serve(notifier.Spec(mails, seals{}, m.carry)),
	}
	return m
}

// Resolve says where names lead.
func (m *Memory) Resolve(_ context.Context, refs []string) (map[string]ident.Entity, error) {
	known := map[string]ident.Entity{}
	for _, ref := range refs {
		if id, ok := m.links[ref]; ok {
			known[ref] = id
		}
	}
	return known, nil
}

// State is an order as it stands.
func (m *Memory) State(id ident.Entity) *order.State {
	if m.states[id] == nil {
		m.states[id] = order.New(id)
	}
	return m.states[id]
}

// record appends events to one stream, and rings at everybody who listens to them.
func (m *Memory) record(id ident.Entity, c event.Category, events []event.New) {
	m.Now = m.Now.Add(time.Millisecond)
	s := m.State(id)
	for _, e := range events {
		r := event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(e.Message), Message: sealed(e), Cause: e.Cause,
			OccurredAt: e.OccurredAt, RecordedAt: m.Now,
		}
		r.ID = ident.EventOf(string(c), string(c), id, e.Cause, r.Type, r.Version)
		if err := s.Apply(r); err != nil {
			m.failed = err
		}
		m.Events[id] = append(m.Events[id], r)
		for _, l := range m.services {
			if l.listens(r) {
				l.ring(id, ident.Cause(r.ID))
			}
		}
	}
}

// Deliver hands a delivery's facts to those whose they are.
func (m *Memory) Deliver(d *intakev1.Delivery, id ident.Delivery) {
	for n, f := range d.GetFacts() {
		for _, s := range m.services {
			if owner := bus.OwnerOf(f); owner != bus.OwnerNone && owner == s.spec.Facts {
				e, _ := bus.EntityOf(f)
				s.news = append(s.news, &news{entity: e, trigger: reactor.Trigger{
					Kind: reactor.Fact, Cause: ident.Fact(id, n, 0), Report: ident.Fact(id, n, 0), Fact: f, Delivery: d, At: m.Now,
				}})
			}
		}
	}
}

// carry takes mails on their way, or fails to for a moment.
func (m *Memory) carry(context.Context, string) error {
	if m.mishap() {
		return errAway
	}
	return nil
}

// mishap says whether something goes wrong now.
func (m *Memory) mishap() bool {
	if m.mishaps == 0 || m.chance(4) != 3 {
		return false
	}
	m.mishaps--
	return true
}

// seals keep persons in the open: that they are kept well is another test's.
type seals struct{}

// Open returns the person.
func (seals) Open(_ context.Context, _ ident.Entity, s *typev1.Sealed) (*typev1.Person, bool, error) {
	p := &typev1.Person{}
	return p, false, proto.Unmarshal(s.GetCiphertext(), p)
}

// HMAC is no hash at all.
func (seals) HMAC(label, value string) []byte { return []byte(label + value) }

func sealed(e event.New) proto.Message {
	if e.Personal == nil {
		return e.Message
	}
	data, err := proto.Marshal(e.Personal)
	if err != nil {
		return e.Message // a person that was decoded from text
	}
	switch m := proto.Clone(e.Message).(type) {
	case *orderv1.OrderPlaced:
		m.Sealed = &typev1.Sealed{Ciphertext: data}
		return m
	case *orderv1.OrderEdited:
		m.Sealed = &typev1.Sealed{Ciphertext: data}
		return m
	}
	return e.Message
}

// listens says that a service wants to hear of an event.
func (s *service) listens(e event.Recorded) bool {
	return slices.ContainsFunc(s.spec.Rings, func(r bus.Ring) bool {
		return r.Category == e.Category && (len(r.Types) == 0 || slices.Contains(r.Types, event.NameOf(e.Type)))
	})
}
