package orderctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/orderctl/demo"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// The broker loses everything: what Postgres holds is the truth, and 'orderctl replay' brings what had no effect yet.

// plant is a data folder and a database on which the suite is started and stopped, whole or in part.
type plant struct {
	t   *testing.T
	dir string
	dsn string
	running
	stop func()
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	return &plant{t: t, dir: t.TempDir(), dsn: testkit.DSN(t), stop: func() {}}
}

// start runs every service but those that are named, as 'orderctl up' does, and says where everything is.
func (p *plant) start(without ...string) {
	p.t.Helper()
	t := p.t
	ground, err := local.Prepare(t.Context(), local.Options{
		Dir: p.dir, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", MailboxListen: "127.0.0.1:0", Sandbox: true,
		Environ: withDefaults(map[string]string{"DATABASE_URL": p.dsn}, demoSettings), Say: func(string) {}, Moved: func(string) bool { return true },
	})
	require.NoError(t, err)
	require.NoError(t, provision(t.Context(), ground))
	services := slices.DeleteFunc(Services(), func(s host.Service) bool { return slices.Contains(without, s.Name) })
	require.Len(t, services, len(Services())-len(without))
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	options := ground.HostOptions()
	options.Ready = func() { close(ready) }
	go func() { ended <- host.Run(ctx, services, options) }()
	p.stop = func() {
		p.stop = func() {}
		cancel()
		p.pool.Close()
		defer ground.Close()
		require.NoError(t, <-ended)
	}
	p.pool, err = pgxpool.New(t.Context(), ground.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { p.stop() })
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		require.NoError(t, err)
	}
	p.ground, p.sender = ground, &demo.Sender{IngressURL: ground.URL("ingress"), Secrets: ground.Secrets()}
	require.NoError(t, ground.Remember(Running{
		DatabaseURL: ground.DatabaseURL, NATSURL: ground.NATSURL, PID: os.Getpid(), Reading: ingress.ReadingSettings(options.Environ),
	}))
}

// call runs orderctl on the plant, as a person would.
func (p *plant) call(args ...string) called {
	p.t.Helper()
	return call(p.t.Context(), "", append([]string{"--data", p.dir}, args...)...)
}

func (p *plant) ok(args ...string) string {
	p.t.Helper()
	r := p.call(args...)
	require.Equal(p.t, 0, r.code, r.said)
	return r.out
}

// loseBroker deletes JetStream's folder.
func (p *plant) loseBroker() {
	p.t.Helper()
	p.stop()
	require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, "nats")))
}

// send tells stories, each delivery of which is answered 2xx (or, if it is wrongly signed, refused), and waits until the
// journal has what was accepted.
func (p *plant) send(stories []demo.Story) []demo.Sent {
	p.t.Helper()
	before := p.count(p.t, `SELECT count(*) FROM journal.deliveries`)
	sent, err := p.sender.Send(p.t.Context(), stories, func(int) {})
	require.NoError(p.t, err)
	different := 0
	for _, s := range sent {
		require.Empty(p.t, s.Wrong)
		for _, c := range s.Story.Chapters {
			if !c.Wrong {
				different++
			}
		}
	}
	require.Eventually(p.t, func() bool {
		return p.count(p.t, `SELECT count(*) FROM journal.deliveries WHERE source <> 'sandbox'`) >= before+different
	}, lifetime, 50*time.Millisecond, "the journal has every delivery")
	return sent
}

// end waits until every story has ended as it should.
func (p *plant) end(sent []demo.Sent) {
	p.t.Helper()
	outcomes, err := demo.Watch(p.t.Context(), p.pool, sent, lifetime, func(int) {})
	require.NoError(p.t, err)
	for _, o := range outcomes {
		require.True(p.t, o.Right(), "%s %s: %s, ended as %q instead of %q %s", o.Story.Source, o.Story.Number, o.Story.Name, o.Status, o.Story.Ends, o.Wrong)
	}
}

// handled waits until every service has taken everything that INTAKE holds.
func (p *plant) handled() {
	p.t.Helper()
	conn, err := nats.Connect(p.ground.NATSURL)
	require.NoError(p.t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(p.t, err)
	out, err := newIntake(p.t.Context(), js, os.Stderr)
	require.NoError(p.t, err)
	require.Eventually(p.t, func() bool {
		_, behind, err := out.behind(p.t.Context())
		return err == nil && behind == 0
	}, lifetime, 50*time.Millisecond)
	p.settle(p.t)
}

// quiet waits until nothing has happened for a while: every parcel is delivered, every mail is sent. A doorbell that a busy
// machine has not answered yet is something that happens: it may set timers anew.
func (p *plant) quiet() {
	p.t.Helper()
	const still = 2 * time.Second
	require.NoError(p.t, withBroker(p.t.Context(), p.ground, func(js jetstream.JetStream) error {
		last, since := "", time.Now()
		require.Eventually(p.t, func() bool {
			p.settle(p.t)
			if now := p.pulse(); now != last || p.ringing(js) {
				last, since = now, time.Now()
			}
			return time.Since(since) > still
		}, lifetime, 200*time.Millisecond)
		return nil
	}))
}

// pulse moves while anything happens.
func (p *plant) pulse() string {
	p.t.Helper()
	var timers string
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(), `SELECT coalesce(md5(string_agg(t::text, '' ORDER BY service, id)), '') FROM orderflow.timers t`).Scan(&timers))
	return fmt.Sprint(p.count(p.t, `SELECT count(*) FROM orderflow.events`), p.count(p.t, `SELECT count(*) FROM read.order_timeline`), p.books(p.t), timers)
}

// ringing says that a service has a doorbell or a command before it.
func (p *plant) ringing(js jetstream.JetStream) bool {
	p.t.Helper()
	for _, name := range []string{bus.Events, bus.Commands} {
		stream, err := js.Stream(p.t.Context(), name)
		require.NoError(p.t, err)
		_, behind, err := (&intake{stream: stream}).behind(p.t.Context())
		require.NoError(p.t, err)
		if behind > 0 {
			return true
		}
	}
	return false
}

// pictured are the tables whose content must not change when the same is told again, beside everything that people read.
var pictured = []string{
	"orderflow.events", "orderflow.snapshots", "orderflow.refs", "orderflow.timers", "orderflow.parked", "orderflow.stuck", "inventory.told", "inventory.items", "journal.deliveries",
}

func (p *plant) tables() []string {
	p.t.Helper()
	rows, err := p.pool.Query(p.t.Context(), `SELECT 'read.' || table_name FROM information_schema.views WHERE table_schema = 'read' ORDER BY 1`)
	require.NoError(p.t, err)
	views, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(p.t, err)
	require.Greater(p.t, len(views), 10)
	return append(slices.Clone(pictured), views...)
}

// picture is what all tables and the books of the world outside say: a line for each.
func (p *plant) picture() string {
	p.t.Helper()
	var b strings.Builder
	for _, table := range p.tables() {
		var rows int
		var hash string
		require.NoError(p.t, p.pool.QueryRow(p.t.Context(), fmt.Sprintf(`SELECT count(*), coalesce(md5(string_agg(x, E'\n' ORDER BY x)), '')
			FROM (SELECT t::text AS x FROM %s t) rows`, table)).Scan(&rows, &hash), table)
		fmt.Fprintf(&b, "%s: %d rows, %s\n", table, rows, hash)
	}
	fmt.Fprintf(&b, "outside: %+v\n", p.books(p.t))
	return b.String()
}

func (p *plant) checkOnce() {
	p.t.Helper()
	assert.Empty(p.t, p.books(p.t).LabelsAboveOne)
	assert.Zero(p.t, p.books(p.t).Repeats, "no mail twice")
	assert.Zero(p.t, p.count(p.t, `SELECT count(*) FROM orderflow.stuck`))
}

// What was recorded and not acted on yet goes on by itself: every service looks at what moved when it starts.
func TestOpenOrdersGoOnAfterTheBrokerLostEverything(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	require.NoError(t, fillShelves(t.Context(), p.ground, demo.Stock(100)))
	p.stop()
	p.start("fraud", "inventory", "fulfillment", "notifier")
	sent := p.send(demo.OneOfEach(time.Now()))
	p.handled()
	require.Zero(t, p.count(t, `SELECT count(*) FROM read.orders WHERE status IN ('shipped', 'delivered')`))
	events := p.count(t, `SELECT count(*) FROM orderflow.events`)
	kept := p.count(t, `SELECT count(*) FROM journal.deliveries`)

	p.loseBroker()
	p.start()
	assert.GreaterOrEqual(t, p.count(t, `SELECT count(*) FROM orderflow.events`), events)
	assert.GreaterOrEqual(t, p.count(t, `SELECT count(*) FROM journal.deliveries`), kept)
	p.end(sent)
	p.quiet()
	p.checkOnce()
	p.ok("verify")
}

// What was answered 2xx and not handled yet is in the journal, and goes on once it is replayed. What was handled of the
// same deliveries is not handled twice.
func TestWhatNobodyHandledGoesOnAfterAReplay(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	require.NoError(t, fillShelves(t.Context(), p.ground, demo.Stock(100)))
	p.stop()
	p.start("payment")
	sent := p.send(demo.OneOfEach(time.Now()))
	require.Eventually(t, func() bool { return p.count(t, `SELECT count(*) FROM read.orders`) > 0 }, lifetime, 50*time.Millisecond)
	require.Zero(t, p.count(t, `SELECT count(*) FROM orderflow.events WHERE category = 'payment'`))

	p.loseBroker()
	p.start()
	p.handled()
	p.quiet()
	require.Zero(t, p.count(t, `SELECT count(*) FROM orderflow.events WHERE category = 'payment' AND type LIKE '%Captured'`), "nobody told it again")

	dry := p.ok("replay", "--since", "1h", "--dry-run")
	assert.Contains(t, dry, "Would send ")
	p.handled()
	require.Zero(t, p.count(t, `SELECT count(*) FROM orderflow.events WHERE category = 'payment' AND type LIKE '%Captured'`), "a dry run sends nothing")

	p.killReplay()
	out := p.ok("replay", "--since", "1h")
	assert.Contains(t, out, "Sent ")
	p.end(sent)
	p.quiet()
	p.checkOnce()
	p.ok("verify")
	for _, s := range sent {
		assert.LessOrEqual(t, p.count(t, `SELECT count(*) FROM read.payments WHERE order_id = $1 AND captured_minor > 0`, [16]byte(s.Story.Order)), 1)
	}
}

// errKilled ends a replay in its middle.
var errKilled = errors.New("killed")

// dying sends a few pages, and dies after the next one was sent and before anybody knew.
type dying struct {
	outlet
	pages int
}

func (d *dying) publish(ctx context.Context, messages []*nats.Msg) error {
	if err := d.outlet.publish(ctx, messages); err != nil {
		return err
	}
	d.pages--
	if d.pages < 0 {
		return errKilled
	}
	return nil
}

// killReplay begins a replay of everything, which dies.
func (p *plant) killReplay() {
	p.t.Helper()
	s := p.theSystem()
	require.NoError(p.t, broker(p.t.Context(), s.Running, func(ctx context.Context, js jetstream.JetStream) error {
		out, err := newIntake(ctx, js, os.Stderr)
		require.NoError(p.t, err)
		job := &replayer{s: s, out: &dying{out, 1}, settings: s.readingSettings(), done: &replayed{}, most: 2, bytes: pageBytes, run: "dying"}
		err = job.through(ctx, wanted{until: time.Now()}, newProgress(os.Stderr, "replay"))
		require.ErrorIs(p.t, err, errKilled)
		assert.Equal(p.t, 2, job.done.Deliveries, "what it is not sure of is not counted")
		return nil
	}))
}

// A whole day is told again, twice: nothing changes anywhere, not a row and not a mail.
func TestAReplayOfAFinishedDayChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	const orders = 40
	require.NoError(t, fillShelves(t.Context(), p.ground, demo.Stock(orders)))
	p.end(p.send(demo.Tell(orders, time.Now(), 7)))
	p.quiet()
	before := p.picture()
	messages := p.inIntake()
	for range 2 {
		out := p.ok("replay", "--all")
		assert.Contains(t, out, "Sent ")
		p.handled()
		p.quiet()
		require.Equal(t, before, p.picture())
	}
	assert.Greater(t, p.inIntake(), 2*messages, "it was really told again")
	p.ok("verify")
}

// inIntake is how many messages INTAKE has taken.
func (p *plant) inIntake() (n uint64) {
	p.t.Helper()
	require.NoError(p.t, withBroker(p.t.Context(), p.ground, func(js jetstream.JetStream) error {
		s, err := js.Stream(p.t.Context(), bus.Intake)
		if err == nil {
			n = s.CachedInfo().State.LastSeq
		}
		return err
	}))
	return n
}
