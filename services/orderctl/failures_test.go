package orderctl

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/demo"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// put appends an event by hand behind what is in a stream, as a broken disk or a newer program would have left it.
func (r running) put(t *testing.T, id ident.Entity, c event.Category, eventType string, data []byte) {
	t.Helper()
	_, err := r.pool.Exec(t.Context(), `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
		SELECT $1, $2, 1 + coalesce(max(version), 0), gen_random_uuid(), $3, $4, gen_random_uuid(), now()
		FROM orderflow.events WHERE entity_id = $1 AND category = $2`, uuid.UUID(id), string(c), eventType, data)
	require.NoError(t, err)
}

// mend takes away what put put there. For that, and only here, the table may be changed.
func (r running) mend(t *testing.T, data []byte) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error {
		for _, sql := range []string{`ALTER TABLE orderflow.events DISABLE TRIGGER events_append_only`,
			`DELETE FROM orderflow.events WHERE data = '` + string(data) + `'`,
			`ALTER TABLE orderflow.events ENABLE TRIGGER events_append_only`} {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	}))
}

// ringEverybody has every service that listens for events look at an order, and says which they are.
func (r running) ringEverybody(t *testing.T, id ident.Entity) []string {
	t.Helper()
	var services []string
	require.NoError(t, withBroker(t.Context(), r.ground, func(js jetstream.JetStream) error {
		stream, err := js.Stream(t.Context(), bus.Events)
		require.NoError(t, err)
		for c := range stream.ListConsumers(t.Context()).Info() {
			tokens := strings.Split(append(c.Config.FilterSubjects, c.Config.FilterSubject)[0], ".")
			bell := &envelopev1.Doorbell{EntityId: id[:], EventId: uuid.Nil[:], Category: tokens[1], Type: "order.v1.OrderPlaced"}
			if len(tokens) == 4 {
				bell.Type = tokens[3]
			}
			services = append(services, strings.TrimSuffix(c.Name, "-rings"))
			data, err := proto.Marshal(bell)
			require.NoError(t, err)
			_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: bus.EventSubject(bell), Data: data})
			require.NoError(t, err)
		}
		return nil
	}))
	return services
}

// asked calls orderctl about this system.
func (r running) asked(t *testing.T, args ...string) called {
	t.Helper()
	require.NoError(t, r.ground.Remember(Running{DatabaseURL: r.ground.DatabaseURL, NATSURL: r.ground.NATSURL}))
	return call(t.Context(), "", append([]string{"--data", r.ground.Dir}, args...)...)
}

func (r running) deliver(t *testing.T, stories []demo.Story) {
	t.Helper()
	sent, err := r.sender.Send(t.Context(), stories, func(int) {})
	require.NoError(t, err)
	for _, s := range sent {
		require.Empty(t, s.Wrong)
	}
}

var facets = []event.Category{event.Order, event.Payment, event.Fraud, event.Inventory, event.Fulfillment, event.Notification}

// An event that cannot be read, in any facet: every service and the projector leave that order alone and say so, and
// nobody else waits. Once it is mended all of them go on by themselves.
func TestADamagedEventHoldsUpItsOrderAndNobodyElse(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{"MUG": 1000}))
	stories := crowd(len(facets), "MUG", "damaged")
	r.deliver(t, stories)
	r.until(t, len(stories), "completed")
	garbage := []byte("\xff\xff")
	types := map[event.Category]string{
		event.Order: "OrderCompleted", event.Payment: "PaymentCaptured", event.Fraud: "OrderScored", event.Inventory: "StockAllocated",
		event.Fulfillment: "LabelPurchased", event.Notification: "NotificationSent",
	}
	var services []string
	for i, c := range facets {
		r.put(t, stories[i].Order, c, string(c)+".v1."+types[c], garbage)
		services = r.ringEverybody(t, stories[i].Order)
	}
	require.Len(t, services, 7, "everybody who listens for events: %v", services)
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM orderflow.stuck`) == len(services)*len(facets)
	}, lifetime, 100*time.Millisecond, "each order is stuck at each service")

	neighbours := crowd(5, "MUG", "beside")
	r.deliver(t, neighbours)
	r.until(t, len(stories)+len(neighbours), "completed")
	why := r.asked(t, "order", "why", "checkout/"+stories[1].Number)
	assert.Equal(t, 0, why.code, why.said)
	assert.Contains(t, why.out, "payment", "the facet that is damaged")
	for _, s := range services {
		assert.Contains(t, why.out, s)
	}
	assert.NotEqual(t, 0, r.asked(t, "verify").code, "and verify finds it")

	r.mend(t, []byte(`\xffff`))
	require.Eventually(t, func() bool { return r.count(t, `SELECT count(*) FROM orderflow.stuck`) == 0 }, lifetime, 100*time.Millisecond)
	r.settle(t)
	r.proved(t)
}

// An event that only a newer program knows: its owner waits for that program, all others pass over it.
func TestAnEventOfTheFutureIsWaitedForByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{"MUG": 1000}))
	stories := crowd(2, "MUG", "future")
	own, foreign := stories[0], stories[1]
	future := []byte("future")
	r.put(t, own.Order, event.Payment, "payment.v9.NotYet", future)
	r.put(t, foreign.Order, event.Notification, "notification.v9.NotYet", future)
	r.deliver(t, stories)
	r.untilShown(t, foreign.Order, "completed") // without its mails
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.events WHERE category = 'payment' AND entity_id = $1 AND version > 1`, uuid.UUID(own.Order)))
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.stuck`), "nothing is broken")
	why := r.asked(t, "order", "why", "checkout/"+own.Number)
	assert.Equal(t, 0, why.code, why.said)
	assert.Contains(t, why.out, "only a newer program understands")
	r.mend(t, []byte(`future`)) // the newer program is there
	r.untilShown(t, own.Order, "completed")
	r.settle(t)
	// The test has taken an event away, which nothing real does: rows that counted it are folded anew.
	assert.Equal(t, 0, r.asked(t, "rebuild").code)
	r.proved(t)
}

func (r running) untilShown(t *testing.T, id ident.Entity, status string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM read.orders WHERE order_id = $1 AND status = $2`, uuid.UUID(id), status) == 1
	}, lifetime, 100*time.Millisecond, status)
}
