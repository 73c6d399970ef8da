//go:build linux

package orderctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/sandbox"

	stockv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/stock/v1"
)

// recovery is how long everything that was in hand may take to be done after the last kill. What a process held when it
// died comes again after the broker's half minute; a label that was being bought is looked up after its call's time.
const recovery = 4 * time.Minute

// checked is what a check counted and what it found wrong.
type checked struct {
	orders, labels, mails, repeats int
	found                          []string
}

func (o *checked) String() string {
	return fmt.Sprintf("%d orders, %d labels, %d mails (%d of them repeats), %d findings", o.orders, o.labels, o.mails, o.repeats, len(o.found))
}

// checker looks at a suite from outside.
type checker struct {
	t       *testing.T
	pool    *pgxpool.Pool
	js      jetstream.JetStream
	mailbox string // address of the sandbox
	verify  func() (string, error)
	// late says that a delivery may have come long after the one before it, since what takes deliveries was away. A label
	// that was bought on the draft of a payment is void then and another is bought, once the shop describes its order.
	late bool
}

// newChecker connects to a suite for as long as the test runs or until close.
func newChecker(t *testing.T, run Running, verify func() (string, error)) (*checker, func()) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), run.DatabaseURL)
	require.NoError(t, err)
	conn, err := nats.Connect(run.NATSURL)
	require.NoError(t, err)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return &checker{t: t, pool: pool, js: js, mailbox: run.MailboxURL, verify: verify}, func() {
		conn.Close()
		pool.Close()
	}
}

// check waits until it is quiet and then looks at everything: at the told stories of this and all earlier rounds
// together, and at the mails of this round, in which whoever sends or takes mails died so many times.
func (c *checker) check(told, round []demo.Story, deaths int) checked {
	c.t.Helper()
	c.quiet(told)
	out := checked{orders: len(told)}
	shipped := map[uuid.UUID]demo.Story{}
	for _, s := range told {
		if s.Ends == demo.Shipped {
			shipped[uuid.UUID(s.Order)] = s
		}
	}
	c.orders(told, &out)
	c.streams(told, shipped, &out)
	c.stock(shipped, &out)
	c.books(shipped, &out)
	for _, s := range round {
		c.letters(s, deaths, &out)
	}
	c.rest(&out)
	for _, f := range out.found {
		assert.Fail(c.t, "found", f)
	}
	return out
}

// quiet waits until every story has ended and nothing is on its way.
func (c *checker) quiet(told []demo.Story) {
	c.t.Helper()
	var waits string
	if !assert.Eventually(c.t, func() bool {
		waits = c.waits(told)
		return waits == ""
	}, recovery, 250*time.Millisecond) {
		c.t.Logf("it did not become quiet: %s", waits)
	}
}

// waits says what is still to come; empty if nothing is.
func (c *checker) waits(told []demo.Story) string {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	sent := make([]demo.Sent, len(told))
	for i, s := range told {
		sent[i] = demo.Sent{Story: s}
	}
	outcomes, err := demo.Watch(ctx, c.pool, sent, time.Nanosecond, func(int) {})
	if err != nil {
		return err.Error()
	}
	for _, o := range outcomes {
		if !o.Right() {
			return fmt.Sprintf("order %s (%s: %s) is %q and should be %s", o.Story.Order, o.Story.Source, o.Story.Name, o.Status, o.Story.Ends)
		}
	}
	var rows int
	if err := c.pool.QueryRow(ctx, `SELECT count(*) FROM orderflow.outbox`).Scan(&rows); err != nil || rows > 0 {
		return fmt.Sprintf("%d outbox rows %v", rows, err)
	}
	var books sandbox.Counts
	if err := c.ask(ctx, "/books", &books); err != nil || books.ScansUnposted > 0 {
		return fmt.Sprintf("%d scans that the carrier has not told %v", books.ScansUnposted, err)
	}
	return c.undelivered(ctx)
}

// undelivered names a durable that has not handled everything.
func (c *checker) undelivered(ctx context.Context) string {
	for _, name := range []string{bus.Intake, bus.Events, bus.Commands} {
		stream, err := c.js.Stream(ctx, name)
		if err != nil {
			return err.Error()
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if info.NumPending > 0 || info.NumAckPending > 0 {
				return fmt.Sprintf("%s has %d messages to come and %d in hand", info.Name, info.NumPending, info.NumAckPending)
			}
		}
		if list.Err() != nil {
			return list.Err().Error()
		}
	}
	return ""
}

// wrong adds a finding.
func (o *checked) wrong(format string, args ...any) {
	o.found = append(o.found, fmt.Sprintf(format, args...))
}

// orders are exactly those that were told, and paid as they were told.
func (c *checker) orders(told []demo.Story, out *checked) {
	byID := map[uuid.UUID]demo.Story{}
	for _, s := range told {
		byID[uuid.UUID(s.Order)] = s
	}
	rows, err := c.pool.Query(c.t.Context(), `SELECT order_id, status, payment_status, paid_minor, refunded_minor FROM read.orders`)
	require.NoError(c.t, err)
	var id uuid.UUID
	var status, payment string
	var paid, refunded int64
	seen := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &status, &payment, &paid, &refunded}, func() error {
		s, ok := byID[id]
		switch {
		case !ok:
			out.wrong("order %s was never told", id)
		case s.Ends == demo.Shipped && (payment != "paid" || paid != s.Total || refunded != 0):
			out.wrong("order %s (%s) is %s and %s: %d of %d paid, %d given back", id, s.Name, status, payment, paid, s.Total, refunded)
		}
		seen++
		return nil
	})
	require.NoError(c.t, err)
	if seen != len(told) {
		out.wrong("%d orders stand in the table and %d were told", seen, len(told))
	}
}

// onceEach are events of which every shipped order has so many, and every other order none.
var onceEach = map[string]int{
	"order.v1.FulfillmentReleased": 1, "fulfillment.v1.LabelPurchased": 1, "fulfillment.v1.ShipmentScanned": 2, "fulfillment.v1.ShipmentDelivered": 1,
}

// streams say of every order that it was placed once, and bought one label for, if any.
func (c *checker) streams(told []demo.Story, shipped map[uuid.UUID]demo.Story, out *checked) {
	rows, err := c.pool.Query(c.t.Context(), `SELECT entity_id, type, count(*)::int FROM orderflow.events WHERE category <> 'stock' GROUP BY 1, 2`)
	require.NoError(c.t, err)
	counts := map[uuid.UUID]map[string]int{}
	var id uuid.UUID
	var kind string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &kind, &n}, func() error {
		if counts[id] == nil {
			counts[id] = map[string]int{}
		}
		counts[id][kind] = n
		return nil
	})
	require.NoError(c.t, err)
	for _, s := range told {
		has := counts[uuid.UUID(s.Order)]
		if has["order.v1.OrderPlaced"] != 1 {
			out.wrong("order %s (%s) was placed %d times", s.Order, s.Name, has["order.v1.OrderPlaced"])
		}
		if has["payment.v1.RefundGranted"] > 0 {
			out.wrong("order %s (%s) was granted a refund", s.Order, s.Name)
		}
		void := 0
		if c.late {
			void = has["fulfillment.v1.LabelVoided"]
		}
		for kind, want := range onceEach {
			if kind == "order.v1.FulfillmentReleased" || kind == "fulfillment.v1.LabelPurchased" {
				want += void
			}
			if _, ships := shipped[uuid.UUID(s.Order)]; !ships {
				want = 0
			}
			if has[kind] != want {
				out.wrong("order %s (%s) has %d of %s, not %d", s.Order, s.Name, has[kind], kind, want)
			}
		}
	}
}

// stock left the building once for every shipped order, by the SKUs' own streams.
func (c *checker) stock(shipped map[uuid.UUID]demo.Story, out *checked) {
	taken := map[uuid.UUID]map[string]int64{}
	store := eventstore.New(c.pool, nil)
	for sku := range demo.Stock(1) {
		above := 0
		for {
			events, err := store.LoadAbove(c.t.Context(), event.Stock, ident.SKU(sku), above, streamPage)
			require.NoError(c.t, err)
			for _, e := range events {
				above = e.Version
				m, _ := e.Message.(*stockv1.StockShipped)
				for _, q := range m.GetOrders() {
					id := uuid.UUID(q.GetOrderId())
					if taken[id] == nil {
						taken[id] = map[string]int64{}
					}
					taken[id][sku] += q.GetQuantity()
				}
			}
			if len(events) < streamPage {
				break
			}
		}
	}
	for id, s := range shipped {
		for sku, pieces := range s.Wants {
			if taken[id][sku] != pieces {
				out.wrong("order %s (%s): %d pieces of %s left the building, not %d", id, s.Name, taken[id][sku], sku, pieces)
			}
		}
	}
	for id := range taken {
		if _, ok := shipped[id]; !ok {
			out.wrong("order %s took stock and was not to be shipped", id)
		}
	}
}

// books are the world's own: one label for every shipped order, and, of all rounds, no mail that nobody recorded.
func (c *checker) books(shipped map[uuid.UUID]demo.Story, out *checked) {
	var books sandbox.Counts
	require.NoError(c.t, c.ask(c.t.Context(), "/books", &books))
	out.labels, out.mails, out.repeats = books.Labels, int(books.Mails), books.Repeats
	if books.Labels-books.Voided != len(shipped) || len(books.LabelsAboveOne) > 0 || books.Voided > 0 && !c.late {
		out.wrong("the carrier sold %d labels for %d orders, %d of them void; more than one for %v", books.Labels, len(shipped), books.Voided, books.LabelsAboveOne)
	}
	var recorded int
	require.NoError(c.t, c.pool.QueryRow(c.t.Context(), `SELECT count(*) FROM orderflow.events WHERE type = 'notification.v1.NotificationSent'`).Scan(&recorded))
	if different := int(books.Mails) - books.Repeats; different != recorded {
		out.wrong("%d different mails came, and %d are recorded", different, recorded)
	}
}

// letters are a customer's: each once, and once more for a death in the very moment, under the same Message-ID.
func (c *checker) letters(s demo.Story, deaths int, out *checked) {
	var page struct {
		Mails []sandbox.Mail `json:"mails"`
	}
	require.NoError(c.t, c.ask(c.t.Context(), "/mails?limit=1000&to="+url.QueryEscape(s.Email), &page))
	times := map[string]int{}
	var subjects []string
	for _, m := range page.Mails {
		times[m.MessageID]++
		if times[m.MessageID] == 1 {
			subjects = append(subjects, m.Subject)
		}
	}
	for id, n := range times {
		if n > 1+max(deaths, 1) {
			out.wrong("order %s: mail %s came %d times", s.Order, id, n)
		}
	}
	slices.Sort(subjects)
	if len(slices.Compact(slices.Clone(subjects))) != len(subjects) {
		out.wrong("order %s: the same mail came under several ids: %q", s.Order, subjects)
	}
	var sent int
	require.NoError(c.t, c.pool.QueryRow(c.t.Context(), `SELECT count(*) FROM orderflow.events WHERE entity_id = $1 AND type = 'notification.v1.NotificationSent'`,
		uuid.UUID(s.Order)).Scan(&sent))
	if sent != len(times) || s.Ends == demo.Shipped && sent != 3 {
		out.wrong("order %s (%s): %d mails came, and %d are recorded", s.Order, s.Name, len(times), sent)
	}
}

// rest is what must not be left: nothing stuck, nothing given up on, nothing that verify finds.
func (c *checker) rest(out *checked) {
	stuck, err := eventstore.New(c.pool, nil).StuckEntities(c.t.Context())
	require.NoError(c.t, err)
	for _, s := range stuck {
		out.wrong("%s is stuck at %s: %s", s.Entity, s.Service, s.Error)
	}
	dead, err := bus.DeadMessages(c.t.Context(), c.js)
	require.NoError(c.t, err)
	for _, d := range dead {
		out.wrong("given up on by %s: %s: %s", d.GetService(), d.GetReason(), d.GetError())
	}
	if said, err := c.verify(); err != nil {
		out.wrong("verify: %v: %s", err, said)
	}
	rows, err := c.pool.Query(c.t.Context(), `SELECT relname::text FROM pg_class, projection.generation
		WHERE relnamespace = 'projection'::regnamespace AND relkind = 'r' AND relname ~ '_g[0-9]+$' AND relname !~ ('_g' || generation || '$')`)
	require.NoError(c.t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c.t, err)
	if len(left) > 0 {
		out.wrong("a rebuild left tables: %v", left)
	}
}

func (c *checker) ask(ctx context.Context, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.mailbox+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the sandbox answered %s", response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
