package seal

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Prefetch reads the keys of many entities at once, for who is about to open many seals. A key that cannot be
// unwrapped is left for Open to complain about.
func (v *Vault) Prefetch(ctx context.Context, ids []ident.Entity) error {
	missing := make([]uuid.UUID, 0, len(ids))
	v.mu.Lock()
	for _, id := range ids {
		if _, ok := v.cache[id]; !ok {
			missing = append(missing, uuid.UUID(id))
		}
	}
	forgotten := v.forgotten
	v.mu.Unlock()
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
