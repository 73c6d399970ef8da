package eventstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
)

// View reads the store as one transaction sees it: for who compares many entities as of one moment.
type View struct{ tx pgx.Tx }

// Within is the store as a transaction sees it.
func Within(tx pgx.Tx) View { return View{tx} }

// Load is Store.Load within the transaction.
func (v View) Load(ctx context.Context, ids []ident.Entity) (map[ident.Entity][]event.Recorded, error) {
	return load(ctx, v.tx, ids)
}

// LoadAbove is Store.LoadAbove within the transaction.
func (v View) LoadAbove(ctx context.Context, c event.Category, id ident.Entity, above, limit int) ([]event.Recorded, error) {
	return loadAbove(ctx, v.tx, c, id, above, limit)
}

// Snapshots is Store.Snapshots within the transaction.
func (v View) Snapshots(ctx context.Context, c event.Category, ids []ident.Entity) (map[ident.Entity]Snapshot, error) {
	return readSnapshots(ctx, v.tx, c, ids)
}
