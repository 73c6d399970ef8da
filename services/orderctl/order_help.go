package orderctl

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
)

// unreadView is a delivery that names the order and could not be used.
type unreadView struct {
	ID     string    `json:"delivery_id"`
	At     time.Time `json:"at"`
	Source string    `json:"source"`
	Topic  string    `json:"topic"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
}

// unreadMost is how many are shown; a shop that sends nonsense sends much of it.
const unreadMost = 10

// unread are the latest deliveries that name the order and are in quarantine.
func (s *system) unread(ctx context.Context, id ident.Entity) ([]unreadView, error) {
	rows, err := s.pool.Query(ctx, `SELECT id::text, received_at, source, event_type, coalesce(reason, ''), coalesce(detail, '')
		FROM read.webhook_events WHERE outcome = 'quarantined' AND order_ids @> ARRAY[$1::uuid]
		ORDER BY received_at DESC LIMIT $2`, uuid.UUID(id), unreadMost)
	if err != nil {
		return nil, fmt.Errorf("look for deliveries in quarantine: %w", err)
	}
	views, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (unreadView, error) {
		var v unreadView
		err := row.Scan(&v.ID, &v.At, &v.Source, &v.Topic, &v.Reason, &v.Detail)
		v.At = v.At.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for deliveries in quarantine: %w", err)
	}
	return views, nil
}
