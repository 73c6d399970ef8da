package host_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// tlsBroker is a nats-server that speaks TLS alone, as its configuration in deploy would have it.
type tlsBroker struct {
	dir     string
	server  *natsd.Server
	options *natsd.Options
	trusted *testkit.Authority
	pair    testkit.Pair
}

func newTLSBroker(t *testing.T, change func(*natsd.Options)) *tlsBroker {
	t.Helper()
	b := &tlsBroker{dir: t.TempDir()}
	b.trusted = testkit.NewAuthority(t, b.dir, "trusted")
	b.pair = b.trusted.Issue(t, b.dir, "nats.test", "127.0.0.1")
	b.options = &natsd.Options{
		Host: "127.0.0.1", Port: natsd.RANDOM_PORT, NoSigs: true, NoLog: true,
		Users: []*natsd.User{{Username: "payment", Password: canary}},
	}
	b.options.TLSConfig = b.tls(t)
	if change != nil {
		change(b.options)
	}
	server, err := natsd.NewServer(b.options)
	require.NoError(t, err)
	b.server = server
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	require.True(t, server.ReadyForConnections(10*time.Second))
	b.options.Port = b.port(t)
	return b
}

func (b *tlsBroker) tls(t *testing.T) *tls.Config {
	t.Helper()
	config, err := natsd.GenTLSConfig(&natsd.TLSConfigOpts{CertFile: b.pair.Cert, KeyFile: b.pair.Key, CaFile: b.trusted.File, Timeout: 2})
	require.NoError(t, err)
	return config
}

// verifying asks clients for a certificate of the trusted authority.
func (b *tlsBroker) verifying(t *testing.T) {
	t.Helper()
	o := b.options.Clone()
	o.TLSConfig = b.tls(t)
	o.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
	file, err := os.ReadFile(b.trusted.File)
	require.NoError(t, err)
	o.TLSConfig.ClientCAs = x509.NewCertPool()
	require.True(t, o.TLSConfig.ClientCAs.AppendCertsFromPEM(file))
	b.reload(t, o)
}

func (b *tlsBroker) reload(t *testing.T, o *natsd.Options) {
	t.Helper()
	require.NoError(t, b.server.ReloadOptions(o))
	b.options = o
}

func (b *tlsBroker) port(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(b.server.ClientURL())
	require.NoError(t, err)
	var port int
	_, err = fmt.Sscan(u.Port(), &port)
	require.NoError(t, err)
	return port
}

// at is its address for the user "payment".
func (b *tlsBroker) at(scheme, machine, password string) string {
	return fmt.Sprintf("%s://payment:%s@%s:%d", scheme, password, machine, b.options.Port)
}

func open(address string, access host.NATSAccess) error {
	conn, err := host.OpenNATS(address, access, "payment", nats.Timeout(5*time.Second))
	if err == nil {
		conn.Close()
	}
	return err
}

func TestNATSOverTLS(t *testing.T) {
	t.Parallel()
	b := newTLSBroker(t, nil)
	stranger := testkit.NewAuthority(t, b.dir, "stranger")
	ours, theirs := b.trusted.Issue(t, b.dir, "payment", ""), stranger.Issue(t, b.dir, "stranger", "")
	expired := testkit.Pair{Cert: filepath.Join(b.dir, "old.crt"), Key: filepath.Join(b.dir, "old.key")}
	b.trusted.Write(t, expired, "payment", "", time.Now().Add(-time.Hour))
	plain, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: natsd.RANDOM_PORT, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	plain.Start()
	t.Cleanup(plain.Shutdown)
	require.True(t, plain.ReadyForConnections(10*time.Second))
	inClear := strings.Replace(plain.ClientURL(), "nats://", "tls://payment:"+canary+"@", 1)

	known := host.NATSAccess{CAFile: b.trusted.File}
	with := func(p testkit.Pair) host.NATSAccess {
		return host.NATSAccess{CAFile: b.trusted.File, CertFile: p.Cert, KeyFile: p.Key}
	}
	right := b.at("tls", "127.0.0.1", canary)
	require.NoError(t, open(right, known))
	require.NoError(t, open(b.at("nats", "127.0.0.1", canary), known), "the authority asks for TLS as well")
	type refusal struct {
		address string
		access  host.NATSAccess
		want    string
	}
	refused := func(what string, c refusal) {
		err := open(c.address, c.access)
		require.ErrorContains(t, err, c.want, what)
		assert.NotContains(t, err.Error(), canary, what)
		assert.NotContains(t, err.Error(), "\n", what)
	}
	for what, c := range map[string]refusal{
		"wrong authority": {right, host.NATSAccess{CAFile: stranger.File}, "its certificate is from an authority that nobody here knows: name the authority's certificate with NATS_CA_FILE"},
		"no authority":    {right, host.NATSAccess{}, "from an authority that nobody here knows"},
		"wrong name":      {b.at("tls", "localhost", canary), known, "its certificate is for another name (certificate is valid for nats.test, not localhost)"},
		"no TLS":          {inClear, known, "it does not speak TLS: turn TLS on there"},
		"wrong password":  {b.at("tls", "127.0.0.1", canary+"x"), known, "it does not let us in: NATS_URL holds a wrong user or password"},
		"no file":         {right, host.NATSAccess{CAFile: filepath.Join(b.dir, "gone")}, filepath.Join(b.dir, "gone") + ": no such file"},
		"no certificate":  {right, host.NATSAccess{CAFile: b.pair.Key}, "failed to parse root certificate"},
		"no address":      {"tls://payment:" + canary + " @127.0.0.1:1", known, "NATS_URL cannot be read"},
		"another scheme":  {"https://payment:" + canary + "@127.0.0.1:1", known, "NATS_URL cannot be read"},
		"no host":         {"tls://payment:" + canary + "@", known, "NATS_URL cannot be read"},
		"two users":       {right + ",tls://orders:" + canary + "@127.0.0.1:1", known, "NATS_URL names several users"},
		"a user and more": {right, host.NATSAccess{CAFile: b.trusted.File, CredsFile: ours.Cert}, "NATS_URL names a user, and NATS_CREDS_FILE or NATS_NKEY_FILE is set too"},
		"no seed":         {b.server.ClientURL(), host.NATSAccess{NkeyFile: ours.Cert}, "NATS_NKEY_FILE: the file cannot be read, or holds no seed"},
	} {
		refused(what, c)
	}

	b.verifying(t)
	require.NoError(t, open(right, with(ours)))
	const asks = "it asks for a certificate of ours, from an authority that it trusts"
	for what, c := range map[string]refusal{
		"no certificate": {right, known, asks},
		"a stranger's":   {right, with(theirs), asks},
		"an expired one": {right, with(expired), "NATS_CERT_FILE and NATS_KEY_FILE"},
		"not a pair":     {right, with(testkit.Pair{Cert: ours.Cert, Key: theirs.Key}), "private key does not match"},
	} {
		refused(what, c)
	}

	b.trusted.Write(t, b.pair, "nats.test", "127.0.0.1", time.Now().Add(-time.Minute))
	b.verifying(t)
	refused("an expired one of its own", refusal{right, with(ours), "its certificate has expired or is not valid yet"})
}

func TestNATSKnowsNkeys(t *testing.T) {
	t.Parallel()
	key, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err := key.PublicKey()
	require.NoError(t, err)
	seed, err := key.Seed()
	require.NoError(t, err)
	b := newTLSBroker(t, func(o *natsd.Options) {
		o.Users, o.Nkeys = nil, []*natsd.NkeyUser{{Nkey: public}}
	})
	file := filepath.Join(b.dir, "seed")
	require.NoError(t, os.WriteFile(file, seed, 0o600))
	address := strings.Replace(b.server.ClientURL(), "nats://", "tls://", 1)
	require.NoError(t, open(address, host.NATSAccess{CAFile: b.trusted.File, NkeyFile: file}))
	require.ErrorContains(t, open(address, host.NATSAccess{CAFile: b.trusted.File}), "it does not let us in")
}

func TestAnotherMachineIsNotSpokenToOverNATSInClear(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"nats://orders:" + canary + "@nats.example:4222", "orders:" + canary + "@nats.example", "nats://127.0.0.1:1,ws://orders:" + canary + "@nats.example"} {
		err := open(address, host.NATSAccess{})
		require.ErrorContains(t, err, "NATS_URL would send passwords to nats.example in clear: write tls:// there", address)
		assert.NotContains(t, err.Error(), canary)
	}
	for address, access := range map[string]host.NATSAccess{
		"nats://orders:" + canary + "@192.0.2.1:1,nats://127.0.0.1:1": {Plaintext: true},
		"tls://orders:" + canary + "@127.0.0.1:1":                     {},
		"nats://orders:" + canary + "@localhost:1":                    {},
		"nats://orders:" + canary + "@[::1]:1":                        {},
		"nats://" + canary + "@127.0.0.1:1":                           {},
	} {
		conn, err := host.OpenNATS(address, access, "payment", nats.Timeout(100*time.Millisecond))
		require.ErrorContains(t, err, "connect to NATS: ", address)
		assert.Nil(t, conn)
		assert.NotContains(t, err.Error(), canary)
	}
}

// output is a log that a test reads while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// The server gets a new password, a certificate of a new authority and asks for ours, and the service comes back each
// time as soon as the files say so. In between, the log says why it does not.
func TestARunningServiceTakesUpWhatIsRenewedForNATS(t *testing.T) {
	t.Parallel()
	b := newTLSBroker(t, nil)
	file := filepath.Join(b.dir, "url")
	say := func(password string) {
		require.NoError(t, os.WriteFile(file, []byte(b.at("tls", "127.0.0.1", password)+"\n"), 0o600))
	}
	say(canary)
	ours := b.trusted.Issue(t, b.dir, "payment", "")
	var log output
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	got, ready, ended := make(chan *nats.Conn, 1), make(chan struct{}), make(chan error, 1)
	service := host.Service{Name: "payment", Broker: true, Start: func(_ context.Context, d host.Deps) ([]host.Task, error) {
		got <- d.JS.Conn()
		return nil, nil
	}}
	go func() {
		ended <- host.Run(ctx, []host.Service{service}, host.Options{
			Environ: map[string]string{
				"NATS_URL_FILE": file, "NATS_CA_FILE": b.trusted.File, "NATS_CERT_FILE": ours.Cert, "NATS_KEY_FILE": ours.Key, "ADMIN_LISTEN": "127.0.0.1:0",
			},
			Log: zerolog.New(&log), Ready: func() { close(ready) },
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	conn := <-got
	says := func(words string) {
		require.Eventually(t, func() bool { return strings.Contains(log.String(), words) }, 30*time.Second, 5*time.Millisecond, words)
	}
	back := func(words string) {
		require.Eventually(t, func() bool { return conn.IsConnected() && conn.Flush() == nil }, 30*time.Second, 5*time.Millisecond, words)
	}

	o := b.options.Clone()
	o.Users = []*natsd.User{{Username: "payment", Password: "another-" + canary}}
	b.reload(t, o)
	says("it does not let us in")
	assert.False(t, conn.IsClosed())
	say("another-" + canary)
	back("a new password")

	other := testkit.NewAuthority(t, b.dir, "other")
	other.Write(t, b.pair, "nats.test", "127.0.0.1", time.Now().Add(time.Hour))
	other.Write(t, ours, "payment", "", time.Now().Add(time.Hour))
	renewed, err := os.ReadFile(other.File)
	require.NoError(t, err)
	trusted, err := os.ReadFile(b.trusted.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b.trusted.File+".server", trusted, 0o600))
	b.verifying(t) // by the old authority still, and with a certificate of the new one
	for c := range b.clients(t) {
		require.NoError(t, b.server.DisconnectClientByID(c))
	}
	says("its certificate is from an authority that nobody here knows")
	require.NoError(t, os.WriteFile(b.trusted.File, renewed, 0o600))
	b.verifying(t)
	back("a new authority, both ways")
	assert.NotContains(t, log.String(), canary)
	stop()
	require.NoError(t, <-ended)
}

// clients are the numbers of the connections that there are.
func (b *tlsBroker) clients(t *testing.T) map[uint64]bool {
	t.Helper()
	all, err := b.server.Connz(&natsd.ConnzOptions{})
	require.NoError(t, err)
	found := map[uint64]bool{}
	for _, c := range all.Conns {
		found[c.Cid] = true
	}
	return found
}
