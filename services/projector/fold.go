package projector

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Facts of an order are everything that its rows are made of. There is no clock in it: the same events come to the
// same rows whenever they are folded.
type facts struct {
	id     ident.Entity
	events []event.Recorded
	state  *order.State
	funds  order.Funds
	// foldVersion is that of the fold that makes rows of them.
	foldVersion int
	// person is what the seal held; erased says that nobody can read it any more.
	person *typev1.Person
	erased bool
	// read puts an event into words.
	read func(event.Recorded) wording
}

// levels are everything that a SKU's rows are made of.
type levels struct {
	id          ident.Entity
	version     int
	foldVersion int
	*stockv1.Levels
}

// folded is an entity's rows, table by table; the guard's one row comes first.
type folded struct {
	entity  ident.Entity
	rows    [][][]any
	digests digests // of the rows; where they are needed
}

// family is the tables of one kind of entity, the guard first.
type family struct {
	name   string
	tables []table
}

func (f family) guard() table      { return f.tables[0] }
func (f family) children() []table { return f.tables[1:] }

var (
	orderShapes = []shape[*facts]{
		orders, orderItems, timeline, payments, refunds, shipments, scans, fraudScores, notifications, holds,
	}
	stockShapes = []shape[levels]{skus, stockLevels}

	orderFamily = familyOf("orders", orderShapes)
	stockFamily = familyOf("SKUs", stockShapes)
	families    = []family{orderFamily, stockFamily}
)

func familyOf[F any](name string, shapes []shape[F]) family {
	f := family{name: name}
	for _, s := range shapes {
		f.tables = append(f.tables, s.table)
	}
	return f
}

// opener opens the seal of an order's person; the bool says that it was erased.
type opener func(ident.Entity, *typev1.Sealed) (*typev1.Person, bool, error)

// foldOrder is an order's rows. It fails on a gap in the versions, and where the seal cannot be opened.
func (p *projection) foldOrder(entity ident.Entity, events []event.Recorded, open opener) (f folded, state *order.State, err error) {
	defer func() { // one order that the fold cannot bear must not take all others with it
		if r := recover(); r != nil {
			err = fmt.Errorf("order %s: the fold broke: %s", entity, fault.Panicked(r))
		}
	}()
	state, err = order.Fold(entity, events)
	if err != nil {
		return folded{}, nil, err
	}
	about := &facts{
		id: entity, events: events, state: state, funds: state.Funds(), foldVersion: p.foldVersion,
		erased: state.Order.Erased, person: &typev1.Person{}, read: p.memory.read,
	}
	if !about.erased && state.Order.Sealed != nil {
		about.person, about.erased, err = open(entity, state.Order.Sealed)
		if err != nil {
			return folded{}, nil, &sealError{err}
		}
	}
	return fold(entity, orderShapes, about), state, nil
}

// sealError is trouble with a seal: the database may be away, or the key may be the wrong one.
type sealError struct{ error }

func (e *sealError) Unwrap() error { return e.error }

// foldStock is a SKU's rows, from the levels that were written with its latest event.
func (p *projection) foldStock(entity ident.Entity, version int, l *stockv1.Levels) folded {
	return fold(entity, stockShapes, levels{entity, version, p.foldVersion, l})
}

func fold[F any](entity ident.Entity, shapes []shape[F], about F) folded {
	f := folded{entity: entity, rows: make([][][]any, len(shapes))}
	for i, s := range shapes {
		f.rows[i] = s.rows(about)
	}
	return f
}

func orderOf(f *facts) ident.Entity { return f.id }
func skuOf(l levels) ident.Entity   { return l.id }

func uuids(ids []ident.Entity) []uuid.UUID {
	out := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		out[i] = uuid.UUID(id)
	}
	return out
}
