package eventstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// One holds a name; the next one has it when the first gives it back, or when its connections are gone.
func TestOneIsAloneAndThenTheOther(t *testing.T) {
	t.Parallel()
	dsn := testkit.DSN(t)
	process := func(name string) *eventstore.Store {
		config, err := pgxpool.ParseConfig(dsn)
		require.NoError(t, err)
		config.ConnConfig.RuntimeParams["application_name"] = name
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return eventstore.New(pool, nil)
	}
	admin, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(admin.Close)

	first, second := process("first"), process("second")
	held, release, err := first.Alone(t.Context(), "stock")
	require.NoError(t, err)
	_, other, err := second.Alone(t.Context(), "another name")
	require.NoError(t, err)
	other()

	waiting, giveUp := context.WithTimeout(t.Context(), time.Second)
	_, _, err = second.Alone(waiting, "stock")
	require.ErrorIs(t, err, context.DeadlineExceeded, "somebody else holds it")
	giveUp()
	require.NoError(t, held.Err())

	release()
	require.Error(t, held.Err())
	held, release, err = second.Alone(t.Context(), "stock")
	require.NoError(t, err)

	_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'second'`)
	require.NoError(t, err)
	select {
	case <-held.Done():
	case <-time.After(20 * time.Second):
		assert.Fail(t, "whoever lost its connection believes that it is alone")
	}
	release()
	_, release, err = first.Alone(t.Context(), "stock")
	require.NoError(t, err)
	release()
}
