package inventory

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
)

// Providers count items by ids of their own. A product says which SKU such an id stands for; a count that names only the
// id waits, parked under it, until that is told.

// Item is what an id stands for, as it was told last.
type Item struct {
	SKU   string
	Title string
	At    time.Time // of the provider
	// Report names what told it whatever the revision in which it was read.
	Report   ident.Cause
	Revision uint32
}

// after says that an item was told later, or is a later reading of the same. Ties in time go to the later reading, then to
// the greater SKU, so that the order of arrival does not matter.
func (i Item) after(other Item) bool {
	if !i.Report.IsZero() && i.Report == other.Report {
		return i.Revision > other.Revision
	}
	return cmp.Or(i.At.Compare(other.At), cmp.Compare(i.Revision, other.Revision), cmp.Compare(i.SKU, other.SKU)) > 0
}

// Named is an id that was told to stand for a SKU.
type Named struct {
	Ref   string
	Item  Item
	Cause ident.Cause
	// Moves says that it stood for nothing, or for another SKU, before.
	Moves bool
}

// name takes the products out of what is asked and says what they name. What was told earlier than what stands is passed
// over. It changes items to what they stand for afterwards.
func name(asks []Ask, items map[string]Item) (named []Named, rest []Ask) {
	for _, a := range asks {
		m := a.Move
		if m == nil || m.Kind != Name {
			rest = append(rest, a)
			continue
		}
		told := Item{SKU: m.SKU, Title: m.Title, At: m.At, Report: m.Report, Revision: m.Revision}
		for _, ref := range m.Items {
			have := items[ref]
			if have.SKU != "" && !told.after(have) {
				continue
			}
			items[ref] = told
			named = append(named, Named{Ref: ref, Item: told, Cause: a.Cause, Moves: have.SKU != told.SKU})
		}
	}
	return named, rest
}

// items reads what the ids that moves name stand for, and gives the SKU to counts that only name an id. A count that was
// led to an item which is none of ours any more says nothing.
func (t told) items(ctx context.Context, asks []Ask) (map[string]Item, []Ask, error) {
	var refs []string
	var ids []uuid.UUID
	for _, a := range asks {
		if a.Move != nil && len(a.Move.Items) > 0 {
			refs, ids = append(refs, a.Move.Items...), append(ids, uuid.UUID(a.Entity))
		}
	}
	if len(refs) == 0 {
		return map[string]Item{}, asks, nil
	}
	rows, err := t.pool.Query(ctx, `SELECT ref, sku_id, sku, title, told_at, report_id, revision FROM inventory.items WHERE ref = ANY($1) OR sku_id = ANY($2)`, refs, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read what items stand for: %w", err)
	}
	items, skus := map[string]Item{}, map[ident.Entity]string{}
	var ref string
	var id, report uuid.UUID
	var i Item
	_, err = pgx.ForEachRow(rows, []any{&ref, &id, &i.SKU, &i.Title, &i.At, &report, &i.Revision}, func() error {
		i.Report = ident.Cause(report)
		skus[ident.Entity(id)] = i.SKU
		if have, known := items[ref]; !known || i.after(have) {
			items[ref] = i
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read what items stand for: %w", err)
	}
	var named []Ask
	for _, a := range asks {
		if m := a.Move; m != nil && m.Kind == Report && m.SKU == "" {
			if m.SKU = skus[a.Entity]; m.SKU == "" {
				continue
			}
		}
		named = append(named, a)
	}
	return items, named, nil
}

// unitOf keeps what is named, and lets the ids lead to their SKUs: counts that wait for one are taken then.
func unitOf(named []Named) eventstore.Unit {
	u := eventstore.Unit{Tx: func(ctx context.Context, tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for _, n := range named {
			batch.Queue(`INSERT INTO inventory.items (ref, sku_id, sku, title, told_at, report_id, revision, cause_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (ref, sku_id) DO UPDATE SET title = excluded.title, told_at = excluded.told_at, report_id = excluded.report_id,
				revision = excluded.revision, cause_id = excluded.cause_id`,
				n.Ref, uuid.UUID(ident.SKU(n.Item.SKU)), n.Item.SKU, n.Item.Title, n.Item.At, uuid.UUID(n.Item.Report), int64(n.Item.Revision), uuid.UUID(n.Cause))
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("remember what items stand for: %w", err)
		}
		return nil
	}}
	for _, n := range named {
		if n.Moves {
			u.Links = append(u.Links, eventstore.Link{Ref: n.Ref, Entity: ident.SKU(n.Item.SKU), Moves: true})
		}
	}
	return u
}
