package orderctl

import (
	"context"
	"fmt"
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

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
)

// shelve sets what is on hand of many SKUs, and returns when inventory has taken all of it.
func shelve(ctx context.Context, run Running, stock map[string]int64) error {
	began := time.Now().Add(-time.Second) // the database's clock may differ a little
	err := broker(ctx, run, func(ctx context.Context, js jetstream.JetStream) error {
		var under []jetstream.PubAckFuture
		for sku, pieces := range stock {
			m, err := setStockMessage(sku, pieces)
			if err != nil {
				return err
			}
			ack, err := js.PublishMsgAsync(m)
			if err != nil {
				return fmt.Errorf("set the stock of %s: %w", sku, err)
			}
			under = append(under, ack)
		}
		for _, ack := range under {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				return fmt.Errorf("set the stock: %w", err)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return shelved(ctx, run, stock, began)
}

func setStockMessage(sku string, pieces int64) (*nats.Msg, error) {
	id, entity := uuid.New(), ident.SKU(sku)
	c := &commandv1.Command{
		Id: id[:], EntityId: entity[:], By: "orderctl", Reason: "stock to try with",
		Body: &commandv1.Command_SetStock{SetStock: &commandv1.SetStock{Sku: sku, OnHand: pieces}},
	}
	data, err := proto.Marshal(c)
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Subject: bus.CommandSubject("inventory", c), Data: data, Header: nats.Header{"Nats-Msg-Id": {id.String()}}}, nil
}

// shelveWait is how long inventory may take over it.
const shelveWait = 2 * time.Minute

const movedPage = 1 << 20

// shelved waits until every SKU's stream has moved.
func shelved(ctx context.Context, run Running, stock map[string]int64, since time.Time) error {
	pool, err := host.OpenPool(ctx, run.DatabaseURL, "orderctl", 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	store, wanted := eventstore.New(pool, nil), map[ident.Entity]bool{}
	for sku := range stock {
		wanted[ident.SKU(sku)] = true
	}
	ctx, cancel := context.WithTimeout(ctx, shelveWait)
	defer cancel()
	for {
		missing := len(stock)
		for moved, err := range store.Moved(ctx, event.Stock, since, movedPage) {
			if err != nil {
				return err
			}
			for _, id := range moved {
				if wanted[id] {
					missing--
				}
			}
		}
		if missing == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("inventory has not taken the stock of %s: %w", count(missing, "SKU"), ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
