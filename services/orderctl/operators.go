package orderctl

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/operators"
)

func operatorsCommand() *cobra.Command {
	return grouped(&cobra.Command{
		Use: "operators", Short: "Say who may log in at the service operators, and as what",
		Long: `Say who may log in at the service operators, and as what: whoever has the database may, and admins who are logged in.

  viewer    looks at everything but personal data and bodies of deliveries
  operator  decides about orders, counts stock, sends deliveries and dead messages again, sees personal data
  admin     all of it, and decides who is an operator

A new password, another role and 'disable' end all tokens of an operator at once.`,
		Example: `  orderctl operators add ada --role operator
  orderctl operators list
  orderctl operators disable ada                 the laptop is lost`,
	}, operatorsAddCommand(), operatorsListCommand(), operatorsPasswordCommand(), operatorsRoleCommand(), operatorsDisableCommand(), operatorsEnableCommand())
}

const passwordHelp = " The password is asked for, or read from standard input where that is\nno terminal. It has at least 12 characters and at most 72 bytes."

func operatorsAddCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "add NAME", Short: "Let somebody log in", Long: "Let somebody log in." + passwordHelp,
		Example: `  orderctl operators add ada --role operator
  openssl rand -base64 18 | orderctl operators add ci --role viewer`,
		Args: takes(cobra.ExactArgs(1), "one NAME"), Annotations: needsPassword(operators.Admin),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := c.Flags().GetString("role")
			if err != nil {
				return err
			}
			role, err := operators.ParseRole(text)
			if err != nil {
				return calledWrongly(c, "--role: %v", err)
			}
			password, err := newPassword(c)
			if err != nil {
				return err
			}
			return onAccounts(c, func(ctx context.Context, a *operators.Accounts) error { return a.Add(ctx, args[0], role, password) },
				args[0]+" may log in with the role "+text+".")
		},
	}
	c.Flags().String("role", string(operators.Viewer), "what they may do: "+strings.Join(operators.RoleNames(), ", "))
	return c
}

func operatorsListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List who may log in, and who no longer", Long: "List who may log in, and who no longer.",
		Example: "  orderctl operators list --json", Args: takesNothing, Annotations: needs(operators.Admin),
		RunE: func(c *cobra.Command, _ []string) error {
			all := []operators.Account{}
			err := withPool(c, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
				all, err = operators.NewAccounts(pool).List(ctx)
				return err
			})
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				return printJSON(c, all)
			}
			rows := [][]string{{"NAME", "ROLE", "SINCE (UTC)", "DISABLED"}}
			for _, a := range all {
				rows = append(rows, []string{a.Name, string(a.Role), clockTime(a.CreatedAt), orDash(a.DisabledAt)})
			}
			return table(c.OutOrStdout(), rows...)
		},
	}
}

func operatorsPasswordCommand() *cobra.Command {
	return &cobra.Command{
		Use: "password NAME", Short: "Set another password", Long: "Set another password; tokens that were given out before end at once." + passwordHelp,
		Example: "  orderctl operators password ada", Args: takes(cobra.ExactArgs(1), "one NAME"), Annotations: needsPassword(operators.Admin),
		RunE: func(c *cobra.Command, args []string) error {
			password, err := newPassword(c)
			if err != nil {
				return err
			}
			return onAccounts(c, func(ctx context.Context, a *operators.Accounts) error { return a.SetPassword(ctx, args[0], password) },
				args[0]+" has another password, and has to log in again.")
		},
	}
}

func operatorsRoleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "role NAME ROLE", Short: "Say what somebody may do", Long: "Say what somebody may do: " + strings.Join(operators.RoleNames(), ", ") + ". They have to log in again.",
		Example: "  orderctl operators role ada admin", Args: takes(cobra.ExactArgs(2), "a NAME and a ROLE"), Annotations: needsTold(operators.Admin),
		ValidArgs: operators.RoleNames(),
		RunE: func(c *cobra.Command, args []string) error {
			role, err := operators.ParseRole(args[1])
			if err != nil {
				return calledWrongly(c, "%v", err)
			}
			return onAccounts(c, func(ctx context.Context, a *operators.Accounts) error { return a.SetRole(ctx, args[0], role) },
				args[0]+" has the role "+args[1]+" now, and has to log in again.")
		},
	}
}

func operatorsDisableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "disable NAME", Short: "End somebody's tokens, and let them log in no more", Long: "End somebody's tokens at once, and let them log in no more, until 'orderctl operators enable'.",
		Example: "  orderctl operators disable ada", Args: takes(cobra.ExactArgs(1), "one NAME"), Annotations: needsTold(operators.Admin),
		RunE: func(c *cobra.Command, args []string) error {
			return onAccounts(c, func(ctx context.Context, a *operators.Accounts) error { return a.Disable(ctx, args[0]) },
				args[0]+" is disabled; their tokens are worth nothing any more.")
		},
	}
}

func operatorsEnableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "enable NAME", Short: "Let somebody log in again", Long: "Let somebody log in again who was disabled.",
		Example: "  orderctl operators enable ada", Args: takes(cobra.ExactArgs(1), "one NAME"), Annotations: needsTold(operators.Admin),
		RunE: func(c *cobra.Command, args []string) error {
			return onAccounts(c, func(ctx context.Context, a *operators.Accounts) error { return a.Enable(ctx, args[0]) }, args[0]+" may log in again.")
		},
	}
}

// onAccounts changes the table of operators and says what became of it.
func onAccounts(c *cobra.Command, change func(context.Context, *operators.Accounts) error, done string) error {
	err := withPool(c, func(ctx context.Context, pool *pgxpool.Pool) error { return change(ctx, operators.NewAccounts(pool)) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), visible(done))
	return err
}

// withPool hands over the database, for commands that need nothing else.
func withPool(c *cobra.Command, use func(context.Context, *pgxpool.Pool) error) error {
	if a := askerIn(c.Context()); a != nil {
		return use(c.Context(), a.system.pool)
	}
	url, err := databaseURL(c)
	if err != nil {
		return err
	}
	pool, err := host.OpenPool(c.Context(), url, "orderctl", 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	return use(c.Context(), pool)
}
