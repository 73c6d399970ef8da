// Package orderctl is the operator's tool, and the program that runs every service in one process.
//
//	services.go   the list of services
//	root.go       the list of commands; one file each beside it
//	open.go       how a command finds the database and the broker
//	print.go      tables, JSON, and what is plain when nobody looks
package orderctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Main runs orderctl and returns its exit status: 0 done, 1 failed or "no", 2 called wrongly.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := Root()
	complete(root)
	root.SetArgs(args)
	code, message := outcome(root.ExecuteContext(ctx))
	if message != "" {
		fmt.Fprintln(os.Stderr, message)
	}
	return code
}

// outcome is the exit status that an error means, and what is said about it.
func outcome(err error) (code int, message string) {
	var status exitStatus
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &status):
		return status.code, status.message
	}
	return 1, "orderctl: " + err.Error()
}

// exitStatus is an error that chose its exit status. Without a message everything was said already.
type exitStatus struct { //nolint:errname // it is a status first, and an error only on its way
	code    int
	message string
}

func (e exitStatus) Error() string { return e.message }

// calledWrongly is an error of whoever called; it says how it is done.
func calledWrongly(c *cobra.Command, format string, args ...any) error {
	return exitStatus{2, fmt.Sprintf("orderctl: "+format, args...) + fmt.Sprintf("\nTry '%s --help'.", c.CommandPath())}
}

// takes checks the number of arguments and says in one line what they are.
func takes(check cobra.PositionalArgs, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check(c, args) != nil {
			return calledWrongly(c, "%s takes %s", c.CommandPath(), what)
		}
		return nil
	}
}

// takesNothing is takes for commands without arguments.
var takesNothing = takes(cobra.NoArgs, "no arguments")

// grouped makes a command that only holds others: alone it shows its help, and a name that it does not know is an error.
func grouped(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.AddCommand(children...)
	c.Args, c.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return calledWrongly(c, "%s knows no command %q%s", c.CommandPath(), args[0], hint)
	}
	return c
}

// Root is the command tree.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:   "orderctl",
		Short: "Run orderflow, ask it about orders, and put right what is stuck",
		Long: `Run orderflow, ask it about orders, and put right what is stuck.

Commands find the system in the environment (DATABASE_URL, NATS_URL, MASTER_KEY) or, without that, in the folder of a
running 'orderctl up' (--data). With ORDERFLOW_SERVER or --server, and once 'orderctl login' has let you in, the service
operators runs them for you instead, as far as your role allows. Exit status: 0 done, 1 failed or "no", 2 called wrongly.`,
		Example: `  orderctl up --sandbox                         run everything on this machine
  orderctl order list --waiting                 what does not move by itself, and why
  orderctl order show shopify/1001              everything that is known of an order
  orderctl order why shopify/1001               what it waits for
  orderctl stock receive MUG 20                 twenty mugs came in
  orderctl sql "SELECT * FROM read.orders"      ask the tables`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String(flagData, defaultData, "folder of a running 'orderctl up'; its run.json says where everything is")
	root.PersistentFlags().Bool(flagJSON, false, "print JSON, for scripts")
	serverFlags(root)
	root.PersistentPreRunE = gate
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return calledWrongly(c, "%v", err) })
	return grouped(root, commands()...)
}

// wordsOf names what a flag's value can be, in its annotations.
const wordsOf = "words"

// completes says what a flag's value can be.
func completes(flags *pflag.FlagSet, name string, words ...string) {
	_ = flags.SetAnnotation(name, wordsOf, words) // fails only for a flag that is not there
}

// complete lets shells know. cobra keeps every flag for ever for that, so a server, which makes a tree for each command,
// does without.
func complete(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if words := f.Annotations[wordsOf]; len(words) > 0 {
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that is not there
		}
	})
	for _, child := range c.Commands() {
		complete(child)
	}
}

// commands is the list of commands.
func commands() []*cobra.Command {
	return []*cobra.Command{
		upCommand(),
		orderCommand(),
		stockCommand(),
		webhooksCommand(),
		replayCommand(),
		deadCommand(),
		rebuildCommand(),
		verifyCommand(),
		loadCommand(),
		benchCommand(),
		brokerCommand(),
		migrateCommand(),
		provisionCommand(),
		normalizeCommand(),
		signCommand(),
		checkCommand(),
		psqlCommand(),
		sqlCommand(),
		operatorsCommand(),
		loginCommand(),
		logoutCommand(),
		settingsCommand(),
		healthCommand(),
		versionCommand(),
	}
}
