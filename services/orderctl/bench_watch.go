package orderctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/services/orderctl/load"
	"github.com/orderflow/orderflow/services/sandbox"
)

// tally is what the outside's books and the SKUs' streams come to so far.
type tally struct{ labels, scans, mails, stockEvents int }

// How often the outside's books and the tables are asked: often enough to notice an end, too rarely to be measured.
const (
	booksEvery  = 300 * time.Millisecond
	tablesEvery = 100 * time.Millisecond
	// stillWait is how long nothing may happen before it is given up.
	stillWait = time.Minute
)

// look reads the books.
func (s *benchSystem) look(ctx context.Context) (tally, error) {
	var books sandbox.Counts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.run.MailboxURL+"/books", http.NoBody)
	if err != nil {
		return tally{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return tally{}, fmt.Errorf("look into the sandbox's books: %w", err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&books); err != nil {
		return tally{}, fmt.Errorf("look into the sandbox's books: %w", err)
	}
	t := tally{labels: books.Labels, scans: books.Scans - books.ScansUnposted, mails: int(books.Mails)}
	err = s.pool.QueryRow(ctx, `SELECT coalesce(sum(version), 0) FROM orderflow.snapshots WHERE category = 'stock'`).Scan(&t.stockEvents)
	return t, err
}

func (t tally) since(before tally) tally {
	return tally{t.labels - before.labels, t.scans - before.scans, t.mails - before.mails, t.stockEvents - before.stockEvents}
}

// mailsEach is what a customer is told: confirmed, shipped, delivered.
const mailsEach = 3

// finish waits until every order has its scan, its mails and its last row in the tables.
func (s *benchSystem) finish(ctx context.Context, orders load.Orders, c *carriage, before tally) error {
	var last tally
	moved := time.Now()
	for {
		now, err := s.look(ctx)
		if err != nil {
			return err
		}
		c.books = now.since(before)
		if c.books.scans >= len(c.due) && c.books.mails >= mailsEach*len(c.due) {
			break
		}
		if now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > stillWait {
			return fmt.Errorf("of %d orders %d were scanned and %d mails were sent, and for %s nothing moved: orderctl order list --waiting says what they wait for", len(c.due), c.books.scans, c.books.mails, stillWait)
		}
		if err := pauseFor(ctx, booksEvery); err != nil {
			return err
		}
	}
	if err := s.tabled(ctx, orders, len(c.due)); err != nil {
		return err
	}
	c.completed = time.Now()
	now, err := s.look(ctx)
	c.books = now.since(before)
	c.stockEvents = c.books.stockEvents
	return err
}

// tabled waits until the tables show that every order is completed.
func (s *benchSystem) tabled(ctx context.Context, orders load.Orders, many int) error {
	left, moved := idsOf(orders, many), time.Now()
	for {
		rows, err := s.pool.Query(ctx, `SELECT i.id FROM unnest($1::uuid[]) AS i (id) LEFT JOIN read.orders o ON o.order_id = i.id
			WHERE o.status IS DISTINCT FROM 'completed'`, left)
		if err != nil {
			return fmt.Errorf("look at the orders: %w", err)
		}
		still, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("look at the orders: %w", err)
		}
		if len(still) == 0 {
			return nil
		}
		if len(still) < len(left) {
			moved = time.Now()
		}
		if left = still; time.Since(moved) > stillWait {
			return fmt.Errorf("%d of %d orders are not completed in read.orders, %s among them", len(left), many, left[0])
		}
		if err := pauseFor(ctx, tablesEvery); err != nil {
			return err
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func idsOf(orders load.Orders, many int) []uuid.UUID {
	ids := make([]uuid.UUID, many)
	for n := range ids {
		ids[n] = uuid.UUID(orders.Entity("stripe", n))
	}
	return ids
}

// read reads when each order was shipped and how many events it came to. A parcel that was scanned has shipped, also if
// the first scan is that it was delivered.
func (s *benchSystem) read(ctx context.Context, orders load.Orders, c *carriage) error {
	ids := idsOf(orders, len(c.due))
	at := make(map[uuid.UUID]int, len(ids))
	for n, id := range ids {
		at[id] = n
	}
	c.shipped = make([]time.Time, len(ids))
	rows, err := s.pool.Query(ctx, `SELECT entity_id, min(recorded_at) FILTER (WHERE type IN ('fulfillment.v1.ShipmentScanned', 'fulfillment.v1.ShipmentDelivered')),
			count(*) FROM orderflow.events WHERE entity_id = ANY($1) GROUP BY 1`, ids)
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	var id uuid.UUID
	var shipped *time.Time
	var events int
	_, err = pgx.ForEachRow(rows, []any{&id, &shipped, &events}, func() error {
		if shipped == nil {
			return fmt.Errorf("order %s was not shipped", id)
		}
		c.shipped[at[id]] = *shipped
		c.events += events
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	return nil
}
