package seal

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Make makes the keys of those entities that have none and reads the others', in one transaction for all of them: for
// who is about to seal much. Keys go in in one order, so that two who make the same ones do not lock each other out.
func (v *Vault) Make(ctx context.Context, ids []ident.Entity) error {
	missing, _ := v.unknown(ids)
	if len(missing) == 0 {
		return nil
	}
	slices.SortFunc(missing, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	missing = slices.Compact(missing)
	wrapped := make([][]byte, len(missing))
	for i, id := range missing {
		wrapped[i] = v.wrap(ident.Entity(id), fresh())
	}
	_, err := v.pool.Exec(ctx, `INSERT INTO orderflow.keys (entity_id, wrapped) SELECT * FROM unnest($1::uuid[], $2::bytea[])
		ON CONFLICT DO NOTHING`, missing, wrapped)
	if err != nil {
		return fmt.Errorf("make %d keys: %w", len(missing), err)
	}
	return v.Prefetch(ctx, ids)
}

// unknown are the entities whose keys are not in memory, and how much had been forgotten when that was looked up.
func (v *Vault) unknown(ids []ident.Entity) (missing []uuid.UUID, forgotten int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range ids {
		if _, ok := v.cache[id]; !ok {
			missing = append(missing, uuid.UUID(id))
		}
	}
	return missing, v.forgotten
}

// Prefetch reads the keys of many entities at once, for who is about to open many seals. A key that cannot be
// unwrapped is left for Open to complain about.
func (v *Vault) Prefetch(ctx context.Context, ids []ident.Entity) error {
	missing, forgotten := v.unknown(ids)
	if len(missing) == 0 {
		return nil
	}
	rows, err := v.pool.Query(ctx, `SELECT entity_id, wrapped FROM orderflow.keys WHERE entity_id = ANY($1) AND wrapped IS NOT NULL`, missing)
	if err != nil {
		return fmt.Errorf("read %d keys: %w", len(missing), err)
	}
	var id uuid.UUID
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &wrapped}, func() error {
		if raw, err := v.unwrap(ident.Entity(id), wrapped); err == nil {
			v.remember(ident.Entity(id), aead(raw), forgotten)
		}
		wrapped = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %d keys: %w", len(missing), err)
	}
	return nil
}
