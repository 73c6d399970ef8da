package host_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/postgres"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// canary is a password that nobody may ever read.
const canary = "canary-4f1c"

// secured is a Postgres that speaks TLS alone: the login "certified" needs a certificate, "worded" a password.
type secured struct {
	dir, port string
	server    *postgres.Server
	trusted   *testkit.Authority
	pair      testkit.Pair // the server's own
	admin     *pgxpool.Pool
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	dir, err := os.MkdirTemp("", "orderflow-tls-*") //nolint:usetesting // the server may run as another user, who cannot get into t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	s := &secured{dir: dir, port: strconv.Itoa(freePort(t)), trusted: testkit.NewAuthority(t, dir, "trusted")}
	s.pair = s.trusted.Issue(t, dir, "postgres.test", "127.0.0.1")
	hba := filepath.Join(dir, "hba.conf")
	require.NoError(t, os.WriteFile(hba, []byte("local all all trust\nhostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n"), 0o600))
	s.handOver(t, s.pair.Cert, s.pair.Key, s.trusted.File, hba)

	cache, err := postgres.Cache()
	require.NoError(t, err)
	binaries, err := postgres.Find(t.Context(), cache, func(string) {})
	require.NoError(t, err)
	s.server, err = postgres.Start(t.Context(), postgres.Options{Binaries: binaries, DataDir: dir, Settings: map[string]string{
		"listen_addresses": "127.0.0.1", "port": s.port, "hba_file": hba, "fsync": "off",
		"ssl": "on", "ssl_cert_file": s.pair.Cert, "ssl_key_file": s.pair.Key, "ssl_ca_file": s.trusted.File,
	}})
	require.NoError(t, err)
	t.Cleanup(s.server.Stop)
	require.NoError(t, eventstore.Migrate(t.Context(), s.server.URL("postgres")))
	s.admin, err = pgxpool.New(t.Context(), s.server.URL("postgres"))
	require.NoError(t, err)
	t.Cleanup(s.admin.Close)
	s.exec(t, "CREATE ROLE certified LOGIN")
	s.exec(t, "CREATE ROLE worded LOGIN PASSWORD '"+canary+"'; GRANT orderflow_payment TO worded")
	return s
}

// handOver gives files to whoever the server runs as.
func (s *secured) handOver(t *testing.T, files ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		id, err := strconv.Atoi(account.Uid)
		require.NoError(t, err)
		for _, file := range files {
			require.NoError(t, os.Chown(file, id, -1))
		}
		return
	}
}

func (s *secured) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := s.admin.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// renew gives the server a certificate of another authority, and has it read it.
func (s *secured) renew(t *testing.T, by *testkit.Authority, name, address string, until time.Time) {
	t.Helper()
	by.Write(t, s.pair, name, address, until)
	s.handOver(t, s.pair.Cert, s.pair.Key)
	s.exec(t, "SELECT pg_reload_conf()")
}

// at is the server's address for a login, with what the query says.
func (s *secured) at(login, machine string, query map[string]string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(login, canary), Host: net.JoinHostPort(machine, s.port), Path: "/postgres"}
	values := url.Values{"connect_timeout": {"10"}}
	for name, value := range query {
		values.Set(name, value)
	}
	u.RawQuery = values.Encode()
	return u.String()
}

func (s *secured) open(t *testing.T, address string) error {
	t.Helper()
	pool, err := host.OpenPool(t.Context(), address, "test", 2)
	if err == nil {
		pool.Close()
	}
	return err
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	address, ok := l.Addr().(*net.TCPAddr)
	require.True(t, ok)
	return address.Port
}

func verified(ca string, more ...string) map[string]string {
	query := map[string]string{"sslmode": "verify-full", "sslrootcert": ca}
	for i := 0; i < len(more); i += 2 {
		query[more[i]] = more[i+1]
	}
	return query
}

func TestPostgresOverTLS(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	stranger := testkit.NewAuthority(t, s.dir, "stranger")
	ours := s.trusted.Issue(t, s.dir, "certified", "")
	theirs := stranger.Issue(t, s.dir, "stranger", "")
	expired := s.trusted.Issue(t, s.dir, "expired", "")
	s.trusted.Write(t, expired, "certified", "", time.Now().Add(-time.Hour))
	empty := filepath.Join(s.dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))

	require.NoError(t, s.open(t, s.at("worded", "127.0.0.1", verified(s.trusted.File))))
	require.NoError(t, s.open(t, s.at("certified", "127.0.0.1", verified(s.trusted.File, "sslcert", ours.Cert, "sslkey", ours.Key))))

	for what, c := range map[string]struct {
		address, want string
	}{
		"wrong authority":     {s.at("worded", "127.0.0.1", verified(stranger.File)), "from an authority that nobody here knows: name the authority's certificate with sslrootcert=FILE"},
		"no authority":        {s.at("worded", "127.0.0.1", map[string]string{"sslmode": "verify-full"}), "from an authority that nobody here knows"},
		"wrong name":          {s.at("worded", "localhost", verified(s.trusted.File)), "its certificate is for another name (certificate is valid for postgres.test, not localhost)"},
		"no TLS":              {s.at("worded", "127.0.0.1", map[string]string{"sslmode": "disable"}), "it takes no connection in clear: say sslmode=verify-full in DATABASE_URL"},
		"no certificate":      {s.at("certified", "127.0.0.1", verified(s.trusted.File)), "it asks for a certificate of ours, from an authority that it trusts: name it with sslcert=FILE&sslkey=FILE"},
		"a stranger's":        {s.at("certified", "127.0.0.1", verified(s.trusted.File, "sslcert", theirs.Cert, "sslkey", theirs.Key)), "it asks for a certificate of ours, from an authority that it trusts"},
		"an expired one":      {s.at("certified", "127.0.0.1", verified(s.trusted.File, "sslcert", expired.Cert, "sslkey", expired.Key)), "sslcert=FILE&sslkey=FILE in DATABASE_URL"},
		"wrong password":      {s.at("certified", "127.0.0.1", verified(s.trusted.File, "user", "worded", "password", canary+"x")), `password authentication failed for user "worded"`},
		"no file":             {s.at("worded", "127.0.0.1", verified(filepath.Join(s.dir, "gone"))), "DATABASE_URL: sslrootcert: the file cannot be read: no such file"},
		"an empty file":       {s.at("worded", "127.0.0.1", verified(empty)), "DATABASE_URL: sslrootcert: the file holds no certificate"},
		"half a pair":         {s.at("worded", "127.0.0.1", verified(s.trusted.File, "sslcert", ours.Cert)), "both or neither"},
		"no key":              {s.at("worded", "127.0.0.1", verified(s.trusted.File, "sslcert", ours.Cert, "sslkey", filepath.Join(s.dir, "gone"))), "DATABASE_URL: sslkey: the file cannot be read"},
		"another one's key":   {s.at("worded", "127.0.0.1", verified(s.trusted.File, "sslcert", ours.Cert, "sslkey", theirs.Key)), "sslcert and sslkey"},
		"a mode of one's own": {s.at("worded", "127.0.0.1", map[string]string{"sslmode": "please"}), "sslmode is verify-full"},
	} {
		err := s.open(t, c.address)
		require.ErrorContains(t, err, c.want, what)
		assert.NotContains(t, err.Error(), canary, what)
		assert.NotContains(t, err.Error(), "\n", what)
		require.ErrorContains(t, host.Migrate(t.Context(), c.address, nil), c.want, "%s: orderctl migrate says the same", what)
	}

	s.renew(t, s.trusted, "postgres.test", "127.0.0.1", time.Now().Add(-time.Minute))
	require.Eventually(t, func() bool {
		err := s.open(t, s.at("worded", "127.0.0.1", verified(s.trusted.File)))
		return err != nil && assert.ErrorContains(t, err, "its certificate has expired or is not valid yet")
	}, 30*time.Second, 10*time.Millisecond)
}

// What is renewed on disk counts at the next connection: the password and the authority, while the service runs.
func TestARunningServiceTakesUpWhatIsRenewedForPostgres(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	file := filepath.Join(s.dir, "url")
	say := func(password string) {
		address := s.at("worded", "127.0.0.1", verified(s.trusted.File, "password", password))
		require.NoError(t, os.WriteFile(file+".new", []byte(address+"\n"), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	say(canary)
	var pool *pgxpool.Pool
	service := host.Service{Name: "payment", Database: true, Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
		pool = d.Pool
		return nil, nil
	}}
	p := start(t, map[string]string{"DATABASE_URL_FILE": file, "MASTER_KEY": masterKey}, service)
	p.await(t)
	works := func() error {
		pool.Reset()
		var role string
		err := pool.QueryRow(t.Context(), "SELECT current_role").Scan(&role)
		if err == nil && role != "orderflow_payment" {
			return fmt.Errorf("it is %s", role)
		}
		return err
	}
	require.NoError(t, works())

	s.exec(t, "ALTER ROLE worded PASSWORD 'another'")
	require.ErrorContains(t, works(), "password authentication failed")
	say("another")
	require.NoError(t, works())

	other := testkit.NewAuthority(t, s.dir, "other")
	s.renew(t, other, "postgres.test", "127.0.0.1", time.Now().Add(time.Hour))
	require.Eventually(t, func() bool { return works() != nil }, 30*time.Second, 10*time.Millisecond, "it is verified")
	renewed, err := os.ReadFile(other.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.trusted.File, renewed, 0o600))
	require.NoError(t, works())

	require.NoError(t, os.Remove(file))
	require.ErrorContains(t, works(), "DATABASE_URL_FILE: the file cannot be read")
	p.stop()
	require.NoError(t, p.end(t))
}

func TestAnotherMachineIsNotSpokenToInClearByAccident(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"", "?sslmode=prefer", "?sslmode=allow"} {
		_, err := host.OpenPool(t.Context(), "postgres://orders:"+canary+"@db.example/orderflow"+query, "test", 2)
		require.ErrorContains(t, err, "DATABASE_URL leaves it open whether what goes to db.example is encrypted: add sslmode=verify-full", query)
		assert.NotContains(t, err.Error(), canary)
	}
	for _, address := range []string{ // said, or no other machine: nobody answers, and it was tried
		"postgres://orders:" + canary + "@192.0.2.1/orderflow?sslmode=disable", "postgres://orders:" + canary + "@192.0.2.1/orderflow?sslmode=require",
		"postgres://orders:" + canary + "@127.0.0.1:1/orderflow", "postgres://orders:" + canary + "@localhost:1/orderflow",
		"postgres://orders:" + canary + "@[::1]:1/orderflow", "postgres:///orderflow?host=/nowhere&password=" + canary,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := host.OpenPool(ctx, address, "test", 2)
		cancel()
		require.ErrorContains(t, err, "connect to Postgres: ", address)
		assert.NotContains(t, err.Error(), canary)
	}
}
