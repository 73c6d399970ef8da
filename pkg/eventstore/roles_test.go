package eventstore_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/testkit"
)

// owners are the services that append, and to which streams.
var owners = map[string][]string{
	"orders": {"order"}, "payment": {"payment"}, "inventory": {"inventory", "stock"}, "fraud": {"fraud"},
	"fulfillment": {"fulfillment"}, "notifier": {"notification"}, "projector": {},
}

const insertEvent = `INSERT INTO orderflow.events (entity_id, category, version, event_id, type, data, cause_id, occurred_at)
	VALUES ($1, $2, 1, $1, 'a', '', $1, now())`

// Each service tries everything as its role. What it may not do, Postgres refuses.
func TestAServiceAppendsToItsOwnStreamsAndChangesNothing(t *testing.T) {
	t.Parallel()
	pool := testkit.DB(t)
	for service, owned := range owners {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			try := func(sql string, args ...any) error {
				return pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
					_, err := tx.Exec(context.Background(), `SET LOCAL ROLE orderflow_`+service)
					require.NoError(t, err)
					_, err = tx.Exec(context.Background(), sql, args...)
					return err
				})
			}
			for _, categories := range owners {
				for _, category := range categories {
					err := try(insertEvent, uuid.New(), category)
					if slices.Contains(owned, category) {
						require.NoError(t, err, category)
					} else {
						refused(t, err, "append to "+category)
					}
				}
			}
			require.NoError(t, try(`SELECT * FROM orderflow.events`), "everybody reads what happened")
			for what, sql := range map[string]string{
				"change an event":      `UPDATE orderflow.events SET type = 'b'`,
				"delete an event":      `DELETE FROM orderflow.events`,
				"empty the events":     `TRUNCATE orderflow.events`,
				"drop the trigger":     `DROP TRIGGER events_append_only ON orderflow.events`,
				"switch it off":        `ALTER TABLE orderflow.events DISABLE TRIGGER ALL`,
				"lift the policies":    `ALTER TABLE orderflow.events DISABLE ROW LEVEL SECURITY`,
				"change a key":         `UPDATE orderflow.keys SET wrapped = NULL`,
				"delete a key":         `DELETE FROM orderflow.keys`,
				"make a table":         `CREATE TABLE orderflow.mine (a int)`,
				"make a role":          `CREATE ROLE somebody`,
				"say it was migrated":  `DELETE FROM orderflow.migrations_eventstore`,
				"forget its own sweep": `DELETE FROM orderflow.sweeps`,
			} {
				refused(t, try(sql), what)
			}
			if service != "inventory" {
				refused(t, try(`INSERT INTO orderflow.snapshots VALUES (gen_random_uuid(), 'stock', 1, '')`), "write a level")
			}
		})
	}
}

// refused wants Postgres' "insufficient privilege".
func refused(t *testing.T, err error, what string) {
	t.Helper()
	var pg *pgconn.PgError
	if assert.ErrorAs(t, err, &pg, what) {
		assert.Equal(t, "42501", pg.Code, what)
	}
}
