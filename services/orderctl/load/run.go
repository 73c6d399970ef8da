package load

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// Target is a source in whose name deliveries are sent.
type Target struct {
	Source string
	// Account is empty for the account "default".
	Account string
	Secret  string
	// Weight is its share of the deliveries.
	Weight int
}

// Options say what is sent where.
type Options struct {
	// URL is the ingress, without /webhooks.
	URL         string
	Targets     []Target
	Phases      []Phase
	Connections int
	Orders      Orders
	// Timeout is how long an answer may take.
	Timeout time.Duration
	// Grace is how long after the planned end deliveries are still sent that were due before; the others are given up.
	Grace time.Duration
	// Answered is told of every delivery: which order it was, when it was to be sent, and the status of the answer, 0
	// if there was none. It is called by many goroutines at once. Nil if nobody wants to know.
	Answered func(n int, due time.Time, status int)
	// Progress is told now and then how much was sent, of how much; of -1 if nobody knows. Nil if nobody wants to know.
	Progress func(sent, planned int)
}

// Run sends everything and reports. If its context ends before, it reports what was sent until then.
func Run(ctx context.Context, o Options) (Report, error) {
	r, err := prepare(o)
	if err != nil {
		return Report{}, err
	}
	conns := make([]*conn, o.Connections)
	for i := range conns {
		conns[i] = newConn(r.url, o.Timeout)
	}
	if err := conns[0].dial(ctx); err != nil { // the others would fail for the same reason
		return Report{}, fmt.Errorf("nobody answers at %s: %w", o.URL, err)
	}
	told := context.AfterFunc(ctx, func() {
		for _, c := range conns {
			c.stop()
		}
	})
	defer told()
	finished := make(chan struct{})
	var beside, workers sync.WaitGroup
	beside.Go(func() { r.progress(finished) })
	r.begin(time.Now())
	for _, c := range conns {
		workers.Go(func() { r.work(ctx, c) })
	}
	workers.Wait()
	close(finished)
	beside.Wait()
	return r.report(ctx.Err() != nil), nil
}

// run is one run.
type run struct {
	Options
	url    *url.URL
	wheel  []*target // every target as often as it weighs
	phases []*phase
	began  time.Time
	giveUp time.Time
	next   atomic.Int64 // order
}

// target is a target with what is made ready for it.
type target struct {
	Target
	provider source.Source
	body     *template
	topic    string
	path     string
}

func prepare(o Options) (*run, error) {
	to, err := url.Parse(strings.TrimSuffix(o.URL, "/"))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, fmt.Errorf("%q is no address of an ingress: write http://host:port", o.URL)
	}
	if o.Connections < 1 || o.Orders.SKUs < 1 || len(o.Targets) == 0 || len(o.Phases) == 0 {
		return nil, errors.New("load wants at least one connection, SKU, source and phase")
	}
	r := &run{Options: o, url: to}
	for _, t := range o.Targets {
		provider := ingress.SourceByName(t.Source)
		body, err := templateOf(t.Source)
		if provider == nil || err != nil {
			return nil, fmt.Errorf("there are no orders of a source %q: it is one of %s", t.Source, strings.Join(Names(), ", "))
		}
		path := to.Path + "/webhooks/" + t.Source
		if t.Account != "" {
			path += "/" + t.Account
		}
		ready := &target{t, provider, body, topics[t.Source], path}
		for range max(t.Weight, 1) {
			r.wheel = append(r.wheel, ready)
		}
	}
	for _, p := range o.Phases {
		if err := p.Check(); err != nil {
			return nil, err
		}
		r.phases = append(r.phases, newPhase(p))
	}
	return r, nil
}

// begin sets when everything is due.
func (r *run) begin(at time.Time) {
	r.began = at
	for _, p := range r.phases {
		p.began = at
		at = at.Add(p.Duration)
	}
	r.giveUp = at.Add(r.Grace)
}

// work sends deliveries over one connection, each in turn the next one that nobody has taken.
func (r *run) work(ctx context.Context, c *conn) {
	w := worker{run: r, conn: c, timer: time.NewTimer(time.Hour)}
	defer w.timer.Stop()
	defer c.close()
	for _, p := range r.phases {
		for w.turn(ctx, p) {
		}
	}
}

// worker is one connection's.
type worker struct {
	*run
	conn  *conn
	timer *time.Timer
	body  []byte
}

// turn sends the phase's next delivery; false if there is none.
func (w *worker) turn(ctx context.Context, p *phase) bool {
	due, ok := p.take(time.Now())
	if !ok || ctx.Err() != nil {
		return false
	}
	if p.Rate == 0 && time.Until(p.began) > 0 {
		due = p.began
	}
	n := int(w.next.Add(1)) - 1
	to, o := w.wheel[n%len(w.wheel)], w.Orders.order(n)
	w.body = to.body.write(w.body[:0], &o) // before it is due; the time of its signature is the time when it is sent
	if !w.sleep(ctx, time.Until(due)) || time.Now().After(w.giveUp) {
		return false
	}
	began := time.Now()
	if p.Rate == 0 {
		due = began
	}
	status, err := w.send(ctx, to, &o)
	p.count(due, time.Now(), status, err)
	if w.Answered != nil {
		w.Answered(n, due, status)
	}
	if err != nil && status == 0 && p.Rate == 0 { // who is not there is not asked a million times a second
		w.sleep(ctx, pauseAfterError)
	}
	return true
}

// pauseAfterError is how long a connection rests in the closed loop if it could not send.
const pauseAfterError = 50 * time.Millisecond

func (w *worker) send(ctx context.Context, to *target, o *order) (int, error) {
	header, err := to.provider.Sign(w.body, source.Signing{Secret: to.Secret, At: time.Now(), Topic: to.topic, ID: o.number})
	if err != nil {
		return 0, fmt.Errorf("sign for %s: %w", to.Source, err)
	}
	if header.Get("Content-Type") == "" {
		header = header.Clone()
		header.Set("Content-Type", "application/json")
	}
	return w.conn.post(ctx, to.path, header, w.body)
}

// sleep waits; false if nobody wants to go on.
func (w *worker) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	w.timer.Reset(d)
	select {
	case <-w.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// progressEvery is how often progress is told.
const progressEvery = 200 * time.Millisecond

func (r *run) progress(finished <-chan struct{}) {
	if r.Progress == nil {
		return
	}
	planned := 0
	for _, p := range r.phases {
		if n := p.planned(); n < 0 || planned < 0 {
			planned = -1
		} else {
			planned += n
		}
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
			sent := 0
			for _, p := range r.phases {
				sent += p.sent()
			}
			r.Progress(sent, planned)
		}
	}
}
