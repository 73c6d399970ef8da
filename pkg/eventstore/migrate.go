package eventstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the event store's own tables up to what this build needs. Several may run at once: one waits.
func Migrate(ctx context.Context, dsn string) error {
	return MigrateFS(ctx, dsn, "eventstore", migrations)
}

// MigrateFS applies the forward-only migrations in the folder "migrations" of fsys, remembered under name. A service
// keeps its private tables with it, in a schema of its own.
func MigrateFS(ctx context.Context, dsn, name string, fsys fs.FS) error {
	provider, db, err := provider(dsn, name, fsys)
	if err != nil {
		return err
	}
	defer db.Close()
	// goose makes its version table itself, but not the schema that it is to stand in.
	if _, err := db.ExecContext(ctx, `SELECT pg_advisory_lock(7013001); CREATE SCHEMA IF NOT EXISTS orderflow; SELECT pg_advisory_unlock(7013001)`); err != nil {
		return fmt.Errorf("migrate %s: make schema: %w", name, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	return nil
}

// Pending says that the database lacks migrations of this build: a service refuses to start then.
func Pending(ctx context.Context, dsn, name string, fsys fs.FS) (bool, error) {
	if fsys == nil {
		fsys = migrations
	}
	provider, db, err := provider(dsn, name, fsys)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var known bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, tableOf(name)).Scan(&known); err != nil {
		return false, fmt.Errorf("look for the version of %s: %w", name, err)
	}
	if !known {
		return true, nil
	}
	return provider.HasPending(ctx)
}

func tableOf(name string) string { return "orderflow.migrations_" + name }

func provider(dsn, name string, fsys fs.FS) (*goose.Provider, *sql.DB, error) {
	files, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return nil, nil, fmt.Errorf("migrations of %s: %w", name, err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("migrate %s: %w", name, err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, nil, fmt.Errorf("migrate %s: %w", name, err)
	}
	store, err := database.NewStore(database.DialectPostgres, tableOf(name))
	if err != nil {
		return nil, nil, fmt.Errorf("migrate %s: %w", name, err)
	}
	p, err := goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker))
	if err != nil {
		return nil, nil, fmt.Errorf("migrate %s: %w", name, err)
	}
	return p, db, nil
}
