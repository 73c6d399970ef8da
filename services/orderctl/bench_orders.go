package orderctl

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/orderflow/orderflow/services/orderctl/load"
)

// benchOrders is how fast orders are carried through their whole life.
type benchOrders struct {
	Name   string `json:"name"`
	Stored int    `json:"orders_already_stored"`
	Orders int    `json:"orders"`
	// PerSecond is orders sent as fast as they are taken, by the time until the last of them was shipped; AllPerSecond
	// until the last mail was sent and the tables showed all of it too.
	PerSecond    float64 `json:"shipped_per_second"`
	AllPerSecond float64 `json:"completed_per_second"`
	// Half is the rate at which the times are measured, sent in an open loop.
	Half HalfRate `json:"at_half_rate"`

	EventsPerOrder      float64 `json:"events_per_order"`
	StockEventsPerOrder float64 `json:"stock_events_per_order"`
	MailsPerOrder       float64 `json:"mails_per_order"`
	LabelsPerOrder      float64 `json:"labels_per_order"`
	ScansPerOrder       float64 `json:"scans_per_order"`
	// ProcessMS and PostgresMS are processor time for each order; zero where nobody tells.
	ProcessMS  float64 `json:"process_cpu_ms_per_order"`
	PostgresMS float64 `json:"postgres_cpu_ms_per_order"`
	MemoryMB   float64 `json:"memory_mb"`
	PeakMB     float64 `json:"memory_peak_mb"`
}

// HalfRate is how long orders take from the moment when their webhook was due until the carrier's scan was recorded.
type HalfRate struct {
	Rate   float64 `json:"rate"`
	Orders int     `json:"orders"`
	P50    float64 `json:"p50_ms"`
	P90    float64 `json:"p90_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
}

// orders measures on a fresh ground, with and without a SKU that is in every order.
func (b *bench) orders(ctx context.Context) error {
	return b.with(ctx, "orders", Services(), func(ctx context.Context, s *benchSystem) error {
		if err := b.fillShelves(ctx, s); err != nil {
			return err
		}
		for _, kind := range []struct {
			name string
			hot  bool
		}{{"plain", false}, {"one hot SKU", true}} {
			if err := b.carried(ctx, s, kind.name, kind.hot, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sizes of what is sent.
const (
	warmOrders  = 300
	probeOrders = 1000
	leastOrders = 20
	mostOrders  = 100_000
	// closedConnections send as fast as they are answered.
	closedConnections = 16
	// openConnections are more than are ever under way at half of what is carried.
	openConnections = 256
)

// carried warms up, finds out about how many orders fit into the time, carries that many, and times others at half the
// rate.
func (b *bench) carried(ctx context.Context, s *benchSystem, name string, hot bool, stored int) error {
	b.say("orders, %s: warming up", name)
	if _, err := b.carry(ctx, s, b.newOrders(hot), load.Phase{Duration: time.Hour, Most: b.size(warmOrders)}); err != nil {
		return err
	}
	probe, err := b.carry(ctx, s, b.newOrders(hot), load.Phase{Duration: time.Hour, Most: b.size(probeOrders)})
	if err != nil {
		return err
	}
	many := min(max(int(probe.perSecond()*float64(b.seconds)), b.size(probeOrders)), mostOrders)
	b.say("orders, %s: %d as fast as they are taken", name, many)
	top, err := b.carry(ctx, s, b.newOrders(hot), load.Phase{Duration: time.Hour, Most: many})
	if err != nil {
		return err
	}
	o := benchOrders{
		Name: name, Stored: stored, Orders: many, PerSecond: top.perSecond(), AllPerSecond: float64(many) / top.completed.Sub(top.began).Seconds(),
		EventsPerOrder: per(top.events, many), StockEventsPerOrder: per(top.stockEvents, many), MailsPerOrder: per(top.books.mails, many),
		LabelsPerOrder: per(top.books.labels, many), ScansPerOrder: per(top.books.scans, many),
		ProcessMS: top.cpu.process.Seconds() * 1000 / float64(many), PostgresMS: top.cpu.postgres.Seconds() * 1000 / float64(many),
	}
	rate := o.PerSecond / 2
	b.say("orders, %s: %.0f a second for %d s", name, rate, b.seconds)
	half, err := b.carry(ctx, s, b.newOrders(hot), load.Phase{Rate: rate, Duration: time.Duration(b.seconds) * time.Second})
	if err != nil {
		return err
	}
	o.Half = half.times(rate)
	o.MemoryMB, o.PeakMB = memoryMB()
	b.report.Orders = append(b.report.Orders, o)
	return nil
}

// size makes a short benchmark smaller altogether.
func (b *bench) size(orders int) int { return max(min(orders, orders*b.seconds/10), leastOrders) }

func per(n, orders int) float64 { return float64(n) / float64(orders) }

// carriage is orders from their webhooks to their ends.
type carriage struct {
	began time.Time
	due   []time.Time
	// shipped is when each order's first scan was recorded, completed when everything of all of them was done.
	shipped     []time.Time
	completed   time.Time
	events      int
	stockEvents int
	books       tally
	cpu         cpuUsed
}

// perSecond is orders by the time from the first delivery until the last scan.
func (c *carriage) perSecond() float64 {
	last := c.began
	for _, at := range c.shipped {
		if at.After(last) {
			last = at
		}
	}
	return float64(len(c.shipped)) / max(last.Sub(c.began).Seconds(), 0.001)
}

// times are how long each order took from when it was due.
func (c *carriage) times(rate float64) HalfRate {
	took := make([]time.Duration, len(c.shipped))
	for i, at := range c.shipped {
		took[i] = at.Sub(c.due[i])
	}
	slices.Sort(took)
	at := func(p float64) float64 { // the nearest rank
		i := min(max(int(p*float64(len(took))+0.999999)-1, 0), len(took)-1)
		return float64(took[i].Microseconds()) / 1000
	}
	return HalfRate{Rate: rate, Orders: len(took), P50: at(0.50), P90: at(0.90), P99: at(0.99), Max: at(1)}
}

// carry sends orders and returns when everything that follows from them is done.
func (*bench) carry(ctx context.Context, s *benchSystem, orders load.Orders, phase load.Phase) (*carriage, error) {
	connections := openConnections
	if phase.Rate == 0 {
		connections = closedConnections
	}
	o := s.options(orders, connections, phase)
	planned := phase.Most
	if phase.Rate > 0 {
		planned = int(phase.Rate*phase.Duration.Seconds() + 1)
	}
	c := &carriage{due: make([]time.Time, planned)}
	o.Answered = func(n int, due time.Time, status int) {
		if status/100 == 2 {
			c.due[n] = due // each order is one's
		}
	}
	pid, err := postmaster(ctx, s.pool)
	if err != nil {
		return nil, err
	}
	before, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	used := usedCPU(pid)
	report, err := load.Run(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case !report.All.Good():
		return nil, fmt.Errorf("of %d webhooks %d were accepted: %v %v", report.All.Intended, report.All.Accepted, report.All.Statuses, report.All.Reasons)
	}
	c.began, c.due = report.Began, c.due[:report.All.Sent]
	if err := s.finish(ctx, orders, c, before); err != nil {
		return nil, err
	}
	c.cpu = usedCPU(pid).since(used)
	return c, s.read(ctx, orders, c)
}

// row is a row of the table.
func (o benchOrders) row() []string {
	name := o.Name
	if o.Stored > 0 {
		name = strconv.Itoa(o.Stored) + " stored"
	}
	return []string{
		name, fmt.Sprintf("%.0f", o.PerSecond), fmt.Sprintf("%.0f", o.AllPerSecond), fmt.Sprintf("%.0f", o.Half.Rate),
		millis(o.Half.P50), millis(o.Half.P99), fmt.Sprintf("%.1f + %.1f", o.EventsPerOrder, o.StockEventsPerOrder),
		fmt.Sprintf("%.2f + %.2f ms", o.ProcessMS, o.PostgresMS), fmt.Sprintf("%.0f MB", o.MemoryMB), fmt.Sprintf("%.0f MB", o.PeakMB),
	}
}
