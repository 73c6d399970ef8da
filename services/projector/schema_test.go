package projector

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (w *world) strings(query string, args ...any) []string {
	w.t.Helper()
	rows, err := w.pool.Query(w.ctx, query, args...)
	require.NoError(w.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	return all
}

func TestEveryTableAndColumnSaysWhatItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, (&journal{pool: w.pool, config: Config{JournalRetention: shortestRetention}}).keepDays(w.ctx, noon))
	w.rebuild()
	const schemas = `n.nspname IN ('read', 'projection', 'projection_template', 'journal') AND c.relkind IN ('r', 'v', 'p')`
	assert.Greater(t, len(w.strings(`SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE `+schemas)), 40)
	assert.Empty(t, w.strings(`SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE `+schemas+` AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''`), "tables without a comment")
	assert.Empty(t, w.strings(`SELECT n.nspname || '.' || c.relname || '.' || a.attname FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE `+schemas+` AND coalesce(col_description(c.oid, a.attnum), '') = ''`), "columns without a comment")
}

func TestTheTablesHaveTheColumnsThatAreFolded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var known []string
	for _, f := range families {
		for _, table := range f.tables {
			known = append(known, table.name)
			assert.Equal(t, table.names(), w.strings(`SELECT column_name::text FROM information_schema.columns
				WHERE table_schema = 'read' AND table_name = $1 ORDER BY ordinal_position`, table.name), table.name)
		}
	}
	assert.ElementsMatch(t, append(known, "webhook_events"), w.strings(`SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'read'`))
	assert.ElementsMatch(t, known, w.strings(`SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'projection_template'`))
}

func TestTheAnalystReadsTheViewsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(orderID("1001"), placed("1001", 5000))
	w.rebuild()
	tables := w.strings(`SELECT format('%I.%I', schemaname, name) FROM (
		SELECT schemaname, tablename AS name FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views) x
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	require.Greater(t, len(tables), 30)
	read := 0
	for _, table := range tables {
		err := pgx.BeginFunc(w.ctx, w.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(w.ctx, `SET LOCAL ROLE analyst`)
			require.NoError(t, err)
			_, err = tx.Exec(w.ctx, `SELECT * FROM `+table+` LIMIT 1`)
			return err
		})
		if strings.HasPrefix(table, "read.") {
			read++
			assert.NoError(t, err, table)
		} else {
			assert.ErrorContains(t, err, "permission denied", table)
		}
	}
	assert.Equal(t, 13, read)
	err := pgx.BeginFunc(w.ctx, w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(w.ctx, `SET LOCAL ROLE analyst`)
		require.NoError(t, err)
		_, err = tx.Exec(w.ctx, `UPDATE read.orders SET status = 'x'`)
		return err
	})
	require.ErrorContains(t, err, "permission denied")
}
