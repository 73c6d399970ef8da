package orderctl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
)

// helpsOf are the commands that open a gate which waits for a person. Gates that wait for somebody else need none.
func helpsOf(name string, o *order.State) []string {
	var helps []string
	for _, g := range o.Gates() {
		hold, held := strings.CutPrefix(g.Name, "hold:")
		switch {
		case g.Open:
		case g.Name == "stock":
			for _, m := range o.Inventory.Shortages {
				helps = append(helps, fmt.Sprintf("orderctl stock receive %s %d", m.GetSku(), m.GetWanted()-m.GetAvailable()))
			}
		case g.Name == "fraud" && o.Fraud.Scored && !o.Fraud.Rejected():
			helps = append(helps, fmt.Sprintf("orderctl order review %s clear --reason …", name))
		case held && hold != "fraud":
			helps = append(helps, fmt.Sprintf("orderctl order release %s --hold %s --reason …", name, hold))
		}
	}
	return helps
}

// unreadView is a delivery that names the order and could not be used.
type unreadView struct {
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
	rows, err := s.pool.Query(ctx, `SELECT received_at, source, event_type, coalesce(reason, ''), coalesce(detail, '')
		FROM read.webhook_events WHERE outcome = 'quarantined' AND order_ids @> ARRAY[$1::uuid]
		ORDER BY received_at DESC LIMIT $2`, uuid.UUID(id), unreadMost)
	if err != nil {
		return nil, fmt.Errorf("look for deliveries in quarantine: %w", err)
	}
	views, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (unreadView, error) {
		var v unreadView
		err := row.Scan(&v.At, &v.Source, &v.Topic, &v.Reason, &v.Detail)
		v.At = v.At.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for deliveries in quarantine: %w", err)
	}
	return views, nil
}
