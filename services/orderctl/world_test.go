package orderctl

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/bus/embed"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/seal"
	"github.com/orderflow/orderflow/pkg/testkit"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// noon is when the orders of these tests are placed; the commands are asked at two.
var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	two  = noon.Add(2 * time.Hour)
)

// world is a running system as orderctl finds it: a data folder with the addresses of a real Postgres and a real
// NATS server.
type world struct {
	t     *testing.T
	dir   string
	dsn   string
	pool  *pgxpool.Pool
	store *eventstore.Store
	js    jetstream.JetStream
	clock func() time.Time
	// base is when the stories of this world begin.
	base time.Time
	url  string // of NATS
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), dsn: testkit.DSN(t), clock: func() time.Time { return two }, base: noon}
	pool, err := pgxpool.New(t.Context(), w.dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	w.pool = pool
	master := [32]byte{4, 5, 6}
	vault, err := seal.NewVault(pool, [][32]byte{master})
	require.NoError(t, err)
	w.store = eventstore.New(pool, vault)
	// Events are recorded at the time of the machine. These tests tell a story of March, so that its events are moved
	// there: for that, and only here, the table may be changed.
	w.exec(`ALTER TABLE orderflow.events DISABLE TRIGGER events_append_only`)
	server, err := embed.Start(t.TempDir(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	conn, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	w.js, err = jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, bus.Provision(t.Context(), w.js, bus.StreamOptions{}))
	w.url = server.URL()
	w.file(runFile, Running{DatabaseURL: w.dsn, NATSURL: w.url})
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, keyFile), []byte(base64.StdEncoding.EncodeToString(master[:])), 0o600))
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

func (w *world) file(name string, content any) {
	w.t.Helper()
	data, err := json.Marshal(content)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, name), data, 0o600))
}

// called is what a command printed and how it ended.
type called struct {
	out, said string
	// err is what stood on the other stream.
	err  string
	code int
}

// run calls orderctl as a person would.
func (w *world) run(args ...string) called {
	w.t.Helper()
	return w.runWith("", args...)
}

func (w *world) runWith(input string, args ...string) called {
	w.t.Helper()
	return call(context.WithValue(w.t.Context(), clockKey{}, w.clock), input, append([]string{"--data", w.dir}, args...)...)
}

func call(ctx context.Context, input string, args ...string) called {
	var out, progress bytes.Buffer
	root := Root()
	root.SetIn(bytes.NewBufferString(input))
	root.SetOut(&out)
	root.SetErr(&progress)
	root.SetArgs(args)
	code, said := outcome(root.ExecuteContext(ctx))
	return called{out.String(), said, progress.String(), code}
}

// ok calls orderctl and wants it to succeed.
func (w *world) ok(args ...string) string {
	w.t.Helper()
	r := w.run(args...)
	require.Equal(w.t, 0, r.code, r.said)
	return r.out
}

// parsed calls orderctl with --json and reads what it prints.
func (w *world) parsed(value any, args ...string) {
	w.t.Helper()
	out := w.ok(append(args, "--json")...)
	require.NoError(w.t, json.Unmarshal([]byte(out), value), out)
}

// happen is a message with when it happened and when we recorded it, counted from the beginning of the story.
type happen struct {
	message  proto.Message
	occurred time.Duration
	recorded time.Duration
	personal *typev1.Person
	cause    ident.Cause
}

// at is a message that was recorded as it happened.
func at(after time.Duration, m proto.Message) happen {
	return happen{message: m, occurred: after, recorded: after}
}

// late is a message that we heard of later than it happened.
func late(occurred, recorded time.Duration, m proto.Message) happen {
	return happen{message: m, occurred: occurred, recorded: recorded}
}

// append appends to the order's streams, each message to the category that it belongs to.
func (w *world) append(id ident.Entity, links []string, happened ...happen) {
	w.t.Helper()
	for i, h := range happened {
		c := event.CategoryOf(event.TypeOf(h.message))
		cause := h.cause
		if cause.IsZero() {
			cause = ident.Named("test", id.String(), h.recorded.String(), event.TypeOf(h.message), uuid.NewString())
		}
		unit := eventstore.Unit{Appends: []eventstore.Append{{Entity: id, Category: c, Expected: w.version(id, c), Events: []event.New{{
			Message: h.message, Cause: cause, OccurredAt: w.base.Add(h.occurred), Personal: h.personal,
		}}}}}
		if i == 0 {
			for _, ref := range links {
				unit.Links = append(unit.Links, eventstore.Link{Ref: ref, Entity: id})
			}
		}
		done, err := w.store.Append(w.t.Context(), string(c), []eventstore.Unit{unit}, nil)
		require.NoError(w.t, err)
		require.Equal(w.t, eventstore.Stored, done.Outcomes[0])
		if h.cause.IsZero() {
			w.exec(`UPDATE orderflow.events SET recorded_at = $1 WHERE event_id = $2`, w.base.Add(h.recorded), uuid.UUID(done.Events[0][0].ID))
		}
	}
}

func (w *world) version(id ident.Entity, c event.Category) int {
	var version int
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `SELECT coalesce(max(version), 0) FROM orderflow.events WHERE entity_id = $1 AND category = $2`,
		uuid.UUID(id), string(c)).Scan(&version))
	return version
}

// golden compares what was printed with a file. ORDERCTL_GOLDEN=write writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("ORDERCTL_GOLDEN") == "write" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

var somebody = &typev1.Person{
	Email: "ada@example.com", Name: "Ada Example", Phone: "+1 555 0100",
	Shipping: &typev1.Address{Name: "Ada Example", Line1: "1 Sample Street", City: "Springfield", PostalCode: "12345", Country: "US"},
}

func order42(source, account, shopID, number string) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: &orderv1.Description{
		Key: &typev1.OrderKey{Source: source, Account: account, Id: shopID}, Number: number, Currency: "USD",
		Lines: []*typev1.Line{
			{Id: "1", Sku: "MUG", Title: "A mug", Quantity: 2, UnitPrice: usd(15_00), Fulfiller: typev1.Fulfiller_FULFILLER_US},
			{Id: "2", Sku: "CARD", Title: "A gift card", Quantity: 1, UnitPrice: usd(20_00), Fulfiller: typev1.Fulfiller_FULFILLER_NOBODY},
		},
		Totals: &typev1.Totals{Total: usd(50_00)}, PlacedAt: timestamppb.New(noon), UpdatedAt: timestamppb.New(noon), HasAddress: true, HasEmail: true,
	}}
}

func paid(minor int64, names ...string) *paymentv1.PaymentCaptured {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: names, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe",
	}}
}

func cleared() *fraudv1.OrderScored {
	return &fraudv1.OrderScored{ScoreMillis: 65, Verdict: fraudv1.Verdict_VERDICT_CLEAR, Factors: []*fraudv1.Factor{
		{Name: "velocity", ScoreMillis: 100, WeightMillis: 300, Reasons: []string{"two orders in an hour"}},
		{Name: "geography", ScoreMillis: 0, WeightMillis: 250},
	}}
}

func reserved() *inventoryv1.StockAllocated {
	return &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Location: "main", Quantity: 2}}}
}

// shipped is a whole order of the shop's id 5001 and number 1001, from placed to delivered, told by Shopify and Stripe.
func (w *world) shipped() ident.Entity {
	id := ident.Order("shopify", "default", "5001")
	parcel := id.String() + "/1"
	placed := late(0, time.Second, order42("shopify", "default", "5001", "1001"))
	placed.personal = somebody
	w.append(id, []string{"number:shopify:default:1001", "stripe:pi_1", "tracking:sandbox:SB1"},
		placed,
		late(-2*time.Minute, 2*time.Second, paid(50_00, "stripe:pi_1")),
		at(3*time.Second, cleared()),
		at(3500*time.Millisecond, reserved()),
		at(4*time.Second, &orderv1.FulfillmentReleased{Number: 1, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}}}),
		at(5*time.Second, &notificationv1.NotificationSent{Kind: notificationv1.Kind_KIND_CONFIRMED, Channel: "email"}),
		at(9*time.Second, &fulfillmentv1.LabelPurchaseStarted{
			ShipmentId: parcel, Attempt: 1, Carrier: "sandbox", InFlightUntil: timestamppb.New(noon.Add(time.Minute)),
		}),
		at(10*time.Second, &fulfillmentv1.LabelPurchased{ShipmentId: parcel, Carrier: "sandbox", TrackingNumber: "SB1"}),
		late(20*time.Minute, 25*time.Minute, &fulfillmentv1.ShipmentScanned{
			TrackingNumber: "SB1", Carrier: "sandbox", ScanId: "s1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT,
		}),
		at(25*time.Minute+time.Second, &inventoryv1.AllocationClosed{Outcome: "shipped"}),
		at(25*time.Minute+2*time.Second, &notificationv1.NotificationSent{Kind: notificationv1.Kind_KIND_SHIPPED, Channel: "email", SubjectKey: parcel}),
		at(time.Hour, &paymentv1.PaymentRefunded{
			Names: []string{"stripe:pi_1"}, Amount: usd(5_50), RefundId: "stripe:re_1", Step: intakev1.RefundStep_REFUND_STEP_SETTLED,
			Witness: intakev1.Witness_WITNESS_PROVIDER, Provider: "stripe",
		}))
	return id
}

// waiting is a checkout order that waits: paid in part, with a hold, and short of stock.
func (w *world) waiting() ident.Entity {
	id := ident.Order("checkout", "default", "A-17")
	w.append(id, []string{"number:checkout:default:A-17", "stripe:pi_2"},
		at(0, order42("checkout", "default", "A-17", "A-17")),
		at(time.Minute, paid(30_00, "stripe:pi_2")),
		at(2*time.Minute, cleared()),
		at(3*time.Minute, &inventoryv1.StockBackordered{
			Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 2, Available: 1}}, Deadline: timestamppb.New(noon.Add(72 * time.Hour)),
		}),
		at(4*time.Minute, &orderv1.HoldPlaced{
			Kind: orderv1.HoldKind_HOLD_KIND_PAYMENT, Reason: "amount_mismatch", Detail: "less was paid than is due", Deadline: timestamppb.New(noon.Add(24 * time.Hour)),
		}))
	return id
}
