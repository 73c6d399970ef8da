package orderctl

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func psqlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "psql [-- ARGS…]", Short: "Open the database in psql",
		Annotations: here("analysts have logins at the database of their own (the role analyst)"),
		Long: `Open the database in psql, which is looked for on PATH, among the binaries of the private Postgres and in the
folders where it is usually installed. What stands behind -- is given to psql. Where there is no psql, 'orderctl sql'
runs a query without it.`,
		Example: `  orderctl psql
  orderctl psql -- -c "SELECT status, count(*) FROM read.orders GROUP BY 1"`,
		RunE: func(c *cobra.Command, args []string) error {
			database, err := databaseURL(c)
			if err != nil {
				return err
			}
			program, err := findPsql()
			if err != nil {
				return err
			}
			return runPsql(c, program, database, args)
		},
	}
}

var errNoPsql = errors.New("no psql was found; install it (Debian, Ubuntu: apt-get install postgresql-client; macOS: brew install libpq), " +
	`or ask without it: orderctl sql "SELECT …"`)

// errAddress says nothing of what stands there: a password may.
var errAddress = errors.New("DATABASE_URL cannot be read: it looks like postgres://user:password@host:5432/database")

// psqlFolders are where a client is when it is not on PATH. A folder with a client alone is no server, and so not among
// those in which the private Postgres looks; and looking must not fetch one, which would come without psql.
func psqlFolders() []string {
	folders := []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/libpq/bin", "/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/libpq/bin", "/usr/local/opt/postgresql@*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin",
	}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append([]string{filepath.Join(cache, "orderflow", "postgres-*", "bin")}, folders...)
	}
	return folders
}

func findPsql() (string, error) {
	if program, err := exec.LookPath("psql"); err == nil && exec.Command(program, "--version").Run() == nil { //nolint:noctx // it takes no time
		return program, nil // and not a wrapper of Debian's around a psql that is not there
	}
	for _, pattern := range psqlFolders() {
		found, err := filepath.Glob(filepath.Join(pattern, "psql"))
		if err != nil || len(found) == 0 {
			continue
		}
		return slices.Max(found), nil
	}
	return "", errNoPsql
}

// runPsql gives psql the terminal until it ends. Ctrl-C is psql's: it ends a query there, not this program.
func runPsql(c *cobra.Command, program, database string, args []string) error {
	address, password, err := withoutPassword(database)
	if err != nil {
		return err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	psql := exec.CommandContext(context.WithoutCancel(c.Context()), program, append([]string{"--dbname", address}, args...)...)
	psql.Stdin, psql.Stdout, psql.Stderr, psql.Env = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), os.Environ()
	if password != "" {
		psql.Env = append(psql.Env, "PGPASSWORD="+password)
	}
	err = psql.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return exitStatus{code: 1} // psql has said why
	}
	return err
}

// withoutPassword takes the password out of an address, since arguments can be seen by everybody on the machine.
func withoutPassword(database string) (address, password string, err error) {
	if !strings.HasPrefix(database, "postgres://") && !strings.HasPrefix(database, "postgresql://") {
		address, password = withoutWord(database)
		return address, password, nil
	}
	u, err := url.Parse(database)
	if err != nil {
		return "", "", errAddress
	}
	if u.User != nil {
		password, _ = u.User.Password()
		u.User = url.User(u.User.Username())
	}
	if query := u.Query(); query.Has("password") {
		password = query.Get("password")
		query.Del("password")
		u.RawQuery = query.Encode()
	}
	return u.String(), password, nil
}

// passwordWord is the password in an address of words: host=db password='it\'s'.
var passwordWord = regexp.MustCompile(`(^|\s)password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))`)

func withoutWord(database string) (address, password string) {
	if found := passwordWord.FindStringSubmatch(database); found != nil {
		password = escaped.ReplaceAllString(found[2]+found[3], "$1")
	}
	return strings.TrimSpace(passwordWord.ReplaceAllString(database, "")), password
}

var escaped = regexp.MustCompile(`\\(.)`)
