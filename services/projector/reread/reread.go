package reread

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Rereader reads deliveries of the journal again.
type Rereader struct {
	Journal
	Store *eventstore.Store
	// Read is what today's normalisers make of a delivery.
	Read func(kept *intakev1.Delivery) (*intakev1.Delivery, error)
}

// Result is what reading a delivery again comes to.
type Result string

// The results.
const (
	// Changed means something else today, and can be published.
	Changed Result = "changed"
	// Same means what it meant.
	Same Result = "same"
	// Erased cannot be read by anybody any more.
	Erased Result = "erased"
	// Failed cannot be read by this program.
	Failed Result = "failed"
	// Leaves means something else today, but says nothing about what an earlier reading had recorded somewhere: that
	// would stay beside what is published, so a person has to look at it.
	Leaves Result = "leaves"
)

// Reading is a delivery, read again.
type Reading struct {
	Result Result
	// Now is what is to be published: the same delivery at the next revision. Nil if it could not be read.
	Now *intakev1.Delivery
	// Why says what stands in the way, for Failed and Leaves.
	Why string
}

// Again reads a delivery again. The error is the database's; what is wrong with the delivery is in the reading.
func (r *Rereader) Again(ctx context.Context, k Kept) (Reading, error) {
	readable, err := r.Open(ctx, k)
	switch {
	case ctx.Err() != nil:
		return Reading{}, ctx.Err()
	case err != nil:
		return Reading{Result: Failed, Why: err.Error()}, nil //nolint:nilerr // it is told in the reading
	case !readable:
		return Reading{Result: Erased}, nil
	}
	now, err := r.Read(k.Delivery)
	if err != nil {
		return Reading{Result: Failed, Why: err.Error()}, nil //nolint:nilerr // told in the reading
	}
	now.Revision = k.GetRevision() + 1
	var left []int
	var stood map[int]place
	if k.MostFacts > 0 {
		if stood, err = r.stood(ctx, k, now.GetFacts()); err != nil {
			return Reading{}, err
		}
		about, err := r.about(ctx, now.GetFacts())
		if err != nil {
			return Reading{}, err
		}
		now.Facts, left = align(stood, now.GetFacts(), about)
	}
	switch {
	case k.same(now):
		return Reading{Result: Same, Now: now}, nil
	case len(left) > 0:
		return Reading{Result: Leaves, Now: now, Why: leaves(left, stood)}, nil
	}
	return Reading{Result: Changed, Now: now}, nil
}

// same says that a delivery means what it meant. Of a reading whose hash was not kept that is known if it said nothing.
func (k Kept) same(now *intakev1.Delivery) bool {
	if len(k.reading) > 0 {
		return bytes.Equal(k.reading, Hash(now))
	}
	return k.Facts == 0 && len(now.GetFacts()) == 0 && k.GetQuarantine().GetReason() == now.GetQuarantine().GetReason()
}

func leaves(left []int, stood map[int]place) string {
	var words []string
	for _, at := range left {
		p := stood[at]
		word := fmt.Sprintf("fact %d was recorded as one about %s", at+1, map[bool]string{true: "an entity that is not known yet", false: p.entity.String()}[p.entity.IsZero()])
		words = append(words, word+" ("+string(p.owner)+")")
	}
	return strings.Join(words, "; ") + ", and is told no more"
}

// soon is how long after a delivery came its facts are looked for everywhere. Later they are looked for in the orders
// that the delivery names, and in those that its names lead to.
const soon = 2 * time.Minute

// owners are the services that record facts, by the category that they record them in.
var owners = map[event.Category]bus.Owner{
	event.Order: bus.OwnerOrder, event.Payment: bus.OwnerPayment, event.Fulfillment: bus.OwnerFulfillment, event.Stock: bus.OwnerStock,
	event.Notification: bus.OwnerNotification,
}

// waiting are the services in which facts wait, by the name of the service.
var waiting = map[string]bus.Owner{
	"orders": bus.OwnerOrder, "payment": bus.OwnerPayment, "fulfillment": bus.OwnerFulfillment, "inventory": bus.OwnerStock, "notifier": bus.OwnerNotification,
}

// stood is where the facts of earlier readings were recorded, or wait, by their places.
func (r *Rereader) stood(ctx context.Context, k Kept, now []*intakev1.Fact) (map[int]place, error) {
	places := map[ident.Cause]int{}
	var causes []uuid.UUID
	for revision := range k.GetRevision() + 1 {
		for n := range k.MostFacts {
			cause := ident.Fact(k.ID(), n, revision)
			places[cause] = n
			causes = append(causes, uuid.UUID(cause))
		}
	}
	about, err := r.about(ctx, now)
	if err != nil {
		return nil, err
	}
	entities := append([]uuid.UUID{}, k.Orders...)
	for _, p := range about {
		if !p.entity.IsZero() {
			entities = append(entities, uuid.UUID(p.entity))
		}
	}
	came := k.GetReceivedAt().AsTime()
	rows, err := r.Pool.Query(ctx, `
		SELECT cause_id, entity_id, category, '' FROM orderflow.events WHERE entity_id = ANY($2) AND cause_id = ANY($1)
		UNION ALL SELECT cause_id, entity_id, category, '' FROM orderflow.events WHERE recorded_at BETWEEN $3 AND $4 AND cause_id = ANY($1)
		UNION ALL SELECT id, NULL, '', service FROM orderflow.timers WHERE id = ANY($1)`,
		pgx.QueryExecModeCacheDescribe, causes, entities, came.Add(-soon), came.Add(soon))
	if err != nil {
		return nil, fmt.Errorf("look for what was recorded of %s: %w", k.ID(), err)
	}
	stood := map[int]place{}
	var cause uuid.UUID
	var entity *uuid.UUID
	var category, service string
	_, err = pgx.ForEachRow(rows, []any{&cause, &entity, &category, &service}, func() error {
		at := places[ident.Cause(cause)]
		if owner, ok := owners[event.Category(category)]; ok && entity != nil {
			stood[at] = place{owner, ident.Entity(*entity)}
		} else if owner, ok := waiting[service]; ok {
			if _, recorded := stood[at]; !recorded {
				stood[at] = place{owner: owner}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what was recorded of %s: %w", k.ID(), err)
	}
	return stood, nil
}

// about is what each of the facts is about, as far as it names it or one of its names leads there.
func (r *Rereader) about(ctx context.Context, facts []*intakev1.Fact) ([]place, error) {
	var refs []string
	for _, f := range facts {
		refs = append(refs, f.GetReferences()...)
	}
	known, err := r.Store.Resolve(ctx, refs)
	if err != nil {
		return nil, err
	}
	about := make([]place, len(facts))
	for i, f := range facts {
		about[i].owner = bus.OwnerOf(f)
		var named bool
		if about[i].entity, named = bus.EntityOf(f); named {
			continue
		}
		for _, ref := range f.GetReferences() {
			if id, ok := known[ref]; ok {
				about[i].entity = id
				break
			}
		}
	}
	return about, nil
}

// Message is a reading as it is published: under an id of its own, so that neither the broker nor a service takes it for
// the delivery that came, and the same reading published twice is one.
func Message(d *intakev1.Delivery) (*nats.Msg, error) {
	data, err := proto.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("publish a reading of %x: %w", d.GetId(), err)
	}
	id := ident.Reading(ident.Delivery(d.GetId()), d.GetRevision())
	return &nats.Msg{Subject: bus.IntakeSubject(d), Data: data, Header: nats.Header{nats.MsgIdHdr: []string{id.String()}}}, nil
}
