package orders

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// One order through the real loop: from the delivery to the end, with the other services played by the test.
func TestAnOrderGoesThrough(t *testing.T) {
	t.Parallel()
	r := run(t)
	fact, entity := orderFact("1")
	r.tell("created", fact)
	r.until(entity, "OrderPlaced")
	r.tell("created", fact)
	r.quiet(bus.Intake, "orders-facts")
	r.until(entity, "OrderPlaced")

	person, _, err := r.deps.Vault.Open(t.Context(), entity, r.state(entity).Order.Sealed)
	require.NoError(t, err)
	assert.Equal(t, "a@example.com", person.GetEmail())
	assert.NotContains(t, string(r.events(entity)[0].Data), "a@example.com", "sealed")
	refs, err := r.store.Resolve(t.Context(), []string{"number:checkout:default:1"})
	require.NoError(t, err)
	assert.Equal(t, entity, refs["number:checkout:default:1"])

	r.others(entity, captured(50), cleared, allocated(2))
	r.until(entity, "OrderPlaced", "FulfillmentReleased")
	assert.Empty(t, r.timers(), "nothing is waited for by orders")

	parcel := entity.String() + "/1"
	r.others(entity, &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}, scan("1"), deliveredScan("1"))
	r.quiet(bus.Events, "orders-rings")
	r.until(entity, "OrderPlaced", "FulfillmentReleased") // that it is completed follows from the scans
	assert.Equal(t, order.StatusCompleted, r.state(entity).Status())
	assert.Zero(t, r.dead())
}

// timers are the kinds of timers of this service.
func (r *running) timers() []string {
	rows, err := r.deps.Pool.Query(r.t.Context(), `SELECT kind FROM orderflow.timers WHERE service = $1 ORDER BY kind`, service)
	require.NoError(r.t, err)
	defer rows.Close()
	var kinds []string
	for rows.Next() {
		var kind string
		require.NoError(r.t, rows.Scan(&kind))
		kinds = append(kinds, kind)
	}
	return kinds
}

func TestACancellationComesBeforeItsOrder(t *testing.T) {
	t.Parallel()
	r := run(t)
	fact, entity := orderFact("1")
	r.tell("cancelled", &intakev1.Fact{Order: fact.GetOrder(), Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{Reason: "customer"}}})
	r.until(entity, "OrderCancelling")
	r.tell("created", fact)
	r.until(entity, "OrderCancelling", "OrderPlaced")
	r.others(entity, fulfillmentClosed(1, ""), &inventoryv1.AllocationClosed{Cancellation: 1}, &paymentv1.PaymentClosed{Cancellation: 1})
	r.until(entity, "OrderCancelling", "OrderPlaced", "OrderCancelled")
	r.others(entity, captured(50), cleared, allocated(2))
	r.quiet(bus.Events, "orders-rings")
	r.until(entity, "OrderCancelling", "OrderPlaced", "OrderCancelled")
}

// A command is always answered by an event, and the same command delivered again is not decided again: what was refused
// stays refused although it would be accepted by now.
func TestARefusedCommandStaysRefused(t *testing.T) {
	t.Parallel()
	r := run(t)
	fact, entity := orderFact("1")
	cause := ident.Named("command", "1")
	c := &commandv1.Command{Id: cause[:], EntityId: entity[:], By: "anna", Body: &commandv1.Command_HoldOrder{HoldOrder: &commandv1.HoldOrder{}}}
	r.ask(c)
	r.until(entity, "CommandRefused")
	r.tell("created", fact)
	r.until(entity, "CommandRefused", "OrderPlaced")
	r.ask(c)
	r.quiet(bus.Commands, "orders-commands")
	r.until(entity, "CommandRefused", "OrderPlaced")

	other := ident.Named("command", "2")
	c.Id = other[:]
	r.ask(c)
	r.until(entity, "CommandRefused", "OrderPlaced", "HoldPlaced")
}

// An order that nobody pays expires by its timer, without any message.
func TestATimerEndsWhatNobodyPays(t *testing.T) {
	t.Parallel()
	r := run(t)
	fact, entity := orderFact("1")
	r.tell("created", fact)
	r.until(entity, "OrderPlaced")
	assert.Equal(t, []string{timerLook}, r.timers())
	// A week passes: the order was placed long ago, and its timer is due.
	old := ident.Order("checkout", "default", "old")
	r.placedLongAgo(old)
	r.until(old, "OrderPlaced", "OrderCancelling")
}

// placedLongAgo appends an order as this service did a month ago, with the timer that is due now.
func (r *running) placedLongAgo(entity ident.Entity) {
	r.t.Helper()
	m := &orderv1.OrderPlaced{Description: proto.CloneOf(description())}
	_, err := r.store.Append(r.t.Context(), service, []eventstore.Unit{{Appends: []eventstore.Append{{
		Entity: entity, Category: event.Order, Events: event.Of(ident.Named("old"), noon, m),
	}}}}, nil)
	require.NoError(r.t, err)
	_, err = r.deps.Pool.Exec(r.t.Context(), `ALTER TABLE orderflow.events DISABLE TRIGGER events_append_only`)
	require.NoError(r.t, err)
	_, err = r.deps.Pool.Exec(r.t.Context(), `UPDATE orderflow.events SET recorded_at = recorded_at - interval '30 days' WHERE entity_id = $1`, entity.String())
	require.NoError(r.t, err)
	_, err = r.deps.Pool.Exec(r.t.Context(), `ALTER TABLE orderflow.events ENABLE TRIGGER events_append_only`)
	require.NoError(r.t, err)
	timer := eventstore.Timer{Service: service, ID: ident.Named("timer", entity.String()), Entity: entity, Kind: timerLook, DueAt: time.Now()}
	require.NoError(r.t, r.store.PutTimers(r.t.Context(), []eventstore.Timer{timer}))
}

// Two facts of one delivery, and a batch of many orders: each is decided by itself.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := run(t)
	var entities []ident.Entity
	for n := range 50 {
		fact, entity := orderFact(string(rune('a'+n%26)) + string(rune('a'+n/26)))
		paid := &intakev1.Fact{Order: fact.GetOrder(), Body: &intakev1.Fact_PaidClaimed{PaidClaimed: &intakev1.PaidClaimed{Amount: &typev1.Money{MinorUnits: 50, Currency: "USD"}}}}
		newer := proto.CloneOf(fact)
		newer.GetOrderDescribed().UpdatedAt = timestamppb.New(noon.Add(time.Minute))
		newer.GetOrderDescribed().Lines[0].Title = "Mug"
		r.tell(entity.String(), fact, paid, newer)
		entities = append(entities, entity)
	}
	for _, entity := range entities {
		r.until(entity, "OrderPlaced", "OrderEdited")
	}
	assert.Zero(t, r.dead())
}
