package inventory

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// Stock is a SKU as it was read: the row that stands beside its stream.
type Stock struct {
	Version int
	Levels  *stockv1.Levels
	// Counted is the latest count of each location, so that one that comes late is known as late.
	Counted map[string]Counted
}

// Stream is what a plan appends to one stream.
type Stream struct {
	Entity   ident.Entity
	Expected int
	Events   []event.New
	// Levels is a SKU's state after these events; nil for an order's stream.
	Levels *stockv1.Levels
}

// Wait is an order that waits for SKUs.
type Wait struct {
	Entity ident.Entity
	SKUs   []string
}

// Taken is a move that was taken, so that it is known when it is told again.
type Taken struct {
	Entity ident.Entity
	Cause  ident.Cause
	// Location and Counted are set for counts and reports that were believed.
	Location string
	Counted  Counted
}

// Unit is one part of a plan that is written whole or not at all.
type Unit struct {
	Orders []Stream
	Stocks []Stream
	Waits  []Wait
	// Settled are orders that wait no longer.
	Settled []ident.Entity
	// Freed are SKUs of which there is more than before: whoever waits for them is to look again.
	Freed []string
	Taken []Taken
	// Looked are versions of SKUs at which somebody decided to wait; they must not have moved when that is written.
	Looked map[ident.Entity]int
}

// batch is the stock as a plan works on it.
type batch struct {
	config  Config
	now     time.Time
	stock   map[ident.Entity]Stock
	shelves map[ident.Entity]*shelf
}

func newBatch(c Config, stock map[ident.Entity]Stock, now time.Time) *batch {
	return &batch{config: c, now: now, stock: stock, shelves: map[ident.Entity]*shelf{}}
}

// shelf is the SKU as it stands now, and notes that the ask has looked at it.
func (b *batch) shelf(r *result, sku string) *shelf { return b.shelfOf(r, ident.SKU(sku), sku) }

func (b *batch) shelfOf(r *result, id ident.Entity, sku string) *shelf {
	r.skus[id] = true
	s, ok := b.shelves[id]
	if !ok {
		levels := &stockv1.Levels{}
		if have := b.stock[id].Levels; have != nil {
			levels, _ = proto.Clone(have).(*stockv1.Levels)
		}
		s = &shelf{entity: id, sku: sku, version: b.stock[id].Version, levels: levels, counted: maps.Clone(b.stock[id].Counted)}
		if s.counted == nil {
			s.counted = map[string]Counted{}
		}
		b.shelves[id] = s
	}
	if ident.SKU(sku) == id {
		s.sku = sku // a command may have been sent here that names another
	}
	return s
}

// shelf is one SKU in a batch: its levels as they will be, and what is to be appended for that.
type shelf struct {
	entity  ident.Entity
	sku     string
	version int
	levels  *stockv1.Levels
	counted map[string]Counted

	moves    []event.New // receipts, counts and refusals, in their order
	shipped  []*stockv1.OrderQuantity
	lost     []*stockv1.OrderQuantity
	released []*stockv1.OrderQuantity
	reserved []*stockv1.OrderQuantity
	raised   map[string]int64 // by location: what a shop's count had left out
	taken    []Taken
	freed    bool
}

func (s *shelf) quantity(a *Ask, location string, pieces int64) *stockv1.OrderQuantity {
	return &stockv1.OrderQuantity{
		OrderId: slices.Clone(a.Entity[:]), Location: location, Quantity: pieces, Own: a.shop() != "" && a.shop() == level(s.levels, location).GetToldBy(),
	}
}

func (s *shelf) apply(m proto.Message) { foldLevels(s.levels, m) }

func (s *shelf) reserve(a *Ask, location string, pieces int64) {
	q := s.quantity(a, location, pieces)
	s.reserved = append(s.reserved, q)
	s.apply(&stockv1.StockReserved{Sku: s.sku, Orders: []*stockv1.OrderQuantity{q}})
}

func (s *shelf) release(a *Ask, location string, pieces int64) {
	q := s.quantity(a, location, pieces)
	s.released, s.freed = append(s.released, q), true
	s.apply(&stockv1.StockReleased{Sku: s.sku, Orders: []*stockv1.OrderQuantity{q}})
}

func (s *shelf) ship(a *Ask, location string, pieces int64) {
	q := s.quantity(a, location, pieces)
	s.shipped = append(s.shipped, q)
	s.apply(&stockv1.StockShipped{Sku: s.sku, Orders: []*stockv1.OrderQuantity{q}})
}

// lose takes off what left the building without a claim.
func (s *shelf) lose(a *Ask, location string, pieces int64) {
	s.lost = append(s.lost, s.quantity(a, location, pieces))
	at := level(s.levels, location)
	at.OnHand = max(0, at.GetOnHand()-pieces)
}

// raise puts back on the shelf what the shop's count had left out, since it was for an order of the shop's own.
func (s *shelf) raise(location string, pieces int64) {
	if s.raised == nil {
		s.raised = map[string]int64{}
	}
	s.raised[location] = plus(s.raised[location], pieces)
	at := level(s.levels, location)
	at.OnHand = plus(at.GetOnHand(), pieces)
}

// raised is the count that raising comes to.
func raised(sku string, l *stockv1.Levels, location string, pieces int64) *stockv1.StockAdjusted {
	at := level(l, location)
	return moved(sku, at, plus(at.GetOnHand(), pieces), "the shop's count was without its own orders")
}

// loss is the count that a loss comes to.
func loss(sku string, l *stockv1.Levels, q *stockv1.OrderQuantity) *stockv1.StockAdjusted {
	at := level(l, q.GetLocation())
	return moved(sku, at, max(0, at.GetOnHand()-q.GetQuantity()), "shipped after its claim was given back")
}

// moved sets what is on hand at a location where nobody has counted anew: what a shop told of it stands.
func moved(sku string, at *stockv1.Level, onHand int64, reason string) *stockv1.StockAdjusted {
	return &stockv1.StockAdjusted{
		Sku: sku, Location: at.GetLocation(), OnHand: onHand, Oversold: max(0, at.GetReserved()-onHand), Reason: reason,
		ToldBy: at.GetToldBy(), ToldAt: at.GetToldAt(), Short: at.GetShort(),
	}
}

func (s *shelf) free() int64 {
	var sum int64
	for _, at := range s.levels.GetLevels() {
		sum = plus(sum, free(at))
	}
	return sum
}

// move takes a receipt, a count or a report, or refuses a command.
func (b *batch) move(r *result) {
	m := *r.ask.Move
	if m.Location == "" {
		m.Location = b.config.DefaultLocation
	}
	s := b.shelfOf(r, r.ask.Entity, m.SKU)
	taken := Taken{Entity: s.entity, Cause: r.ask.Cause}
	var at *stockv1.Level // not put in its place unless the move is taken
	if i := slices.IndexFunc(s.levels.GetLevels(), func(l *stockv1.Level) bool { return l.GetLocation() == m.Location }); i >= 0 {
		at = s.levels.GetLevels()[i]
	}
	var message proto.Message
	if wrong := m.wrong(s.entity, at.GetOnHand()); m.Kind != Report && wrong != "" {
		message = &stockv1.CommandRefused{Command: m.Kind.command(), Reason: wrong}
	} else {
		message = m.message(at, s.counted[m.Location])
		if m.Kind != Receive && !m.before(s.counted[m.Location]) {
			taken.Location, taken.Counted = m.Location, Counted{At: m.At, Report: m.Report, Revision: m.Revision, Quantity: m.Quantity}
			s.counted[m.Location] = taken.Counted
		}
		before := s.free()
		s.apply(message)
		// A shop's own orders that wait may be among those that its count has left out.
		s.freed = s.freed || s.free() > before || m.Shop != "" && taken.Location != ""
	}
	s.moves = append(s.moves, event.New{Message: message, Cause: r.ask.Cause, OccurredAt: m.At})
	s.taken = append(s.taken, taken)
}

// stream is everything that the batch appends to the SKU, in an order in which each event can stand: what came in
// and was counted, what left, what was given back, and only then what was reserved.
func (s *shelf) stream(before *stockv1.Levels, now time.Time) (Stream, bool) {
	out := Stream{Entity: s.entity, Expected: s.version, Levels: &stockv1.Levels{}}
	if before != nil {
		proto.Merge(out.Levels, before)
	}
	cause := ident.Named("stock", s.entity.String(), strconv.Itoa(s.version))
	put := func(m proto.Message) {
		foldLevels(out.Levels, m)
		out.Events = append(out.Events, event.New{Message: m, Cause: cause, OccurredAt: now})
	}
	for _, e := range s.moves {
		foldLevels(out.Levels, e.Message)
		out.Events = append(out.Events, e)
	}
	if len(s.shipped) > 0 {
		put(&stockv1.StockShipped{Sku: s.sku, Orders: s.shipped})
	}
	for _, q := range s.lost {
		put(loss(s.sku, out.Levels, q))
	}
	if len(s.released) > 0 {
		put(&stockv1.StockReleased{Sku: s.sku, Orders: s.released})
	}
	for _, location := range slices.Sorted(maps.Keys(s.raised)) {
		put(raised(s.sku, out.Levels, location, s.raised[location]))
	}
	if len(s.reserved) > 0 {
		put(&stockv1.StockReserved{Sku: s.sku, Orders: s.reserved})
	}
	return out, len(out.Events) > 0
}
