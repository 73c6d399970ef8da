package orderctl

import "github.com/spf13/cobra"

func orderCommand() *cobra.Command {
	return grouped(&cobra.Command{
		Use: "order", Short: "Look at orders, ask why they wait, and decide about them",
		Long: "Look at orders, ask why they wait, and decide about them.\n\n" + orderHelp,
		Example: `  orderctl order list --waiting
  orderctl order show shopify/1001
  orderctl order why stripe:pi_3Nx
  orderctl order review checkout/A-17 clear --reason "customer called"`,
	}, orderListCommand(), orderShowCommand(), orderWhyCommand(), cancelCommand(), holdCommand(), releaseCommand(), retryLabelCommand(), reviewCommand())
}
