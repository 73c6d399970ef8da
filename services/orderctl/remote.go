package orderctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/operators"
)

// Commands run where they are called, or at the service operators for whoever is logged in there (ORDERFLOW_SERVER). It is
// the same tree of commands in both places. Each says beside its definition who may have it run there, or why it stays
// where it is; one that says nothing is not run there.

// What commands and flags say of themselves in their annotations.
const (
	roleNeeded = "role"  // of a command or a flag: the least role
	staysHere  = "here"  // of a command or a flag: why it means nothing at a server
	isFile     = "file"  // of a flag: it names a file, which goes along as standard input
	isPassword = "asks"  // of a command: it reads a password from standard input
	toldArgs   = "told"  // of a command: its arguments are operators' names or numbers, and may stand in a log
	ofCaller   = "login" // of a command or a flag: it is about the server, and is the caller's
)

// needs says which role a command needs to be run at a server.
func needs(role operators.Role) map[string]string { return map[string]string{roleNeeded: string(role)} }

// needsTold is needs for a command whose arguments may stand in a log: they say to whom or to what it was done.
func needsTold(role operators.Role) map[string]string {
	return map[string]string{roleNeeded: string(role), toldArgs: "yes"}
}

// needsPassword is needsTold for a command that reads a password.
func needsPassword(role operators.Role) map[string]string {
	return map[string]string{roleNeeded: string(role), toldArgs: "yes", isPassword: "yes"}
}

// here says why a command is run only where it is called.
func here(why string) map[string]string { return map[string]string{staysHere: why} }

// aboutFlag says something of a flag.
func aboutFlag(flags *pflag.FlagSet, name, what, how string) {
	_ = flags.SetAnnotation(name, what, []string{how}) // fails only for a flag that is not there
}

func annotated(f *pflag.Flag, what string) string { return strings.Join(f.Annotations[what], "") }

// asker is who has a command run at a server, and what the server runs it with.
type asker struct {
	call   operators.Call
	system *system
	js     jetstream.JetStream
}

type askerKey struct{}

// askerIn is who asks; nil where the command runs where it is called.
func askerIn(ctx context.Context) *asker {
	a, _ := ctx.Value(askerKey{}).(*asker)
	return a
}

// runner runs commands for operators, on what the host gave the service.
func runner(d host.Deps) operators.Runner {
	s := &system{
		Running: Running{NATSURL: "connected", Deadlines: deadlinesIn(d.Environ), Reading: ingress.ReadingSettings(d.Environ)},
		pool:    d.Pool, store: d.Store, vault: d.Vault, shared: true,
	}
	return func(ctx context.Context, call operators.Call) int {
		root := Root()
		root.SetArgs(call.Args)
		root.SetIn(bytes.NewReader(call.Stdin))
		root.SetOut(call.Stdout)
		root.SetErr(call.Stderr)
		ctx = context.WithValue(ctx, askerKey{}, &asker{call, s, d.JS})
		err := root.ExecuteContext(ctx)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
		code, message := outcome(err)
		if message != "" {
			fmt.Fprintln(call.Stderr, message)
		}
		return code
	}
}

// admit is called once the arguments are understood and before anything is done: whatever it does not know, it refuses.
func (a *asker) admit(c *cobra.Command, args []string) error {
	role := operators.Role(c.Annotations[roleNeeded])
	if why := c.Annotations[staysHere]; why != "" {
		return exitStatus{2, fmt.Sprintf("orderctl: '%s' runs only where you are, not at a server: %s", c.CommandPath(), why)}
	}
	if role == "" {
		return exitStatus{2, fmt.Sprintf("orderctl: '%s' is not run at a server", c.CommandPath())}
	}
	var flags []string
	var refused error
	c.Flags().Visit(func(f *pflag.Flag) {
		flags = append(flags, f.Name)
		if refused == nil {
			refused = flagRefused(f)
		}
		if more := operators.Role(annotated(f, roleNeeded)); more.Allows(role) {
			role = more
		}
	})
	switch {
	case refused != nil:
		return refused
	case !a.call.Role.Allows(role):
		return exitStatus{1, fmt.Sprintf("orderctl: '%s'%s is for the role %s, and %s is %s", c.CommandPath(), named(flags), role, a.call.Operator, a.call.Role)}
	}
	a.call.Begun(strings.TrimPrefix(c.CommandPath(), "orderctl "), flags, argsTold(c, args))
	return nil
}

// argsTold are the arguments of a command that may stand in a log. One that is neither a name nor a number might be anything.
func argsTold(c *cobra.Command, args []string) []string {
	if c.Annotations[toldArgs] == "" {
		return nil
	}
	words := make([]string, len(args))
	for i, arg := range args {
		if words[i] = "?"; operators.IsName(arg) {
			words[i] = arg
		}
	}
	return words
}

// flagRefused says why a server does not take a flag: it would look at the server's files, or say who asks.
func flagRefused(f *pflag.Flag) error {
	switch {
	case annotated(f, ofCaller) != "":
		return exitStatus{2, fmt.Sprintf("orderctl: --%s is not for the server", f.Name)}
	case annotated(f, staysHere) != "":
		return exitStatus{2, fmt.Sprintf("orderctl: --%s is not taken by a server: %s", f.Name, annotated(f, staysHere))}
	case annotated(f, isFile) != "" && f.Value.String() != "-":
		return exitStatus{2, fmt.Sprintf("orderctl: --%s: a server reads no files; - is standard input", f.Name)}
	}
	return nil
}

// gate stands before every command: a server asks who it is for, and whoever has a server has it run there.
func gate(c *cobra.Command, args []string) error {
	if a := askerIn(c.Context()); a != nil {
		return a.admit(c, args)
	}
	to, err := serverOf(c)
	if err != nil || to == nil || c.Annotations[ofCaller] != "" {
		return err
	}
	if c.Annotations[roleNeeded] == "" {
		if c.Flags().Changed(flagServer) {
			return calledWrongly(c, "'%s' runs only where you are, without --server", c.CommandPath())
		}
		return nil
	}
	return to.run(c, args)
}
