// Package testkit is what tests share: a real Postgres and a real nats-server, started by the tests themselves.
package testkit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/postgres"
	"github.com/orderflow/orderflow/pkg/seal"
)

// template is the database that every test's own is copied from, with the event store's tables in it.
const template = "template_orderflow"

var private struct {
	once   sync.Once
	server *postgres.Server
	dir    string
	err    error
}

// atOnce is how many tests of a package run at the same time.
const atOnce = 8

// Main runs a package's tests and stops what they started. A package whose tests use DB calls it from its TestMain.
func Main(m *testing.M) {
	// Tests wait more than they work, so more of them run at once than there are processors. -parallel still says how many.
	if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
		panic(err) // the flag is always there in a test
	}
	code := m.Run()
	if private.server != nil {
		private.server.Stop()
		_ = os.RemoveAll(private.dir)
	}
	os.Exit(code)
}

// start runs one Postgres for this test process. It forgets everything in a power cut, which tests do not have.
func start() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cache, err := postgres.Cache()
	if err != nil {
		private.err = err
		return
	}
	binaries, err := postgres.Find(ctx, cache, func(string) {})
	if err != nil {
		private.err = err
		return
	}
	private.dir, private.err = os.MkdirTemp("", "orderflow-test-*")
	if private.err == nil {
		private.err = os.Chmod(private.dir, 0o755) // Postgres may run as another user
	}
	if private.err != nil {
		return
	}
	private.server, private.err = postgres.Start(ctx, postgres.Options{Binaries: binaries, DataDir: private.dir, Settings: map[string]string{
		// Every test that runs the whole suite opens some dozens of connections, and several run at once.
		"max_connections": "800",
		"fsync":           "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
	}})
	if private.err == nil {
		private.err = private.server.EnsureDatabase(ctx, template)
	}
	if private.err == nil {
		private.err = eventstore.Migrate(ctx, private.server.URL(template))
	}
}

// DSN is a migrated database of the test's own, dropped when it ends.
func DSN(tb testing.TB) string {
	tb.Helper()
	private.once.Do(start)
	require.NoError(tb, private.err)
	var random [6]byte
	rand.Read(random[:]) // never fails
	name := "test_" + hex.EncodeToString(random[:])
	exec(tb, "CREATE DATABASE "+name+" TEMPLATE "+template)
	tb.Cleanup(func() { exec(tb, "DROP DATABASE "+name+" WITH (FORCE)") })
	return private.server.URL(name)
}

func exec(tb testing.TB, sql string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, private.server.URL("postgres"))
	require.NoError(tb, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	require.NoError(tb, err)
}

// DB is a pool on a database of the test's own.
func DB(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(context.Background(), DSN(tb))
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

// Vault seals with a key of the test's own.
func Vault(tb testing.TB, pool *pgxpool.Pool) *seal.Vault {
	tb.Helper()
	vault, err := seal.NewVault(pool, [][32]byte{{1, 2, 3}})
	require.NoError(tb, err)
	return vault
}

// Store is an event store on a database of the test's own.
func Store(tb testing.TB) (*eventstore.Store, *pgxpool.Pool) {
	tb.Helper()
	pool := DB(tb)
	return eventstore.New(pool, Vault(tb, pool)), pool
}
