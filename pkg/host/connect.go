package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

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
		if err := c.database(ctx, s, service, o, d); err != nil {
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

func (c *connections) database(ctx context.Context, s Settings, service Service, o Options, d *Deps) error {
	url := again(o.Environ, "DATABASE_URL")
	exposed, err := addressed(s.DatabaseURL)
	if err != nil {
		return err
	}
	if exposed != "" {
		d.Log.Warn().Str("host", exposed).Msg("DATABASE_URL says sslmode=disable: passwords and personal data go to Postgres in clear")
	}
	// Looked at first: the migrations make the role.
	if err := migrated(ctx, s.DatabaseURL, service); err != nil {
		return err
	}
	if c.pool, err = openPool(ctx, url, service.Name, s.DatabaseSize, RoleOf(service.Name)); err != nil {
		return err
	}
	masters, err := seal.ParseMasters(s.MasterKey)
	if err != nil {
		return err
	}
	if d.Vault, err = seal.NewVault(c.pool, masters); err != nil {
		return err
	}
	d.Pool, d.Store = c.pool, eventstore.New(c.pool, d.Vault)
	return nil
}

// again reads a setting anew: what stands in a file may have changed.
func again(environ map[string]string, name string) func() (string, error) {
	return func() (string, error) { return Secret(environ, name) }
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
		if err != nil {
			return reached(err)
		}
		if pending {
			return errors.New("the database is older than this program: run 'orderctl migrate' first")
		}
	}
	return nil
}

// Migrate brings the database up to what the services need.
func Migrate(ctx context.Context, url string, services []Service) error {
	if _, err := addressed(url); err != nil {
		return err
	}
	if err := eventstore.Migrate(ctx, url); err != nil {
		return reached(err)
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
	watch := &natsWatch{log: d.Log}
	options := append(watch.options(), o.NATS...)
	if o.NATSUser != nil {
		options = append(options, o.NATSUser(service.Name)...)
	}
	conn, exposed, err := openNATS(again(o.Environ, "NATS_URL"), s.NATSAccess, service.Name, options...)
	if err != nil {
		return err
	}
	if exposed != "" {
		d.Log.Warn().Str("host", exposed).Msg("NATS_ALLOW_PLAINTEXT is set: passwords and personal data go to NATS in clear")
	}
	c.nats = conn
	watch.conn.Store(conn)
	if d.JS, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("connect to JetStream: %w", err)
	}
	d.Bus = bus.NewPublisher(d.JS)
	if o.Staging {
		d.Bus = d.Bus.Staging()
	}
	return nil
}
