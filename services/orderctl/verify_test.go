package orderctl

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/projector"

	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// shelf is a SKU's stream as inventory would write it: five came, two are reserved for an order and leave with it.
func (w *world) shelf(holder ident.Entity) ident.Entity {
	w.t.Helper()
	id := ident.SKU("MUG")
	claim := []*stockv1.OrderQuantity{{OrderId: holder[:], Location: "main", Quantity: 2}}
	done, err := w.store.Append(w.t.Context(), "inventory", []eventstore.Unit{{Appends: []eventstore.Append{{
		Entity: id, Category: event.Stock,
		Events: event.Of(ident.Named("test", "shelf"), noon,
			&stockv1.StockReceived{Sku: "MUG", Location: "main", Quantity: 5},
			&stockv1.StockReserved{Sku: "MUG", Orders: claim},
			&stockv1.StockShipped{Sku: "MUG", Orders: claim}),
		Snapshot: &stockv1.Levels{Sku: "MUG", Levels: []*stockv1.Level{{Location: "main", OnHand: 3}}},
	}}}}, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, eventstore.Stored, done.Outcomes[0])
	return id
}

func TestTablesAreRebuiltAndProved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", projector.Service(projector.Reader{}).Migrations))
	id := w.shipped()
	w.waiting()
	w.shelf(id)

	out := w.ok("rebuild")
	assert.Contains(t, out, "read.order_timeline  17")
	assert.Contains(t, out, "Rebuilt from 17 events of 2 orders and 1 SKU")
	out = w.ok("verify")
	assert.Contains(t, out, "USD       2       8000                550")
	assert.Contains(t, out, "All is as it should be.")

	w.exec(`UPDATE projection.orders_g2 SET paid_minor = paid_minor + 1 WHERE order_id = $1`, uuid.UUID(id))
	r := w.run("verify")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "row differs in paid_minor")
	var rebuilt projector.Rebuilt
	w.parsed(&rebuilt, "rebuild")
	assert.Equal(t, 1, rebuilt.Differing())
	var report projector.Report
	w.parsed(&report, "verify")
	assert.True(t, report.OK())
	assert.Equal(t, 17, report.Events)
}

func TestStockThatOrdersAndShelvesTellOtherwiseIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", projector.Service(projector.Reader{}).Migrations))
	id := ident.Order("checkout", "default", "A-18")
	w.append(id, nil, at(0, order42("checkout", "default", "A-18", "A-18")), at(1, reserved()))
	w.shelf(id) // the shelf says that it was shipped, the order that it is still reserved
	w.exec(`UPDATE orderflow.snapshots SET version = 2`)
	w.ok("rebuild")
	r := w.run("verify")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "0 reserved at main by the SKU, 2 by the order")
	assert.Contains(t, r.out, "the row stands at version 2, the stream at 3")
	assert.Contains(t, r.out, "2 findings.")
}

func TestAPaymentThatCountsAtTwoOrdersIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", projector.Service(projector.Reader{}).Migrations))
	first, second := ident.Order("checkout", "default", "A-20"), ident.Order("checkout", "default", "A-21")
	w.append(first, nil, at(0, order42("checkout", "default", "A-20", "A-20")), at(1, paid(50_00, "card:pay_1", "card:tx_1")), at(2, paid(50_00, "card:pay_1")))
	w.append(second, nil, at(0, order42("checkout", "default", "A-21", "A-21")), at(1, paid(50_00, "card:pay_1", "card:tx_1")))
	w.ok("rebuild")
	r := w.run("verify")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "payment card:pay_1 counts at order ")
	assert.Contains(t, r.out, first.String())
	assert.Contains(t, r.out, second.String())
	assert.Contains(t, r.out, "1 finding.")

	w.append(second, nil, at(2, &paymentv1.AmountMismatched{Due: usd(50_00), Captured: usd(50_00), Kind: order.MismatchElsewhere}))
	w.ok("rebuild")
	out := w.ok("verify")
	assert.Contains(t, out, "All is as it should be.", "a person is asked")
	assert.Contains(t, out, "Of the paid USD, 5000 stand there twice")
	assert.Contains(t, w.ok("order", "why", "A-21"), "a payment that was told for another order before")
	assert.Contains(t, w.ok("order", "show", "A-21"), "A payment of USD 50.00 was told for another order before")
}

func TestVerifyBeforeAnythingWasMigratedSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, command := range []string{"verify", "rebuild"} {
		r := w.run(command)
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.said, "orderctl migrate")
	}
}
