package orderctl

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"
	"github.com/orderflow/orderflow/services/fulfillment"
	"github.com/orderflow/orderflow/services/inventory"
	"github.com/orderflow/orderflow/services/orders"
	"github.com/orderflow/orderflow/services/payment"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// TestCancellationsMeetEverythingElse lets the services' own decisions about two orders that want the same pieces be made
// and stored in any order, by as many replicas as there are: between what a decision looked at and when it is stored,
// anything may happen. Each party's answer to a cancellation is an event in its own stream, so that a decision taken on
// older news meets a version that has moved and is taken again. Whatever comes: what is cancelled has not shipped and
// holds nothing, its money goes back once, and stock is what the orders say.
func TestCancellationsMeetEverythingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newStage(t)
		for range rapid.IntRange(0, 4).Draw(t, "rounds without trouble") {
			s.round()
			s.now = s.now.Add(2 * time.Second)
		}
		for range rapid.IntRange(10, 90).Draw(t, "steps") {
			s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1, 6, 40}).Draw(t, "seconds")) * time.Second)
			s.step()
			s.oneLabelEach()
		}
		s.comeToAnEnd()
		s.oneLabelEach()
		for _, id := range s.ids {
			s.ended(id)
		}
		s.stockAgrees()
	})
}

// The services, with short delays.
var (
	ordersRules = orders.Rules{
		Config: orders.Config{PriorityAbove: "500", PaymentDeadline: 168 * time.Hour, HoldDeadline: 24 * time.Hour, ServiceDeadline: 24 * time.Hour},
		Digest: func(content []byte) []byte { h := sha256.Sum256(content); return h[:] },
	}
	labelRules = fulfillment.Rules{SettleDelay: time.Second, RetryDelay: 5 * time.Second, CallTimeout: 10 * time.Second}
	stockRules = inventory.Config{BackorderDeadline: 72 * time.Hour, DefaultLocation: "main"}
	parties    = []event.Category{event.Order, event.Payment, event.Inventory, event.Fulfillment}
)

// stage is streams in memory, a carrier with books, and decisions that are made and not stored yet.
type stage struct {
	t      *rapid.T
	now    time.Time
	ids    []ident.Entity
	events map[ident.Entity][]event.Recorded
	rows   map[ident.Entity]inventory.Stock
	ledger []event.Recorded // of the one SKU
	causes int

	decided []*decided
	calls   []*carried
	timers  map[string]time.Time // of fulfillment, by order and kind
	labels  []*label
}

// decided is what one party wants, on what it saw.
type decided struct {
	by    event.Category
	about ident.Entity
	saw   int // version of its own stream
	reactor.Decision
	units  []inventory.Unit
	repeat func() // decides again
}

// carried is a call to the carrier: on its way, or answered and not recorded.
type carried struct {
	about   ident.Entity
	request reactor.Request
	token   string
	done    bool
	answer  any
	err     error
}

type label struct {
	reference, token, tracking string
	voided, scanned            bool
}

const mug = "MUG"

func newStage(t *rapid.T) *stage {
	s := &stage{
		t: t, now: noon, events: map[ident.Entity][]event.Recorded{}, rows: map[ident.Entity]inventory.Stock{}, timers: map[string]time.Time{},
		ids: []ident.Entity{ident.Order("checkout", "default", "1"), ident.Order("checkout", "default", "2")},
	}
	s.plan([]inventory.Ask{{Entity: ident.SKU(mug), Cause: s.cause(), Move: &inventory.Move{Kind: inventory.Receive, SKU: mug, Quantity: 3, At: s.now}}}, ident.Entity{}, 0)
	s.store(0)
	for i := range s.ids {
		s.describe(i, 2)
		s.pays(i)
		s.append(s.ids[i], event.Fraud, &fraudv1.OrderScored{Verdict: fraudv1.Verdict_VERDICT_CLEAR})
	}
	for len(s.decided) > 0 {
		s.store(0)
	}
	return s
}

func (s *stage) cause() ident.Cause {
	s.causes++
	return ident.Named("stage", fmt.Sprint(s.causes))
}

func (s *stage) state(id ident.Entity) *order.State {
	var all []event.Recorded
	for _, c := range event.Categories {
		for _, e := range s.events[id] {
			if e.Category == c {
				all = append(all, e)
			}
		}
	}
	o, err := order.Fold(id, all)
	require.NoError(s.t, err)
	return o
}

func (s *stage) append(id ident.Entity, c event.Category, messages ...proto.Message) {
	version := s.state(id).Version(c)
	for i, m := range messages {
		s.events[id] = append(s.events[id], event.Recorded{
			Entity: id, Category: c, Version: version + i + 1, Type: event.TypeOf(m), Message: m, OccurredAt: s.now, RecordedAt: s.now,
		})
	}
}

// Facts.

func (s *stage) fact(i int, by event.Category, f *intakev1.Fact) {
	f.Order, f.OccurredAt = &typev1.OrderKey{Source: "checkout", Account: "default", Id: fmt.Sprint(i + 1)}, timestamppb.New(s.now)
	cause := s.cause()
	s.decide(by, s.ids[i], reactor.Trigger{Kind: reactor.Fact, Cause: cause, Report: cause, Fact: f, Delivery: &intakev1.Delivery{}, At: s.now})
}

// describe wants so many mugs of an order, at 10 each; more than two are not paid for.
func (s *stage) describe(i int, mugs int64) {
	s.fact(i, event.Order, &intakev1.Fact{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Currency: "USD", Totals: &typev1.Totals{Total: money10(2)}, UpdatedAt: timestamppb.New(s.now), PlacedAt: timestamppb.New(noon),
		Lines:  []*typev1.Line{{Id: "1", Sku: mug, Quantity: mugs, UnitPrice: &typev1.Money{MinorUnits: 2000 / mugs, Currency: "USD"}}},
		Person: &typev1.Person{Email: "a@example.com", Shipping: &typev1.Address{Line1: "Way 1", City: "Berlin", Country: "DE"}},
	}}})
}

func money10(n int64) *typev1.Money { return &typev1.Money{MinorUnits: 1000 * n, Currency: "USD"} }

func (s *stage) names(i int) []string { return []string{fmt.Sprintf("stripe:pi_%d", i+1)} }

func (s *stage) pays(i int) {
	s.fact(i, event.Payment, &intakev1.Fact{Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
		Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: money10(2), Names: s.names(i), Witness: intakev1.Witness_WITNESS_PROVIDER,
	}}})
}

func (s *stage) cancels(i int) {
	s.fact(i, event.Order, &intakev1.Fact{Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{Reason: "customer"}}})
}

func (s *stage) scans(l *label) {
	l.scanned = true
	i := slices.IndexFunc(s.ids, func(id ident.Entity) bool { return strings.HasPrefix(l.reference, id.String()) })
	s.fact(i, event.Fulfillment, &intakev1.Fact{Body: &intakev1.Fact_ScanReported{ScanReported: &intakev1.ScanReported{
		Carrier: "sandbox", TrackingNumber: l.tracking, ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT,
	}}})
}

// Decisions.

func (s *stage) decide(by event.Category, id ident.Entity, t reactor.Trigger) {
	o := s.state(id)
	var d reactor.Decision
	var err error
	switch by {
	case event.Order:
		d, err = ordersRules.Decide(o.Clone(), t, s.now)
	case event.Payment:
		d, err = payment.Decide(o.Clone(), t, s.now)
	case event.Fulfillment:
		d, err = labelRules.Decide(o.Clone(), t, s.now)
	default:
		s.plan([]inventory.Ask{{Entity: id, Cause: t.Cause, Order: o}}, id, o.Version(by))
		return
	}
	require.NoError(s.t, err)
	s.decided = append(s.decided, &decided{by: by, about: id, saw: o.Version(by), Decision: d, repeat: func() { s.decide(by, id, t) }})
}

func (s *stage) ring(by event.Category, id ident.Entity) {
	s.decide(by, id, reactor.Trigger{Kind: reactor.Ring, Cause: s.cause()})
}

func (s *stage) plan(asks []inventory.Ask, id ident.Entity, saw int) {
	units := stockRules.Plan(asks, s.rows, s.now)
	s.decided = append(s.decided, &decided{by: event.Inventory, about: id, saw: saw, units: units, repeat: func() { s.ring(event.Inventory, id) }})
}

// store takes a decision whole, or has it made again because its stream has moved.
func (s *stage) store(n int) {
	d := s.decided[n]
	s.decided = slices.Delete(s.decided, n, n+1)
	if d.by == event.Inventory {
		s.storeUnits(d)
		return
	}
	if len(d.Events) > 0 && s.state(d.about).Version(d.by) != d.saw {
		d.repeat()
		return
	}
	for _, e := range d.Events {
		if m, ok := e.Message.(*fulfillmentv1.LabelPurchaseStarted); ok {
			o := s.state(d.about)
			closed := o.Fulfillment.Closed
			require.False(s.t, o.Order.Cancelling() && o.Answered(closed) && closed.Refused == "", "%s is bought after fulfillment has closed", m.GetShipmentId())
		}
		s.append(d.about, d.by, e.Message)
	}
	for _, kind := range d.Clear {
		delete(s.timers, d.about.String()+kind)
	}
	for _, t := range d.Timers {
		if d.by == event.Fulfillment {
			s.timers[d.about.String()+t.Kind] = t.At
		}
	}
	for _, q := range d.Requests {
		_, rest, _ := strings.Cut(q.Key(), "/")
		c := &carried{about: d.about, request: q}
		if sh := s.state(d.about).Fulfillment.Shipment(reference(rest)); sh != nil {
			c.token = sh.Key
		}
		s.calls = append(s.calls, c)
	}
}

// reference is the shipment's id in a request's key: the order's id and the release.
func reference(key string) string {
	parts := strings.Split(key, "/")
	return parts[0] + "/" + parts[1]
}

func (s *stage) storeUnits(d *decided) {
	for _, u := range d.units {
		for _, stream := range u.Orders {
			if s.state(stream.Entity).Version(event.Inventory) != stream.Expected {
				d.repeat()
				return
			}
		}
		for _, stream := range u.Stocks {
			if s.rows[stream.Entity].Version != stream.Expected {
				d.repeat()
				return
			}
		}
		for id, version := range u.Looked {
			if s.rows[id].Version != version {
				d.repeat()
				return
			}
		}
	}
	for _, u := range d.units {
		for _, stream := range u.Orders {
			for _, e := range stream.Events {
				s.append(stream.Entity, event.Inventory, e.Message)
			}
		}
		for _, stream := range u.Stocks {
			for i, e := range stream.Events {
				s.ledger = append(s.ledger, event.Recorded{Entity: stream.Entity, Category: event.Stock, Version: stream.Expected + i + 1, Message: e.Message})
			}
			s.rows[stream.Entity] = inventory.Stock{Version: stream.Expected + len(stream.Events), Levels: stream.Levels}
		}
	}
}

// Steps.

func (s *stage) step() {
	var may []func()
	add := func(f func()) { may = append(may, f) }
	for n := range s.decided {
		add(func() { s.store(n) })
		add(func() { s.store(n) })
	}
	for _, c := range s.calls {
		add(func() { s.carry(c, rapid.IntRange(0, 3).Draw(s.t, "well") > 0) })
	}
	for _, l := range s.labels {
		if !l.voided && !l.scanned {
			add(func() { s.scans(l) })
			add(func() { s.scans(l) })
		}
	}
	for i, id := range s.ids {
		for _, by := range parties {
			add(func() { s.ring(by, id) })
		}
		if rapid.IntRange(0, 2).Draw(s.t, "somebody has second thoughts") == 2 {
			add(func() { s.cancels(i) })
			add(func() { s.describe(i, rapid.SampledFrom([]int64{1, 2, 4}).Draw(s.t, "mugs")) })
		}
	}
	rapid.SampledFrom(may).Draw(s.t, "what")()
}

// carry takes a call one step further: to the carrier, or its answer back to us.
func (s *stage) carry(c *carried, well bool) {
	if !c.done {
		c.done = true
		c.answer, c.err = s.serve(c)
		if c.err == nil && !well { // done all the same, and nobody knows
			c.answer, c.err = nil, &fulfillment.CarrierError{Failure: fulfillment.Unknown, Code: "timeout"}
		}
		return
	}
	s.calls = slices.DeleteFunc(s.calls, func(other *carried) bool { return other == c })
	s.record(c)
}

func (s *stage) record(c *carried) {
	o := s.state(c.about)
	d, err := labelRules.Record(o.Clone(), c.request, c.answer, c.err, s.now)
	require.NoError(s.t, err)
	s.decided = append(s.decided, &decided{by: event.Fulfillment, about: c.about, saw: o.Version(event.Fulfillment), Decision: d, repeat: func() { s.record(c) }})
}

func (s *stage) serve(c *carried) (any, error) {
	kind, rest, _ := strings.Cut(c.request.Key(), "/")
	ref := reference(rest)
	switch kind {
	case "buy":
		until, err := strconv.ParseInt(rest[strings.LastIndexByte(rest, '/')+1:], 10, 64)
		require.NoError(s.t, err)
		if s.now.Add(labelRules.CallTimeout).After(time.Unix(0, until)) { // as the service's own caller does
			return nil, &fulfillment.CarrierError{Failure: fulfillment.Down, Code: "no_free_place"}
		}
		for _, l := range s.labels {
			if l.token == c.token {
				return fulfillment.Label{Tracking: l.tracking}, nil
			}
		}
		l := &label{reference: ref, token: c.token, tracking: fmt.Sprintf("SB%d", len(s.labels)+1)}
		s.labels = append(s.labels, l)
		return fulfillment.Label{Tracking: l.tracking}, nil
	case "lookup":
		for _, l := range s.labels {
			if l.reference == ref && !l.voided {
				return fulfillment.Label{Tracking: l.tracking}, nil
			}
		}
		return nil, &fulfillment.CarrierError{Failure: fulfillment.NotFound, Code: "no_label"}
	}
	for _, l := range s.labels {
		if l.reference == ref && l.scanned {
			return nil, &fulfillment.CarrierError{Failure: fulfillment.Refused, Code: "already_scanned"}
		}
	}
	for _, l := range s.labels {
		l.voided = l.voided || l.reference == ref
	}
	return nil, nil
}

// comeToAnEnd stores what was decided, lets the carrier be well, rings for everybody and lets time pass until nothing
// changes any more.
func (s *stage) comeToAnEnd() {
	for range 400 {
		before := s.size()
		for len(s.decided) > 0 {
			s.store(0)
		}
		for len(s.calls) > 0 {
			s.carry(s.calls[0], true)
			for len(s.decided) > 0 {
				s.store(0)
			}
		}
		s.round()
		if s.size() == before && len(s.decided)+len(s.calls) == 0 {
			next, due := s.nextTimer()
			if !due {
				return
			}
			s.now = next
		}
	}
	require.Fail(s.t, "it does not come to an end")
}

// round has every party look at every order, one after the other.
func (s *stage) round() {
	for _, id := range s.ids {
		for _, by := range parties {
			s.ring(by, id)
			s.store(len(s.decided) - 1)
		}
	}
}

func (s *stage) size() (n int) {
	for _, events := range s.events {
		n += len(events)
	}
	return n + len(s.ledger)
}

// nextTimer takes the earliest timer that is still to come; false if there is none.
func (s *stage) nextTimer() (at time.Time, ok bool) {
	var next string
	for name, due := range s.timers {
		if !due.After(s.now) {
			delete(s.timers, name)
			continue
		}
		if next == "" || due.Before(s.timers[next]) {
			next = name
		}
	}
	at, ok = s.timers[next]
	delete(s.timers, next)
	return at, ok
}

// What has to be true.

func (s *stage) oneLabelEach() {
	live := map[string]int{}
	for _, l := range s.labels {
		id, _, _ := strings.Cut(l.reference, "/")
		if !l.voided {
			live[id]++
		}
		require.LessOrEqual(s.t, live[id], 1, "two labels of one order may leave")
	}
}

func (s *stage) ended(id ident.Entity) {
	o := s.state(id)
	require.False(s.t, o.Order.Cancelling(), "a cancellation is answered: %v missing", o.Unanswered())
	left := slices.ContainsFunc(s.labels, func(l *label) bool { return strings.HasPrefix(l.reference, id.String()) && l.scanned })
	require.Equal(s.t, left, o.Fulfillment.Shipped())
	granted := int64(0)
	for _, e := range s.events[id] {
		if m, ok := e.Message.(*paymentv1.RefundGranted); ok {
			granted += m.GetAmount().GetMinorUnits()
		}
	}
	if !o.Order.Cancelled {
		require.Zero(s.t, granted, "nothing is given back of what was not cancelled")
		if o.Order.Cancellation != nil {
			require.NotEmpty(s.t, o.Order.Cancellation.Refused, "it says why it was not cancelled")
			require.True(s.t, left, "only what has left cannot be cancelled")
		}
		return
	}
	require.False(s.t, left, "cancelled and shipped")
	require.Equal(s.t, int64(2000), granted, "its money goes back once")
	require.Empty(s.t, o.Inventory.Allocations, "and its stock")
	require.False(s.t, slices.ContainsFunc(s.labels, func(l *label) bool { return strings.HasPrefix(l.reference, id.String()) && !l.voided }), "and its label is void")
}

func (s *stage) stockAgrees() {
	ledger, err := inventory.FoldStock(s.ledger)
	require.NoError(s.t, err)
	held := map[ident.Entity]map[string]int64{}
	for _, id := range s.ids {
		if of := inventory.HeldBy(s.state(id))[mug]; len(of) > 0 {
			held[id] = of
		}
	}
	row := s.rows[ident.SKU(mug)]
	require.Empty(s.t, ledger.Differences(row.Levels, row.Version, held))
	for _, at := range row.Levels.GetLevels() {
		require.LessOrEqual(s.t, at.GetReserved(), at.GetOnHand(), "sold twice")
	}
	for _, id := range s.ids {
		o := s.state(id)
		if len(o.Inventory.Shortages) > 0 && !o.Order.Ended() {
			var there int64
			for _, at := range row.Levels.GetLevels() {
				there += at.GetOnHand() - at.GetReserved()
			}
			require.Less(s.t, there, o.Demand()[mug], "it waits for what is there")
		}
	}
}
