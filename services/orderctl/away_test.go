//go:build linux

package orderctl

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// away is how long something is away in these tests: ORDERFLOW_TEST_AWAY=1m makes it as long as in an outage.
func away(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(os.Getenv("ORDERFLOW_TEST_AWAY"), "4s"))
	require.NoError(t, err)
	return d
}

// post sends the first delivery of a story once and says how it was answered.
func (r running) post(ctx context.Context, s demo.Story) (status int, retryAfter string, err error) {
	c := s.Chapters[0]
	headers, err := ingress.SourceByName(c.Source).Sign(c.Body, source.Signing{Secret: r.ground.Secrets()[c.Source], At: time.Now()})
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.ground.URL("ingress")+"/webhooks/"+c.Source, bytes.NewReader(c.Body))
	if err != nil {
		return 0, "", err
	}
	request.Header = headers
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Retry-After"), err
}

// While INTAKE is full deliveries are refused, and nothing of them is kept. What was handled makes room by itself, and
// what the providers send again ends as it should.
func TestAFullIntakeRefusesAndRecoversByItself(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{"MUG": 1000}))
	require.NoError(t, withBroker(t.Context(), r.ground, func(js jetstream.JetStream) error {
		return bus.Provision(t.Context(), js, bus.StreamOptions{EventsInMemory: true, MaxIntakeBytes: 48 << 10})
	}))
	stories := crowd(60, "MUG", "full")
	var mu sync.Mutex
	refused := 0
	var senders sync.WaitGroup
	for _, s := range stories {
		senders.Go(func() {
			assert.Eventually(t, func() bool {
				status, retryAfter, err := r.post(t.Context(), s)
				if status == http.StatusServiceUnavailable {
					assert.NotEmpty(t, retryAfter)
					mu.Lock()
					refused++
					mu.Unlock()
				}
				return err == nil && status == http.StatusOK
			}, lifetime, 500*time.Millisecond)
		})
	}
	senders.Wait()
	assert.Positive(t, refused, "it was full")
	r.until(t, len(stories), "completed")
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM journal.deliveries WHERE source = 'stripe'`) == len(stories)
	}, lifetime, 100*time.Millisecond, "each delivery is kept once, and none that was refused")
	r.oneTakingEach(t, len(stories), "MUG")
}

// data is where the private Postgres keeps its data.
func (r running) data(t *testing.T) (dir string) {
	t.Helper()
	require.NoError(t, r.pool.QueryRow(t.Context(), `SHOW data_directory`).Scan(&dir))
	if strings.HasPrefix(dir, "/var/tmp/orderflow-") { // root's tests keep theirs where Postgres can get to
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(dir)) })
	}
	return dir
}

// postgresOn are the processes of the Postgres on a folder, its first one first; none if there is none just now.
func postgresOn(t *testing.T, data string) []int {
	t.Helper()
	note, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(note), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return nil // it is being written
	}
	pids := []int{pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return pids
	}
	for _, child := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (r running) ready(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ground.URL("admin")+"/readyz", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

func (r running) logged(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(r.ground.LogFile())
	require.NoError(t, err)
	return bytes.Count(data, []byte("\n"))
}

// meanwhile posts a story every 100 ms for as long as something is away; each has to be accepted.
func (r running) meanwhile(t *testing.T, run string, long time.Duration, do func()) []demo.Story {
	t.Helper()
	const every = 100 * time.Millisecond
	stories := crowd(int(long/every), "MUG", run)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for _, s := range stories {
		do()
		began := time.Now()
		status, _, err := r.post(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		assert.Less(t, time.Since(began), 3*time.Second, "the ingress does not wait for Postgres")
		<-tick.C
	}
	return stories
}

// linesPerSecond is how much may be logged while something is away, by all services together.
const linesPerSecond = 10

// Postgres hangs, and then it is shut down again and again. Webhooks are accepted all the while, and afterwards each
// has its effect, once.
func TestPostgresIsAway(t *testing.T) {
	t.Parallel()
	r := runAll(t, "DATABASE_URL", "")
	data := r.data(t)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{"MUG": 100_000}))
	require.Equal(t, "ready\n", r.ready(t))
	long := away(t)

	stopped := postgresOn(t, data)
	require.NotEmpty(t, stopped)
	send := func(s syscall.Signal) {
		for _, pid := range stopped {
			_ = syscall.Kill(pid, s)
		}
	}
	t.Cleanup(func() { send(syscall.SIGCONT) }) // or else it cannot be stopped
	send(syscall.SIGSTOP)
	before := r.logged(t)
	stories := r.meanwhile(t, "hangs", long, func() {})
	assert.Contains(t, r.ready(t), "misses Postgres")
	assert.LessOrEqual(t, r.logged(t)-before, int(long.Seconds()*linesPerSecond)+50)
	send(syscall.SIGCONT)
	r.until(t, len(stories), "completed")

	before = r.logged(t)
	more := r.meanwhile(t, "gone", long, func() {
		if pids := postgresOn(t, data); len(pids) > 0 {
			_ = syscall.Kill(pids[0], syscall.SIGINT) // a fast shutdown; the next one comes soon
		}
	})
	lines := r.logged(t) - before
	assert.LessOrEqual(t, lines, int(long.Seconds()*linesPerSecond)+50)
	t.Logf("%d lines were logged in %s", lines, long)
	require.Eventually(t, func() bool { return r.ready(t) == "ready\n" }, lifetime, 500*time.Millisecond)
	r.until(t, len(stories)+len(more), "completed")
	r.oneTakingEach(t, len(stories)+len(more), "MUG")
}

// NATS is killed and away. The ingress says so at once, and when NATS is back everything connects again by itself.
func TestNATSIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address, err := freeAddress(rand.New(rand.NewPCG(uint64(os.Getpid()), 1)))
	require.NoError(t, err)
	broker := func() *process {
		return launch(t, brokerName, []string{killRunsEnv + "=" + brokerName, killNATSEnv + "=" + dir + "|" + address},
			os.Args[0], "-test.run=^TestKillsAreDoneToThis$")
	}
	p := broker()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	}, lifetime, 20*time.Millisecond)
	r := runAll(t, "NATS_URL", "nats://"+address)
	require.NoError(t, fillShelves(t.Context(), r.ground, map[string]int64{"MUG": 1000}))
	before := crowd(10, "MUG", "before")
	for _, s := range before {
		status, _, err := r.post(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	p.kill() // with what was accepted under way
	<-p.gone
	require.Eventually(t, func() bool { return strings.Contains(r.ready(t), "misses NATS") }, lifetime, 100*time.Millisecond)

	lines, long := r.logged(t), away(t)
	during := crowd(int(long/(500*time.Millisecond)), "MUG", "during")
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for _, s := range during {
		began := time.Now()
		status, retryAfter, err := r.post(t.Context(), s)
		require.NoError(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.NotEmpty(t, retryAfter)
		assert.Less(t, time.Since(began), 2*time.Second, "nobody is kept waiting")
		<-tick.C
	}
	lines = r.logged(t) - lines
	assert.LessOrEqual(t, lines, int(long.Seconds()*linesPerSecond)+50)
	t.Logf("%d lines were logged in %s", lines, long)

	broker()
	for _, s := range during { // as providers do
		require.Eventually(t, func() bool {
			status, _, err := r.post(t.Context(), s)
			return err == nil && status == http.StatusOK
		}, lifetime, 500*time.Millisecond)
	}
	require.Eventually(t, func() bool { return r.ready(t) == "ready\n" }, lifetime, 500*time.Millisecond)
	r.until(t, len(before)+len(during), "completed")
	r.oneTakingEach(t, len(before)+len(during), "MUG")
}
