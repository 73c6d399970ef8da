package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// What became of a fact is found by its cause: the id that every event, timer and dead message which it led to carries.

// The ends that a fact can come to.
const (
	stateRecorded = "recorded"
	stateStock    = "counted"
	stateWaiting  = "waiting"
	stateDead     = "given_up"
	stateNothing  = "nothing"
)

// factView is a fact and what became of it.
type factView struct {
	Number int    `json:"number"`
	Says   string `json:"says,omitempty"`
	Cause  string `json:"cause_id"`
	// State is recorded, counted, waiting, given_up or nothing.
	State  string       `json:"state"`
	Events []causedView `json:"events,omitempty"`
	Waits  []factWait   `json:"waits,omitempty"`
	Dead   []uint64     `json:"dead,omitempty"`
	told   bool         // inventory has taken it
}

// causedView is an event that a fact led to.
type causedView struct {
	Entity     string    `json:"entity_id"`
	Name       string    `json:"order,omitempty"`
	Category   string    `json:"category"`
	Version    int       `json:"version"`
	Type       string    `json:"type"`
	RecordedAt time.Time `json:"recorded_at"`
}

// factWait is a fact that waits: parked for one of its names, or put off to a time.
type factWait struct {
	Service string     `json:"service"`
	Names   []string   `json:"names,omitempty"`
	Since   time.Time  `json:"since"`
	Next    *time.Time `json:"next_at,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
}

func (w factWait) words() string {
	if w.Next == nil {
		what := "order"
		if w.Service == "inventory" {
			what = "product"
		}
		return fmt.Sprintf("waits, with %s, since %s UTC for the %s of %s", w.Service, clockTime(w.Since), what, strings.Join(w.Names, " or "))
	}
	return fmt.Sprintf("is tried again by %s at %s UTC (attempt %d)", w.Service, clockTime(*w.Next), w.Attempt)
}

// settle says in one word what became of a fact.
func (f *factView) settle() {
	switch {
	case len(f.Events) > 0:
		f.State = stateRecorded
	case f.told:
		f.State = stateStock
	case len(f.Waits) > 0:
		f.State = stateWaiting
	case len(f.Dead) > 0:
		f.State = stateDead
	default:
		f.State = stateNothing
	}
}

// became fills in what became of every fact.
func (s *system) became(ctx context.Context, k kept, body []byte, v *deliveryView) error {
	var facts []*intakev1.Fact
	switch d, err := k.again(body, s.readingSettings()); {
	case v.Erased:
		v.Notes = append(v.Notes, "What it said is erased. Events of orders that it did not name itself cannot be found.")
	case errors.Is(err, errReadsOtherwise):
		v.Notes = append(v.Notes, "What it said cannot be told: "+err.Error()+". Events of orders that it did not name itself cannot be found.")
	case err != nil:
		return err
	default:
		facts = d.GetFacts()
	}
	for n, cause := range causesOf(k.id, k.facts, k.revision) {
		f := factView{Number: n + 1, Cause: cause.String()}
		if n < len(facts) {
			f.Says = factWords(facts[n])
		}
		v.Parts = append(v.Parts, f)
	}
	for _, look := range []func(context.Context) error{
		func(ctx context.Context) error { return s.recorded(ctx, k, facts, v) },
		func(ctx context.Context) error { return s.counted(ctx, v) },
		func(ctx context.Context) error { return s.waiting(ctx, v) },
	} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	for i := range v.Parts {
		v.Parts[i].settle()
	}
	return nil
}

// part is the fact of a cause; nil if it is another delivery's.
func (v *deliveryView) part(cause string) *factView {
	for i := range v.Parts {
		if v.Parts[i].Cause == cause {
			return &v.Parts[i]
		}
	}
	return nil
}

func (v *deliveryView) causes() []string {
	causes := make([]string, len(v.Parts))
	for i, f := range v.Parts {
		causes[i] = f.Cause
	}
	return causes
}

// recorded finds the events that the facts led to, in the orders that they name and in those that their names lead to.
func (s *system) recorded(ctx context.Context, k kept, facts []*intakev1.Fact, v *deliveryView) error {
	orders := make([]ident.Entity, 0, len(k.orders))
	for _, id := range k.orders {
		orders = append(orders, ident.Entity(id))
	}
	var refs []string
	for _, f := range facts {
		refs = append(refs, f.GetReferences()...)
	}
	known, err := s.store.Resolve(ctx, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if id, ok := known[ref]; ok {
			orders = append(orders, id)
		}
	}
	events, err := s.store.Load(ctx, distinct(orders))
	if err != nil {
		return err
	}
	v.Named = map[string]string{}
	for id, stream := range events {
		name := ""
		if o, err := order.Fold(id, stream); err == nil {
			name = nameOf(o)
		}
		if slices.Contains(v.Orders, id.String()) && len(stream) > 0 {
			v.Named[id.String()] = when(name == "", id.String()) + name
		}
		for _, e := range ordered(stream, byRecorded) {
			if f := v.part(e.Cause.String()); f != nil {
				f.Events = append(f.Events, causedView{id.String(), name, string(e.Category), e.Version, event.NameOf(e.Type), e.RecordedAt.UTC()})
			}
		}
	}
	return nil
}

// counted looks for counts of stock: a SKU's events are many, so inventory remembers what it has taken.
func (s *system) counted(ctx context.Context, v *deliveryView) error {
	rows, err := s.pool.Query(ctx, `SELECT cause_id::text FROM inventory.told WHERE cause_id = ANY($1::uuid[])
		UNION SELECT cause_id::text FROM inventory.items WHERE cause_id = ANY($1::uuid[])`, v.causes())
	if err == nil {
		var taken []string
		taken, err = pgx.CollectRows(rows, pgx.RowTo[string])
		for _, cause := range taken {
			v.part(cause).told = true
		}
	}
	if err != nil && !missingTable(err) { // without an inventory nothing was counted
		return fmt.Errorf("look for what was counted: %w", err)
	}
	return nil
}

// factServices are the services that facts are for.
var factServices = []string{"orders", "payment", "fulfillment", "inventory"}

// waiting finds the facts that are parked, or put off.
func (s *system) waiting(ctx context.Context, v *deliveryView) error {
	rows, err := s.pool.Query(ctx, `SELECT t.id::text, t.service, t.due_at, t.attempt, t.created_at,
			coalesce((SELECT array_agg(p.ref ORDER BY p.ref) FROM orderflow.parked p WHERE p.service = t.service AND p.id = t.id), '{}')
		FROM orderflow.timers t WHERE t.service = ANY($1) AND t.id = ANY($2::uuid[])`, factServices, v.causes())
	if err != nil {
		return fmt.Errorf("look for what waits: %w", err)
	}
	var cause string
	var w factWait
	_, err = pgx.ForEachRow(rows, []any{&cause, &w.Service, &w.Next, &w.Attempt, &w.Since, &w.Names}, func() error {
		f := v.part(cause)
		f.Waits = append(f.Waits, w)
		w = factWait{}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for what waits: %w", err)
	}
	return nil
}

// deadHolding are the dead messages that hold a delivery, or that one of its facts led to.
func (s *system) deadHolding(ctx context.Context, causes []string, delivery string) ([]deadSummary, error) {
	var mine []deadSummary
	err := broker(ctx, s.Running, func(ctx context.Context, js jetstream.JetStream) error {
		all, err := bus.DeadMessages(ctx, js)
		for _, b := range all {
			if d := summaryOf(b); slices.Contains(causes, d.Cause) || deliveryIn(b) == delivery {
				mine = append(mine, d)
			}
		}
		return err
	})
	return mine, err
}

// deliveryIn is the id of the delivery that a dead message holds; empty if it holds none.
func deliveryIn(b bus.Buried) string {
	d := &intakev1.Delivery{}
	if !strings.HasPrefix(b.GetSubject(), "intake.") || proto.Unmarshal(b.GetMessage(), d) != nil {
		return ""
	}
	return asUUID(d.GetId())
}
