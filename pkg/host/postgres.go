package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// RoleOf is the database role that a service takes on after it has logged in. The event store's migrations make it and
// say what it may do: append to its own streams, and read the others'.
func RoleOf(service string) string { return "orderflow_" + service }

// OpenPool connects to Postgres as whoever the URL names, and makes sure that it answers. The name is shown in
// pg_stat_activity. Certificates that the URL names are read anew for every connection.
func OpenPool(ctx context.Context, url, name string, size int32) (*pgxpool.Pool, error) {
	return openPool(ctx, func() (string, error) { return url, nil }, name, size, "")
}

// openPool asks for the address before every connection: a password, or a certificate that it names, may be another one
// by then.
func openPool(ctx context.Context, url func() (string, error), name string, size int32, role string) (*pgxpool.Pool, error) {
	config, err := configured(url, name)
	if err != nil {
		return nil, err
	}
	config.MaxConns = max(size, 2)
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		now, err := configured(url, name)
		if err == nil {
			c.Config = now.ConnConfig.Config
		}
		return err
	}
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

func configured(url func() (string, error), name string) (*pgxpool.Config, error) {
	text, err := url()
	if err != nil {
		return nil, err
	}
	config, err := parsed(text)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = "orderflow-" + name
	return config, nil
}

// addressed is the other machine to which an address means to send everything in clear; empty if there is none. One that
// leaves it open is refused.
func addressed(url string) (exposed string, err error) {
	config, err := parsed(url)
	if err != nil {
		return "", err
	}
	exposed, _ = inClear(&config.ConnConfig.Config)
	return exposed, nil
}

// errAddress says nothing of what stands there: a password may.
var errAddress = errors.New("DATABASE_URL cannot be read: it looks like postgres://user:password@host:5432/database")

func parsed(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, unparsed(err)
	}
	if host, open := inClear(&config.ConnConfig.Config); open {
		return nil, fmt.Errorf("DATABASE_URL leaves it open whether what goes to %s is encrypted: add sslmode=verify-full, with sslrootcert=FILE for an authority of your own, or sslmode=disable if it may go in clear", host)
	}
	return config, nil
}

// unparsed repeats nothing of an address but the names of files, which are no secret.
func unparsed(err error) error {
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) || parse.Unwrap() == nil {
		return errAddress
	}
	cause := parse.Unwrap()
	if at := (*fs.PathError)(nil); errors.As(cause, &at) {
		return fmt.Errorf("DATABASE_URL: %s: %w", wordOf(cause), unreadable(at))
	}
	switch said := cause.Error(); {
	case strings.HasPrefix(said, "unable to add CA"):
		return errors.New("DATABASE_URL: sslrootcert: the file holds no certificate in PEM")
	case strings.Contains(said, "sslkey"), strings.HasPrefix(said, "unable to load cert"):
		return errors.New("DATABASE_URL: sslcert and sslkey: they name a certificate and its key in PEM, both or neither")
	case strings.HasPrefix(said, "sslmode is invalid"):
		return errors.New("DATABASE_URL: sslmode is verify-full, verify-ca, require or disable")
	}
	return errAddress
}

// wordOf is the part of an address that names a file, from how the driver's error about it begins.
func wordOf(err error) string {
	for begin, word := range map[string]string{"unable to read CA file": "sslrootcert", "unable to read sslkey": "sslkey", "unable to read cert": "sslcert"} {
		if strings.HasPrefix(err.Error(), begin) {
			return word
		}
	}
	return "a file that it names"
}

// inClear is the other machine to which a connection may go in clear, and whether the address leaves that open: with
// sslmode=disable it means it, and with prefer or none the driver falls back to it without a word.
func inClear(c *pgconn.Config) (host string, open bool) {
	sealed := c.TLSConfig != nil
	if c.TLSConfig == nil && !local(c.Host) {
		host = c.Host
	}
	for _, f := range c.Fallbacks {
		sealed = sealed || f.TLSConfig != nil
		if f.TLSConfig == nil && !local(f.Host) {
			host = f.Host
		}
	}
	return host, host != "" && sealed
}

// local says that a host is this machine: a loopback address, or a folder with a socket in it.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}

// reached is unreachable if the error tells that Postgres was not reached, else the error.
func reached(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return unreachable(connect)
	}
	return err
}

// unreachable is one sentence: the driver has a line for every address that it tried.
func unreachable(err error) error {
	if what := toPostgres.sentence(err); what != "" {
		return fmt.Errorf("connect to Postgres: %s", what)
	}
	return fmt.Errorf("connect to Postgres: %s", strings.Join(strings.Fields(err.Error()), " "))
}
