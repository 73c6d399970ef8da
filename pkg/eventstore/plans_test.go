package eventstore_test

import (
	"context"
	"iter"
	"strings"
	"sync"
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

// spy remembers the statements that the store sends.
type spy struct {
	mu   sync.Mutex
	sent []pgx.TraceQueryStartData
}

func (s *spy) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, data)
	return ctx
}

func (s *spy) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart sees what is sent in one piece, statement by statement.
func (s *spy) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range data.Batch.QueuedQueries {
		s.sent = append(s.sent, pgx.TraceQueryStartData{SQL: q.SQL, Args: q.Arguments})
	}
	return ctx
}

func (s *spy) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (s *spy) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *spy) take() []pgx.TraceQueryStartData {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// Nothing that runs for every batch, or several times a second, may read a whole table. The statements are those that
// the store really sends, planned on a table of some size, with their values and without.
func TestHotStatementsScanNoTable(t *testing.T) {
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

	var ids []ident.Entity
	var units, stale []eventstore.Unit
	for n := range 256 {
		ids = append(ids, orderID(n))
		units, stale = append(units, unit(orderID(n), 0, "a")), append(stale, unit(orderID(n), 0, "b"))
	}
	_, err = s.Append(ctx, service, units, nil)
	require.NoError(t, err)
	for what, do := range map[string]func() error{
		"load":   func() error { _, err := s.Load(ctx, ids); return err },
		"append": func() error { _, err := s.Append(ctx, service, stale, []eventstore.OutboxID{1, 2}); return err },
		"above":  func() error { _, err := s.LoadAbove(ctx, event.Order, ids[0], 3, 10); return err },
		"states": func() error { _, err := s.Snapshots(ctx, event.Stock, ids[:16]); return err },
		"due":    func() error { _, err := s.Due(ctx, service, 500, time.Minute); return err },
		"outbox": func() error {
			_, err := s.ClaimOutbox(ctx, time.Hour, 100, func(context.Context, []eventstore.OutboxRow) error { return nil })
			return err
		},
		"moved": func() error {
			return every(s.Moved(ctx, event.Order, time.Now().Add(-time.Minute), 10))
		},
		"all":      func() error { return every(s.Moved(ctx, event.Order, time.Time{}, 200)) },
		"resolve":  func() error { _, err := s.Resolve(ctx, []string{"a", "b"}); return err },
		"park":     func() error { _, err := s.Park(ctx, []eventstore.Timer{fact("x", "x")}); return err },
		"end":      func() error { return s.EndTimers(ctx, []eventstore.Timer{{Service: service, ID: cause("x")}}) },
		"linking":  func() error { return linking(ctx, s) },
		"unstuck":  func() error { return s.ClearStuck(ctx, service, ids...) },
		"deleting": func() error { return s.DeleteOutbox(ctx, []eventstore.OutboxID{1, 2, 3}) },
	} {
		seen.take()
		require.NoError(t, do(), what)
		queries := seen.take()
		if what == "moved" {
			assert.Len(t, queries, 1, "what moved is not looked for again on every page")
		}
		for _, q := range queries {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				plan := explain(ctx, t, pool, mode, q)
				for _, table := range []string{"events", "timers", "outbox", "snapshots", "refs", "parked"} {
					if strings.Contains(plan, "Seq Scan on "+table) {
						assert.Fail(t, "it reads all "+table, "%s, %s:\n%s\n%.2000s", what, mode, q.SQL, plan)
					}
				}
			}
		}
	}
}

func linking(ctx context.Context, s *eventstore.Store) error {
	u := unit(orderID(100_000), 0, "linking")
	u.Links, u.Wake = []eventstore.Link{{Ref: "stripe:1", Entity: orderID(100_000)}}, []string{"sku:1"}
	u.Timers = []eventstore.Timer{{Service: service, ID: cause("l"), Entity: orderID(100_000), Kind: "look", DueAt: time.Now().Add(time.Hour)}}
	u.Clear = []ident.Cause{cause("c")}
	_, err := s.Append(ctx, service, []eventstore.Unit{u}, nil)
	return err
}

// fill makes tables so large that reading them whole is never the better plan.
func fill(ctx context.Context, t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at, recorded_at)
		 SELECT md5((n / 5)::text)::uuid, (ARRAY['order', 'payment', 'fraud', 'inventory', 'fulfillment'])[n % 5 + 1], 1, gen_random_uuid(),
		        'order.v1.OrderCompleted', decode(repeat('00', 200), 'hex'), gen_random_uuid(), now(), now() - interval '30 days' + n * interval '1 minute'
		 FROM generate_series(0, 49999) n`,
		`INSERT INTO orderflow.timers (service, id, entity_id, kind, due_at)
		 SELECT 'orders', gen_random_uuid(), gen_random_uuid(), 'look', now() + n * interval '1 second' FROM generate_series(1, 5000) n`,
		`INSERT INTO orderflow.timers (service, id, kind, due_at) SELECT 'payment', md5(n::text)::uuid, 'fact:0', NULL FROM generate_series(1, 5000) n`,
		`INSERT INTO orderflow.refs (ref) SELECT 'stripe:' || n FROM generate_series(1, 5000) n`,
		`INSERT INTO orderflow.parked (ref, service, id) SELECT 'stripe:' || n, 'payment', md5(n::text)::uuid FROM generate_series(1, 5000) n`,
		`INSERT INTO orderflow.snapshots (entity_id, category, version, data) SELECT gen_random_uuid(), 'stock', 1, '' FROM generate_series(1, 5000) n`,
		`INSERT INTO orderflow.outbox (data) SELECT '' FROM generate_series(1, 5000) n`,
		`ANALYZE`,
	} {
		_, err := pool.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
}

func explain(ctx context.Context, t *testing.T, pool *pgxpool.Pool, mode string, q pgx.TraceQueryStartData) string {
	t.Helper()
	verb, _, _ := strings.Cut(strings.TrimSpace(q.SQL), " ")
	switch strings.ToUpper(verb) {
	case "SELECT", "WITH", "INSERT", "UPDATE", "DELETE":
	default:
		return "" // begin, commit, rollback
	}
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, "SET LOCAL plan_cache_mode = "+mode)
	require.NoError(t, err)
	rows, err := tx.Query(ctx, "EXPLAIN "+q.SQL, q.Args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, q.SQL)
	return strings.Join(lines, "\n")
}

// every goes through all pages.
func every(pages iter.Seq2[[]ident.Entity, error]) error {
	for _, err := range pages {
		if err != nil {
			return err
		}
	}
	return nil
}
