package operators

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Account is an operator as the table knows them, without what proves it.
type Account struct {
	Name       string     `json:"name"`
	Role       Role       `json:"role"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
	// generation grows with every change of password, role or standing: tokens of an earlier one are worth nothing.
	generation int64
}

// IsName says that a text can be an operator's name. It is then nothing that a customer told: it goes into events and logs.
func IsName(text string) bool { return name.MatchString(text) }

// Accounts are the operators.
type Accounts struct{ pool *pgxpool.Pool }

// NewAccounts reads and writes the table operators.accounts.
func NewAccounts(pool *pgxpool.Pool) *Accounts { return &Accounts{pool} }

var (
	// ErrNoOperator says that there is nobody of that name.
	ErrNoOperator = errors.New("there is no operator of that name; 'orderctl operators list' shows who there is")
	errTaken      = errors.New("there is an operator of that name already")
	errName       = errors.New("a name is 1 to 63 of a-z, 0-9, dot, dash and underscore, and begins with a letter or a digit; no e-mail address, since it stands in events and logs")
	name          = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
)

// Add makes an operator.
func (a *Accounts) Add(ctx context.Context, who string, role Role, password string) error {
	if !name.MatchString(who) {
		return errName
	}
	hash, err := hashed(password)
	if err != nil {
		return err
	}
	_, err = a.pool.Exec(ctx, `INSERT INTO operators.accounts (name, role, password) VALUES ($1, $2, $3)`, who, string(role), hash)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return errTaken
	}
	return told("add an operator", err)
}

// SetPassword changes a password. Tokens that were given out before end with it.
func (a *Accounts) SetPassword(ctx context.Context, who, password string) error {
	hash, err := hashed(password)
	if err != nil {
		return err
	}
	return a.change(ctx, `password = $2`, who, hash)
}

// SetRole changes what an operator may do. Tokens that were given out before end with it.
func (a *Accounts) SetRole(ctx context.Context, who string, role Role) error {
	return a.change(ctx, `role = $2`, who, string(role))
}

// Disable ends an operator's tokens and lets them log in no more.
func (a *Accounts) Disable(ctx context.Context, who string) error {
	return a.change(ctx, `disabled_at = coalesce(disabled_at, now())`, who)
}

// Enable lets an operator log in again who was disabled.
func (a *Accounts) Enable(ctx context.Context, who string) error {
	return a.change(ctx, `disabled_at = NULL`, who)
}

func (a *Accounts) change(ctx context.Context, set, who string, args ...any) error {
	done, err := a.pool.Exec(ctx, `UPDATE operators.accounts SET generation = generation + 1, `+set+` WHERE name = $1`, append([]any{who}, args...)...)
	if err == nil && done.RowsAffected() == 0 {
		return ErrNoOperator
	}
	return told("change an operator", err)
}

// List is everybody, by name.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	rows, err := a.pool.Query(ctx, `SELECT name, role, created_at, disabled_at, generation FROM operators.accounts ORDER BY name`)
	if err != nil {
		return nil, told("list operators", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Account, error) {
		var one Account
		err := row.Scan(&one.Name, &one.Role, &one.CreatedAt, &one.DisabledAt, &one.generation)
		return one, err
	})
	return all, told("list operators", err)
}

// find is an operator with the hash of the password; ErrNoOperator if there is none.
func (a *Accounts) find(ctx context.Context, who string) (one Account, hash string, err error) {
	if !name.MatchString(who) {
		return one, "", ErrNoOperator
	}
	err = a.pool.QueryRow(ctx, `SELECT name, role, created_at, disabled_at, generation, password FROM operators.accounts WHERE name = $1`, who).
		Scan(&one.Name, &one.Role, &one.CreatedAt, &one.DisabledAt, &one.generation, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return one, "", ErrNoOperator
	}
	return one, hash, told("look for an operator", err)
}

func told(what string, err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000"):
		return errors.New("there is no table of operators yet: 'orderctl migrate' makes it")
	}
	return fmt.Errorf("%s: %w", what, err)
}
