package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Outcome is what became of one story.
type Outcome struct {
	Sent
	// Status is the word in read.orders; empty if the order is not there.
	Status  string
	Payment string
	// Shipped is how long the carrier's first scan came after the first delivery was sent; zero if it did not.
	Shipped time.Duration
}

// Right says that the order ended as it had to and every answer was right.
func (o Outcome) Right() bool { return o.Wrong == "" && ended(o.Story.Ends, o.Status) }

// ended says that a status is the end that the story has to have.
func ended(end End, status string) bool {
	switch end {
	case Shipped:
		return status == "completed"
	case Held:
		return status == "held"
	case Backordered:
		return status == "backordered"
	case Cancelled:
		return status == "cancelled"
	}
	return false
}

// lookEvery is how often the tables are asked.
const lookEvery = 200 * time.Millisecond

// Watch looks at read.orders until every order has ended as it has to, or time is up.
func Watch(ctx context.Context, pool *pgxpool.Pool, sent []Sent, stay time.Duration, progress func(done int)) ([]Outcome, error) {
	limit, cancel := context.WithTimeout(ctx, stay)
	defer cancel()
	for {
		outcomes, err := look(ctx, pool, sent)
		if err != nil {
			return nil, err
		}
		done := 0
		for _, o := range outcomes {
			if ended(o.Story.Ends, o.Status) {
				done++
			}
		}
		progress(done)
		if done == len(outcomes) {
			return outcomes, nil
		}
		select {
		case <-limit.Done():
			return outcomes, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

func look(ctx context.Context, pool *pgxpool.Pool, sent []Sent) ([]Outcome, error) {
	ids := make([]uuid.UUID, len(sent))
	outcomes := make([]Outcome, len(sent))
	at := map[ident.Entity]int{}
	for i, s := range sent {
		ids[i], outcomes[i], at[s.Story.Order] = uuid.UUID(s.Story.Order), Outcome{Sent: s}, i
	}
	rows, err := pool.Query(ctx, `SELECT order_id, status, payment_status FROM read.orders WHERE order_id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("look at the orders: %w", err)
	}
	var id uuid.UUID
	var status, payment string
	_, err = pgx.ForEachRow(rows, []any{&id, &status, &payment}, func() error {
		o := &outcomes[at[ident.Entity(id)]]
		o.Status, o.Payment = status, payment
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at the orders: %w", err)
	}
	return outcomes, scanned(ctx, pool, ids, outcomes, at)
}

// scanned adds when the carrier's first scan was recorded: this machine's clock, as the sender's is.
func scanned(ctx context.Context, pool *pgxpool.Pool, ids []uuid.UUID, outcomes []Outcome, at map[ident.Entity]int) error {
	rows, err := pool.Query(ctx, `SELECT entity_id, min(recorded_at) FROM orderflow.events
		WHERE entity_id = ANY($1) AND category = 'fulfillment' AND type = 'fulfillment.v1.ShipmentScanned' GROUP BY 1`, ids)
	if err != nil {
		return fmt.Errorf("look at the scans: %w", err)
	}
	var id uuid.UUID
	var when time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &when}, func() error {
		o := &outcomes[at[ident.Entity(id)]]
		o.Shipped = when.Sub(o.First)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at the scans: %w", err)
	}
	return nil
}
