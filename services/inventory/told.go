package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// told remembers which moves were taken. A SKU's stream has no end, so it is not read to find out; a row per move is.
type told struct{ pool *pgxpool.Pool }

// news leaves out moves that were taken before.
func (t told) news(ctx context.Context, asks []Ask) ([]Ask, error) {
	var causes []uuid.UUID
	for _, a := range asks {
		if a.Move != nil {
			causes = append(causes, uuid.UUID(a.Cause))
		}
	}
	if len(causes) == 0 {
		return asks, nil
	}
	rows, err := t.pool.Query(ctx, `SELECT cause_id FROM inventory.told WHERE cause_id = ANY($1)`, causes)
	if err != nil {
		return nil, fmt.Errorf("look for moves that were taken: %w", err)
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look for moves that were taken: %w", err)
	}
	return slices.DeleteFunc(asks, func(a Ask) bool { return a.Move != nil && slices.Contains(known, uuid.UUID(a.Cause)) }), nil
}

// counted adds the latest counts of the SKUs that moves are about, each report's at its latest reading.
func (t told) counted(ctx context.Context, asks []Ask, stock map[ident.Entity]Stock) error {
	var ids []uuid.UUID
	for _, a := range asks {
		if a.Move != nil {
			ids = append(ids, uuid.UUID(a.Entity))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := t.pool.Query(ctx, `SELECT DISTINCT ON (sku_id, location) sku_id, location, counted_at, report_id, revision, quantity
		FROM inventory.told t WHERE sku_id = ANY($1) AND location IS NOT NULL
		AND NOT EXISTS (SELECT FROM inventory.told n WHERE n.report_id = t.report_id AND n.revision > t.revision
			AND n.revision > 0 AND n.report_id <> '00000000-0000-0000-0000-000000000000')
		ORDER BY sku_id, location, counted_at DESC, revision DESC, quantity DESC`, ids)
	if err != nil {
		return fmt.Errorf("read the latest counts: %w", err)
	}
	var id, report uuid.UUID
	var location string
	var c Counted
	_, err = pgx.ForEachRow(rows, []any{&id, &location, &c.At, &report, &c.Revision, &c.Quantity}, func() error {
		c.Report = ident.Cause(report)
		s := stock[ident.Entity(id)]
		if s.Counted == nil {
			s.Counted = map[string]Counted{}
		}
		s.Counted[location] = c
		stock[ident.Entity(id)] = s
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the latest counts: %w", err)
	}
	return nil
}

// write remembers the moves of a unit, and makes sure that nobody starts to wait for what has just come.
func (t told) write(u Unit) func(context.Context, pgx.Tx) error {
	if len(u.Taken) == 0 && len(u.Looked) == 0 {
		return nil
	}
	return func(ctx context.Context, tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, taken := range u.Taken {
			var location *string
			if taken.Location != "" {
				location = &taken.Location
			}
			batch.Queue(`INSERT INTO inventory.told (cause_id, sku_id, location, counted_at, report_id, revision, quantity) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				uuid.UUID(taken.Cause), uuid.UUID(taken.Entity), location, taken.Counted.At, uuid.UUID(taken.Counted.Report), int64(taken.Counted.Revision), taken.Counted.Quantity)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("remember moves: %w", err)
		}
		return stillShort(ctx, tx, u)
	}
}

// stillShort makes who begins to wait and who brings stock meet at the name's row, which the store has locked for both
// by now. Whoever brings stock later sees who waits; if somebody was faster, the SKU's version has moved and the decision
// to wait is made anew.
func stillShort(ctx context.Context, tx pgx.Tx, u Unit) error {
	if len(u.Looked) == 0 {
		return nil
	}
	ids, versions := make([]uuid.UUID, 0, len(u.Looked)), make([]int32, 0, len(u.Looked))
	for id, version := range u.Looked {
		for _, s := range u.Stocks {
			if s.Entity == id {
				version += len(s.Events) // ours, in this transaction
			}
		}
		ids, versions = append(ids, uuid.UUID(id)), append(versions, int32(version)) //nolint:gosec // versions of a stream are int32
	}
	var moved int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM unnest($1::uuid[], $2::int[]) AS l (id, version)
		JOIN orderflow.snapshots s ON s.entity_id = l.id AND s.category = $3 AND s.version <> l.version`, ids, versions, string(event.Stock)).Scan(&moved)
	if err != nil {
		return fmt.Errorf("look again at what orders wait for: %w", err)
	}
	if moved > 0 {
		return fmt.Errorf("%d SKUs moved while orders began to wait for them: %w", moved, errMoved)
	}
	return nil
}

// errMoved is what Postgres itself would call it: the transaction is to be tried again on what is there by now.
var errMoved = &pgconn.PgError{Severity: "ERROR", Code: "40001", Message: "decided on stock that has moved"}
