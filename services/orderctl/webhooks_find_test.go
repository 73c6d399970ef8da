package orderctl

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
)

// A journal holds months of deliveries. One of them is found by what its provider calls it without reading the others.
func TestAProvidersIDIsFoundWithoutReadingTheJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", os.DirFS("../projector")))
	for day := range 3 {
		w.exec(`SELECT journal.make_day($1::timestamptz::date + $2::int)`, noon, day)
	}
	w.exec(`INSERT INTO journal.deliveries SELECT gen_random_uuid(), 0, source, 'default', topic, 'evt_' || day || '_' || n,
			$1::timestamptz + make_interval(days => day, secs => n), false, 'accepted', NULL, NULL, 0, '{}', '{}', '', convert_to(repeat('x', 500), 'UTF8'), '', false
		FROM generate_series(0, 2) day, generate_series(1, 6000) n, (VALUES ('checkout', 'order.paid'), ('stripe', 'charge.refunded')) kinds (source, topic)`, noon)
	w.exec(`ANALYZE journal.deliveries`)

	rows, err := w.pool.Query(t.Context(), `EXPLAIN (ANALYZE, BUFFERS) SELECT `+keptColumns+` FROM journal.deliveries d WHERE `+calledSo, "evt_1_77")
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var hit, read int
	_, buffers, found := strings.Cut(strings.Join(plan, "\n"), "Buffers: shared ") // of the whole
	require.True(t, found)
	for field := range strings.FieldsSeq(strings.SplitN(buffers, "\n", 2)[0]) {
		_, _ = fmt.Sscanf(field, "hit=%d", &hit) // the one or the other
		_, _ = fmt.Sscanf(field, "read=%d", &read)
	}
	assert.Less(t, hit+read, 200, "pages of some thousand: %s", strings.Join(plan, "\n"))

	r := w.run("webhooks", "show", "evt_1_77")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "several deliveries are known as evt_1_77")
	for _, found := range []string{"checkout", "stripe"} {
		assert.Equal(t, 1, strings.Count(r.said, "  "+found+"  "), r.said)
	}
}
