package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/seal"
)

// connections are one service's own, so that each can have a role and a user of its own.
type connections struct {
	pool *pgxpool.Pool
	nats *nats.Conn
}

func (c *connections) close() {
	if c.nats != nil {
		c.nats.Close()
	}
	if c.pool != nil {
		c.pool.Close()
	}
}

// connect opens what a service needs and fills it into d.
func connect(ctx context.Context, s Settings, service Service, o Options, d *Deps) (*connections, error) {
	c := &connections{}
	if service.Database {
		if err := c.database(ctx, s, service, d); err != nil {
			c.close()
			return nil, err
		}
	}
	if service.Broker {
		if err := c.broker(s, service, o, d); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *connections) database(ctx context.Context, s Settings, service Service, d *Deps) error {
	// Looked at first: the migrations make the role.
	if _, err := pgxpool.ParseConfig(s.DatabaseURL); err != nil {
		return errAddress
	}
	if err := migrated(ctx, s.DatabaseURL, service); err != nil {
		return err
	}
	pool, err := openPool(ctx, s.DatabaseURL, service.Name, s.DatabaseSize, RoleOf(service.Name))
	if err != nil {
		return err
	}
	c.pool = pool
	masters, err := seal.ParseMasters(s.MasterKey)
	if err != nil {
		return err
	}
	if d.Vault, err = seal.NewVault(pool, masters); err != nil {
		return err
	}
	d.Pool, d.Store = pool, eventstore.New(pool, d.Vault)
	return nil
}

// errAddress says nothing of what stands there: a password may.
var errAddress = errors.New("DATABASE_URL cannot be read: it looks like postgres://user:password@host:5432/database")

// RoleOf is the database role that a service takes on after it has logged in. The event store's migrations make it and
// say what it may do: append to its own streams, and read the others'.
func RoleOf(service string) string { return "orderflow_" + service }

// OpenPool connects to Postgres as whoever the URL names, and makes sure that it answers. The name is shown in
// pg_stat_activity.
func OpenPool(ctx context.Context, url, name string, size int32) (*pgxpool.Pool, error) {
	return openPool(ctx, url, name, size, "")
}

func openPool(ctx context.Context, url, name string, size int32, role string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errAddress
	}
	config.MaxConns = max(size, 2)
	config.ConnConfig.RuntimeParams["application_name"] = "orderflow-" + name
	if role != "" {
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET ROLE "+pgx.Identifier{role}.Sanitize())
			if err != nil {
				return fmt.Errorf("take on the role %s (GRANT %s TO whoever logs in): %w", role, role, err)
			}
			return nil
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, unreachable(err)
	}
	return pool, nil
}

// unreachable is one sentence: the driver has a line for every address that it tried.
func unreachable(err error) error {
	return fmt.Errorf("connect to Postgres: %s", strings.Join(strings.Fields(err.Error()), " "))
}

// migrated refuses a database that lacks what this build needs.
func migrated(ctx context.Context, url string, service Service) error {
	for _, m := range []struct {
		name string
		fs   fs.FS
	}{{"eventstore", nil}, {service.Name, service.Migrations}} {
		if m.name != "eventstore" && m.fs == nil {
			continue
		}
		pending, err := eventstore.Pending(ctx, url, m.name, m.fs)
		var connect *pgconn.ConnectError
		switch {
		case errors.As(err, &connect):
			return unreachable(connect)
		case err != nil:
			return err
		}
		if pending {
			return errors.New("the database is older than this program: run 'orderctl migrate' first")
		}
	}
	return nil
}

// Migrate brings the database up to what the services need.
func Migrate(ctx context.Context, url string, services []Service) error {
	if _, err := pgxpool.ParseConfig(url); err != nil {
		return errAddress
	}
	if err := eventstore.Migrate(ctx, url); err != nil {
		return err
	}
	for _, s := range services {
		if s.Migrations != nil {
			if err := eventstore.MigrateFS(ctx, url, s.Name, s.Migrations); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *connections) broker(s Settings, service Service, o Options, d *Deps) error {
	options := slices.Clone(o.NATS)
	if o.NATSUser != nil {
		options = append(options, o.NATSUser(service.Name)...)
	}
	conn, err := OpenNATS(s.NATSURL, service.Name, options...)
	if err != nil {
		return err
	}
	c.nats = conn
	if d.JS, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("connect to JetStream: %w", err)
	}
	d.Bus = bus.NewPublisher(d.JS)
	if o.Staging {
		d.Bus = d.Bus.Staging()
	}
	return nil
}

// OpenNATS connects, and stays connected: a server that goes away is waited for.
func OpenNATS(url, name string, options ...nats.Option) (*nats.Conn, error) {
	options = append([]nats.Option{
		nats.Name("orderflow-" + name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
		nats.CustomInboxPrefix(bus.InboxPrefix(name)),
		nats.ReconnectBufSize(-1), // what cannot be sent is an error now, not a surprise later
	}, options...)
	conn, err := nats.Connect(url, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, nil
}
