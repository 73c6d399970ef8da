package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderflow/orderflow/pkg/ident"
)

// replace writes the rows of entities into a generation: the guards first, and then, in a second statement of the same
// transaction, the rows that belong to those that were let through. In one statement with the guards they would see
// the table as it was before a neighbour's commit that the guard had to wait for. It returns who was let through.
func replace(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded) (map[ident.Entity]bool, error) {
	return put(ctx, tx, f, generation, all, false)
}

// put is replace. Where nothing of these entities was written before, there is nothing to be taken away.
func put(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded, fresh bool) (map[ident.Entity]bool, error) {
	slices.SortFunc(all, func(a, b folded) int { return slices.Compare(a.entity[:], b.entity[:]) }) // one order of locks for everybody
	guards := make([][]any, len(all))
	for i, e := range all {
		guards[i] = e.rows[0][0]
	}
	rows, err := tx.Query(ctx, f.guard().upsert(f.guard().in(generation)), f.guard().args(guards)...)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.guard().name, err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.guard().name, err)
	}
	through := make(map[ident.Entity]bool, len(keys))
	for _, k := range keys {
		through[ident.Entity(k)] = true
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e folded) bool { return !through[e.entity] })
	return through, putChildren(ctx, tx, f, generation, keys, all, fresh)
}

func putChildren(ctx context.Context, tx pgx.Tx, f family, generation int, keys []uuid.UUID, all []folded, fresh bool) error {
	if len(keys) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for i, t := range f.children() {
		if !fresh {
			batch.Queue("DELETE FROM "+t.in(generation)+" WHERE "+t.key()+" = ANY($1)", keys)
		}
		queueInsert(batch, t, t.in(generation), all, i+1)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write what belongs to %s: %w", f.name, err)
	}
	return nil
}

// queueInsert adds the insert of one table's rows of many entities, if there are any.
func queueInsert(batch *pgx.Batch, t table, target string, all []folded, at int) {
	var rows [][]any
	for _, e := range all {
		rows = append(rows, e.rows[at]...)
	}
	if len(rows) > 0 {
		batch.Queue(t.insert(target), t.args(rows)...)
	}
}

// live is the generation that the views look at. With share, no swap can happen until the transaction ends.
func live(ctx context.Context, tx pgx.Tx, lock string) (int, error) {
	var generation int
	err := tx.QueryRow(ctx, "SELECT generation FROM projection.generation "+lock).Scan(&generation)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" {
		return 0, errors.New("the projector's tables are missing: run 'orderctl migrate' first")
	}
	if err != nil {
		return 0, fmt.Errorf("read the live generation: %w", err)
	}
	return generation, nil
}

// Locks of the generation row.
const (
	unlocked = ""
	shared   = "FOR SHARE"
	alone    = "FOR UPDATE"
)

// write replaces the rows of entities in the live generation.
func (p *projection) write(ctx context.Context, f family, all []folded) (through map[ident.Entity]bool, err error) {
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		generation, err := live(ctx, tx, shared)
		if err != nil {
			return err
		}
		through, err = replace(ctx, tx, f, generation, all)
		return err
	})
	return through, err
}

// unstorable knows a value that Postgres will never take, however often it is tried.
func unstorable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54": // data exception, constraint, a limit of the program
		return true
	}
	return false
}
