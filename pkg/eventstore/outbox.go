package eventstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// OutboxRow is what a transaction appended and nobody was told of.
type OutboxRow struct {
	ID        OutboxID
	Doorbells []*envelopev1.Doorbell
}

// queueOutbox writes the row, and its id to where it is wanted once that was answered.
func queueOutbox(batch *pgx.Batch, bells []*envelopev1.Doorbell, id *OutboxID) error {
	if len(bells) == 0 {
		return nil
	}
	data, err := proto.Marshal(&envelopev1.Appended{Doorbells: bells})
	if err != nil {
		return fmt.Errorf("write the outbox: %w", err)
	}
	batch.Queue(`INSERT INTO orderflow.outbox (data) VALUES ($1) RETURNING id`, data).
		QueryRow(func(row pgx.Row) error { return row.Scan(id) })
	return nil
}

// ClaimOutbox takes rows that are older than a time and keeps others from taking them while publish runs; rows of which
// publish says that they were told are deleted. It returns how many that were.
func (s *Store) ClaimOutbox(ctx context.Context, olderThan time.Duration, limit int, publish func(context.Context, []OutboxRow) error) (int, error) {
	var claimed []OutboxRow
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, data FROM orderflow.outbox WHERE created_at < clock_timestamp() - $1::interval
			ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`, olderThan, limit)
		if err != nil {
			return fmt.Errorf("claim the outbox: %w", err)
		}
		claimed, err = pgx.CollectRows(rows, scanOutbox)
		if err != nil || len(claimed) == 0 {
			return err
		}
		if err := publish(ctx, claimed); err != nil {
			return err
		}
		ids := make([]OutboxID, len(claimed))
		for i, r := range claimed {
			ids[i] = r.ID
		}
		batch := &pgx.Batch{}
		deleteOutbox(batch, ids)
		return send(ctx, tx, batch, "clear the outbox")
	})
	if err != nil {
		return 0, err
	}
	return len(claimed), nil
}

func scanOutbox(row pgx.CollectableRow) (OutboxRow, error) {
	var r OutboxRow
	var data []byte
	if err := row.Scan(&r.ID, &data); err != nil {
		return r, fmt.Errorf("read the outbox: %w", err)
	}
	var appended envelopev1.Appended
	if err := proto.Unmarshal(data, &appended); err != nil {
		return r, fmt.Errorf("read outbox row %d: %w", r.ID, err)
	}
	r.Doorbells = appended.GetDoorbells()
	return r, nil
}

// DeleteOutbox forgets rows whose doorbells were told: for when no next append comes to do it along the way.
func (s *Store) DeleteOutbox(ctx context.Context, ids []OutboxID) error {
	batch := &pgx.Batch{}
	deleteOutbox(batch, ids)
	return send(ctx, s.pool, batch, "clear the outbox")
}

func deleteOutbox(batch *pgx.Batch, ids []OutboxID) {
	if len(ids) == 0 {
		return
	}
	plain := make([]int64, len(ids))
	for i, id := range ids {
		plain[i] = int64(id)
	}
	batch.Queue(`DELETE FROM orderflow.outbox WHERE id = ANY($1)`, plain)
}
