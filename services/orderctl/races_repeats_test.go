package orderctl

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// The same thing told again: at once, later, and by everybody who knows of it.

// One event of Stripe's comes through many requests at the same instant, each signed by itself; then all that is in
// INTAKE is published once more under ids that the broker has never seen. It is one order, paid once.
func TestOneEventThroughManyRequestsAtOnceIsOnePayment(t *testing.T) {
	t.Parallel()
	m := runMoney(t)
	p := purchase{number: "R-1", total: full, at: time.Now().Add(-time.Minute).UTC().Truncate(time.Second)}
	chapter := p.intent("", full, p.describing())
	start := make(chan struct{})
	var requests sync.WaitGroup
	for range 24 {
		requests.Go(func() {
			<-start
			s := demo.Sender{IngressURL: m.ground.URL("ingress"), Secrets: m.ground.Secrets()}
			sent, err := s.Send(t.Context(), []demo.Story{{Number: p.number, Chapters: []demo.Chapter{chapter}}}, func(int) {})
			if assert.NoError(t, err) {
				assert.Empty(t, sent[0].Wrong, "every one of them is told that it was taken")
			}
		})
	}
	close(start)
	requests.Wait()
	once := moneyCase{status: order.StatusCompleted, payment: "paid", ships: true, captured: full}
	once.ended(t, m, p)
	m.proved(t)
	once.atRest(t, m, p, "told at once")
	before := m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1`, uuid.UUID(p.id()))
	assert.Equal(t, 1, m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'payment.v1.PaymentCaptured'`, uuid.UUID(p.id())))

	for range 3 {
		m.again(t)
	}
	// What is sent last is handled last of its kind: then the repeats have been looked at.
	last := purchase{number: "R-2", total: full, at: p.at}
	m.send(t, last.number, last.intent("", full, last.describing()))
	once.ended(t, m, last)
	m.proved(t)
	once.atRest(t, m, p, "told again")
	assert.Equal(t, before, m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1`, uuid.UUID(p.id())))
}

// again publishes every delivery that is in INTAKE once more, under a message id of its own.
func (m till) again(t *testing.T) {
	t.Helper()
	stream, err := m.js.Stream(t.Context(), bus.Intake)
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	for n := info.State.FirstSeq; n <= info.State.LastSeq; n++ {
		msg, err := stream.GetMsg(t.Context(), n)
		require.NoError(t, err)
		_, err = m.js.PublishMsg(t.Context(), &nats.Msg{
			Subject: msg.Subject, Data: msg.Data, Header: nats.Header{"Nats-Msg-Id": {"again-" + uuid.NewString()}},
		})
		require.NoError(t, err)
	}
}

// transaction is Shopify's word on the payment of a story's order, with what Stripe answered to it.
func transaction(s demo.Story, at time.Time) demo.Chapter {
	shopID, err := strconv.ParseInt(s.Number, 10, 64)
	if err != nil {
		panic(err) // the stories of Shopify's are numbered
	}
	number := strconv.FormatInt(shopID%1_000_000, 10)
	return demo.Chapter{Source: "shopify", Topic: "order_transactions/create", Body: bodyOf(fields{
		"id": shopID + 7, "order_id": shopID, "parent_id": nil, "kind": "sale", "gateway": "shopify_payments", "status": "success",
		"amount": price(s.Total), "currency": "USD", "created_at": at.Format(time.RFC3339), "processed_at": at.Format(time.RFC3339), "test": false,
		"receipt": fields{"id": "pi_" + number, "object": "payment_intent", "latest_charge": fields{"id": "ch_" + number, "object": "charge"}},
	})}
}

// stories are so many of the demo's of a name.
func stories(name string, n int) []demo.Story {
	var found []demo.Story
	for _, s := range demo.Tell(20*n, time.Now().Add(-time.Minute), 7) {
		if s.Name == name && len(found) < n {
			found = append(found, s)
		}
	}
	return found
}

// permutations are all orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			longer := append(append(append([]int{}, shorter[:at]...), n-1), shorter[at:]...)
			all = append(all, longer)
		}
	}
	return all
}

// everyOrder has all orders of arrival tried, and not every fifth.
const everyOrder = "ORDERFLOW_EVERY_ORDER"

// One payment is told by Stripe as an intent and as a charge, and by Shopify as a bare "paid" and as a transaction that
// names both; the order itself comes somewhere among them. In every order of arrival it is captured once, and ships once.
func TestOnePaymentToldInFourWaysInEveryOrderIsCapturedOnce(t *testing.T) {
	t.Parallel()
	m := runMoney(t)
	ways := permutations(5)
	if os.Getenv(everyOrder) == "" {
		var some [][]int
		for n := 0; n < len(ways); n += 5 {
			some = append(some, ways[n])
		}
		ways = some
	}
	require.NoError(t, fillShelves(t.Context(), m.ground, demo.Stock(len(ways))))
	told := stories("one payment told in three ways", len(ways))
	require.Len(t, told, len(ways))
	for n := range told {
		chapters := append(append([]demo.Chapter{}, told[n].Chapters...), transaction(told[n], time.Now().Add(-time.Minute)))
		require.Len(t, chapters, 5)
		told[n].Chapters = nil
		for _, which := range ways[n] {
			told[n].Chapters = append(told[n].Chapters, chapters[which])
		}
		told[n].Chapters = append(told[n].Chapters, chapters[ways[n][0]]) // and the first of them once more
	}
	s := demo.Sender{IngressURL: m.ground.URL("ingress"), Secrets: m.ground.Secrets()}
	sent, err := s.Send(t.Context(), told, func(int) {})
	require.NoError(t, err)
	outcomes, err := demo.Watch(t.Context(), m.pool, sent, lifetime, func(int) {})
	require.NoError(t, err)
	m.proved(t)
	for n, o := range outcomes {
		way := fmt.Sprintf("%v: %s", ways[n], o.Story.Order)
		assert.True(t, o.Right(), "%s: ended as %q %s", way, o.Status, o.Wrong)
		state := m.state(t, o.Story.Order)
		assert.Equal(t, o.Story.Total, state.Funds().Captured, way)
		assert.Equal(t, "paid", state.PaymentStatus(), way)
		assert.Len(t, state.Payment.Payments(), 1, way)
		assert.Empty(t, state.Payment.Grants, way)
		assert.False(t, state.Payment.Elsewhere, way)
		assert.Equal(t, 1, m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'fulfillment.v1.LabelPurchased'`, uuid.UUID(o.Story.Order)), way)
	}
	assert.Zero(t, m.count(t, `SELECT count(*) FROM orderflow.parked`), "nothing waits for a name any more")
}

// A shop cancels an order, and then its payment arrives: it is given back, and the order stays cancelled.
func TestAPaymentAfterTheCancellationIsGivenBack(t *testing.T) {
	t.Parallel()
	m := runMoney(t)
	require.NoError(t, fillShelves(t.Context(), m.ground, demo.Stock(20)))
	story := stories("cancelled by its shop before it was paid", 1)[0]
	m.send(t, story.Number, story.Chapters...)
	m.until(t, story.Order, "it is cancelled", statusIs(order.StatusCancelled, "unpaid"))
	shopID, err := strconv.ParseInt(story.Number, 10, 64)
	require.NoError(t, err)
	p := purchase{number: strconv.FormatInt(shopID%1_000_000, 10), at: time.Now().Add(-time.Minute)}
	payment := p.intent("", story.Total)
	payment.Account, payment.Again = "shopify", 2
	m.send(t, story.Number, payment)
	s := m.until(t, story.Order, "it is given back", func(s *order.State) bool { return len(s.Payment.Grants) > 0 })
	m.proved(t)
	require.Len(t, s.Payment.Grants, 1)
	assert.Equal(t, story.Total, s.Payment.Grants[0].Amount.GetMinorUnits())
	s = m.state(t, story.Order)
	assert.True(t, statusIs(order.StatusCancelled, "paid")(s), "%s, %s: to be given back, and not revived", s.Status(), s.PaymentStatus())
	assert.Zero(t, s.Funds().Net())
	assert.Zero(t, m.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND category = 'fulfillment' AND type <> 'fulfillment.v1.FulfillmentClosed'`,
		uuid.UUID(story.Order)))
}
