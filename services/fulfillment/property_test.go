package fulfillment

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// TestOneParcelAtMost lets bells, answers, failures, crashes, edits, holds, cancellations and scans come in any order.
// Whatever comes: the carrier's books never hold two live labels of the order, no intent is written while a gate is
// closed, and once the carrier answers again everything comes to its end.
func TestOneParcelAtMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 5, 10, 40}).Draw(t, "seconds")) * time.Second)
			w.step()
			w.others()
			w.atMostOneParcel()
		}
		w.comeToAnEnd()
		w.atMostOneParcel()
		w.ended()
	})
}

// world is an order, the services around it in their simplest form, and a carrier with books.
type world struct {
	t      *rapid.T
	now    time.Time
	state  *order.State
	loaded *order.State // what the decision that is being stored was made on
	rung   bool         // something happened of which fulfillment has not heard
	timers map[string]time.Time
	calls  map[string]*call // planned and not recorded yet, by key

	labels []*booked
	// late are purchases that the carrier has not handled yet although we have given up waiting for the answer.
	late  []buy
	scans int
	// reports counts what the shop told of shipments of its own.
	reports int
	edits   int
	mugs    int64
}

// call is a request on its way. Once the carrier has it, its answer is on the way back.
type call struct {
	request reactor.Request
	done    bool
	answer  any
	err     error
}

// booked is a label in the carrier's books.
type booked struct {
	reference, key, tracking string
	voided, scanned          bool
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: noon, timers: map[string]time.Time{}, calls: map[string]*call{}, mugs: 1, state: order.New(id)}
	for _, m := range released() {
		w.happens(m)
	}
	return w
}

// happens is what others append; it rings, sooner or later.
func (w *world) happens(m proto.Message) { w.state, w.rung = then(w.t, w.state, w.now, m), true }

// decided stores a decision, as the loop does.
func (w *world) decided(d reactor.Decision, err error) {
	require.NoError(w.t, err)
	for _, kind := range d.Clear {
		delete(w.timers, kind)
	}
	for _, timer := range d.Timers {
		w.timers[timer.Kind] = timer.At
	}
	for _, e := range d.Events {
		if s, ok := e.Message.(*fulfillmentv1.LabelPurchaseStarted); ok {
			w.mayBuy(s)
		}
		if _, ok := e.Message.(*fulfillmentv1.ShipmentReported); ok { // what follows was decided with it
			w.loaded = then(w.t, w.loaded, e.OccurredAt, e.Message)
		}
		w.state = then(w.t, w.state, e.OccurredAt, e.Message)
	}
	for _, q := range d.Requests {
		if w.calls[q.Key()] == nil {
			w.calls[q.Key()] = &call{request: q}
		}
	}
}

// mayBuy is the gate in other words than the rules use, as it stood when they looked.
func (w *world) mayBuy(s *fulfillmentv1.LabelPurchaseStarted) {
	o := w.loaded
	for _, h := range o.Order.Holds {
		require.Equal(w.t, "label_failed", h.Reason, "bought while held")
	}
	require.False(w.t, o.Order.Cancelling() || o.Order.Cancelled, "bought while it is cancelled")
	require.True(w.t, o.FundsCover(), "bought unpaid")
	require.True(w.t, o.FullyAllocated(), "bought without stock")
	require.False(w.t, o.Fulfillment.Shipped(), "bought again after it has left")
	require.Equal(w.t, o.ShipmentID(o.Order.LatestRelease().Number), s.GetShipmentId())
	require.True(w.t, order.SameLines(o.Wanted(), o.Order.LatestRelease().Lines), "bought for what is not wanted, or somebody else has shipped")
	require.NotEmpty(w.t, o.Wanted())
	require.False(w.t, w.now.Before(o.Order.LatestRelease().At.Add(rules.SettleDelay)), "bought before it has settled")
}

func (w *world) ring(trigger reactor.Trigger) {
	w.rung, w.loaded = false, w.state
	w.decided(rules.Decide(w.state, trigger, w.now))
}

// ringLate decides on what was true a moment ago: others append to streams of their own meanwhile, and nobody is told
// that it does not fit.
func (w *world) ringLate() {
	w.rung, w.loaded = false, w.state
	d, err := rules.Decide(w.state, ring, w.now)
	w.change()
	w.others()
	w.decided(d, err)
}

func (w *world) step() {
	var may []func()
	add := func(f func()) { may = append(may, f) }
	add(func() { w.ring(ring) })
	add(w.ringLate)
	add(func() { w.ring(retry) })
	add(w.change)
	add(w.elsewhere)
	if len(w.timers) > 0 {
		add(w.timer)
		add(w.timer)
	}
	for _, key := range slices.Sorted(maps.Keys(w.calls)) {
		c := w.calls[key]
		add(func() { delete(w.calls, key) }) // whoever made it has died
		if c.done {
			add(func() { w.record(key) })
			add(func() { w.record(key) })
			continue
		}
		add(func() { w.carrier(c, rapid.Bool().Draw(w.t, "well")) })
		add(func() { w.carrier(c, true) })
	}
	for _, l := range w.labels {
		if !l.voided {
			add(func() { w.scan(l) })
		}
	}
	if len(w.late) > 0 {
		add(w.arrives)
		add(w.arrives)
	}
	rapid.SampledFrom(may).Draw(w.t, "what")()
}

// timer rings what is due.
func (w *world) timer() {
	kind := rapid.SampledFrom(slices.Sorted(maps.Keys(w.timers))).Draw(w.t, "timer")
	if w.now.Before(w.timers[kind]) {
		return
	}
	delete(w.timers, kind)
	w.ring(reactor.Trigger{Kind: reactor.TimerRing, Cause: ring.Cause, TimerKind: kind})
}

// carrier takes a call, which may have its effect and still fail for us.
func (w *world) carrier(c *call, well bool) {
	c.done = true
	failure := Failure(0)
	if !well {
		failure = rapid.SampledFrom([]Failure{Refused, Down, Failed, Unknown, Unknown}).Draw(w.t, "failure")
	}
	effect := failure == 0 || failure == Unknown && rapid.Bool().Draw(w.t, "done all the same")
	if q, ok := c.request.(buy); ok && w.now.Add(rules.CallTimeout).After(q.Until) {
		failure, effect = Down, false // as the handler does
	}
	if effect {
		c.answer, c.err = w.serve(c.request)
	}
	if failure != 0 {
		c.answer, c.err = nil, no(failure, "broken")
	}
	if q, ok := c.request.(buy); ok && failure == Unknown && !effect && rapid.Bool().Draw(w.t, "done later") {
		w.late = append(w.late, q)
	}
}

// arrives is a purchase that was held up on its way, though never beyond the time that an attempt may be in flight.
func (w *world) arrives() {
	q := w.late[0]
	w.late = w.late[1:]
	if w.now.Before(q.Until) {
		_, err := w.serve(q)
		require.NoError(w.t, err)
	}
}

func (w *world) serve(q reactor.Request) (any, error) {
	switch q := q.(type) {
	case buy:
		for _, l := range w.labels {
			if l.key == q.Token {
				require.False(w.t, l.voided, "a key is never used again after its label was voided")
				return Label{Tracking: l.tracking}, nil
			}
		}
		w.labels = append(w.labels, &booked{reference: q.Shipment, key: q.Token, tracking: fmt.Sprintf("SB%d", len(w.labels)+1)})
		return Label{Tracking: w.labels[len(w.labels)-1].tracking}, nil
	case lookup:
		for _, l := range w.labels {
			if l.reference == q.Shipment && !l.voided {
				return Label{Tracking: l.tracking}, nil
			}
		}
		return nil, no(NotFound, "no_label")
	case void:
		for _, l := range w.labels {
			if l.reference == q.Shipment && l.scanned {
				return nil, no(Refused, "already_scanned")
			}
		}
		for _, l := range w.labels {
			l.voided = l.voided || l.reference == q.Shipment
		}
	}
	return nil, nil
}

func (w *world) record(key string) {
	c := w.calls[key]
	delete(w.calls, key)
	w.loaded = w.state
	w.decided(rules.Record(w.state, c.request, c.answer, c.err, w.now))
}

func (w *world) scan(l *booked) {
	l.scanned = true
	w.scans++
	w.ring(told(&intakev1.ScanReported{
		Carrier: "sandbox", TrackingNumber: l.tracking, ScanId: fmt.Sprint(w.scans), Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT,
	}))
}

// elsewhere lets the shop ship a piece by itself, or take that back.
func (w *world) elsewhere() {
	m := elsewhere(rapid.Int64Range(0, 2).Draw(w.t, "mugs of the shop"), rapid.SampledFrom([][]string{nil, {"1Z1"}}).Draw(w.t, "number")...)
	if rapid.Bool().Draw(w.t, "taken back") {
		m.Step = intakev1.ShipmentStep_SHIPMENT_STEP_CANCELLED
	}
	w.reports++
	trigger := reported(m)
	trigger.Fact.OccurredAt = timestamppb.New(noon.Add(time.Duration(w.reports) * time.Millisecond))
	w.ring(trigger)
}

// change is what others do to the order.
func (w *world) change() {
	o := &w.state.Order
	var may []proto.Message
	if o.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, "operator") {
		may = append(may, unheld("operator", "ann"))
	} else {
		may = append(may, held("operator"))
	}
	if o.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, "label_failed") {
		may = append(may, unheld("label_failed", "ann"))
	}
	if !o.Cancelling() && !o.Cancelled {
		number := int32(1)
		if o.Cancellation != nil {
			number = int32(o.Cancellation.Number) + 1
		}
		may = append(may, cancelling(number))
		w.edits++
		word := fmt.Sprintf("%*d", w.edits+1, w.edits)
		may = append(may, edited(w.mugs, word), edited(3-w.mugs, word))
	}
	m := rapid.SampledFrom(may).Draw(w.t, "change")
	if e, ok := m.(*orderv1.OrderEdited); ok {
		w.mugs = e.GetDescription().GetLines()[0].GetQuantity()
	}
	w.happens(m)
}

// others are orders and inventory in their simplest form.
func (w *world) others() {
	o := w.state
	if c := o.Order.Cancellation; o.Order.Cancelling() && o.Answered(o.Fulfillment.Closed) {
		switch {
		case o.Fulfillment.Closed.Refused != "":
			w.happens(refusedCancellation(int32(c.Number)))
		case rapid.Bool().Draw(w.t, "payment could not close"):
			w.happens(refusedCancellation(int32(c.Number)))
		default:
			w.happens(&orderv1.OrderCancelled{})
		}
	}
	demand := w.state.Demand()["MUG"]
	if !w.state.Fulfillment.Labelled() && !w.state.FullyAllocated() {
		w.happens(allocated(demand))
	}
	w.asksAboutElsewhere()
	release := w.state.Order.LatestRelease()
	parcel := w.state.Shipment(release.Number)
	failed := w.state.Order.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, "label_failed")
	switch givenUp := parcel != nil && !parcel.Voided && parcel.GivenUp; {
	case givenUp && !failed && !goOn(w.state):
		w.happens(held("label_failed"))
	case !givenUp && failed:
		w.happens(unheld("label_failed", "rule"))
	}
	anew := parcel == nil && !order.SameLines(release.Lines, w.state.Wanted()) || parcel != nil && parcel.Voided && !w.state.Fulfillment.Shipped()
	if w.state.Releasable() && anew && demand > 0 {
		w.happens(releasedAs(int32(release.Number)+1, demand))
	}
}

// asksAboutElsewhere holds the order while a label of ours is there for what the shop has shipped.
func (w *world) asksAboutElsewhere() {
	o := w.state
	twice := slices.ContainsFunc(o.Fulfillment.Shipments, func(sh order.Shipment) bool { return sh.Tracking != "" && !sh.Voided && o.Twice(&sh) })
	switch asked := o.Order.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, "elsewhere"); {
	case twice && !asked:
		w.happens(held("elsewhere"))
	case !twice && asked:
		w.happens(unheld("elsewhere", "rule"))
	}
}

func (w *world) atMostOneParcel() {
	var live []string
	for _, l := range w.labels {
		if !l.voided {
			live = append(live, l.tracking)
		}
	}
	require.LessOrEqual(w.t, len(live), 1, "%v may leave", live)
}

// comeToAnEnd lets the carrier be well and everybody be patient, until nothing is left to do. Nobody looks without a
// reason: what has to go on must have set its timer.
func (w *world) comeToAnEnd() {
	for range 1000 {
		w.others()
		keys := slices.Sorted(maps.Keys(w.calls))
		switch {
		case w.rung:
			w.ring(ring)
		case len(keys) > 0:
			if c := w.calls[keys[0]]; !c.done {
				w.carrier(c, true)
			}
			w.record(keys[0])
		case len(w.timers) > 0:
			w.nextTimer()
		default:
			return
		}
	}
	require.Fail(w.t, "it does not come to an end")
}

func (w *world) nextTimer() {
	kinds := slices.SortedFunc(maps.Keys(w.timers), func(a, b string) int { return w.timers[a].Compare(w.timers[b]) })
	if at := w.timers[kinds[0]]; at.After(w.now) {
		w.now = at
	}
	delete(w.timers, kinds[0])
	w.ring(reactor.Trigger{Kind: reactor.TimerRing, Cause: ring.Cause, TimerKind: kinds[0]})
	for _, l := range w.labels { // what the carrier will not void it has scanned, and it tells so in the end
		if l.scanned && !w.state.Fulfillment.Shipped() {
			w.scan(l)
		}
	}
}

func (w *world) ended() {
	o := w.state
	require.False(w.t, o.Order.Cancelling(), "a cancellation is answered")
	live := slices.IndexFunc(w.labels, func(l *booked) bool { return !l.voided })
	parcel := o.Parcel()
	switch {
	case o.Fulfillment.Shipped():
	case o.Order.Cancelled, o.Order.Held(orderv1.HoldKind_HOLD_KIND_OPERATOR, "operator"):
		require.Equal(w.t, -1, live, "what must not be shipped has no label")
	case len(o.Wanted()) == 0:
		require.Equal(w.t, -1, live, "what somebody else ships has no label of ours")
	case parcel != nil && parcel.GivenUp:
		require.Equal(w.t, -1, live)
	default:
		require.NotEqual(w.t, -1, live, "what may be shipped has a label")
		require.Equal(w.t, parcel.Tracking, w.labels[live].tracking)
		require.True(w.t, askedFor(parcel, o), "and it is for the order as it is described now")
		require.True(w.t, order.SameLines(o.Order.LatestRelease().Lines, o.Wanted()))
	}
}
