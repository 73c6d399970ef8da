// Package reactor is the one loop in which every service handles its messages, exactly once in effect:
//
//	fetch → group by entity → load → fold → decide → append → publish and ack
//
// A doorbell only says "look at this entity", so many are as good as one. A fact or a command carries news of its own:
// each is decided by itself, in turn, and skipped if it is already the cause of an event in the service's own stream.
//
// Calls to the outside are three steps: plan (a decision that names a request), do (one call, outside any transaction)
// and record (a decision about the answer). A message whose decision asked for a call is acked when the answer is
// recorded; if the process dies before, it is delivered again and the same call is made with the same key.
//
// What fails for a reason that passes becomes a timer and is tried again, without end and with growing pauses. What
// was refused for good goes to DEAD. An entity that cannot be folded is marked stuck; its neighbours go on.
package reactor

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Kind is what kind of message leads to a decision.
type Kind int

// The kinds of triggers.
const (
	Ring Kind = iota // look at the entity
	Fact
	Command
	TimerRing // look at the entity: a timer that was set for it is due
)

// Trigger is what led to a decision.
type Trigger struct {
	Kind  Kind
	Cause ident.Cause
	// Fact and Delivery are set for facts. The delivery comes without its body. Report names the fact whatever the
	// revision in which it was read.
	Fact     *intakev1.Fact
	Delivery *intakev1.Delivery
	Report   ident.Cause
	Revision uint32
	// Command is set for commands.
	Command *commandv1.Command
	// TimerKind is set for timers.
	TimerKind string
	// At is when the message was recorded or received.
	At time.Time
	// Extra is what Enrich found out for the entity.
	Extra any

	from trace.SpanContext // of the message
	span trace.Span        // of the decision
}

// Decision is what is to be done; the zero value is nothing.
type Decision struct {
	// Events are appended to the service's own stream of the entity. Cause and OccurredAt may be left empty: they are
	// the trigger's, and the fact's time or now.
	Events []event.New
	Timers []Timer
	// Clear are kinds of timers of this entity that are no longer wanted.
	Clear []string
	// Links are names that lead to this entity from now on.
	Links []string
	// Wake are references whose parked timers become due.
	Wake []string
	// Requests are calls to be made once this is stored.
	Requests []Request
	// Tx writes rows of the service's own in the same transaction.
	Tx func(ctx context.Context, tx pgx.Tx) error
}

// Timer asks to look at the entity again; writing the same kind again replaces it.
type Timer struct {
	Kind string
	// At is when; zero means when one of Refs is linked or woken.
	At   time.Time
	Refs []string
}

// Request is a call to the outside, as plain data.
type Request interface {
	// Key tells requests of one entity apart: the same key is not under way twice.
	Key() string
}

// Decide is a pure function of state, trigger and time. An error of kind fault.Rejected gives the message up, any
// other is tried again later.
type Decide func(o *order.State, t Trigger, now time.Time) (Decision, error)

// Work is one entity's turn in a batch.
type Work struct {
	Entity   ident.Entity
	State    *order.State // without events for a SKU, whose state is a snapshot
	Events   []event.Recorded
	Triggers []Trigger
	Extra    any

	items []*item
	err   error
}

// Calls are a service's calls to the outside.
type Calls struct {
	// Workers is how many may be under way at once.
	Workers int
	// Do makes one call. It is given the state of when the call was planned.
	Do func(ctx context.Context, o *order.State, r Request) (answer any, err error)
	// Record decides about the answer, on the state as it is now.
	Record func(o *order.State, r Request, answer any, err error, now time.Time) (Decision, error)
}

// Spec is what a service is to the loop.
type Spec struct {
	Service string
	// Owns is the category of the service's streams that share the order's id; the loop appends decisions there.
	Owns event.Category
	// Facts are the facts that it decides about; OwnerNone if none.
	Facts    bus.Owner
	Rings    []bus.Ring
	Commands bool
	Decide   Decide
	// Enrich reads, before anything is decided, what decisions need beyond the fold, into Work.Extra.
	Enrich func(ctx context.Context, works []*Work) error
	// Batch decides about a whole batch instead of Decide: for stock, where many orders share a SKU. A unit belongs to
	// every work whose entity is in it.
	Batch func(ctx context.Context, works []*Work, now time.Time) ([]eventstore.Unit, error)
	// Single serves one replica at a time, its timers and sweeps included; the others wait to take over. It costs one
	// connection to the database.
	Single bool
	Calls  *Calls
}

// Deps is what the loop works with.
type Deps struct {
	Store    *eventstore.Store
	JS       jetstream.JetStream
	Bus      *bus.Publisher
	Log      zerolog.Logger
	Registry prometheus.Registerer
	Clock    func() time.Time
	Tracer   trace.Tracer // nil: ids are made, and nothing is sent
}

// TimerID is the id of an entity's timer of a kind.
func TimerID(service string, id ident.Entity, kind string) ident.Cause {
	return ident.Named("timer", service, id.String(), kind)
}
