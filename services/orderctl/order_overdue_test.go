package orderctl

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"

	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
)

// Orders that nobody moves any more: fulfillment is silent, a parcel is never scanned. One that ended is not among them.
func TestOverdueOrdersAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", os.DirFS("../projector")))
	w.row(w.released("O-1"), "O-1", "released")
	labelled := ident.Order("checkout", "default", "O-2")
	w.released("O-2", at(5*time.Minute, &fulfillmentv1.LabelPurchased{ShipmentId: labelled.String() + "/1", Carrier: "sandbox", TrackingNumber: "SBO-2"}))
	w.row(labelled, "O-2", "labelled")
	w.row(w.released("O-3"), "O-3", "completed") // by its row

	ask := func(after time.Duration) called {
		w.clock = func() time.Time { return noon.Add(after) }
		return w.run("order", "list", "--overdue")
	}
	r := ask(30 * time.Minute)
	assert.Equal(t, 0, r.code, r.said)
	assert.Equal(t, "No such order.\n", r.out)
	r = ask(2 * time.Hour)
	assert.Equal(t, 1, r.code, "there is one")
	assert.Empty(t, r.said)
	assert.Contains(t, r.out, "O-1")
	assert.NotContains(t, r.out, "O-2", "the carrier still has time")
	r = ask(80 * time.Hour)
	golden(t, "list_overdue.txt", r.out)
	r = w.run("order", "list", "--overdue", "--limit", "1", "--json")
	assert.Contains(t, r.out, `"gate": "pickup"`)
	assert.NotContains(t, r.out, `"gate": "label"`)

	// Money that nobody gives back is overdue, whatever else became of its order.
	for _, number := range []string{"O-4", "O-5"} {
		id := w.released(number, at(5*time.Minute, &paymentv1.RefundGranted{GrantId: "closed:" + number, Names: []string{"stripe:pi_" + number}, Amount: usd(50_00)}))
		w.row(id, number, map[string]string{"O-4": "completed", "O-5": "expired"}[number])
		w.exec(`INSERT INTO projection.refunds_g1 (order_id, position, told_by, refund, status, names, currency, amount_minor, is_total)
			VALUES ($1, 1, 'us', 'closed', 'granted', '{}', 'USD', 5000, false)`, uuid.UUID(id))
	}
	r = ask(80 * time.Hour)
	assert.Contains(t, r.out, "O-4")
	assert.Contains(t, r.out, "O-5")
	assert.Contains(t, r.out, "refund (an operator, for ")

	w.exec(`DELETE FROM orderflow.events WHERE category = 'payment'`)
	w.exec(`UPDATE orderflow.events SET version = 7 WHERE category = 'fulfillment'`)
	assert.Contains(t, ask(30*time.Minute).out, "stuck (whoever keeps our program)", "what cannot be folded moves no more either")
}

// row is what the projector says of an order.
func (w *world) row(id ident.Entity, number, status string) {
	w.t.Helper()
	w.exec(`INSERT INTO projection.orders_g1 (order_id, order_number, source, account, status, payment_status, currency, total_minor, total,
			subtotal_minor, discount_minor, shipping_minor, tax_minor, paid_minor, refunded_minor, disputed_minor, due_minor, item_count,
			placed_at, is_test, is_historic, is_draft, is_erased, is_held, hold_reasons, waits_for, last_event_at, fold_version, events_seen)
		VALUES ($1, $2, 'checkout', 'default', $3, 'paid', 'USD', 5000, 50, 0, 0, 0, 0, 0, 0, 0, 0, 1,
			$4::timestamptz + make_interval(mins => right($2, 1)::int), false, false, false, false, false, '{}', '{}', $4, 1, 1)`,
		uuid.UUID(id), number, status, noon)
}
