package checklist_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/testkit"
)

// Tests wait more than they work: more of them run at once than there are processors.
func TestMain(m *testing.M) { testkit.Main(m) }

// tester is a test, or whoever looks at what a test finds.
type tester interface {
	require.TestingT
	Helper()
}

// check is what a case does.
type check func(t tester, b bench)

// bench is what a case works with: a scheme, a receiver that others use too, and how to have one of its own.
type bench struct {
	scheme
	*receiver

	make maker
	// patience is how long a case waits for what takes a while.
	patience time.Duration
}

// cases are the list, by their names there.
var cases = []struct {
	name  string
	check check
}{
	{"T18 slow", brokerSlow}, // first, since it takes longest
	{"T1", rawBody},
	{"T2", changedBody},
	{"T3", wrongSecrets},
	{"T3 odd secrets", oddSecrets},
	{"T4", severalSignatures},
	{"T5", clock},
	{"T6", rotation},
	{"T7", spellings},
	{"T8", headers},
	{"T9", lengths},
	{"T9 old clients", oldClients},
	{"T9 slow and gone", slowAndGone},
	{"T10", encodings},
	{"T11", forms},
	{"T12", partsOfSignatures},
	{"T13", orderOfWork},
	{"T14", statuses},
	{"T14 too often", tooOften},
	{"T15", duplicates},
	{"T15 restart", afterRestart},
	{"T16", unusable},
	{"T18", brokerGone},
	{"T21", crossReplay},
	{"T23", canaries},
}

func TestIngress(t *testing.T) {
	t.Parallel()
	start := ingresses(t)
	shared, err := start(setup{scheme: schemes[0]})
	require.NoError(t, err)
	t.Cleanup(shared.stop)
	for _, s := range schemes {
		for _, c := range cases {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, bench{s, shared, start, 10 * time.Second})
			})
		}
	}
}

// client is the providers'.
var client = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32, ResponseHeaderTimeout: 20 * time.Second, ExpectContinueTimeout: 10 * time.Second},
}

// answer is what a provider gets.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b bench) post(t tester, d delivery) answer {
	t.Helper()
	return b.stream(t, d, strings.NewReader(d.body), int64(len(d.body)))
}

// stream sends a body of any length, -1 for chunks.
func (b bench) stream(t tester, d delivery, body io.Reader, length int64) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, b.url+d.path, body)
	require.NoError(t, err)
	r.Header, r.ContentLength = d.header.Clone(), length
	response, err := client.Do(r)
	require.NoError(t, err)
	return read(t, response)
}

func read(t tester, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, strings.TrimSpace(string(data))}
}

// dial opens a connection, for what no client of HTTP would send.
func (b bench) dial(t tester) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn, bufio.NewReader(conn)
}

// wire sends bytes and reads one answer.
func (b bench) wire(t tester, request string) answer {
	t.Helper()
	conn, in := b.dial(t)
	defer conn.Close()
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	return read(t, response)
}

// times is how often a body was kept.
func (b bench) times(body string) int {
	n := 0
	for _, kept := range b.kept() {
		if kept == body {
			n++
		}
	}
	return n
}

// lets says that a delivery is let in and kept, byte for byte.
func (b bench) lets(t tester, d delivery, what string) {
	t.Helper()
	a := b.post(t, d)
	require.Equal(t, http.StatusOK, a.status, "%s: %s", what, a.body)
	require.Positive(t, b.times(d.body), "%s: answered 200 and not kept as it came", what)
}

// refuses says that a delivery is not let in, whatever is wrong with it, and nothing of it kept.
func (b bench) refuses(t tester, d delivery, what string) {
	t.Helper()
	before := b.times(d.body)
	a := b.post(t, d)
	require.Equal(t, http.StatusUnauthorized, a.status, "%s: %s", what, a.body)
	if d.body != "" { // another case may send nothing at the same time, and sign it
		require.Equal(t, before, b.times(d.body), "%s: kept", what)
	}
}

// own starts a receiver for one case.
func (b bench) own(t tester, s setup) bench {
	t.Helper()
	s.scheme = b.scheme
	r, err := b.make(s)
	require.NoError(t, err)
	return bench{b.scheme, r, b.make, b.patience}
}

// soon waits until something is so.
func (b bench) soon(t tester, so func() bool, what string) {
	t.Helper()
	assert.Eventually(t, so, b.patience, 5*time.Millisecond, what)
}
