package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/projector/reread"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Reader are the normalisers of this program. The projector has none of its own: whoever runs it hands them in.
type Reader struct {
	// Build tells this build's normalisers from another one's.
	Build func() string
	// Read reads a kept delivery, as its account is set in an environment; most is the largest message that may come of it.
	Read func(environ map[string]string, kept *intakev1.Delivery, most int64) (*intakev1.Delivery, error)
}

// upgrade reads again what older builds have put into quarantine: once per build, by one projector, in the order in which
// it came, and so slowly that nobody waits for it.
type upgrade struct {
	reader  *reread.Rereader
	build   string
	store   *eventstore.Store
	pool    *pgxpool.Pool
	js      jetstream.JetStream
	publish func(context.Context, []*nats.Msg) error
	clock   func() time.Time
	log     zerolog.Logger
	results *prometheus.CounterVec
	// page, pace and most: so many at a time, one page in so long, and not more than so many for one build.
	page, most int
	pace       time.Duration
}

const (
	upgradePage = 100
	upgradePace = time.Second
	upgradeMost = 100_000
	// roomFor is how full, in percent, INTAKE may be for this.
	roomFor = 50
)

// messageRoom is what is around a delivery in a message.
const messageRoom = 4 << 10

func newUpgrade(d host.Deps, r Reader) *upgrade {
	most := d.JS.Conn().MaxPayload() - messageRoom
	store := eventstore.New(d.Pool, d.Vault)
	u := &upgrade{
		build: r.Build(), store: store, pool: d.Pool, js: d.JS, publish: d.Bus.All, clock: d.Clock, log: d.Log,
		page: upgradePage, pace: upgradePace, most: upgradeMost,
		reader: &reread.Rereader{
			Journal: reread.Journal{Pool: d.Pool, Vault: d.Vault}, Store: store,
			Read: func(k *intakev1.Delivery) (*intakev1.Delivery, error) { return r.Read(d.Environ, k, most) },
		},
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "orderflow", Name: "deliveries_reread_total", Help: "Quarantined deliveries that a newer build read again, by what came of it.",
		}, []string{"source", "result"}),
	}
	if d.Registry != nil {
		d.Registry.MustRegister(u.results)
	}
	return u
}

// Run reads what is to be read, and has nothing to do from then on. What keeps it from it is tried again, however long
// that takes.
func (u *upgrade) Run(ctx context.Context) error {
	for pause := firstPause; u.build != "" && ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := u.once(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			u.log.Warn().Err(err).Dur("retry_in", pause).Msg("reading again what was in quarantine")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	return nil
}

// once does what is left to do for this build, alone.
func (u *upgrade) once(ctx context.Context) error {
	if done, err := u.ended(ctx); done || err != nil {
		return err
	}
	alone, release, err := u.store.Alone(ctx, "rereading")
	if err != nil {
		return err
	}
	defer release()
	p, err := u.begin(alone)
	if err != nil || p.ended {
		return err
	}
	for more := true; more; {
		began := u.clock()
		if more, err = u.next(alone, p); err != nil {
			return err
		}
		select {
		case <-alone.Done():
			return alone.Err()
		case <-time.After(u.pace - u.clock().Sub(began)):
		}
	}
	return u.end(alone, p)
}

// progress is how far this build has come.
type progress struct {
	began           time.Time
	after           reread.Position
	looked, changed int
	ended           bool
}

func (u *upgrade) ended(ctx context.Context) (ended bool, err error) {
	err = u.pool.QueryRow(ctx, `SELECT ended_at IS NOT NULL FROM journal.rereadings WHERE reader = $1`, u.build).Scan(&ended)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("ask whether this build has read again what there is: %w", err)
	}
	return ended, nil
}

func (u *upgrade) begin(ctx context.Context) (*progress, error) {
	p := &progress{}
	err := u.pool.QueryRow(ctx, `INSERT INTO journal.rereadings AS r (reader, began_at, after_at, after_id, looked, changed)
			VALUES ($1, $2, to_timestamp(0), '00000000-0000-0000-0000-000000000000', 0, 0)
			ON CONFLICT (reader) DO UPDATE SET looked = r.looked
			RETURNING began_at, after_at, after_id, looked, changed, ended_at IS NOT NULL`, u.build, u.clock()).
		Scan(&p.began, &p.after.At, &p.after.ID, &p.looked, &p.changed, &p.ended)
	if err != nil {
		return nil, fmt.Errorf("begin to read again: %w", err)
	}
	return p, nil
}

// next looks at one page, and says whether there may be more.
func (u *upgrade) next(ctx context.Context, p *progress) (more bool, err error) {
	if room, err := u.room(ctx); err != nil || !room {
		return true, err
	}
	page, err := u.reader.Page(ctx, reread.Filter{Outcome: "quarantined", Until: p.began, NotBy: u.build}, p.after, min(u.page, u.most-p.looked))
	if err != nil || len(page) == 0 {
		return false, err
	}
	counts := map[[2]string]int{}
	var messages []*nats.Msg
	for _, k := range page {
		r, err := u.reader.Again(ctx, k)
		if err != nil {
			return false, err
		}
		counts[[2]string{k.GetSource(), string(r.Result)}]++
		if r.Result != reread.Changed {
			continue
		}
		m, err := reread.Message(r.Now)
		if err != nil {
			return false, err
		}
		messages = append(messages, m)
	}
	if len(messages) > 0 {
		if err := u.publish(ctx, messages); err != nil {
			return false, err
		}
	}
	for labels, n := range counts {
		u.results.WithLabelValues(labels[0], labels[1]).Add(float64(n))
	}
	p.after, p.looked, p.changed = page[len(page)-1].At(), p.looked+len(page), p.changed+len(messages)
	_, err = u.pool.Exec(ctx, `UPDATE journal.rereadings SET after_at = $2, after_id = $3, looked = $4, changed = $5 WHERE reader = $1`,
		u.build, p.after.At, p.after.ID, p.looked, p.changed)
	if err != nil {
		return false, fmt.Errorf("note what was read again: %w", err)
	}
	return p.looked < u.most, nil
}

// room says whether INTAKE has room for more than the webhooks that come now.
func (u *upgrade) room(ctx context.Context) (bool, error) {
	stream, err := u.js.Stream(ctx, bus.Intake)
	if err != nil {
		return false, fmt.Errorf("ask how full %s is: %w", bus.Intake, err)
	}
	info := stream.CachedInfo()
	return info.Config.MaxBytes <= 0 || info.State.Bytes*100 < uint64(info.Config.MaxBytes)*roomFor, nil
}

func (u *upgrade) end(ctx context.Context, p *progress) error {
	if _, err := u.pool.Exec(ctx, `UPDATE journal.rereadings SET ended_at = $2 WHERE reader = $1`, u.build, u.clock()); err != nil {
		return fmt.Errorf("note that all was read again: %w", err)
	}
	if p.looked > 0 {
		u.log.Info().Str("build", u.build).Int("looked_at", p.looked).Int("published_again", p.changed).Bool("all", p.looked < u.most).
			Msg("what older builds had put into quarantine was read again")
	}
	return nil
}
