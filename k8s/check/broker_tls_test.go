package check

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// brokers are the three nodes of an overlay, with certificates for the names that its Certificate asks for.
type brokers struct {
	nodes     []*node
	ports     func(node int, port string) string
	authority *testkit.Authority
	names     []string
}

func startBrokers(t *testing.T, overlay string) *brokers {
	t.Helper()
	files, err := ReadFiles(root)
	require.NoError(t, err)
	documents, err := files.Render(overlay)
	require.NoError(t, err)
	o, err := Decode(documents)
	require.NoError(t, err)
	b := &brokers{
		ports: freePorts(t), authority: testkit.NewAuthority(t, t.TempDir(), "orderflow"), names: o.certificate(brokerSecret).Spec.DNSNames,
	}
	for number := range 3 {
		n := layOut(t, o, number, b.ports)
		n.certify(t, b.authority, b.names)
		n.process = n.run(t, "nats", func(word string) string { return word })
		b.nodes = append(b.nodes, n)
	}
	return b
}

// at is the address of a node for a user.
func (b *brokers) at(node int, user string) string {
	return fmt.Sprintf("nats://%s:of-%s@orderflow-nats:%s", user, user, b.ports(node, "4222"))
}

func (b *brokers) open(node int, user string, access host.NATSAccess) (*nats.Conn, error) {
	return host.OpenNATS(b.at(node, user), access, user, nats.Timeout(5*time.Second))
}

// connect waits for a node to be there.
func (b *brokers) connect(t *testing.T, node int, user string) *nats.Conn {
	t.Helper()
	var conn *nats.Conn
	require.Eventually(t, func() bool {
		var err error
		conn, err = b.open(node, user, host.NATSAccess{CAFile: b.authority.File})
		return err == nil
	}, time.Minute, 50*time.Millisecond, "node %d lets %s in", node, user)
	t.Cleanup(conn.Close)
	return conn
}

// dial speaks to a port of a node with nothing in between.
func (b *brokers) dial(t *testing.T, node int, port string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+b.ports(node, port))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b *brokers) trusting(t *testing.T, name string) *tls.Config {
	t.Helper()
	file, err := os.ReadFile(b.authority.File)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(file))
	return &tls.Config{RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12}
}

// shown are the certificates that a node shows to clients and to other nodes, by their numbers.
func (b *brokers) shown(t *testing.T, node int) (client, route string) {
	t.Helper()
	conn := b.dial(t, node, "4222")
	hello, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, hello, `"tls_required":true`)
	return b.number(t, node, conn), b.number(t, node, b.dial(t, node, "6222"))
}

func (b *brokers) number(t *testing.T, node int, conn net.Conn) string {
	t.Helper()
	secure := tls.Client(conn, b.trusting(t, b.nodes[node].name+".orderflow-nats"))
	require.NoError(t, secure.Handshake())
	return secure.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// Three processes of nats-server, with the files, the environment and the command of their pods.
func TestTheBrokerSpeaksTLS(t *testing.T) {
	t.Parallel()
	b := startBrokers(t, "prod")
	conn := b.connect(t, 0, "orderctl")
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "TRY", Subjects: []string{"try"}, Replicas: 3})
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the nodes found one another")
	_, err = js.Publish(t.Context(), "try", []byte("one"))
	require.NoError(t, err, "a majority has it")

	b.refusesWhoSpeaksInClear(t)
	b.isNotTakenForAnother(t)
	b.refusesNodesWithoutCertificate(t)
	b.renews(t)
	_, err = js.Publish(t.Context(), "try", []byte("two"))
	require.NoError(t, err)
	assert.Zero(t, conn.Stats().Reconnects, "nobody is thrown out by a new certificate")
	for _, n := range b.nodes {
		assert.NotContains(t, n.log(t, "nats"), "x509", "nodes know each other by every name that they hear")
	}

	require.NoError(t, b.nodes[0].process.Process.Kill())
	require.Eventually(t, func() bool { return conn.IsConnected() && conn.ConnectedAddr() != "127.0.0.1:"+b.ports(0, "4222") },
		30*time.Second, 50*time.Millisecond, "clients go to another node, of which they were told the address alone")
	require.Eventually(t, func() bool { _, err := js.Publish(t.Context(), "try", []byte("three")); return err == nil },
		30*time.Second, 50*time.Millisecond, "two of three are a majority")
}

func (b *brokers) refusesWhoSpeaksInClear(t *testing.T) {
	t.Helper()
	conn := b.dial(t, 0, "4222")
	_, err := fmt.Fprintf(conn, "CONNECT {\"user\":\"payment\",\"pass\":\"of-payment\",\"verbose\":false}\r\nPING\r\n")
	require.NoError(t, err)
	lines := bufio.NewScanner(conn)
	for lines.Scan() { // until it hangs up
		assert.NotContains(t, lines.Text(), "PONG")
	}
}

func (b *brokers) isNotTakenForAnother(t *testing.T) {
	t.Helper()
	stranger := testkit.NewAuthority(t, t.TempDir(), "stranger")
	_, err := b.open(0, "payment", host.NATSAccess{CAFile: stranger.File})
	require.ErrorContains(t, err, "from an authority that nobody here knows")
}

func (b *brokers) refusesNodesWithoutCertificate(t *testing.T) {
	t.Helper()
	secure := tls.Client(b.dial(t, 0, "6222"), b.trusting(t, "orderflow-nats-0.orderflow-nats"))
	_ = secure.Handshake() // our half may be over before the server has said no
	_, err := secure.Read(make([]byte, 1))
	require.ErrorContains(t, err, "certificate required")
}

// renews changes the files of a node, beside which the container runs that tells it.
func (b *brokers) renews(t *testing.T) {
	t.Helper()
	before, _ := b.shown(t, 0)
	b.nodes[0].run(t, "renew", func(word string) string { return strings.Replace(word, "sleep 30", "sleep 0.1", 1) })
	b.nodes[0].certify(t, b.authority, b.names)
	require.Eventually(t, func() bool {
		client, route := b.shown(t, 0)
		return client != before && route == client
	}, 30*time.Second, 50*time.Millisecond, "clients and nodes see the new certificate")
}
