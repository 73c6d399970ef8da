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
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs orderctl and returns its exit status: 0 done, 1 failed or "no", 2 called wrongly.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := Root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		if status.message != "" {
			fmt.Fprintln(os.Stderr, status.message)
		}
		return status.code
	}
	fmt.Fprintln(os.Stderr, "orderctl:", err)
	return 1
}

// exitStatus is an error that chose its exit status. Without a message everything was said already.
type exitStatus struct {
	code    int
	message string
}

func (e exitStatus) Error() string { return e.message }

// Root is the command tree.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use:           "orderctl",
		Short:         "Run orderflow, ask it about orders, and put right what is stuck",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String(flagData, defaultData, "folder of a running 'orderctl up'; its run.json says where everything is")
	root.PersistentFlags().Bool(flagJSON, false, "print JSON, for scripts")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exitStatus{2, fmt.Sprintf("%v\nTry '%s --help'.", err, c.CommandPath())}
	})
	root.AddCommand(commands()...)
	return root
}

// commands is the list of commands.
func commands() []*cobra.Command {
	return []*cobra.Command{}
}
