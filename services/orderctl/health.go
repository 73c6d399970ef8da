package orderctl

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/host"
)

func healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "health", Short: "Ask a running process whether it is ready: exit status 0 or 1",
		Annotations: here("it asks the process beside it"),
		Long: `Ask a running process whether it is ready, at /readyz of its admin address: exit status 0 if it is, else 1 and why.
The address is --url, else the setting ADMIN_LISTEN, else that of a running 'orderctl up' (--data). It needs neither
database nor broker, and so serves as a container's health check.`,
		Example: `  orderctl health
  orderctl health --url http://127.0.0.1:9090`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			wait, err := c.Flags().GetDuration("wait")
			if err != nil {
				return err
			}
			url, err := adminURL(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			return health(ctx, c, url)
		},
	}
	c.Flags().String("url", "", "admin `URL` of the process")
	c.Flags().Duration("wait", 3*time.Second, "how long the answer may take")
	return c
}

// adminURL is where the process that is asked has its probes.
func adminURL(c *cobra.Command) (string, error) {
	url, err := c.Flags().GetString("url")
	if err != nil {
		return "", err
	}
	if url != "" {
		return url, nil
	}
	listen := os.Getenv("ADMIN_LISTEN")
	if listen == "" || c.Flags().Changed(flagData) {
		dir, err := c.Flags().GetString(flagData)
		if err != nil {
			return "", err
		}
		run, err := readRun(dir)
		switch {
		case err == nil:
			return run.AdminURL, nil
		case c.Flags().Changed(flagData):
			return "", err
		}
		listen = defaultOf("ADMIN_LISTEN")
	}
	return host.Reach(listen)
}

// defaultOf is a setting's default.
func defaultOf(name string) string {
	for _, s := range host.Describe(nil) {
		if s.Name == name {
			return s.Default
		}
	}
	return ""
}

func health(ctx context.Context, c *cobra.Command, url string) error {
	ready, said, err := host.Ask(ctx, url)
	if err != nil {
		return exitStatus{1, "orderctl: " + err.Error()}
	}
	why := visible(said)
	if wantsJSON(c) {
		if err := printJSON(c, map[string]any{"ready": ready, "says": why}); err != nil {
			return err
		}
		if !ready {
			return exitStatus{code: 1}
		}
		return nil
	}
	if !ready {
		return exitStatus{1, "orderctl: not ready: " + why}
	}
	fmt.Fprintln(c.OutOrStdout(), why)
	return nil
}
