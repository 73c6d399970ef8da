//go:build linux

package orderctl

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/orderctl/local"
)

// up is 'orderctl up --sandbox' on a data folder, as a process that is started again and again.
type up struct {
	t       *testing.T
	binary  string
	dir     string
	process *process
	run     Running
}

// orderctlBinary is the program as people run it.
func orderctlBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "orderctl")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/orderctl").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// begin starts the process without waiting for anything.
func (u *up) begin() {
	u.t.Helper()
	environ := u.environ()
	for name, value := range demoSettings {
		environ = append(environ, name+"="+value)
	}
	u.process = launch(u.t, "orderctl up", environ, u.binary, "up", "--sandbox", "--data", u.dir,
		"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--mailbox-listen", "127.0.0.1:0")
}

// environ lets the folder say where everything is.
func (u *up) environ() []string { return []string{"DATABASE_URL=", "NATS_URL=", "MASTER_KEY="} }

// ready waits until it says where it is.
func (u *up) ready() {
	u.t.Helper()
	deadline := time.Now().Add(lifetime)
	for {
		run, err := readRun(u.dir)
		if err == nil && run.PID == u.process.pid() {
			u.run = run
			return
		}
		require.False(u.t, u.process.ended(), "it ended instead of starting: %s", u.process.said.String())
		require.True(u.t, time.Now().Before(deadline), "it is not ready: %s", u.process.said.String())
		time.Sleep(5 * time.Millisecond) // nothing tells when a file appears
	}
}

// waitFor returns when a file is in its folder.
func (u *up) waitFor(name string) {
	u.t.Helper()
	require.Eventually(u.t, func() bool {
		_, err := os.Stat(filepath.Join(u.dir, name))
		return err == nil
	}, lifetime, time.Millisecond)
}

// hasStock wants the shelves of the sandbox filled, whatever became of its first start.
func (u *up) hasStock() {
	u.t.Helper()
	said, err := u.orderctl("stock", "show", "--json")
	require.NoError(u.t, err, said)
	for sku := range sandboxStock {
		require.Contains(u.t, said, `"`+sku+`"`)
	}
}

// orderctl runs another command on the same folder.
func (u *up) orderctl(args ...string) (string, error) {
	c := exec.CommandContext(u.t.Context(), u.binary, append([]string{"--data", u.dir}, args...)...)
	c.Env = append(os.Environ(), u.environ()...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// Ways in which everything in one process may die.
const (
	killAlone    = "orderctl"          // and the kernel asks its Postgres to stop
	killAll      = "orderctl+postgres" // everything at once, as when the machine is switched off
	killPostgres = "postgres"          // the database alone
	killStarting = "starting"          // orderctl, and its next start before it is ready
)

var waysToDie = []string{killAlone, killAll, killPostgres, killStarting}

// die kills it in a way, and returns when it is gone; where its database alone was killed, when that is back.
func (u *up) die(way string, early time.Duration) {
	u.t.Helper()
	postgres := postmasterOf(u.process.pid())
	switch way {
	case killAll:
		all := descendants(u.process.pid())
		u.process.kill()
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	case killPostgres:
		require.NotZero(u.t, postgres)
		require.NoError(u.t, syscall.Kill(postgres, syscall.SIGKILL))
		u.outlives(postgres)
		return
	case killStarting:
		u.process.kill()
		<-u.process.gone
		u.begin()
		select {
		case <-u.process.gone:
			require.Fail(u.t, "it ended instead of starting", u.process.said.String())
		case <-time.After(early): // a moment like the others: it waits for nothing
		}
		u.process.kill()
	default:
		u.process.kill()
	}
	<-u.process.gone
}

// outlives waits until another Postgres answers in the place of one that was killed.
func (u *up) outlives(postgres int) {
	u.t.Helper()
	back := assert.Eventually(u.t, func() bool {
		now := postmasterOf(u.process.pid())
		if now == 0 || now == postgres {
			return u.process.ended()
		}
		conn, err := pgx.Connect(u.t.Context(), u.run.DatabaseURL)
		return err == nil && conn.Close(u.t.Context()) == nil
	}, lifetime, 20*time.Millisecond)
	require.True(u.t, back, "nobody started its database again: %s\nprocesses of Postgres:\n%s", u.process.said.String(), strings.Join(postgresIn(u.dir), "\n"))
	require.False(u.t, u.process.ended(), "it ended with its database: %s", u.process.said.String())
}

// Everything in one process is killed while webhooks come in, and started again on its data folder.
func TestKillsOfEverythingInOneProcess(t *testing.T) {
	t.Parallel()
	k := newKills(t)
	u := &up{t: t, binary: orderctlBinary(t), dir: filepath.Join(killFolder(t), "data")}
	u.begin()
	u.waitFor(keyFile) // its first start is killed too, when it has hardly begun
	u.process.kill()
	<-u.process.gone
	u.begin()
	u.ready()
	u.hasStock()
	require.NoError(t, fillShelves(t.Context(), &local.Ground{DatabaseURL: u.run.DatabaseURL, NATSURL: u.run.NATSURL}, stockOf(k)))
	s := newSenders(t)
	s.secrets = u.run.Secrets
	for n := range k.rounds {
		s.at(u.run.IngressURL)
		k.done(u.round(k, s, n))
	}
	k.report()
	u.process.end(t)
}

// round kills a few times while the orders of a round come in, and a rebuild with them, and looks at what came of them.
func (u *up) round(k *kills, s *senders, n int) killRow {
	u.t.Helper()
	row := killRow{round: n + 1, orders: k.orders}
	began, accepted, again := time.Now(), s.accepted.Load(), s.again.Load()
	s.tell(u.t.Context(), k.round(n))
	told := make(chan struct{})
	go func() {
		s.working.Wait()
		close(told)
	}()
	rebuilding := launch(u.t, "orderctl rebuild", u.environ(), u.binary, "rebuild", "--data", u.dir)
	for i := range 1 + k.random.IntN(3) {
		way := waysToDie[(n+i)%len(waysToDie)]
		enough, pause := k.moment()
		s.waitFor(s.accepted.Load()+enough, told)
		time.Sleep(pause) // the moment is random by the seed, it waits for nothing
		u.die(way, time.Duration(k.random.Int64N(int64(1500*time.Millisecond))))
		row.killed = append(row.killed, way)
		if i == 0 {
			rebuilding.kill()
			<-rebuilding.gone
		}
		if u.process.ended() {
			u.begin()
			u.ready()
			s.at(u.run.IngressURL)
		}
	}
	said, err := u.orderctl("rebuild")
	require.NoError(u.t, err, "a rebuild after one that was killed: %s", said)
	require.NotContains(u.t, said, "differed from what the events say")
	<-told
	c, done := newChecker(u.t, u.run, func() (string, error) { return u.orderctl("verify") })
	defer done()
	row.checked = c.check(k.told[:(n+1)*k.orders], k.round(n), len(row.killed))
	row.accepted, row.again, row.took = s.accepted.Load()-accepted, s.again.Load()-again, time.Since(began)
	u.complains(&row.checked)
	return row
}

// complains looks for what a service logged as an error that is none of a kill's.
func (u *up) complains(out *checked) {
	log, err := os.ReadFile(filepath.Join(u.dir, "log.json"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	require.NoError(u.t, err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"level":"panic"`) || strings.Contains(line, "panic:") {
			out.wrong("logged: %s", line)
		}
	}
}
