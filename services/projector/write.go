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
//
// Of entities whose rows are known as they stand, only those are written that differ.
func replace(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded, known map[ident.Entity]digests) (map[ident.Entity]bool, error) {
	through, keys, all, err := putGuards(ctx, tx, f, generation, all)
	if err != nil || len(keys) == 0 {
		return through, err
	}
	batch := &pgx.Batch{}
	for i, t := range f.children() {
		c := changesOf(all, i+1, known)
		if len(c.entities) > 0 {
			batch.Queue("DELETE FROM "+t.in(generation)+" AS t USING unnest($1::uuid[], $2::bigint[]) AS d (key, above) WHERE t."+t.key()+
				" = d.key AND t.position > d.above", c.entities, c.above)
		}
		if len(c.rows) > 0 {
			batch.Queue(t.upsertChildren(t.in(generation)), t.args(c.rows)...)
		}
	}
	return through, send(ctx, tx, f, batch)
}

// replaceAll is replace where nothing is known of what stands there.
func replaceAll(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded) (map[ident.Entity]bool, error) {
	return replace(ctx, tx, f, generation, all, nil)
}

// changes are what is to be done to one table: rows above a position go, and some are written.
type changes struct {
	entities []uuid.UUID
	above    []int64
	rows     [][]any
}

func changesOf(all []folded, at int, known map[ident.Entity]digests) changes {
	var c changes
	for _, e := range all {
		stand, ok := known[e.entity]
		if !ok {
			c.entities, c.above = append(c.entities, uuid.UUID(e.entity)), append(c.above, 0)
			c.rows = append(c.rows, e.rows[at]...)
			continue
		}
		for n, row := range e.rows[at] {
			if n >= len(stand[at]) || stand[at][n] != e.digests[at][n] {
				c.rows = append(c.rows, row)
			}
		}
		if n := len(e.rows[at]); n < len(stand[at]) {
			c.entities, c.above = append(c.entities, uuid.UUID(e.entity)), append(c.above, int64(n))
		}
	}
	return c
}

// fill writes the rows of entities of which a generation holds nothing yet.
func fill(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded) (map[ident.Entity]bool, error) {
	through, keys, all, err := putGuards(ctx, tx, f, generation, all)
	if err != nil || len(keys) == 0 {
		return through, err
	}
	batch := &pgx.Batch{}
	for i, t := range f.children() {
		queueInsert(batch, t, t.in(generation), all, i+1)
	}
	return through, send(ctx, tx, f, batch)
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

// putGuards writes the guards, and returns who was let through, as a set, as keys and with their rows.
func putGuards(ctx context.Context, tx pgx.Tx, f family, generation int, all []folded) (map[ident.Entity]bool, []uuid.UUID, []folded, error) {
	slices.SortFunc(all, func(a, b folded) int { return slices.Compare(a.entity[:], b.entity[:]) }) // one order of locks for everybody
	guards := make([][]any, len(all))
	for i, e := range all {
		guards[i] = e.rows[0][0]
	}
	rows, err := tx.Query(ctx, f.guard().upsert(f.guard().in(generation)), f.guard().args(guards)...)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("write %s: %w", f.guard().name, err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, nil, nil, fmt.Errorf("write %s: %w", f.guard().name, err)
	}
	through := make(map[ident.Entity]bool, len(keys))
	for _, k := range keys {
		through[ident.Entity(k)] = true
	}
	return through, keys, slices.DeleteFunc(slices.Clone(all), func(e folded) bool { return !through[e.entity] }), nil
}

func send(ctx context.Context, tx pgx.Tx, f family, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write what belongs to %s: %w", f.name, err)
	}
	return nil
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
	for i := range all {
		all[i].digests = digestsOf(all[i])
	}
	var generation int
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if generation, err = live(ctx, tx, shared); err != nil {
			return err
		}
		known, err := p.memory.standing(ctx, tx, f, generation, p.foldVersion, all)
		if err != nil {
			return err
		}
		through, err = replace(ctx, tx, f, generation, all, known)
		return err
	})
	if err == nil {
		p.memory.keep(f, generation, all, through)
	}
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
