package orderctl

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/projector"
)

// The benchmark in its smallest form: every part runs and finds figures, whatever they are. What an order comes to is
// no figure of the machine's.
func TestBenchMeasuresEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("starts everything five times")
	}
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "figures.json")
	said := call(t.Context(), "", "bench", "--seconds", "1", "--stored", "60", "--skus", "10", "--dir", dir, "--json", file)
	require.Equal(t, 0, said.code, said.said)
	for _, head := range []string{"WEBHOOKS ACCEPTED", "APPENDS", "ORDERS", "REBUILD", "60 stored"} {
		assert.Contains(t, said.out, head)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "bench.txt"))
	require.NoError(t, err)
	assert.Contains(t, said.out, string(kept))
	var r benchReport
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(written, &r))
	require.Len(t, r.Webhooks, 4)
	for _, w := range r.Webhooks {
		assert.Positive(t, w.PerSecond)
		assert.Zero(t, w.NotAccepted)
		assert.LessOrEqual(t, w.P50, w.P99)
	}
	require.Len(t, r.Appends, 4)
	require.Len(t, r.Orders, 3)
	for _, o := range r.Orders {
		assert.GreaterOrEqual(t, o.PerSecond, o.AllPerSecond)
		assert.Equal(t, []float64{1, 1, 3}, []float64{o.LabelsPerOrder, o.ScansPerOrder, o.MailsPerOrder}, "one label, one scan, three mails")
		assert.LessOrEqual(t, o.EventsPerOrder, 12.0, "the budget of an order")
		assert.Positive(t, o.Half.P50)
		assert.Positive(t, o.Half.Orders)
	}
	assert.Equal(t, 60, r.Stored.Orders)
	assert.GreaterOrEqual(t, r.Rebuild.Orders, 60)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "the figures are kept, the data is not")
}

// Orders that are stored in bulk are whole: everything that is checked of orders that were carried holds for them too.
func TestStoredOrdersAreWhole(t *testing.T) {
	t.Parallel()
	const orders = 300
	b := &bench{benchFlags: &benchFlags{seconds: 1, stored: orders, skus: 12, dir: t.TempDir()}, say: t.Logf}
	err := b.with(t.Context(), "stored", Services(), func(ctx context.Context, s *benchSystem) error {
		require.NoError(t, b.fillShelves(ctx, s))
		require.NoError(t, b.fillStore(ctx, s))
		rebuilt, err := projector.Rebuild(ctx, s.pool, s.store, s.vault, nil)
		require.NoError(t, err)
		assert.Equal(t, orders+patternOrders, rebuilt.Orders)
		assert.Empty(t, rebuilt.Failed)
		report, err := projector.Verify(ctx, s.pool, s.store, s.vault, nil, newStockCheck().check(), newPaymentCheck().check())
		require.NoError(t, err)
		assert.True(t, report.OK(), "%v", report.Findings)
		var completed, people, refs int
		require.NoError(t, s.pool.QueryRow(ctx, `SELECT count(*), count(DISTINCT customer_email) FROM read.orders WHERE status = 'completed' AND payment_status = 'paid'`).
			Scan(&completed, &people))
		assert.Equal(t, orders+patternOrders, completed)
		assert.Equal(t, completed, people, "each its own customer")
		require.NoError(t, s.pool.QueryRow(ctx, `SELECT count(*) FROM orderflow.refs WHERE entity_id IN (SELECT order_id FROM read.orders)`).Scan(&refs))
		assert.Positive(t, refs)
		assert.Zero(t, refs%(orders+patternOrders), "each its own names")
		return nil
	})
	require.NoError(t, err)
}

func TestBenchIsCalledWrongly(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"now"}, {"--only", "everything"}, {"--seconds", "0"}, {"--stored", "-1"}, {"--skus", "1"}} {
		r := call(t.Context(), "", append([]string{"bench"}, args...)...)
		assert.Equal(t, 2, r.code, args)
		assert.Contains(t, r.said, "Try 'orderctl bench --help'.", args)
	}
}
