package orderctl

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// The hard cases around money, with everything running: signed webhooks in, in every order that a provider may choose,
// and what the events, the tables and the carrier's books say at the end.

// purchase is an order of one checkout, paid through Stripe.
type purchase struct {
	number string
	total  int64 // in cents, of one piece
	at     time.Time
}

func (p purchase) id() ident.Entity { return ident.Order("checkout", "default", p.number) }

const soldSKU = "RACE-MUG"

func price(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

func bodyOf(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return data
}

type fields = map[string]any

// described is the shop's own word on the order.
func (p purchase) described() demo.Chapter {
	return demo.Chapter{Source: "checkout", Body: bodyOf(fields{
		"type": "order.created", "timestamp": p.at.Format(time.RFC3339), "data": fields{
			"order_number": p.number, "currency": "USD", "total": price(p.total),
			"items":            []fields{{"sku": soldSKU, "quantity": 1, "price": price(p.total), "title": "A mug"}},
			"customer":         fields{"email": p.number + "@example.com", "name": "Robin Example"},
			"shipping_address": fields{"name": "Robin Example", "line1": "1 Harbour Street", "city": "Portland", "postal_code": "04101", "country": "US"},
			"placed_at":        p.at.Format(time.RFC3339), "updated_at": p.at.Format(time.RFC3339),
		},
	})}
}

// stripe is an event of Stripe's about an object. What is not told of the object is as it usually is.
func (p purchase) stripe(kind string, about fields) demo.Chapter {
	object := fields{"currency": "usd", "created": p.at.Unix(), "livemode": false, "metadata": fields{"order_number": p.number}}
	maps.Copy(object, about)
	id := fmt.Sprintf("evt_%s_%s_%v_%v", p.number, kind, object["id"], object["status"])
	return demo.Chapter{Source: "stripe", Body: bodyOf(fields{
		"id": id, "object": "event", "api_version": "2023-10-16", "created": p.at.Unix(), "type": kind, "livemode": false, "data": fields{"object": object},
	})}
}

// intent is a payment that succeeded; pi_<number><which>.
func (p purchase) intent(which string, minor int64, more ...fields) demo.Chapter {
	about := fields{
		"id": "pi_" + p.number + which, "object": "payment_intent", "amount": minor, "amount_received": minor, "latest_charge": "ch_" + p.number + which,
		"receipt_email": p.number + "@example.com", "status": "succeeded",
		"shipping": fields{"name": "Robin Example", "address": fields{"line1": "1 Harbour Street", "city": "Portland", "postal_code": "04101", "country": "US"}},
	}
	for _, m := range more {
		maps.Copy(about, m)
	}
	return p.stripe("payment_intent.succeeded", about)
}

// describing lets a payment describe its order.
func (p purchase) describing() fields {
	items := bodyOf([]fields{{"sku": soldSKU, "quantity": 1, "price": price(p.total)}})
	return fields{"metadata": fields{"order_number": p.number, "items": string(items)}}
}

// givenBack says that so much of a payment went back in total, by which single refund last.
func (p purchase) givenBack(which string, of, back int64, refund string) demo.Chapter {
	return p.stripe("charge.refunded", fields{
		"id": "ch_" + p.number + which, "object": "charge", "payment_intent": "pi_" + p.number + which, "amount": of, "amount_captured": of,
		"amount_refunded": back, "captured": true, "status": "succeeded", "refunded": back == of,
		"refunds": fields{"data": []fields{{"id": refund + p.number, "amount": back, "currency": "usd", "status": "succeeded", "charge": "ch_" + p.number + which}}},
	})
}

// disputed is a dispute that names its payment and no order.
func (p purchase) disputed(kind, status string) demo.Chapter {
	return p.stripe("charge.dispute."+kind, fields{
		"id": "dp_" + p.number, "object": "dispute", "amount": p.total, "charge": "ch_" + p.number, "payment_intent": "pi_" + p.number,
		"reason": "fraudulent", "status": status, "metadata": fields{},
	})
}

// till is a running system, and what it says of one order's money.
type till struct {
	running
	js jetstream.JetStream
}

func runMoney(t *testing.T) till {
	t.Helper()
	r := runAll(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{soldSKU: 10_000}))
	conn, err := nats.Connect(r.ground.NATSURL)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return till{r, js}
}

// send sends chapters one after the other, each of which has to be taken.
func (m till) send(t *testing.T, name string, chapters ...demo.Chapter) {
	t.Helper()
	s := demo.Sender{IngressURL: m.ground.URL("ingress"), Secrets: m.ground.Secrets()}
	sent, err := s.Send(t.Context(), []demo.Story{{Number: name, Chapters: chapters}}, func(int) {})
	require.NoError(t, err)
	require.Empty(t, sent[0].Wrong)
}

func (m till) state(t *testing.T, id ident.Entity) *order.State {
	t.Helper()
	events, err := eventstore.New(m.pool, nil).Load(t.Context(), []ident.Entity{id})
	require.NoError(t, err)
	s, err := order.Fold(id, events[id])
	require.NoError(t, err)
	return s
}

// until waits until the order is what it has to be, by its events.
func (m till) until(t *testing.T, id ident.Entity, what string, is func(*order.State) bool) *order.State {
	t.Helper()
	var s *order.State
	require.Eventually(t, func() bool {
		s = m.state(t, id)
		return is(s)
	}, lifetime, 50*time.Millisecond, "%s: %s", what, id)
	return s
}

func statusIs(status order.Status, payment string) func(*order.State) bool {
	return func(s *order.State) bool { return s.Status() == status && s.PaymentStatus() == payment }
}

// labels are the labels that were bought for an order, and taken how many pieces left the building for it.
func (m till) shipped(t *testing.T, id ident.Entity, sku string) (labels int, taken int64) {
	t.Helper()
	return m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'fulfillment.v1.LabelPurchased'`, uuid.UUID(id)),
		m.taken(t, uuid.UUID(id), sku)
}

// proved lets the system come to rest and proves that tables, sums and stock follow from the events.
func (m till) proved(t *testing.T) {
	t.Helper()
	m.settle(t)
	assert.Zero(t, m.count(t, `SELECT count(*) FROM orderflow.stuck`))
	require.NoError(t, m.ground.Remember(Running{DatabaseURL: m.ground.DatabaseURL, NATSURL: m.ground.NATSURL}))
	require.Eventually(t, func() bool {
		return call(t.Context(), "", "--data", m.ground.Dir, "verify").code == 0
	}, lifetime, time.Second, "what is only behind catches up")
}

// moneyCase is one hard case: what is told, and what has to be true of the order in the end.
type moneyCase struct {
	tell func(t *testing.T, m till, p purchase)
	// status and payment are the words for it in the end.
	status  order.Status
	payment string
	ships   bool
	// captured and refunded are its sums, granted what we decided to give back.
	captured, refunded, granted int64
}

// ended waits for the end.
func (c moneyCase) ended(t *testing.T, m till, p purchase) {
	t.Helper()
	s := m.until(t, p.id(), "ends as "+string(c.status)+" and "+c.payment, statusIs(c.status, c.payment))
	f := s.Funds()
	assert.Equal(t, c.captured, f.Captured, "captured")
	assert.Equal(t, c.refunded, f.Refunded, "refunded")
	assert.Equal(t, c.granted, f.Granted, "granted")
	require.Eventually(t, func() bool {
		return m.count(t, `SELECT count(*) FROM read.orders WHERE order_id = $1 AND status = $2 AND payment_status = $3
			AND paid_minor = $4 AND refunded_minor = $5`, uuid.UUID(p.id()), string(c.status), c.payment, c.captured, c.refunded) == 1
	}, lifetime, 50*time.Millisecond, "the tables say the same")
}

// atRest checks what an order must not have led to, once nothing is on its way any more.
func (c moneyCase) atRest(t *testing.T, m till, p purchase, name string) {
	t.Helper()
	assert.True(t, statusIs(c.status, c.payment)(m.state(t, p.id())), "%s: it has not gone on", name)
	want := 0
	if c.ships {
		want = 1
	}
	assert.Eventually(t, func() bool {
		labels, taken := m.shipped(t, p.id(), soldSKU)
		return labels == want && taken == int64(want)
	}, lifetime/4, 50*time.Millisecond, "%s: %d label and as many pieces", name, want)
}

const full = int64(20_00)

// moneyCases are told all at once, each about an order of its own.
var moneyCases = map[string]moneyCase{
	"a refund before its payment": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.givenBack("", full, full, "re_1"), p.described())
		m.until(t, p.id(), "it waits", statusIs(order.StatusAwaitingPayment, "refunded"))
		m.send(t, p.number, p.intent("", full))
	}, order.StatusCancelled, "refunded", false, full, full, 0},
	"a payment before its order": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.intent("", full))
		m.until(t, p.id(), "it is known by its payment", statusIs(order.StatusUnknown, "paid"))
		m.send(t, p.number, p.described())
	}, order.StatusCompleted, "paid", true, full, 0, 0},
	"described by its payment and by the shop": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.intent("", full, p.describing()), p.described())
	}, order.StatusCompleted, "paid", true, full, 0, 0},
	"described by the shop and by its payment": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("", full, p.describing()))
	}, order.StatusCompleted, "paid", true, full, 0, 0},
	"paid twice at once, told newest first": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		later := p
		later.at = p.at.Add(time.Minute)
		m.send(t, p.number, later.intent("b", full), p.intent("a", full), p.described(), p.intent("a", full))
		s := m.until(t, p.id(), "one is given back", func(s *order.State) bool { return len(s.Payment.Grants) == 1 })
		assert.Equal(t, []string{"stripe:ch_" + p.number + "b", "stripe:pi_" + p.number + "b"}, s.Payment.Grants[0].Names, "the later one")
		m.until(t, p.id(), "it ships for the first", statusIs(order.StatusCompleted, "overpaid"))
		m.send(t, p.number, later.givenBack("b", full, full, "re_b"), later.givenBack("b", full, full, "re_b"))
		m.until(t, p.id(), "the grant is carried out", func(s *order.State) bool { return s.Payment.Grants[0].Settled })
	}, order.StatusCompleted, "paid", true, 2 * full, full, full},
	"paid again after it was delivered": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("a", full))
		m.until(t, p.id(), "it is delivered", statusIs(order.StatusCompleted, "paid"))
		p.at = p.at.Add(time.Hour)
		m.send(t, p.number, p.intent("b", full), p.intent("b", full), p.described())
		m.until(t, p.id(), "one is given back", func(s *order.State) bool { return len(s.Payment.Grants) == 1 })
	}, order.StatusCompleted, "overpaid", true, 2 * full, 0, full},
	"charged back after it was delivered": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("", full))
		m.until(t, p.id(), "it is delivered", statusIs(order.StatusCompleted, "paid"))
		m.send(t, p.number, p.disputed("closed", "lost"), p.disputed("created", "needs_response"))
	}, order.StatusCompleted, "charged_back", true, full, 0, 0},
	"a dispute that is won before its charge is told": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.disputed("closed", "won"), p.described(), p.intent("", full), p.disputed("created", "needs_response"))
	}, order.StatusCompleted, "paid", true, full, 0, 0},
	"a failed attempt told after the good one": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		failed := p.stripe("payment_intent.payment_failed", fields{"id": "pi_" + p.number + "x", "object": "payment_intent", "amount": full, "status": "requires_payment_method"})
		same := p.stripe("payment_intent.payment_failed", fields{"id": "pi_" + p.number, "object": "payment_intent", "amount": full, "status": "requires_payment_method"})
		m.send(t, p.number, p.described(), p.intent("", full), failed, same)
	}, order.StatusCompleted, "paid", true, full, 0, 0},
	"captured in part": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		authorised := p.stripe("payment_intent.amount_capturable_updated", fields{
			"id": "pi_" + p.number, "object": "payment_intent", "amount": full, "amount_capturable": full, "amount_received": 0, "status": "requires_capture",
		})
		m.send(t, p.number, p.described(), p.intent("", 5_00, fields{"amount": full}), authorised)
	}, order.StatusAwaitingPayment, "partially_paid", false, 5_00, 0, 0},
	"refunded in part, told again and again": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		back := p.givenBack("", full, 5_00, "re_1")
		back.Again = 3
		single := p.stripe("refund.created", fields{"id": "re_1" + p.number, "object": "refund", "amount": 5_00, "charge": "ch_" + p.number, "status": "succeeded"})
		single.Again = 2
		m.send(t, p.number, single, p.described(), p.intent("", full), back, single)
	}, order.StatusCompleted, "partially_refunded", true, full, 5_00, 0},
	"paid too little": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("", full-1))
	}, order.StatusAwaitingPayment, "partially_paid", false, full - 1, 0, 0},
	"paid too much": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("", full+1))
	}, order.StatusCompleted, "overpaid", true, full + 1, 0, 0},
	"paid in another currency": {func(t *testing.T, m till, p purchase) {
		t.Helper()
		m.send(t, p.number, p.described(), p.intent("", full, fields{"currency": "eur"}))
	}, order.StatusHeld, "unpaid", false, 0, 0, 0},
}

func TestTheHardCasesAroundMoney(t *testing.T) { //nolint:tparallel // what is proved afterwards waits for all cases
	t.Parallel()
	m := runMoney(t)
	at := time.Now().Add(-10 * time.Minute).UTC().Truncate(time.Second)
	orders := map[string]purchase{}
	for name := range moneyCases {
		orders[name] = purchase{number: "M-" + strconv.Itoa(len(orders)), total: full, at: at}
	}
	t.Run("told", func(t *testing.T) {
		for name, c := range moneyCases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.tell(t, m, orders[name])
				c.ended(t, m, orders[name])
			})
		}
	})
	m.proved(t)
	for name, c := range moneyCases {
		c.atRest(t, m, orders[name], name)
	}
}
