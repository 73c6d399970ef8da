package orderctl

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
)

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database up to what this version needs",
		Annotations: here("it makes tables, as only the owner of the database may"),
		Long: `Bring the database up to what this version needs: the event store's tables and every service's own. Migrations only
go forward, several may run at once, and a service does not start on a database that lacks one. 'orderctl up' does it
by itself.`,
		Example: `  DATABASE_URL=postgres://orderflow@db/orderflow orderctl migrate`,
		Args:    takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			url, err := databaseURL(c)
			if err != nil {
				return err
			}
			if err := host.Migrate(c.Context(), url, Services()); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "The database is up to date.")
			return nil
		},
	}
}

// databaseURL is where the database is, for commands that need nothing else.
func databaseURL(c *cobra.Command) (string, error) {
	run, _, err := where(c)
	if err != nil {
		return "", err
	}
	if run.DatabaseURL == "" {
		return "", errNoDatabase
	}
	return run.DatabaseURL, nil
}

func provisionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "provision", Short: "Make the streams of JetStream, or bring them to what this version wants",
		Annotations: here("it makes streams, as only the operator of the broker may"),
		Long: `Make the streams of JetStream, or bring them to what this version wants. No stream and no message is ever deleted.
Durables are made by the services that use them. 'orderctl up' does it by itself.`,
		Example: `  NATS_URL=nats://nats:4222 orderctl provision --replicas 3`,
		Args:    takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			replicas, err := c.Flags().GetInt("replicas")
			if err != nil {
				return err
			}
			if replicas != 1 && replicas != 3 && replicas != 5 {
				return calledWrongly(c, "--replicas is 1, 3 or 5")
			}
			return withJetStream(c, func(ctx context.Context, js jetstream.JetStream) error {
				if err := bus.Provision(ctx, js, bus.StreamOptions{Replicas: replicas}); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), "The streams are as they should be.")
				return nil
			})
		},
	}
	c.Flags().Int("replicas", 1, "on how many servers each message is kept")
	return c
}
