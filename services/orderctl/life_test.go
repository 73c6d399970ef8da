package orderctl

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/orderctl/local"
	"github.com/orderflow/orderflow/services/sandbox"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// running is everything in one process, as 'orderctl up --sandbox' runs it, on a database of the test's own.
type running struct {
	ground *local.Ground
	pool   *pgxpool.Pool
	sender *demo.Sender
}

func runAll(t *testing.T, settings ...string) running {
	t.Helper()
	environ := map[string]string{"DATABASE_URL": testkit.DSN(t)}
	for i := 0; i < len(settings); i += 2 {
		environ[settings[i]] = settings[i+1]
	}
	environ = withDefaults(environ, demoSettings)
	ground, err := local.Prepare(t.Context(), local.Options{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", MailboxListen: "127.0.0.1:0", Sandbox: true,
		Environ: environ, Say: func(string) {}, Moved: func(string) bool { return true },
	})
	require.NoError(t, err)
	t.Cleanup(ground.Close)
	require.NoError(t, provision(t.Context(), ground))
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	options := ground.HostOptions()
	options.Ready = func() { close(ready) }
	go func() { ended <- host.Run(ctx, Services(), options) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
	}
	pool, err := pgxpool.New(t.Context(), ground.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return running{ground, pool, &demo.Sender{IngressURL: ground.URL("ingress"), Secrets: ground.Secrets()}}
}

// lifetime is how long a test waits for orders to end; far longer than they take.
const lifetime = 2 * time.Minute

// Everything that the demo tells, through real HTTP, and what has to be true of all of it afterwards.
func TestEveryStoryEndsAsItShould(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	const orders = 60
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(orders)))
	sent, err := r.sender.Send(t.Context(), demo.Tell(orders, time.Now(), 1), func(int) {})
	require.NoError(t, err)
	outcomes, err := demo.Watch(t.Context(), r.pool, sent, lifetime, func(int) {})
	require.NoError(t, err)
	var shipped int
	for _, o := range outcomes {
		assert.True(t, o.Right(), "%s %s: %s, ended as %q instead of %q %s", o.Story.Source, o.Story.Number, o.Story.Name, o.Status, o.Story.Ends, o.Wrong)
		if o.Story.Ends == demo.Shipped {
			shipped++
			assert.Equal(t, "paid", o.Payment, o.Story.Name)
		}
	}
	r.settle(t)
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'payment.v1.RefundGranted'`), "nothing is given back")
	assert.Zero(t, r.count(t, `SELECT count(*) FROM orderflow.stuck`))
	assert.Equal(t, shipped, r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'fulfillment.v1.LabelPurchased'`)-
		r.count(t, `SELECT count(*) FROM orderflow.events WHERE type = 'fulfillment.v1.LabelVoided'`), "of a cancelled order it was voided")
	books := r.books(t)
	assert.Equal(t, shipped, books.Labels-books.Voided, "one label for each order, by the carrier's own books")
	assert.Empty(t, books.LabelsAboveOne)
	assert.Zero(t, books.Repeats, "no mail twice")
	assert.Zero(t, r.count(t, `SELECT count(*) FROM (
		SELECT order_id, kind FROM read.notifications WHERE outcome = 'sent' GROUP BY 1, 2, coalesce(subject, '') HAVING count(*) > 1) x`))
}

// settle waits until nothing is on its way any more.
func (r running) settle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return r.count(t, `SELECT count(*) FROM orderflow.outbox`) == 0 }, lifetime, 50*time.Millisecond)
}

func (r running) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, r.pool.QueryRow(t.Context(), query, args...).Scan(&n), query)
	return n
}

func (r running) books(t *testing.T) sandbox.Counts {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ground.URL("sandbox")+"/books", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var books sandbox.Counts
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&books))
	return books
}

// One order of each source, from its webhook to its last mail, with everything that the tables say of it.
func TestTheWholeLifeOfAnOrder(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(100)))
	for _, story := range demo.OneOfEach(time.Now()) {
		t.Run(story.Source+" "+story.Name, func(t *testing.T) {
			t.Parallel()
			sent, err := r.sender.Send(t.Context(), []demo.Story{story}, func(int) {})
			require.NoError(t, err)
			outcomes, err := demo.Watch(t.Context(), r.pool, sent, lifetime, func(int) {})
			require.NoError(t, err)
			require.True(t, outcomes[0].Right(), "ended as %q instead of %q %s", outcomes[0].Status, story.Ends, outcomes[0].Wrong)
			if story.Ends == demo.Shipped {
				r.checkShipped(t, uuid.UUID(story.Order), story)
			}
		})
	}
}

func (r running) checkShipped(t *testing.T, id uuid.UUID, story demo.Story) {
	t.Helper()
	var total, paid, refunded int64
	require.NoError(t, r.pool.QueryRow(t.Context(), `SELECT total_minor, paid_minor, refunded_minor FROM read.orders WHERE order_id = $1`, id).
		Scan(&total, &paid, &refunded))
	assert.Equal(t, story.Total, total)
	assert.Equal(t, story.Total, paid)
	assert.Zero(t, refunded)
	assert.Equal(t, len(story.Wants), r.count(t, `SELECT count(*) FROM read.order_items WHERE order_id = $1`, id))
	assert.Equal(t, 1, r.count(t, `SELECT count(*) FROM read.payments WHERE order_id = $1 AND captured_minor > 0`, id)+
		r.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'payment.v1.PaymentClaimed'
			AND NOT EXISTS (SELECT FROM read.payments WHERE order_id = $1 AND captured_minor > 0)`, id), "one payment")
	assert.Equal(t, 1, r.count(t, `SELECT count(*) FROM read.shipments WHERE order_id = $1`, id))
	for sku, pieces := range story.Wants {
		assert.Equal(t, pieces, r.taken(t, id, sku), "pieces of %s taken out of the building", sku)
	}
	r.told(t, id, "confirmed", "shipped", "delivered")
	if story.Source == "stripe" { // one payment, one label, three scans, three mails
		assert.LessOrEqual(t, r.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1`, id), eventBudget+2)
	}
	assert.Equal(t, 3, r.mails(t, story.Email))
}

// eventBudget is what a plain order may cost whose parcel is scanned once, when it is delivered: every event is written,
// read and folded some dozen times.
const eventBudget = 12

// A plain order: two lines, one payment, one label, one scan that delivers it, three mails.
func TestWhatAPlainOrderCosts(t *testing.T) {
	t.Parallel()
	r := runAll(t, "SANDBOX_SCAN_AFTER", "1h") // the test is the carrier
	require.NoError(t, fillShelves(t.Context(), r.ground, demo.Stock(10)))
	id := ident.Order("checkout", "default", "B-1")
	r.tell(t, id, "checkout", `{"type":"order.paid","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"B-1","currency":"USD","total":"29.00",
		"customer":{"email":"robin+b1@example.com","name":"Robin"},"shipping_address":{"line1":"1 Main St","city":"Lyon","postal_code":"69001","country":"FR"},
		"items":[{"sku":"DEMO-001","quantity":2,"price":"10.00"},{"sku":"DEMO-002","quantity":1,"price":"9.00"}],
		"payment":{"provider":"card","id":"pay_b1"}}}`)
	var tracking string
	require.Eventually(t, func() bool {
		err := r.pool.QueryRow(t.Context(), `SELECT tracking_number FROM read.shipments WHERE order_id = $1 AND tracking_number <> ''`, uuid.UUID(id)).Scan(&tracking)
		return err == nil
	}, lifetime, 20*time.Millisecond, "a label is bought")
	r.tell(t, id, "sandbox", `{"type":"tracking.updated","timestamp":"2026-01-02T16:00:00Z","data":{"tracking_number":"`+tracking+`",
		"scan_id":"only","status":"delivered","location":"Lyon","occurred_at":"2026-01-02T16:00:00Z"}}`)
	r.told(t, uuid.UUID(id), "confirmed", "shipped", "delivered")
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'inventory.v1.AllocationClosed'`, uuid.UUID(id)) == 1
	}, lifetime, 20*time.Millisecond, "its stock has left")
	r.settle(t)
	rows, err := r.pool.Query(t.Context(), `SELECT type FROM orderflow.events WHERE entity_id = $1 ORDER BY recorded_at`, uuid.UUID(id))
	require.NoError(t, err)
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	assert.LessOrEqual(t, len(types), eventBudget, "%v", types)
	assert.Equal(t, 1, r.count(t, `SELECT count(*) FROM read.orders WHERE order_id = $1 AND status = 'completed' AND completed_at = delivered_at`, uuid.UUID(id)))
}

// tell posts one signed delivery about an order.
func (r running) tell(t *testing.T, id ident.Entity, source, body string) {
	t.Helper()
	sent, err := r.sender.Send(t.Context(), []demo.Story{{
		Source: source, Order: id, Number: id.String(), Chapters: []demo.Chapter{{Source: source, Body: []byte(body)}},
	}}, func(int) {})
	require.NoError(t, err)
	require.Empty(t, sent[0].Wrong)
}

// told waits until the customer was told all of it, in whatever order.
func (r running) told(t *testing.T, id uuid.UUID, kinds ...string) {
	t.Helper()
	var sent []string
	assert.Eventually(t, func() bool {
		rows, err := r.pool.Query(t.Context(), `SELECT kind FROM read.notifications WHERE order_id = $1 AND outcome = 'sent'`, id)
		require.NoError(t, err)
		sent, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return len(sent) >= len(kinds)
	}, lifetime, 50*time.Millisecond)
	require.ElementsMatch(t, kinds, sent, "what the customer was told")
}

// taken is how many pieces of a SKU left the building for an order, by the SKU's own stream.
func (r running) taken(t *testing.T, id uuid.UUID, sku string) int64 {
	t.Helper()
	events, err := eventstore.New(r.pool, nil).LoadAbove(t.Context(), event.Stock, ident.SKU(sku), 0, 10_000)
	require.NoError(t, err)
	var pieces int64
	for _, e := range events {
		m, ok := e.Message.(*stockv1.StockShipped)
		if !ok {
			continue
		}
		for _, q := range m.GetOrders() {
			if uuid.UUID(q.GetOrderId()) == id {
				pieces += q.GetQuantity()
			}
		}
	}
	return pieces
}

func (r running) mails(t *testing.T, to string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ground.URL("sandbox")+"/mails?to="+url.QueryEscape(to), http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var page struct {
		Mails []json.RawMessage `json:"mails"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&page))
	return len(page.Mails)
}

// What a shop told and nobody could read is kept, and said where somebody asks why the order waits.
func TestWhyAnOrderWaitsNamesWhatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	id := ident.Order("checkout", "default", "Q-1")
	body := []byte(`{"type":"order.paid","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"Q-1","currency":"USD","total":"9.00",
		"items":[{"sku":"MUG","quantity":"two","price":"4.50"}],"payment":{"provider":"card","id":"pay_q1"}}}`)
	sent, err := r.sender.Send(t.Context(), []demo.Story{{
		Source: "checkout", Order: id, Number: "Q-1", Chapters: []demo.Chapter{{Source: "checkout", Body: body}},
	}}, func(int) {})
	require.NoError(t, err)
	require.Empty(t, sent[0].Wrong, "it is signed, so it is taken")
	s := &system{pool: r.pool}
	var unread []unreadView
	require.Eventually(t, func() bool {
		unread, err = s.unread(t.Context(), id)
		return err != nil || len(unread) > 0
	}, lifetime, 50*time.Millisecond)
	require.NoError(t, err)
	assert.Equal(t, "bad_value", unread[0].Reason)
	assert.Contains(t, unread[0].Detail, "quantity")
}
