package orderctl

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/services/orderctl/load"
)

// benchCost is what an order costs where every service is a process of its own.
type benchCost struct {
	Brokers int    `json:"brokers"`
	Memory  string `json:"memory_limit"`
	// Backlog is the cost of orders that are sent as fast as they are taken, Steady that of a rate at which nothing
	// waits. At rest nothing is sent at all.
	Backlog   []costRun     `json:"backlog"`
	Steady    []costRun     `json:"steady"`
	Processes []costProcess `json:"processes"`
	Streams   []costStream  `json:"streams"`
	Tables    []costTable   `json:"tables"`
	// WAL is the bytes of Postgres' log for each order.
	WAL float64 `json:"wal_bytes_per_order"`
}

// costRun is one round.
type costRun struct {
	Orders       int     `json:"orders"`
	PerSecond    float64 `json:"completed_per_second"`
	LoadAverages string  `json:"load_averages_after"`
	// CPU is milliseconds of processor time for each order, by process.
	CPU map[string]float64 `json:"cpu_ms_per_order"`
}

// costProcess is what a process takes of the machine; brokers are told as one of them, but for their CPU.
type costProcess struct {
	Name string `json:"name"`
	// RestCPU is milliseconds of processor time a second while nothing is sent.
	RestCPU     float64 `json:"rest_cpu_ms_per_second"`
	RestMB      float64 `json:"rest_mb"`
	PeakMB      float64 `json:"peak_mb"`
	Connections int     `json:"postgres_connections"`
}

// costStream is what an order leaves in a stream, on each broker that keeps it.
type costStream struct {
	Name     string  `json:"name"`
	Messages float64 `json:"messages_per_order"`
	Bytes    float64 `json:"bytes_per_order"`
}

// costTable is what an order leaves in a table: as the table grew, and what is left of it once it is written anew without
// what updates left behind.
type costTable struct {
	Name    string  `json:"name"`
	Rows    float64 `json:"rows_per_order"`
	Data    float64 `json:"data_bytes_per_order"`
	Indexes float64 `json:"index_bytes_per_order"`
	Compact float64 `json:"compact_bytes_per_order"`
}

// Sizes of what is sent to measure costs.
const (
	costRounds  = 3
	costBacklog = 3000
	costRate    = 15 // orders a second of the steady rounds
)

// cost measures what an order costs.
func (b *bench) cost(ctx context.Context) error {
	return b.apart(ctx, func(ctx context.Context, f *benchFleet, s *benchSystem) error {
		if err := b.fillShelves(ctx, s); err != nil {
			return err
		}
		b.say("cost: warming up")
		if _, err := b.carry(ctx, s, b.newOrders(false), load.Phase{Duration: time.Hour, Most: b.size(warmOrders)}); err != nil {
			return err
		}
		pid, err := postmaster(ctx, s.pool)
		if err != nil {
			return err
		}
		c := &benchCost{Brokers: apartNodes, Memory: apartMemory}
		if limit := os.Getenv("GOMEMLIMIT"); limit != "" {
			c.Memory = limit
		}
		rest, err := b.atRest(ctx, f, pid)
		if err != nil {
			return err
		}
		before, err := s.holds(ctx)
		if err != nil {
			return err
		}
		many := 0
		for range costRounds {
			b.say("cost: %d orders as fast as they are taken", b.size(costBacklog))
			r, err := b.costRound(ctx, f, s, pid, load.Phase{Duration: time.Hour, Most: b.size(costBacklog)})
			if err != nil {
				return err
			}
			c.Backlog, many = append(c.Backlog, r), many+r.Orders
		}
		for range costRounds {
			b.say("cost: %d a second for %d s", costRate, 2*b.seconds)
			r, err := b.costRound(ctx, f, s, pid, load.Phase{Rate: costRate, Duration: 2 * time.Duration(b.seconds) * time.Second})
			if err != nil {
				return err
			}
			c.Steady, many = append(c.Steady, r), many+r.Orders
		}
		if err := c.processes(ctx, f, s, rest); err != nil {
			return err
		}
		after, err := s.holds(ctx)
		if err != nil {
			return err
		}
		if err := s.compact(ctx, &after); err != nil {
			return err
		}
		c.left(before, after, many, many+b.size(warmOrders))
		b.report.Cost = c
		return nil
	})
}

// resting is what processes take while nothing is sent.
type resting struct{ cpu, memory map[string]float64 }

func (b *bench) atRest(ctx context.Context, f *benchFleet, postmaster int) (resting, error) {
	if err := pauseFor(ctx, time.Duration(b.seconds)*time.Second/2); err != nil { // what orders left to do is done by then
		return resting{}, err
	}
	b.say("cost: at rest for %d s", b.seconds)
	before := f.cpu(postmaster)
	if err := pauseFor(ctx, time.Duration(b.seconds)*time.Second); err != nil {
		return resting{}, err
	}
	r := resting{cpu: map[string]float64{}}
	for name, used := range f.cpu(postmaster) {
		r.cpu[name] = (used - before[name]).Seconds() * 1000 / float64(b.seconds)
	}
	r.memory, _ = f.memory()
	return r, nil
}

// costRound carries orders and says what that took of each process.
func (b *bench) costRound(ctx context.Context, f *benchFleet, s *benchSystem, postmaster int, phase load.Phase) (costRun, error) {
	before := f.cpu(postmaster)
	carried, err := b.carry(ctx, s, b.newOrders(false), phase)
	if err != nil {
		return costRun{}, err
	}
	many := len(carried.due)
	r := costRun{Orders: many, PerSecond: float64(many) / carried.completed.Sub(carried.began).Seconds(), CPU: map[string]float64{}}
	for name, used := range f.cpu(postmaster) {
		r.CPU[name] = (used - before[name]).Seconds() * 1000 / float64(many)
	}
	if averages, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.LoadAverages = strings.Join(strings.Fields(string(averages))[:3], " ")
	}
	return r, nil
}

// processes fills in memory and connections.
func (c *benchCost) processes(ctx context.Context, f *benchFleet, s *benchSystem, rest resting) error {
	rows, err := s.pool.Query(ctx, `SELECT application_name, count(*)::int FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1`)
	if err != nil {
		return fmt.Errorf("count connections: %w", err)
	}
	connections := map[string]int{}
	var name string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		connections[strings.TrimPrefix(name, "orderflow-")] = n
		return nil
	}); err != nil {
		return fmt.Errorf("count connections: %w", err)
	}
	_, peak := f.memory()
	for _, name := range slices.Sorted(maps.Keys(rest.cpu)) {
		c.Processes = append(c.Processes, costProcess{name, rest.cpu[name], rest.memory[name], peak[name], connections[name]})
	}
	return nil
}

// holding is what streams and tables hold at a moment.
type holding struct {
	streams map[string]jetstream.StreamState
	tables  map[string]tableSize
	wal     int64
}

type tableSize struct{ rows, data, indexes, compact int64 }

// holds reads what there is.
func (s *benchSystem) holds(ctx context.Context) (holding, error) {
	h := holding{streams: map[string]jetstream.StreamState{}, tables: map[string]tableSize{}}
	err := broker(ctx, s.run, func(ctx context.Context, js jetstream.JetStream) error {
		for _, name := range []string{bus.Intake, bus.Events, bus.Commands, bus.Dead} {
			stream, err := js.Stream(ctx, name)
			if err != nil {
				return err
			}
			h.streams[name] = stream.CachedInfo().State
		}
		return nil
	})
	if err != nil {
		return h, err
	}
	if err := s.pool.QueryRow(ctx, `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint`).Scan(&h.wal); err != nil {
		return h, fmt.Errorf("read where the log is: %w", err)
	}
	rows, err := s.pool.Query(ctx, `SELECT n.nspname || '.' || c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`)
	if err != nil {
		return h, fmt.Errorf("measure the tables: %w", err)
	}
	var name string
	var size tableSize
	if _, err := pgx.ForEachRow(rows, []any{&name, &size.data, &size.indexes}, func() error {
		h.tables[name] = size
		return nil
	}); err != nil {
		return h, fmt.Errorf("measure the tables: %w", err)
	}
	for name, size := range h.tables {
		if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM `+sqlName(name)).Scan(&size.rows); err != nil {
			return h, fmt.Errorf("count %s: %w", name, err)
		}
		h.tables[name] = size
	}
	return h, nil
}

func sqlName(table string) string { return pgx.Identifier(strings.SplitN(table, ".", 2)).Sanitize() }

// compact writes every table anew and measures it then.
func (s *benchSystem) compact(ctx context.Context, h *holding) error {
	for name, size := range h.tables {
		if _, err := s.pool.Exec(ctx, `VACUUM FULL `+sqlName(name)); err != nil {
			return fmt.Errorf("write %s anew: %w", name, err)
		}
		if err := s.pool.QueryRow(ctx, `SELECT pg_total_relation_size($1::regclass)`, sqlName(name)).Scan(&size.compact); err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		h.tables[name] = size
	}
	return nil
}

// left is what so many orders left behind; what is compact belongs to all of them, those of the warming up too.
func (c *benchCost) left(before, after holding, many, all int) {
	each := func(n int64, orders int) float64 { return float64(n) / float64(orders) }
	for _, name := range slices.Sorted(maps.Keys(after.streams)) {
		was, now := before.streams[name], after.streams[name]
		if now.Msgs == 0 || now.LastSeq == was.LastSeq {
			continue
		}
		messages := float64(now.LastSeq-was.LastSeq) / float64(many)
		c.Streams = append(c.Streams, costStream{name, messages, messages * float64(now.Bytes) / float64(now.Msgs)})
	}
	for _, name := range slices.Sorted(maps.Keys(after.tables)) {
		was, now := before.tables[name], after.tables[name]
		t := costTable{name, each(now.rows-was.rows, many), each(now.data-was.data, many), each(now.indexes-was.indexes, many), each(now.compact, all)}
		if t.Data+t.Indexes >= 1 || t.Rows >= 0.01 {
			c.Tables = append(c.Tables, t)
		}
	}
	c.WAL = each(after.wal-before.wal, many)
}
