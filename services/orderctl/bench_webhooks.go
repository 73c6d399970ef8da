package orderctl

import (
	"context"
	"fmt"
	"time"

	"github.com/orderflow/orderflow/services/orderctl/load"
)

// benchWebhooks is how fast signed webhooks are made durable.
type benchWebhooks struct {
	// Running says what else runs in the process: nothing, or every service.
	Running     string  `json:"running"`
	Connections int     `json:"connections"`
	Accepted    int     `json:"accepted"`
	PerSecond   float64 `json:"per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	// NotAccepted is what was answered otherwise, or not at all.
	NotAccepted int `json:"not_accepted"`
}

// benchConnections are how many deliveries are under way at once.
var benchConnections = []int{16, 256}

// webhooks measures the ingress by itself, and with every service at work on what it takes.
func (b *bench) webhooks(ctx context.Context) error {
	alone := func(ctx context.Context, s *benchSystem) error { return b.accepted(ctx, s, "ingress alone") }
	if err := b.with(ctx, "webhooks", benchServices("ingress"), alone); err != nil {
		return err
	}
	return b.with(ctx, "webhooks-all", Services(), func(ctx context.Context, s *benchSystem) error {
		if err := b.fillShelves(ctx, s); err != nil {
			return err
		}
		return b.accepted(ctx, s, "all services")
	})
}

func (b *bench) accepted(ctx context.Context, s *benchSystem, running string) error {
	for _, connections := range benchConnections {
		b.say("webhooks, %s, %d connections", running, connections)
		if _, err := b.send(ctx, s, connections, time.Second); err != nil { // warms up
			return err
		}
		all, err := b.send(ctx, s, connections, time.Duration(b.seconds)*time.Second)
		if err != nil {
			return err
		}
		b.report.Webhooks = append(b.report.Webhooks, benchWebhooks{
			Running: running, Connections: connections, Accepted: all.Accepted, PerSecond: all.PerSecond,
			P50: all.Latency.P50, P99: all.Latency.P99, Max: all.Latency.Max, NotAccepted: all.Sent - all.Accepted,
		})
	}
	return nil
}

func (b *bench) send(ctx context.Context, s *benchSystem, connections int, d time.Duration) (load.Row, error) {
	report, err := load.Run(ctx, s.options(b.newOrders(false), connections, load.Phase{Duration: d}))
	switch {
	case err != nil:
		return load.Row{}, err
	case ctx.Err() != nil:
		return load.Row{}, context.Cause(ctx)
	case report.All.Accepted == 0:
		return load.Row{}, fmt.Errorf("no webhook was accepted: %v %v", report.All.Statuses, report.All.Reasons)
	}
	return report.All, nil
}
