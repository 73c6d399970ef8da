package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sweepOverlap is how far a sweep looks back beyond the beginning of the one before: for clocks that differ, and for
// what the one before had rung and a process that died had not handled.
const sweepOverlap = 2 * time.Hour

// SweepSince is from when on a service has to look again at what moved; the zero time, everything, if it never did.
func (s *Store) SweepSince(ctx context.Context, service string) (time.Time, error) {
	var at time.Time
	err := s.pool.QueryRow(ctx, `SELECT swept_at FROM orderflow.sweeps WHERE service = $1`, service).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when %s swept: %w", service, err)
	}
	return at.Add(-sweepOverlap), nil
}

// MarkSwept remembers when a sweep that is done now began.
func (s *Store) MarkSwept(ctx context.Context, service string, began time.Time) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO orderflow.sweeps (service, swept_at) VALUES ($1, $2)
		ON CONFLICT (service) DO UPDATE SET swept_at = greatest(sweeps.swept_at, excluded.swept_at)`, service, began)
	if err != nil {
		return fmt.Errorf("remember that %s swept: %w", service, err)
	}
	return nil
}
