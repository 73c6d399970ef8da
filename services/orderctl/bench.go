package orderctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const benchHelp = `Measure it on this machine: everything in this process, with the sender, on a fresh folder, an embedded NATS server that
syncs every message, and a private Postgres that syncs every commit. DATABASE_URL and NATS_URL are not looked at.

  webhooks  signed webhooks a second, answered when they are durable, at 16 and at 256 connections
  append    appends a second through the event store, in batches and alone
  orders    orders a second from the webhook to the carrier's scan; how long one takes at half of that; memory and CPU;
            plain, with one SKU that is in every order, and with --stored orders already there
  rebuild   events a second that fold all tables anew, of the --stored orders
  cost      only if asked for: every service as a process of its own, with three NATS servers: processor time, memory and
            connections of each, bytes in streams and tables, for each order

An order is one Stripe payment that describes it, two lines over 1,000 SKUs, one label, one scan, three mails; nothing
outside takes any time. deploy/BENCHMARKS.md says how each figure is measured. Text and JSON are kept in --dir.`

// The parts of the benchmark.
const (
	partWebhooks = "webhooks"
	partAppend   = "append"
	partOrders   = "orders"
	partRebuild  = "rebuild"
	partCost     = "cost"
)

// benchParts are measured unless somebody says which; cost wants every program built, and is asked for by name.
var benchParts = []string{partWebhooks, partAppend, partOrders, partRebuild}

// benchFlags are what bench was asked for.
type benchFlags struct {
	only                  []string
	seconds, stored, skus int
	json, dir, programs   string
	keep                  bool
}

func benchCommand() *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use: "bench", Short: "Measure it on this machine", Long: benchHelp,
		Annotations: here("it measures your machine"),
		Example: `  orderctl bench
  orderctl bench --only webhooks --seconds 5
  orderctl bench --only orders --stored 0 --json -
  orderctl bench --only cost`,
		Args: takesNothing, RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringSliceVar(&f.only, "only", benchParts, "parts to measure")
	c.Flags().IntVar(&f.seconds, "seconds", 10, "how long each measurement takes, about")
	c.Flags().IntVar(&f.stored, "stored", 100_000, "how many orders are stored before the last measurements; 0 leaves those out")
	c.Flags().IntVar(&f.skus, "skus", 1000, "how many different SKUs are ordered")
	c.Flags().StringVar(&f.dir, "dir", "", "folder for everything (default .orderflow/bench-<time>)")
	c.Flags().StringVar(&f.programs, "programs", "", "folder of the services' programs, for cost (default that of this one)")
	c.Flags().BoolVar(&f.keep, "keep", false, "keep the data folders too, not only the figures")
	c.Flags().StringVar(&f.json, "json", "", `write the figures as JSON into this file too; "-" prints them instead of the tables`)
	return c
}

func (f *benchFlags) run(c *cobra.Command) error {
	for _, part := range f.only {
		if all := append(slices.Clone(benchParts), partCost); !slices.Contains(all, part) {
			return calledWrongly(c, "there is nothing to measure called %q: it is one of %s", part, strings.Join(all, ", "))
		}
	}
	if f.seconds < 1 || f.stored < 0 || f.skus < 2 {
		return calledWrongly(c, "--seconds is at least 1, --skus at least 2 and --stored not negative")
	}
	if f.dir == "" {
		f.dir = filepath.Join(".orderflow", "bench-"+time.Now().Format("20060102-150405"))
	}
	if err := os.MkdirAll(f.dir, 0o711); err != nil { //nolint:gosec // Postgres may run as another user; every file in it is private
		return fmt.Errorf("make the folder of the benchmark: %w", err)
	}
	b := &bench{benchFlags: f, program: programsIn(f.programs), say: func(format string, args ...any) { fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...) }}
	if err := b.all(c.Context()); err != nil {
		if c.Context().Err() != nil {
			err = errors.New("interrupted")
		}
		return fmt.Errorf("%w; what was left is in %s", err, f.dir)
	}
	return b.tell(c.OutOrStdout())
}

// bench is one run of the benchmark.
type bench struct {
	*benchFlags
	program program
	say     func(format string, args ...any)
	runs    uint64
	report  benchReport
}

// benchReport is every figure.
type benchReport struct {
	Began    time.Time       `json:"began"`
	Seconds  float64         `json:"took_seconds"`
	Machine  benchMachine    `json:"machine"`
	SKUs     int             `json:"skus"`
	Webhooks []benchWebhooks `json:"webhooks,omitempty"`
	Appends  []benchAppends  `json:"appends,omitempty"`
	Orders   []benchOrders   `json:"orders,omitempty"`
	Stored   *benchStored    `json:"stored,omitempty"`
	Rebuild  *benchRebuild   `json:"rebuild,omitempty"`
	Cost     *benchCost      `json:"cost,omitempty"`
}

func (b *bench) wants(part string) bool { return slices.Contains(b.only, part) }

func (b *bench) all(ctx context.Context) error {
	b.report.Began, b.report.Machine, b.report.SKUs = time.Now().UTC(), thisMachine(), b.skus
	for _, part := range []struct {
		wanted  bool
		measure func(context.Context) error
	}{
		{b.wants(partWebhooks), b.webhooks},
		{b.wants(partAppend), b.appends},
		{b.wants(partOrders), b.orders},
		{b.stored > 0 && (b.wants(partOrders) || b.wants(partRebuild)), b.withStored},
		{b.wants(partCost), b.cost},
	} {
		if !part.wanted {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return err
		}
	}
	b.report.Seconds = time.Since(b.report.Began).Seconds()
	return nil
}

// tell prints the figures and keeps them.
func (b *bench) tell(out io.Writer) error {
	var text strings.Builder
	if err := b.report.print(&text); err != nil {
		return err
	}
	data, err := json.MarshalIndent(b.report, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	kept := map[string][]byte{filepath.Join(b.dir, "bench.txt"): []byte(text.String()), filepath.Join(b.dir, "bench.json"): data}
	if b.json != "" && b.json != "-" {
		kept[b.json] = data
	}
	for path, content := range kept {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("keep the figures: %w", err)
		}
	}
	if b.json == "-" {
		_, err = out.Write(data)
		return err
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nThe figures are kept in %s.\n", b.dir)
	return nil
}
