package orderctl

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/orderctl/lives"
)

// livesUsual is how many lives are told; ORDERFLOW_LIVES says otherwise, and ORDERFLOW_LIVES_SEED which.
const livesUsual = 16

// theatre is a running suite in which lives are told.
type theatre struct {
	running
	looks *checker
}

// newTheatre runs a suite whose carrier scans nothing by itself: the lives say what it sees.
func newTheatre(t *testing.T) theatre {
	t.Helper()
	r := runAll(t, "FULFILLMENT_SETTLE_DELAY", "0s", "SANDBOX_SCAN_AFTER", "10000h",
		"STRIPE_WEBHOOK_SECRET", "whsec_lives", "STRIPE_WEBHOOK_SECRET_SHOPIFY", "whsec_lives",
		"MASTER_KEY", base64.StdEncoding.EncodeToString(make([]byte, 32)), // of two words of the same second the hash decides
		"STRIPE_WEBHOOK_SECRET_WOOCOMMERCE", "whsec_lives", "STRIPE_SHOP_WOOCOMMERCE", "woocommerce/default")
	conn, err := nats.Connect(r.ground.NATSURL)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return theatre{r, &checker{t: t, pool: r.pool, js: js}}
}

// The lives that package lives draws come to the same in a running suite, through real webhooks, however they are told:
// each of them as it was in one suite, each delivery followed by rest, and shuffled, repeated and all at once in another.
// What the tables show is compared. Deadlines are left to the lives in memory, and so is what the carrier knows before we
// do: its first scan is told first.
func TestLivesComeToTheSameInARunningSuite(t *testing.T) {
	t.Parallel()
	count, err := strconv.Atoi(cmp.Or(os.Getenv("ORDERFLOW_LIVES"), strconv.Itoa(livesUsual)))
	require.NoError(t, err)
	seed, err := strconv.Atoi(cmp.Or(os.Getenv("ORDERFLOW_LIVES_SEED"), "1"))
	require.NoError(t, err)
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	told := make([]lives.Life, count)
	for i := range told {
		told[i] = rapid.Custom(func(t *rapid.T) lives.Life {
			return lives.Draw(t, i, lives.Options{Prefix: fmt.Sprintf("L%d-", i), Base: base})
		}).Example(seed*10_000 + i)
	}
	as, anyhow := newTheatre(t), newTheatre(t)
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	as.tell(t, told, func(natural, _ []lives.Delivery) [][]lives.Delivery {
		return slices.Collect(slices.Chunk(natural, 1))
	})
	anyhow.tell(t, told, func(natural, known []lives.Delivery) [][]lives.Delivery { return shuffled(random, natural, known) })
	for _, l := range told {
		assert.Equal(t, as.shows(t, l), anyhow.shows(t, l), "order %s as it was told:\n  %s", l.Order, strings.Join(said(l), "\n  "))
	}
	assert.Zero(t, anyhow.count(t, `SELECT count(*) FROM orderflow.stuck`))
}

func said(l lives.Life) []string {
	var all []string
	for _, d := range slices.Concat(l.Before, l.After) {
		all = append(all, d.Says)
	}
	return all
}

// shuffled is what happened in any order, with repeats of it and of what was told before, in up to three parts.
func shuffled(random *rand.Rand, natural, known []lives.Delivery) [][]lives.Delivery {
	all := slices.Concat(natural, known)
	told := slices.Clone(natural)
	for range random.IntN(4) {
		if len(all) > 0 {
			told = append(told, all[random.IntN(len(all))])
		}
	}
	random.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	var parts [][]lives.Delivery
	for len(told) > 0 {
		n := 1 + random.IntN(len(told))
		if len(parts) == 2 {
			n = len(told)
		}
		parts, told = append(parts, told[:n]), told[n:]
	}
	return parts
}

// tell tells all lives side by side, in the parts that order makes of each; after each part everything comes to rest.
func (s theatre) tell(t *testing.T, told []lives.Life, order func(natural, known []lives.Delivery) [][]lives.Delivery) {
	t.Helper()
	parts := make([][][]lives.Delivery, len(told))
	for i, l := range told {
		parts[i] = order(l.Before, nil)
	}
	s.parts(t, told, parts)
	for i, l := range told {
		parts[i] = nil
		if tracking := s.label(t, l); tracking != "" && len(l.Scans) > 0 {
			scans := make([]lives.Delivery, len(l.Scans))
			for n, scan := range l.Scans {
				scans[n] = lives.Scanned(tracking, scan)
			}
			parts[i] = append([][]lives.Delivery{scans[:1]}, order(append(scans[1:], l.After...), append(l.Before, scans[0]))...)
		}
	}
	s.parts(t, told, parts)
}

func (s theatre) parts(t *testing.T, told []lives.Life, parts [][][]lives.Delivery) {
	t.Helper()
	for n := 0; slices.ContainsFunc(parts, func(p [][]lives.Delivery) bool { return n < len(p) }); n++ {
		var stories []demo.Story
		for i, l := range told {
			if n >= len(parts[i]) {
				continue
			}
			story := demo.Story{Order: l.Order, Number: fmt.Sprintf("%s-%d", l.Number, n)}
			for _, d := range parts[i][n] {
				story.Chapters = append(story.Chapters, demo.Chapter{Source: d.Source, Account: d.Account, Topic: d.Topic, Body: d.Body})
			}
			stories = append(stories, story)
		}
		s.send(t, stories)
		s.rest(t)
	}
}

// send tells stories, and those that were not taken again, as providers do.
func (s theatre) send(t *testing.T, stories []demo.Story) {
	t.Helper()
	for range 10 {
		sent, err := s.sender.Send(t.Context(), stories, func(int) {})
		require.NoError(t, err)
		stories = nil
		for _, one := range sent {
			if one.Wrong != "" {
				require.Contains(t, one.Wrong, "503")
				stories = append(stories, one.Story)
			}
		}
		if len(stories) == 0 {
			return
		}
	}
	require.Fail(t, "the ingress takes nothing")
}

// rest waits until nothing is on its way, and nothing is due by itself before long.
func (s theatre) rest(t *testing.T) {
	t.Helper()
	events, calm := -1, 0
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var outbox, due, now int
		err := s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM orderflow.outbox), (SELECT count(*) FROM orderflow.events),
			(SELECT count(*) FROM orderflow.timers WHERE due_at < clock_timestamp() + interval '20 seconds')`).Scan(&outbox, &now, &due)
		if err != nil || outbox > 0 || due > 0 || now != events || s.looks.undelivered(ctx) != "" {
			events, calm = now, 0
			return false
		}
		calm++
		return calm >= 2
	}, lifetime, 25*time.Millisecond, "it does not come to rest")
}

// label is the tracking number of the parcel that may leave; empty if there is none.
func (s theatre) label(t *testing.T, l lives.Life) string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `SELECT tracking_number FROM read.shipments
		WHERE order_id = $1 AND tracking_number IS NOT NULL AND status <> 'voided'`, uuid.UUID(l.Order))
	require.NoError(t, err)
	labels, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.LessOrEqual(t, len(labels), 1)
	return strings.Join(labels, "")
}

// shown are the tables as far as they have to be equal: see lives.Ending for what need not be. Of two payments for the
// same either may go back, and a risk is scored only where money was heard of.
var shown = []string{
	`SELECT 'order', status, payment_status, currency, total_minor, paid_minor, refunded_minor, disputed_minor, due_minor, item_count,
		(SELECT array_agg(h ORDER BY h) FROM unnest(hold_reasons) h), array_remove(waits_for, 'fraud'), is_draft, customer_name FROM read.orders WHERE order_id = $1`,
	`SELECT 'line', position, line_id, sku, quantity, unit_price_minor, cancelled, allocated, backordered, released, shipped, delivered, returned
		FROM read.order_items WHERE order_id = $1 ORDER BY 2`,
	`SELECT 'payment', names, status, currency, authorized_minor, captured_minor, refunded_minor FROM read.payments WHERE order_id = $1 ORDER BY position`,
	`SELECT 'granted', sum(granted_minor) FROM read.payments WHERE order_id = $1 AND refunded_minor = 0`,
	`SELECT 'shipment', status, count(*) FROM read.shipments WHERE order_id = $1 AND status <> 'voided' AND tracking_number IS NOT NULL GROUP BY 2`,
	`SELECT 'scan', step, scan_id, scanned_at FROM read.shipment_scans WHERE order_id = $1 ORDER BY scan_id`,
	`SELECT 'mail', kind, count(*) FROM read.notifications WHERE order_id = $1 AND kind IN ('shipped', 'delivered', 'cancelled') GROUP BY 2 ORDER BY 2`,
	`SELECT 'refunds told', max(split_part(subject, ':', 2)::bigint) FROM read.notifications WHERE order_id = $1 AND kind = 'refunded'`,
}

func (s theatre) shows(t *testing.T, l lives.Life) string {
	t.Helper()
	var all []string
	add := func(query string, args ...any) {
		rows, err := s.pool.Query(t.Context(), query, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			values, err := row.Values()
			return fmt.Sprintln(values...), err
		})
		require.NoError(t, err)
		all = append(all, lines...)
	}
	for _, query := range shown {
		add(query, uuid.UUID(l.Order))
	}
	add(`SELECT 'stock', sku, location, on_hand, reserved, oversold FROM read.stock_levels WHERE sku = ANY($1) ORDER BY sku, location`, l.SKUs)
	for _, sku := range l.SKUs {
		all = append(all, fmt.Sprintf("%d of %s taken", s.taken(t, uuid.UUID(l.Order), sku), sku))
	}
	return strings.Join(all, "\n")
}
