package projector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a database with the projector's tables, and everything that works on it.
type world struct {
	t     testing.TB
	ctx   context.Context
	pool  *pgxpool.Pool
	store *eventstore.Store
	vault *seal.Vault
	p     *projection
	n     int
}

func newWorld(t testing.TB) *world { //nolint:thelper // it is what helpers hang on, for tests and benchmarks
	t.Helper()
	dsn := testkit.DSN(t)
	ctx := context.Background()
	require.NoError(t, eventstore.MigrateFS(ctx, dsn, service, migrations))
	pool, err := pgxpool.New(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	vault := testkit.Vault(t, pool)
	store := eventstore.New(pool, vault)
	return &world{t: t, ctx: ctx, pool: pool, store: store, vault: vault, p: newProjection(pool, store, vault, zerolog.Nop(), newMemory())}
}

func orderID(name string) ident.Entity { return ident.Order("checkout", "default", name) }

// say is an event on its way into an order's stream.
type say struct {
	message  proto.Message
	personal *typev1.Person
}

// append adds events to an order, each to the category that it belongs to, and returns the bells.
func (w *world) append(id ident.Entity, said ...say) []*envelopev1.Doorbell {
	w.t.Helper()
	var bells []*envelopev1.Doorbell
	for _, s := range said {
		c := event.CategoryOf(event.TypeOf(s.message))
		w.n++
		a := eventstore.Append{Entity: id, Category: c, Expected: w.version(id, c), Events: []event.New{{
			Message: s.message, Cause: ident.Named("test", fmt.Sprint(w.n)), OccurredAt: noon.Add(time.Duration(w.n) * time.Second), Personal: s.personal,
		}}}
		if m, ok := s.message.(*stockv1.StockReceived); ok {
			a.Snapshot = &stockv1.Levels{Sku: m.GetSku(), Levels: []*stockv1.Level{
				{Location: "main", OnHand: m.GetQuantity(), Reserved: int64(w.n % 7)}, {Location: "shop", OnHand: 1, Reserved: 3},
			}}
		}
		out, err := w.store.Append(w.ctx, string(c), []eventstore.Unit{{Appends: []eventstore.Append{a}}}, nil)
		require.NoError(w.t, err)
		require.Equal(w.t, eventstore.Stored, out.Outcomes[0])
		bells = append(bells, out.Doorbells...)
	}
	return bells
}

func (w *world) version(id ident.Entity, c event.Category) int {
	var n int
	require.NoError(w.t, w.pool.QueryRow(w.ctx, `SELECT coalesce(max(version), 0) FROM orderflow.events WHERE entity_id = $1 AND category = $2`,
		id[:], string(c)).Scan(&n))
	return n
}

func (w *world) project(ids ...ident.Entity) {
	w.t.Helper()
	require.NoError(w.t, w.p.project(w.ctx, orderFamily, ids))
}

// one reads one value.
func one1[T any](w *world, query string, args ...any) T {
	w.t.Helper()
	rows, err := w.pool.Query(w.ctx, query, args...)
	require.NoError(w.t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(w.t, err, query)
	return v
}

// all is every row of every view, as text, sorted: what must be the same byte for byte.
func (w *world) all() map[string][]string {
	w.t.Helper()
	out := map[string][]string{}
	for _, f := range families {
		for _, t := range f.tables {
			rows, err := w.pool.Query(w.ctx, `SELECT v::text FROM read.`+t.name+` v ORDER BY 1`)
			require.NoError(w.t, err)
			out[t.name], err = pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(w.t, err)
		}
	}
	return out
}

func (w *world) rebuild() Rebuilt {
	w.t.Helper()
	r, err := Rebuild(w.ctx, w.pool, w.store, w.vault, nil)
	require.NoError(w.t, err)
	return r
}

func (w *world) verify() Report {
	w.t.Helper()
	r, err := Verify(w.ctx, w.pool, w.store, w.vault, nil)
	require.NoError(w.t, err)
	return r
}

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

func placed(name string, total int64) say {
	return say{
		&orderv1.OrderPlaced{Description: described(name, total)},
		&typev1.Person{Email: name + "@example.com", Name: "Ada " + name, Shipping: &typev1.Address{Name: "Ada", City: "Paris", Country: "FR"}},
	}
}

func described(name string, total int64) *orderv1.Description {
	return &orderv1.Description{
		Key: &typev1.OrderKey{Source: "checkout", Account: "default", Id: name}, Number: "#" + name, Currency: "USD",
		Lines: []*typev1.Line{
			{Id: "l1", Sku: "MUG", Title: "A mug", Quantity: 2, UnitPrice: usd(total / 4), Discount: usd(0), Tax: usd(0), Fulfiller: typev1.Fulfiller_FULFILLER_US},
			{Id: "l2", Sku: "CARD", Title: "A \x00\\u0000 \"card\"", Quantity: 1, UnitPrice: usd(total / 2), Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY},
		},
		Totals: &typev1.Totals{Subtotal: usd(total), Total: usd(total)}, PlacedAt: timestamppb.New(noon), UpdatedAt: timestamppb.New(noon),
		ShippingCountry: "FR", HasAddress: true, HasEmail: true, ContentHash: []byte(name),
	}
}

func plain(m proto.Message) say { return say{message: m} }

func captured(name string, minor int64) say {
	return plain(&paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: []string{"stripe:pi_" + name, "stripe:ch_" + name}, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe", ReportId: []byte("r" + name),
	}})
}

func refunded(name string, minor int64, step intakev1.RefundStep) say {
	return plain(&paymentv1.PaymentRefunded{
		Names: []string{"stripe:pi_" + name}, Amount: usd(minor), RefundId: "stripe:re_" + name, Step: step,
		Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe", Reason: "requested_by_customer", ReportId: []byte(fmt.Sprint("f", name, step)),
	})
}

// life is everything that may happen to an order, shuffled: facets do not care in which order the others moved.
func life(r *rand.Rand, name string) []say {
	id := orderID(name)
	shipment := id.String() + "/1"
	total := 1000 + r.Int64N(100_000)
	said := []say{
		placed(name, total),
		captured(name, total),
		plain(&fraudv1.OrderScored{ScoreMillis: int32(r.IntN(1001)), Verdict: fraudv1.Verdict_VERDICT_CLEAR, Factors: []*fraudv1.Factor{
			{Name: "velocity", ScoreMillis: 100, WeightMillis: 250, Reasons: []string{"new_customer", `odd "one" \ here`}}, {Name: "geography", ScoreMillis: 1000},
		}, Model: "rules"}),
		plain(&inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "l1", Sku: "MUG", Location: "main", Quantity: 2}}}),
		plain(&fulfillmentv1.LabelPurchaseStarted{ShipmentId: shipment, Attempt: 1, Carrier: "sandbox", InFlightUntil: timestamppb.New(noon)}),
		plain(&notificationv1.NotificationSent{Kind: notificationv1.Kind_KIND_CONFIRMED, Channel: "email", MessageId: "m" + name}),
	}
	maybe := []say{
		refunded(name, total/3+1, intakev1.RefundStep_REFUND_STEP_PENDING),
		refunded(name, total/3+1, intakev1.RefundStep_REFUND_STEP_SETTLED),
		plain(&orderv1.HoldPlaced{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, Reason: "no_address", Detail: "there is no address", Deadline: timestamppb.New(noon)}),
		plain(&orderv1.HoldReleased{Kind: orderv1.HoldKind_HOLD_KIND_ADDRESS, HoldReason: "no_address", By: "olga", Reason: "phoned"}),
		plain(&orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "l1", Sku: "MUG", Quantity: 2}}}),
		plain(&orderv1.OrderCancelling{Reason: "customer", By: "shop", Number: 1}),
		plain(&orderv1.OrderCancelled{Reason: "customer"}),
		plain(&orderv1.OrderCompleted{}),
		plain(&orderv1.CommandRefused{Command: "CancelOrder", Reason: "already_shipped"}),
		plain(&fulfillmentv1.LabelPurchased{ShipmentId: shipment, Carrier: "sandbox", TrackingNumber: "SB" + name, LabelUrl: "https://labels.example/secret", Cost: usd(500)}),
		plain(&fulfillmentv1.ShipmentScanned{TrackingNumber: "SB" + name, Carrier: "sandbox", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT, Location: "Lyon"}),
		plain(&fulfillmentv1.ShipmentDelivered{TrackingNumber: "SB" + name, Carrier: "sandbox", ScanId: "2", Location: "Paris"}),
		plain(&paymentv1.RefundGranted{GrantId: "cancelled", Names: []string{"stripe:pi_" + name}, Amount: usd(total / 2), Reason: "cancelled"}),
		plain(&paymentv1.PaymentClaimed{Amount: usd(total), Provider: "shopify", ReportId: []byte("c")}),
		plain(&paymentv1.PaymentFailed{Code: "card_declined", Movement: &paymentv1.Movement{Names: []string{"stripe:pi_x" + name}, Amount: usd(total), Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe"}}),
		plain(&notificationv1.NotificationFailed{Kind: notificationv1.Kind_KIND_SHIPPED, Channel: "email", Reason: "mailbox full", SubjectKey: shipment}),
		plain(&notificationv1.NotificationStarted{Kind: notificationv1.Kind_KIND_SHIPPED, Channel: "sms", SubjectKey: shipment, Attempt: 1}),
		plain(&notificationv1.NotificationSent{Kind: notificationv1.Kind_KIND_SHIPPED, Channel: "sms", SubjectKey: shipment, Provider: "twilio", MessageId: "SM" + name}),
		plain(&notificationv1.NotificationReported{Kind: notificationv1.Kind_KIND_SHIPPED, Channel: "sms", SubjectKey: shipment, Provider: "twilio", MessageId: "SM" + name, Outcome: "undelivered", ErrorCode: "30003"}),
	}
	for _, s := range maybe {
		if r.IntN(2) == 0 {
			said = append(said, s)
		}
	}
	r.Shuffle(len(said), func(i, j int) { said[i], said[j] = said[j], said[i] })
	return said
}

func doorbell(tb testing.TB, d *envelopev1.Doorbell) *nats.Msg {
	tb.Helper()
	data, err := proto.Marshal(d)
	require.NoError(tb, err)
	return &nats.Msg{Subject: bus.EventSubject(d), Data: data}
}
