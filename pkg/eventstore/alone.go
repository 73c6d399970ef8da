package eventstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// How often somebody who waits to be alone asks, and somebody who is makes sure that it still is.
const (
	aloneEvery   = 300 * time.Millisecond
	aloneAnswers = 3 * time.Second
)

// Alone waits until nobody else holds a name, and holds it: by a lock of a database session, so that it is free again
// as soon as its holder's connection is gone, however that ended. What is returned is over when ctx is or when the
// connection was lost, since then somebody else may hold the name; release gives it back. It keeps one connection.
//
// For a moment after a lost connection two may believe that they are alone. It saves work and repeats; what must never
// happen twice is kept by the versions of streams.
func (s *Store) Alone(ctx context.Context, name string) (alone context.Context, release func(), err error) {
	for {
		conn, err := s.tryAlone(ctx, name)
		if err != nil && !Unreachable(err) {
			return nil, nil, err
		}
		if conn != nil {
			alone, release := s.holding(ctx, conn)
			return alone, release, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(aloneEvery):
		}
	}
}

// tryAlone is the session that holds the name; nil if somebody else does. The server notices within seconds that the
// machine of a session has gone.
func (s *Store) tryAlone(ctx context.Context, name string) (*pgxpool.Conn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask to be alone as %s: %w", name, err)
	}
	var held bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))
		FROM (SELECT set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '2', false),
		             set_config('tcp_keepalives_count', '3', false)) s`, "orderflow "+name).Scan(&held)
	if err != nil {
		// Whether it was given is not known: a session that ends holds nothing.
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
		conn.Release()
		return nil, fmt.Errorf("ask to be alone as %s: %w", name, err)
	}
	if !held {
		conn.Release()
		return nil, nil //nolint:nilnil // nobody's fault, and nothing to hold
	}
	return conn, nil
}

// holding watches the session until it is released or lost.
func (s *Store) holding(ctx context.Context, conn *pgxpool.Conn) (context.Context, func()) {
	alone, cancel := context.WithCancel(ctx)
	released := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(aloneEvery)
		defer ticker.Stop()
		for {
			select {
			case <-released:
				return
			case <-ticker.C:
			}
			ping, stop := context.WithTimeout(context.Background(), aloneAnswers)
			err := conn.Ping(ping)
			stop()
			if err != nil {
				cancel()
				return
			}
		}
	})
	return alone, func() {
		cancel()
		close(released)
		watching.Wait()
		_ = conn.Conn().Close(context.WithoutCancel(ctx)) // the lock goes with its session
		conn.Release()
	}
}
