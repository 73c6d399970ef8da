package payment

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"
)

func TestMoneyThatWaitsForAnOrderIsReportedOncePerAge(t *testing.T) {
	t.Parallel()
	store, pool := testkit.Store(t)
	var log bytes.Buffer
	w := newWatcher(host.Deps{Pool: pool, Log: zerolog.New(&log), Registry: prometheus.NewRegistry()})
	for _, name := range []string{"fresh", "old", "older"} {
		_, err := store.Park(t.Context(), []eventstore.Timer{{
			Service: service, ID: ident.Named(name), Kind: "fact:0", Refs: []string{"number:checkout:default:" + name, "stripe:pi_" + name},
		}})
		require.NoError(t, err)
	}
	age := func(name string, by time.Duration) {
		t.Helper()
		_, err := pool.Exec(t.Context(), `UPDATE orderflow.timers SET created_at = created_at - $2::interval WHERE id = $1`, ident.Named(name).String(), by)
		require.NoError(t, err)
	}
	count := func(age string) float64 { return testutil.ToFloat64(w.old.WithLabelValues(age)) }

	age("old", time.Hour)
	age("older", 48*time.Hour)
	require.NoError(t, w.look(t.Context()))
	assert.InDelta(t, 2, count("15m0s"), 0)
	assert.InDelta(t, 1, count("24h0m0s"), 0)
	assert.Equal(t, 1, strings.Count(log.String(), "pi_old\""))
	assert.Equal(t, 2, strings.Count(log.String(), "pi_older\""), "once for each age")
	assert.NotContains(t, log.String(), "pi_fresh")

	log.Reset()
	require.NoError(t, w.look(t.Context()))
	assert.Empty(t, log.String(), "reported before")

	_, err := pool.Exec(t.Context(), `UPDATE orderflow.timers SET created_at = clock_timestamp() - interval '15 minutes' WHERE id = $1`, ident.Named("fresh").String())
	require.NoError(t, err)
	require.NoError(t, w.look(t.Context()))
	assert.Equal(t, 1, strings.Count(log.String(), "pi_fresh\""))
	assert.InDelta(t, 3, count("15m0s"), 0)

	_, err = store.Append(t.Context(), "orders", []eventstore.Unit{{Links: []eventstore.Link{{Ref: "stripe:pi_older", Entity: id}}}}, nil)
	require.NoError(t, err)
	require.NoError(t, w.look(t.Context()))
	assert.Zero(t, count("24h0m0s"), "it has found its order")
}
