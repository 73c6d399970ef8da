package orderctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/load"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// pattern is an order that was carried for real: what it left behind, to be copied under other names.
type pattern struct {
	id       ident.Entity
	number   string
	tracking string
	skus     []string // of its lines
	pieces   []int64
	events   []event.Recorded
	people   []*typev1.Person // by event; nil where there is none
	refs     []string
}

// patterns reads the first orders of a run, all of which have ended.
func (s *benchSystem) patterns(ctx context.Context, orders load.Orders, many int) ([]*pattern, error) {
	ids := make([]ident.Entity, many)
	for n := range ids {
		ids[n] = orders.Entity("stripe", n)
	}
	events, err := s.store.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	patterns := make([]*pattern, many)
	for n, id := range ids {
		p := &pattern{id: id, number: orders.Number(n), events: events[id]}
		p.skus, p.pieces = orders.Lines(n)
		if err := s.complete(ctx, p); err != nil {
			return nil, fmt.Errorf("read order %s: %w", id, err)
		}
		patterns[n] = p
	}
	return patterns, nil
}

// complete adds what does not stand in the events as they are: the people in them, and the order's other names.
func (s *benchSystem) complete(ctx context.Context, p *pattern) error {
	if len(p.events) == 0 {
		return errors.New("it has no events")
	}
	p.people = make([]*typev1.Person, len(p.events))
	for i, e := range p.events {
		m := e.Message.ProtoReflect()
		if field := m.Descriptor().Fields().ByName("tracking_number"); field != nil {
			p.tracking = m.Get(field).String()
		}
		field := m.Descriptor().Fields().ByName("sealed")
		if field == nil || !m.Has(field) {
			continue
		}
		sealed, ok := m.Get(field).Message().Interface().(*typev1.Sealed)
		if !ok {
			return fmt.Errorf("%s is sealed in another way", e.Type)
		}
		person, erased, err := s.vault.Open(ctx, p.id, sealed)
		if err != nil || erased {
			return fmt.Errorf("open %s: %w", e.Type, errors.Join(err, errUnopened))
		}
		p.people[i] = person
	}
	rows, err := s.pool.Query(ctx, `SELECT ref FROM orderflow.refs WHERE entity_id = $1`, uuid.UUID(p.id))
	if err != nil {
		return err
	}
	p.refs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

var errUnopened = errors.New("who is in it was erased")

// copy is the pattern under the names of another order, over SKUs of a shelf, as one decision. It returns how many events
// that is.
func (p *pattern) copy(copies load.Orders, n int, s *shelf) (eventstore.Unit, int) {
	id, number := copies.Entity("stripe", n), copies.Number(n)
	to := &renaming{from: p.id, to: id}
	pairs := []string{p.number, number, p.id.String(), id.String()}
	if p.tracking != "" {
		pairs = append(pairs, p.tracking, p.tracking+"-"+number)
	}
	for i, name := range s.pick(n, len(p.skus)) {
		pairs = append(pairs, p.skus[i], name)
		s.take(name, id, p.pieces[i])
	}
	to.names = strings.NewReplacer(pairs...)
	streams := map[event.Category]*eventstore.Append{}
	unit := eventstore.Unit{}
	for i, e := range p.events {
		a := streams[e.Category]
		if a == nil {
			a = &eventstore.Append{Entity: id, Category: e.Category}
			streams[e.Category] = a
		}
		m := proto.Clone(e.Message)
		to.rename(m.ProtoReflect())
		it := event.New{Message: m, Cause: ident.Named("stored", number, e.Cause.String()), OccurredAt: e.OccurredAt}
		if p.people[i] != nil {
			person := proto.Clone(p.people[i])
			to.rename(person.ProtoReflect())
			it.Personal, _ = person.(*typev1.Person) // it is a copy of one
		}
		a.Events = append(a.Events, it)
	}
	for _, category := range event.Categories {
		if a := streams[category]; a != nil {
			unit.Appends = append(unit.Appends, *a)
		}
	}
	for _, ref := range p.refs {
		unit.Links = append(unit.Links, eventstore.Link{Ref: to.names.Replace(ref), Entity: id})
	}
	return unit, len(p.events)
}

// renaming gives a message other names, wherever they stand in it.
type renaming struct {
	from, to ident.Entity
	names    *strings.Replacer
}

func (r *renaming) rename(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() != nil {
				value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					r.rename(v.Message())
					return true
				})
			}
		case field.IsList():
			list := value.List()
			for i := range list.Len() {
				if field.Message() != nil {
					r.rename(list.Get(i).Message())
				} else {
					list.Set(i, r.renamed(field.Kind(), list.Get(i)))
				}
			}
		case field.Message() != nil:
			r.rename(value.Message())
		default:
			m.Set(field, r.renamed(field.Kind(), value))
		}
		return true
	})
}

func (r *renaming) renamed(kind protoreflect.Kind, value protoreflect.Value) protoreflect.Value {
	switch kind {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.names.Replace(value.String()))
	case protoreflect.BytesKind:
		if bytes.Equal(value.Bytes(), r.from[:]) {
			return protoreflect.ValueOfBytes(r.to[:])
		}
	default:
	}
	return value
}

// shelf is the SKUs of one writer: what is on them, and what the batch that is being made takes from them.
type shelf struct {
	names []string
	have  map[string]*onShelf
	taken map[string][]*stockv1.OrderQuantity
}

// onShelf is one SKU's stream and state.
type onShelf struct {
	version int
	levels  *stockv1.Levels
}

// shelf reads every storeWriters-th SKU.
func (s *benchSystem) shelf(ctx context.Context, skus, writer int) (*shelf, error) {
	sh := &shelf{have: map[string]*onShelf{}, taken: map[string][]*stockv1.OrderQuantity{}}
	var ids []ident.Entity
	for i := writer; i < skus; i += storeWriters {
		sh.names, ids = append(sh.names, load.SKU(i)), append(ids, ident.SKU(load.SKU(i)))
	}
	snapshots, err := s.store.Snapshots(ctx, event.Stock, ids)
	if err != nil {
		return nil, err
	}
	for i, name := range sh.names {
		snapshot, found := snapshots[ids[i]]
		levels := &stockv1.Levels{}
		if err := proto.Unmarshal(snapshot.Data, levels); err != nil || !found || len(levels.GetLevels()) == 0 {
			return nil, fmt.Errorf("%s has no stock: %w", name, errors.Join(err, errEmpty))
		}
		sh.have[name] = &onShelf{snapshot.Version, levels}
	}
	return sh, nil
}

var errEmpty = errors.New("nothing is there")

// pick names SKUs for the lines of order n, each another one, all of them as often.
func (s *shelf) pick(n, lines int) []string {
	picked := make([]string, lines)
	for i := range picked {
		picked[i] = s.names[(n/storeWriters*7+i*(1+n%11))%len(s.names)]
	}
	return picked
}

// take notes that an order took pieces.
func (s *shelf) take(sku string, id ident.Entity, pieces int64) {
	at := s.have[sku].levels.GetLevels()[0].GetLocation()
	s.taken[sku] = append(s.taken[sku], &stockv1.OrderQuantity{OrderId: id[:], Location: at, Quantity: pieces})
}

// flush is what the SKUs' streams say of everything that was taken since the last time: reserved, then out of the
// building, all orders of the batch in one.
func (s *shelf) flush(batch string) []eventstore.Unit {
	var units []eventstore.Unit
	now := time.Now()
	for sku, orders := range s.taken {
		have := s.have[sku]
		for _, q := range orders {
			have.levels.Levels[0].OnHand -= q.GetQuantity()
		}
		cause := ident.Named("stored", sku, batch)
		units = append(units, eventstore.Unit{Appends: []eventstore.Append{{
			Entity: ident.SKU(sku), Category: event.Stock, Expected: have.version,
			Events:   event.Of(cause, now, &stockv1.StockReserved{Sku: sku, Orders: orders}, &stockv1.StockShipped{Sku: sku, Orders: orders}),
			Snapshot: proto.Clone(have.levels),
		}}})
		have.version += 2
	}
	clear(s.taken)
	return units
}
