package orderctl

import (
	"context"
	"maps"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/local"
)

// provision brings the database and the broker of a local ground up to this build: on a laptop nobody else does.
func provision(ctx context.Context, g *local.Ground) error {
	if err := host.Migrate(ctx, g.DatabaseURL, Services()); err != nil {
		return err
	}
	err := withBroker(ctx, g, func(js jetstream.JetStream) error {
		return bus.Provision(ctx, js, streamsOn(g))
	})
	if err != nil || g.Embedded == nil {
		return err
	}
	if err := g.Embedded.StageInMemory(); err != nil {
		g.Say("The broker is slower than it could be: " + err.Error()) // which is no reason not to run
	}
	return nil
}

// streamsOn are sized by the disk if they are on ours.
func streamsOn(g *local.Ground) bus.StreamOptions {
	if g.Embedded == nil {
		return bus.StreamOptions{}
	}
	return bus.StreamOptions{EventsInMemory: true, MaxIntakeBytes: g.IntakeBytes()}
}

func withBroker(ctx context.Context, g *local.Ground, use func(jetstream.JetStream) error) error {
	return broker(ctx, Running{NATSURL: g.NATSURL, NATS: g.NATSAccess}, func(_ context.Context, js jetstream.JetStream) error { return use(js) })
}

// sandboxStock is what a sandbox has on its shelves from its first start on, so that a first order ships.
var sandboxStock = map[string]int64{"MUG": 1000, "TSHIRT": 1000, "POSTER": 1000}

// stockSandbox fills what was never filled: at the first start, or at the next one if that was killed before.
func stockSandbox(ctx context.Context, g *local.Ground) error {
	pool, err := host.OpenPool(ctx, g.DatabaseURL, "orderctl", 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	missing := maps.Clone(sandboxStock)
	levels, err := eventstore.New(pool, nil).Snapshots(ctx, event.Stock, skusOf(missing))
	if err != nil {
		return err
	}
	maps.DeleteFunc(missing, func(sku string, _ int64) bool { _, ok := levels[ident.SKU(sku)]; return ok })
	if len(missing) == 0 {
		return nil
	}
	return fillShelves(ctx, g, missing)
}

func skusOf(stock map[string]int64) []ident.Entity {
	var ids []ident.Entity
	for sku := range stock {
		ids = append(ids, ident.SKU(sku))
	}
	return ids
}

// fillShelves sets what is on hand and returns when inventory has taken it.
func fillShelves(ctx context.Context, g *local.Ground, stock map[string]int64) error {
	return shelve(ctx, Running{DatabaseURL: g.DatabaseURL, NATSURL: g.NATSURL, NATS: g.NATSAccess}, stock)
}
