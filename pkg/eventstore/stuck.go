package eventstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Stuck is an entity that a service cannot fold or decide about; its neighbours go on.
type Stuck struct {
	Entity  ident.Entity
	Service string
	Error   string
	Since   time.Time
}

// MarkStuck remembers that a service fails on an entity, since the first time.
func (s *Store) MarkStuck(ctx context.Context, service string, id ident.Entity, cause string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO orderflow.stuck (entity_id, service, error) VALUES ($1, $2, $3)
		ON CONFLICT (entity_id, service) DO UPDATE SET error = excluded.error`, uuid.UUID(id), service, cause)
	if err != nil {
		return fmt.Errorf("mark %s stuck: %w", id, err)
	}
	return nil
}

// ClearStuck forgets it: the service could decide again.
func (s *Store) ClearStuck(ctx context.Context, service string, ids ...ident.Entity) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM orderflow.stuck WHERE entity_id = ANY($1) AND service = $2`, uuids(ids), service)
	if err != nil {
		return fmt.Errorf("clear what was stuck: %w", err)
	}
	return nil
}

// StuckEntities lists what is stuck, oldest first.
func (s *Store) StuckEntities(ctx context.Context) ([]Stuck, error) {
	rows, err := s.pool.Query(ctx, `SELECT entity_id, service, error, since FROM orderflow.stuck ORDER BY since`)
	if err != nil {
		return nil, fmt.Errorf("list what is stuck: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Stuck, error) {
		var st Stuck
		var id uuid.UUID
		err := row.Scan(&id, &st.Service, &st.Error, &st.Since)
		st.Entity = ident.Entity(id)
		return st, err
	})
}
