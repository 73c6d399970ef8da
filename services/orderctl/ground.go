package orderctl

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/orderctl/local"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
)

// provision brings the database and the broker of a local ground up to this build: on a laptop nobody else does.
func provision(ctx context.Context, g *local.Ground) error {
	if err := host.Migrate(ctx, g.DatabaseURL, Services()); err != nil {
		return err
	}
	return withBroker(ctx, g, func(js jetstream.JetStream) error {
		return bus.Provision(ctx, js, streamsOn(g))
	})
}

// streamsOn are sized by the disk if they are on ours.
func streamsOn(g *local.Ground) bus.StreamOptions {
	if !g.Embedded {
		return bus.StreamOptions{}
	}
	return bus.StreamOptions{EventsInMemory: true, MaxIntakeBytes: g.IntakeBytes()}
}

func withBroker(ctx context.Context, g *local.Ground, use func(jetstream.JetStream) error) error {
	return broker(ctx, Running{NATSURL: g.NATSURL}, func(_ context.Context, js jetstream.JetStream) error { return use(js) })
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
	err := withBroker(ctx, g, func(js jetstream.JetStream) error {
		for sku, pieces := range stock {
			if err := setStock(ctx, js, sku, pieces); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return stocked(ctx, g, stock)
}

func setStock(ctx context.Context, js jetstream.JetStream, sku string, pieces int64) error {
	id, entity := uuid.New(), ident.SKU(sku)
	c := &commandv1.Command{
		Id: id[:], EntityId: entity[:], By: "orderctl up", Reason: "sandbox",
		Body: &commandv1.Command_SetStock{SetStock: &commandv1.SetStock{Sku: sku, OnHand: pieces}},
	}
	data, err := proto.Marshal(c)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: bus.CommandSubject("inventory", c), Data: data, Header: nats.Header{"Nats-Msg-Id": {id.String()}}}
	if _, err := js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("set the stock of %s: %w", sku, err)
	}
	return nil
}

// stocked waits until every SKU has a level.
func stocked(ctx context.Context, g *local.Ground, stock map[string]int64) error {
	pool, err := host.OpenPool(ctx, g.DatabaseURL, "orderctl", 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	ids := skusOf(stock)
	store := eventstore.New(pool, nil)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		levels, err := store.Snapshots(ctx, event.Stock, ids)
		if err != nil || len(levels) == len(ids) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("inventory has not taken the stock of the sandbox: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
