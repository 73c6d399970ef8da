package orderctl

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/demo"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// crowd is n carts for one piece each of the same SKU, paid, as a payment tells them.
func crowd(n int, sku, run string) []demo.Story {
	stories := make([]demo.Story, n)
	for i := range stories {
		number, now := fmt.Sprintf("%s-%d", run, i), time.Now().Unix()
		stories[i] = demo.Story{
			Name: "one of a crowd", Source: "stripe", Number: number, Order: ident.Order("checkout", "default", number), Total: 1000,
			Wants: map[string]int64{sku: 1}, Chapters: []demo.Chapter{{Source: "stripe", Body: fmt.Appendf(nil, `{
				"id": "evt_%[1]s", "object": "event", "api_version": "2024-06-20", "type": "payment_intent.succeeded", "created": %[2]d, "livemode": false,
				"data": {"object": {
					"id": "pi_%[1]s", "object": "payment_intent", "amount": 1000, "amount_received": 1000, "currency": "usd", "created": %[2]d,
					"latest_charge": "ch_%[1]s", "livemode": false, "receipt_email": "robin+%[1]s@example.com", "status": "succeeded",
					"metadata": {"order_number": "%[1]s", "items": "[{\"sku\":\"%[3]s\",\"quantity\":1,\"price\":\"10.00\"}]"},
					"shipping": {"name": "Robin Example", "address": {
						"line1": "1 Example Street", "city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"}}
				}}}`, number, now, sku)}},
		}
	}
	return stories
}

// Four times as many carts at once as there are pieces, told to two replicas of everything: each piece is sold once, the
// others wait and say so, and what comes later goes to those that wait.
func TestACrowdForAHotSKUGetsWhatThereIs(t *testing.T) {
	t.Parallel()
	const sku = "HOT"
	r := runAll(t)
	replicas := []replica{r.first(), r.beside(t)}
	carts := many(120)
	pieces := carts / 4
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{sku: int64(pieces)}))
	stories := crowd(carts, sku, "crowd")
	began := time.Now()
	bothTell(t, stories, replicas...)
	r.until(t, carts-pieces, "backordered")
	r.until(t, pieces, "completed")
	took := time.Since(began)
	r.oneTakingEach(t, pieces, sku)
	met, appended := conflicts(t, replicas...)
	t.Logf("%d carts for %d pieces in %s: %.0f decisions were made again, of %.0f events", carts, pieces, took.Round(time.Millisecond), met, appended)

	// More comes, and the crowd is worked off.
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{sku: int64(carts - pieces)}))
	r.until(t, carts, "completed")
	r.oneTakingEach(t, carts, sku)
}

// until waits until so many orders show a status.
func (r running) until(t *testing.T, orders int, status string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM read.orders WHERE status = $1`, status) == orders
	}, lifetime, 100*time.Millisecond, "%d orders %s", orders, status)
}

// oneTakingEach looks at one SKU of which every order wants one piece: never more reserved than was there, one taking and
// one label for each order that shipped, and all accounts agree.
func (r running) oneTakingEach(t *testing.T, shipped int, sku string) {
	t.Helper()
	r.settle(t)
	assert.Equal(t, shipped, r.books(t).Labels, "by the carrier's own books")
	require.Eventually(t, func() bool { // the tables of stock follow those of orders
		return r.count(t, `SELECT coalesce(sum(reserved), 0) FROM read.stock_levels WHERE sku = $1`, sku) == 0
	}, lifetime, 100*time.Millisecond)
	assert.Zero(t, r.count(t, `SELECT count(*) FROM read.stock_levels WHERE sku = $1 AND (on_hand < 0 OR oversold > 0)`, sku))
	taken := r.takenBy(t, sku)
	assert.Len(t, taken, shipped)
	for id, pieces := range taken {
		assert.Equal(t, int64(1), pieces, "order %s", id)
	}
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.stuck`))
	r.proved(t)
}

// takenBy is how many pieces of a SKU left the building for each order, and fails if at any moment more was reserved than
// was there.
func (r running) takenBy(t *testing.T, sku string) map[uuid.UUID]int64 {
	t.Helper()
	events, err := eventstore.New(r.pool, nil).LoadAbove(t.Context(), event.Stock, ident.SKU(sku), 0, 100_000)
	require.NoError(t, err)
	taken := map[uuid.UUID]int64{}
	var onHand, reserved int64
	for _, e := range events {
		switch m := e.Message.(type) {
		case *stockv1.StockAdjusted:
			onHand = m.GetOnHand()
		case *stockv1.StockReserved:
			for _, q := range m.GetOrders() {
				reserved += q.GetQuantity()
			}
			assert.LessOrEqual(t, reserved, onHand, "sold twice in version %d", e.Version)
		case *stockv1.StockReleased:
			for _, q := range m.GetOrders() {
				reserved -= q.GetQuantity()
			}
		case *stockv1.StockShipped:
			for _, q := range m.GetOrders() {
				reserved, onHand = reserved-q.GetQuantity(), onHand-q.GetQuantity()
				taken[uuid.UUID(q.GetOrderId())] += q.GetQuantity()
			}
		}
	}
	return taken
}
