package eventstore_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// Where each table is when the store is spread over many servers by entity_id (Citus: create_distributed_table). What is
// found by something else than an entity is small and short-lived, and stays where everybody looks.
var spread = map[string]string{
	"events": "by entity", "snapshots": "by entity", "keys": "by entity", "stuck": "by entity",
	"outbox": "one place", "timers": "one place", "refs": "one place", "parked": "one place", "sweeps": "one place",
}

const (
	byEntity = "by entity"
	shards   = 8
)

// A table that is spread has entity_id in every unique index, for uniqueness is kept shard by shard; nothing refers to it
// or from it; and it draws no numbers that all shards would have to agree on.
func TestTablesCanBeSpreadByEntity(t *testing.T) {
	t.Parallel()
	ctx, pool := context.Background(), testkit.DB(t)
	names := func(sql string) []string {
		rows, err := pool.Query(ctx, sql)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return found
	}
	for _, table := range names(`SELECT relname::text FROM pg_class WHERE relnamespace = 'orderflow'::regnamespace AND relkind = 'r'`) {
		assert.True(t, spread[table] != "" || strings.Contains(table, "migrations"), "nobody has said where %s is", table)
	}
	for table, place := range spread {
		assert.Equal(t, place == byEntity, slices.Contains(names(`SELECT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relnamespace = 'orderflow'::regnamespace AND c.relkind = 'r' AND a.attname = 'entity_id' AND a.attnotnull`), table), table)
	}
	for _, index := range names(`SELECT c.relname || ' ' || i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = 'orderflow'::regnamespace AND i.indisunique AND NOT EXISTS (SELECT 1 FROM pg_attribute a
			WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND a.attname = 'entity_id')`) {
		table, _, _ := strings.Cut(index, " ")
		assert.NotEqual(t, byEntity, spread[table], "%s is unique over all shards", index)
	}
	for _, key := range names(`SELECT a.relname || ' ' || b.relname FROM pg_constraint k JOIN pg_class a ON a.oid = k.conrelid JOIN pg_class b ON b.oid = k.confrelid
		WHERE k.contype = 'f' AND k.connamespace = 'orderflow'::regnamespace`) {
		from, to, _ := strings.Cut(key, " ")
		assert.False(t, spread[from] == byEntity || spread[to] == byEntity, "%s refers to %s", from, to)
	}
	for _, table := range names(`SELECT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
		WHERE c.relnamespace = 'orderflow'::regnamespace AND c.relkind = 'r' AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval%')`) {
		assert.NotEqual(t, byEntity, spread[table], "%s draws numbers", table)
	}
}

// shard makes tables of many shards of those that are spread: hash partitions stand in for them. Postgres refuses a unique
// index without the key of the partitions, as Citus does.
func shard(ctx context.Context, t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for table, place := range spread {
		if place != byEntity {
			continue
		}
		statements := []string{
			fmt.Sprintf(`ALTER TABLE orderflow.%[1]s RENAME TO plain_%[1]s`, table),
			fmt.Sprintf(`CREATE TABLE orderflow.%[1]s (LIKE orderflow.plain_%[1]s INCLUDING ALL) PARTITION BY HASH (entity_id)`, table),
			fmt.Sprintf(`INSERT INTO orderflow.%[1]s SELECT * FROM orderflow.plain_%[1]s`, table),
			fmt.Sprintf(`DROP TABLE orderflow.plain_%s`, table),
		}
		for i := range shards {
			statements = slices.Insert(statements, 2, fmt.Sprintf(`CREATE TABLE orderflow.%[1]s_%[2]d PARTITION OF orderflow.%[1]s
				FOR VALUES WITH (MODULUS %[3]d, REMAINDER %[2]d)`, table, i, shards))
		}
		for _, sql := range statements {
			_, err := pool.Exec(ctx, sql)
			require.NoError(t, err, sql)
		}
	}
	_, err := pool.Exec(ctx, `ANALYZE`)
	require.NoError(t, err)
}

// touched are the shards that a statement really read or wrote, by table, and the tables of one place that it named.
func touched(ctx context.Context, t *testing.T, pool *pgxpool.Pool, q pgx.TraceQueryStartData) (in map[string][]string, single []string) {
	t.Helper()
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer tx.Rollback(ctx)
	rows, err := tx.Query(ctx, "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) "+q.SQL, q.Args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, q.SQL)
	in = map[string][]string{}
	scan := regexp.MustCompile(`\b(events|snapshots|keys|stuck)_(\d+)\b`)
	for _, line := range lines {
		part := scan.FindStringSubmatch(line)
		if part == nil || strings.Contains(line, "never executed") {
			continue
		}
		if !slices.Contains(in[part[1]], part[2]) {
			in[part[1]] = append(in[part[1]], part[2])
		}
	}
	for table, place := range spread {
		if place != byEntity && strings.Contains(q.SQL, "orderflow."+table) {
			single = append(single, table)
		}
	}
	return in, single
}

// The store's own statements on tables that are spread. What a service does for one order meets one shard, the same for
// every table; what it does for many meets no more than theirs. Only a sweep asks all. No statement joins what is spread
// with what is not.
func TestStatementsAreRoutedByEntity(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(testkit.DSN(t))
	require.NoError(t, err)
	seen := &spy{}
	config.ConnConfig.Tracer = seen
	pool, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := eventstore.New(pool, testkit.Vault(t, pool))
	fill(ctx, t, pool)
	shard(ctx, t, pool)
	one := orderID(1)
	var many []ident.Entity
	for n := range 64 {
		many = append(many, orderID(n))
	}
	append1 := func(expected int, name string) error {
		done, err := s.Append(ctx, service, []eventstore.Unit{unit(one, expected, name)}, nil)
		if err == nil {
			name += " " + done.Outcomes[0].String()
		}
		t.Log(name)
		return err
	}
	require.NoError(t, append1(0, "first"))
	for what, do := range map[string]struct {
		call func() error
		most int // shards
	}{
		"load one":        {func() error { _, err := s.Load(ctx, []ident.Entity{one}); return err }, 1},
		"load many":       {func() error { _, err := s.Load(ctx, many); return err }, shards},
		"load above":      {func() error { _, err := s.LoadAbove(ctx, event.Order, one, 0, 10); return err }, 1},
		"one state":       {func() error { _, err := s.Snapshots(ctx, event.Stock, []ident.Entity{one}); return err }, 1},
		"append":          {func() error { return append1(1, "second") }, 1},
		"append, stale":   {func() error { return append1(0, "stale") }, 1},
		"clear stuck":     {func() error { return s.ClearStuck(ctx, service, one) }, 1},
		"sweep, lately":   {func() error { return every(s.Moved(ctx, event.Order, time.Now().Add(-time.Minute), 10)) }, shards},
		"sweep, all":      {func() error { return every(s.Moved(ctx, event.Order, time.Time{}, 1000)) }, shards},
		"look for timers": {func() error { _, err := s.Due(ctx, service, 500, time.Minute); return err }, 0},
		"resolve":         {func() error { _, err := s.Resolve(ctx, []string{"a", "b"}); return err }, 0},
	} {
		seen.take()
		require.NoError(t, do.call(), what)
		met := map[string]bool{}
		for _, q := range seen.take() {
			if explain(ctx, t, pool, "force_custom_plan", q) == "" {
				continue // begin and commit
			}
			if strings.Contains(q.SQL, "must_be") { // what it appended is there by now: it is looked at with the next version
				var next int32
				require.NoError(t, pool.QueryRow(ctx, `SELECT max(version) + 1 FROM orderflow.events WHERE (entity_id, category) = ($1, $2)`, one, event.Order).Scan(&next))
				q.Args = slices.Clone(q.Args)
				q.Args[2] = []int32{next}
			}
			in, single := touched(ctx, t, pool, q)
			assert.False(t, len(in) > 0 && len(single) > 0, "%s joins %v with %v", what, slices.Collect(maps.Keys(in)), single)
			for table, parts := range in {
				assert.LessOrEqual(t, len(parts), do.most, "%s: %s in shards %v:\n%s", what, table, parts, q.SQL)
				for _, part := range parts {
					met[part] = true
				}
			}
		}
		assert.Equal(t, do.most > 0, len(met) > 0, "%s meets shards: %v", what, met)
		assert.LessOrEqual(t, len(met), do.most, "%s: tables of one entity lie in different shards: %v", what, met)
	}
}
