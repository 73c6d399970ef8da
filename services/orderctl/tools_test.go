package orderctl

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
)

func TestSQLReadsAndOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Equal(t, "n  word  none\n1  ä b\n2  c\n(2 rows)\n", w.ok("sql", "SELECT n, word, NULL AS none FROM (VALUES (1, E'ä\\tb'), (2, 'c')) AS v (n, word) ORDER BY n"))
	assert.JSONEq(t, `[{"z":12345678901234567890.12,"a":true,"t":"x","j":{"k":[1]},"n":null,"nan":"NaN","d":"2026-03-01"}]`,
		w.ok("sql", `SELECT 12345678901234567890.12 AS z, true AS a, 'x' AS t, '{"k":[1]}'::jsonb AS j, NULL AS n, 'NaN'::numeric AS nan, date '2026-03-01' AS d`, "--json"))
	assert.Equal(t, "[]\n", w.ok("sql", "SELECT 1 WHERE false", "--json"))

	for query, want := range map[string]string{
		"DELETE FROM orderflow.outbox": "this command only reads",
		"CREATE TABLE t (x int)":       "this command only reads",
		"WITH d AS (DELETE FROM orderflow.outbox RETURNING *) SELECT * FROM d": "this command only reads",
		"SELECT nextval(pg_get_serial_sequence('orderflow.outbox', 'id'))":     "this command only reads",
		"COMMIT; DELETE FROM orderflow.outbox":                                 "run one query at a time",
		"SELECT * FROM nowhere":                                                "lists what there is",
		"SELEC 1":                                                              "syntax error",
	} {
		r := w.run("sql", query)
		assert.Equal(t, 1, r.code, query)
		assert.Contains(t, r.said, want, query)
	}
	assert.Equal(t, 2, w.run("sql").code)
}

func TestNumbersThatAreNoJSONAreText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"1.50": "1.50", "NaN": `"NaN"`, "Infinity": `"Infinity"`} {
		got, err := asJSON(pgtype.NumericOID, []byte(value))
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

func TestOrdersAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run("order", "list")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "there is no table read.orders yet")

	// The projector's own tables, filled by hand: what is tested here is how they are read.
	require.NoError(t, eventstore.MigrateFS(t.Context(), w.dsn, "projector", os.DirFS("../projector")))
	assert.Equal(t, "No such order.\n", w.ok("order", "list"))
	w.listed(1, "shopify", "default", "1001", "shipped", "paid", "50.00", nil)
	w.listed(2, "shopify", "eu", "1002", "held", "paid", "19.90", []string{"fraud", "hold:address"})
	w.listed(3, "checkout", "default", "A-1", "awaiting_payment", "unpaid", "5.00", []string{"payment"})

	golden(t, "list.txt", w.ok("order", "list"))
	golden(t, "list_waiting.txt", w.ok("order", "list", "--waiting", "--limit", "1"))
	var orders []listed
	w.parsed(&orders, "order", "list", "--status", "held,shipped", "--source", "shopify")
	assert.Len(t, orders, 2)
	assert.Equal(t, "19.90", orders[0].Total)
	assert.Equal(t, []string{"fraud", "hold:address"}, orders[0].WaitsFor)
	w.parsed(&orders, "order", "list", "--since", "2026-03-01 12:02")
	assert.Len(t, orders, 2)
	w.parsed(&orders, "order", "list", "--since", "118m")
	assert.Len(t, orders, 2)

	for _, args := range [][]string{{"--status", "lovely"}, {"--limit", "0"}, {"--since", "soon"}, {"x"}} {
		assert.Equal(t, 2, w.run(append([]string{"order", "list"}, args...)...).code, "%v", args)
	}
}

// listed puts a row into the projector's table, placed so many minutes after noon.
func (w *world) listed(n int, source, account, number, status, payment, total string, waits []string) {
	w.t.Helper()
	w.exec(`INSERT INTO projection.orders_g1 (order_id, order_number, source, account, status, payment_status, currency, total_minor, total,
			subtotal_minor, discount_minor, shipping_minor, tax_minor, paid_minor, refunded_minor, disputed_minor, due_minor, item_count,
			placed_at, is_test, is_historic, is_draft, is_erased, is_held, hold_reasons, waits_for, last_event_at, fold_version, events_seen)
		VALUES (lpad($1::text, 32, '0')::uuid, $2, $3, $4, $5, $6, 'USD', 0, $7::numeric, 0, 0, 0, 0, 0, 0, 0, 0, 1,
			$8::timestamptz + make_interval(mins => $9), false, false, false, false, false, '{}', $10, $8, 1, 1)`,
		strings.Repeat("0", 3)+string(rune('0'+n)), number, source, account, status, payment, total, noon, n, append([]string{}, waits...))
}

func TestHealthAsksTheAdminAddress(t *testing.T) {
	t.Parallel()
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/readyz", r.URL.Path)
		if !ready {
			http.Error(rw, "payment misses Postgres", http.StatusServiceUnavailable)
			return
		}
		_, _ = rw.Write([]byte("ready\n"))
	}))
	defer server.Close()
	dir := t.TempDir()
	data, err := json.Marshal(Running{AdminURL: server.URL})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, runFile), data, 0o600))

	r := call(t.Context(), "", "health", "--data", dir)
	assert.Equal(t, called{out: "ready\n"}, r)
	ready = false
	r = call(t.Context(), "", "health", "--url", server.URL)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "payment misses Postgres")
	r = call(t.Context(), "", "health", "--url", server.URL, "--json")
	assert.Equal(t, 1, r.code)
	assert.JSONEq(t, `{"ready": false, "says": "payment misses Postgres"}`, r.out)
	r = call(t.Context(), "", "health", "--url", "http://127.0.0.1:1")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nobody answers")
	r = call(t.Context(), "", "health", "--data", t.TempDir())
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nothing runs in")
}

func TestAnAddressOnAllInterfacesIsReachedHere(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":9090": "http://127.0.0.1:9090", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:80": "http://127.0.0.1:80", "10.0.0.7:9090": "http://10.0.0.7:9090",
		"[::1]:9090": "http://[::1]:9090",
	} {
		got, err := host.Reach(listen)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := host.Reach("9090")
	require.Error(t, err)
	assert.Equal(t, "127.0.0.1:9090", defaultOf("ADMIN_LISTEN"))
}

func TestSettingsAreListed(t *testing.T) {
	t.Parallel()
	out := call(t.Context(), "", "settings", "--markdown").out
	assert.True(t, strings.HasPrefix(out, "| Setting | Default | Read by | What |\n|---|---|---|---|\n| `DATABASE_URL` |"))
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		assert.Equal(t, 5, strings.Count(line, "|")-strings.Count(line, `\|`), line)
	}
	var views []settingView
	require.NoError(t, json.Unmarshal([]byte(call(t.Context(), "", "settings", "--json").out), &views))
	assert.Len(t, views, len(host.Describe(Services())))
	assert.Contains(t, call(t.Context(), "", "settings").out, "SETTING")
	assert.Equal(t, `a\|b c`, cell("a|b\nc"))
}

func TestMigrateAndProvisionMayBeRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Equal(t, "The database is up to date.\n", w.ok("migrate"))
	assert.Equal(t, "The database is up to date.\n", w.ok("migrate"))
	require.NoError(t, w.js.DeleteStream(t.Context(), bus.Dead))
	w.ok("provision")
	_, err := w.js.Stream(t.Context(), bus.Dead)
	require.NoError(t, err)
	assert.Equal(t, 2, w.run("provision", "--replicas", "2").code)
	r := w.run("provision", "--replicas", "3") // one server cannot keep three copies
	assert.Equal(t, 1, r.code)
}

func TestPsqlIsFoundAndGetsTheDatabase(t *testing.T) {
	t.Parallel()
	if _, err := findPsql(); err != nil {
		t.Skip("there is no psql on this machine: " + err.Error())
	}
	w := newWorld(t)
	assert.Equal(t, "7\n", w.ok("psql", "--", "-XAtc", "SELECT 3 + 4"))
	r := w.run("psql", "--", "-XAtc", "SELEC")
	assert.Equal(t, 1, r.code)
}

func TestThePasswordIsNoArgument(t *testing.T) {
	t.Parallel()
	for database, want := range map[string][2]string{
		"postgres://orderflow:not-so-secret@db:5432/orderflow?sslmode=disable": {"postgres://orderflow@db:5432/orderflow?sslmode=disable", "not-so-secret"},
		"postgresql://db/orderflow?password=not-so-secret&user=orderflow":      {"postgresql://db/orderflow?user=orderflow", "not-so-secret"},
		"host=/tmp dbname=orderflow":                                           {"host=/tmp dbname=orderflow", ""},
		"host=db password=not-so-secret dbname=orderflow":                      {"host=db dbname=orderflow", "not-so-secret"},
		`password = 'it\'s \\ secret' host=db`:                                 {"host=db", `it's \ secret`},
		`host=db passfile=/x password=a\ b`:                                    {"host=db passfile=/x", "a b"},
	} {
		address, password, err := withoutPassword(database)
		require.NoError(t, err)
		assert.Equal(t, want, [2]string{address, password}, database)
	}
	_, _, err := withoutPassword("postgres://orderflow:not-so-secret@db:port/orderflow")
	require.ErrorContains(t, err, "DATABASE_URL cannot be read")
	assert.NotContains(t, err.Error(), "secret")
}

// Nothing runs beside it: the environment is the process's.
func TestWhereEverythingIsMayStandInFiles(t *testing.T) {
	t.Setenv("DATABASE_URL_FILE", written(t, testkit.DSN(t)+"\n"))
	assert.Equal(t, "7", strings.Fields(call(t.Context(), "", "sql", "SELECT 3 + 4 AS sum").out)[1])
	t.Setenv("DATABASE_URL", "postgres:///x")
	assert.Contains(t, call(t.Context(), "", "sql", "SELECT 1").said, "DATABASE_URL and DATABASE_URL_FILE are both set")
	t.Setenv("DATABASE_URL", "")
	t.Setenv("NATS_URL", "nats://orderctl:not-so-secret@nats.example")
	r := call(t.Context(), "", "provision")
	assert.Contains(t, r.said, "NATS_URL would send passwords to nats.example in clear")
	assert.NotContains(t, r.said, "not-so-secret")
	t.Setenv("NATS_CA_FILE", filepath.Join(t.TempDir(), "gone"))
	assert.Contains(t, call(t.Context(), "", "provision").said, "gone: no such file")
	t.Setenv("NATS_CERT_FILE", "half")
	assert.Contains(t, call(t.Context(), "", "provision").said, "NATS_CERT_FILE and NATS_KEY_FILE belong together")
}

func TestVersionIsTold(t *testing.T) {
	t.Parallel()
	var b build
	require.NoError(t, json.Unmarshal([]byte(call(t.Context(), "", "version", "--json").out), &b))
	assert.NotEmpty(t, b.Go)
	assert.Contains(t, call(t.Context(), "", "version").out, "orderctl")
}

func TestNothingRunsHere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"order", "show", "1"}, {"order", "list"}, {"stock", "show"}, {"dead", "list"}, {"sql", "SELECT 1"}, {"migrate"}, {"psql"}} {
		r := call(t.Context(), "", append(args, "--data", t.TempDir())...)
		assert.Equal(t, 1, r.code, "%v", args)
		assert.Contains(t, r.said, "start it with 'orderctl up --sandbox'", "%v", args)
	}
}

func TestCalledWrongly(t *testing.T) {
	t.Parallel()
	for said, args := range map[string][]string{
		`orderctl knows no command "ordre"; did you mean order?`: {"ordre"},
		`orderctl order knows no command "shw"`:                  {"order", "shw"},
		"unknown flag: --colour":                                 {"order", "list", "--colour"},
		"orderctl order show takes one ORDER":                    {"order", "show"},
		"takes no arguments":                                     {"migrate", "now"},
	} {
		r := call(t.Context(), "", args...)
		assert.Equal(t, 2, r.code, "%v", args)
		assert.Contains(t, r.said, said)
		assert.Contains(t, r.said, "--help")
	}
}

// Every command says what it does, how it is called, and gives examples that it understands.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	for _, c := range []*cobra.Command{
		orderCommand(), stockCommand(), deadCommand(), migrateCommand(), provisionCommand(), psqlCommand(), sqlCommand(), settingsCommand(),
		healthCommand(), versionCommand(),
	} {
		for _, each := range append(c.Commands(), c) {
			assert.NotEmpty(t, each.Short, each.CommandPath())
			assert.NotEmpty(t, each.Long, each.CommandPath())
			assert.Contains(t, each.Example, "orderctl", each.CommandPath())
			assert.NotContains(t, each.Short, "  ")
		}
	}
	r := call(t.Context(), "", "order")
	assert.Equal(t, 0, r.code)
	assert.Contains(t, r.out, "why")
	assert.Contains(t, call(t.Context(), "", "order", "show", "--help").out, "TIME is RFC 3339")
	assert.Contains(t, call(t.Context(), "", "completion", "bash").out, "orderctl")
}

func TestTheBrokerIsAskedOnlyWhereItIsSaid(t *testing.T) {
	t.Parallel()
	err := broker(t.Context(), Running{}, func(context.Context, jetstream.JetStream) error { return nil })
	require.ErrorIs(t, err, errNoBroker)
}
