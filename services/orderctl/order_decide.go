package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/operators"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

const commandHelp = `

The command is stored until its service has answered it; what it led to is printed. Exit status 1 says that it was
refused, and why.

` + orderHelp

func cancelCommand() *cobra.Command {
	return deciding(&cobra.Command{
		Use: "cancel ORDER", Short: "Ask for an order to be cancelled",
		Annotations: needs(operators.Operator),
		Long: `Ask for an order to be cancelled. Fulfillment, inventory and payment are asked to close: a label is voided, stock is
given back, money is granted back. If one of them cannot (the parcel has left), the cancellation is refused and the
order goes on.` + commandHelp,
		Example: `  orderctl order cancel shopify/1001 --reason "customer changed their mind"`,
	}, serviceOrders, func(_ *cobra.Command, cmd *commandv1.Command, _ *order.State, _ []string) error {
		cmd.Body = &commandv1.Command_CancelOrder{CancelOrder: &commandv1.CancelOrder{}}
		return nil
	})
}

func holdCommand() *cobra.Command {
	return deciding(&cobra.Command{
		Use: "hold ORDER", Short: "Keep an order from being shipped until it is released",
		Annotations: needs(operators.Operator),
		Long:        `Keep an order from being shipped until 'orderctl order release' takes the hold away.` + commandHelp,
		Example:     `  orderctl order hold checkout/A-17 --reason "address is being checked"`,
	}, serviceOrders, func(_ *cobra.Command, cmd *commandv1.Command, _ *order.State, _ []string) error {
		cmd.Body = &commandv1.Command_HoldOrder{HoldOrder: &commandv1.HoldOrder{}}
		return nil
	})
}

func releaseCommand() *cobra.Command {
	c := deciding(&cobra.Command{
		Use: "release ORDER", Short: "Take a hold away from an order",
		Annotations: needs(operators.Operator),
		Long: `Take a hold away from an order. If holds of several kinds stand, --hold says which: payment, stock, address, operator
or edit. A fraud hold ends with 'orderctl order review'. The rule that placed a hold does not place it again as long as
the order is described as it is now.` + commandHelp,
		Example: `  orderctl order release checkout/A-17 --reason "address confirmed"
  orderctl order release checkout/A-17 --hold payment`,
	}, serviceOrders, func(c *cobra.Command, cmd *commandv1.Command, o *order.State, _ []string) error {
		kind, err := c.Flags().GetString("hold")
		if err != nil {
			return err
		}
		if kind, err = holdKind(c, kind, o); err != nil {
			return err
		}
		cmd.Body = &commandv1.Command_ReleaseHold{ReleaseHold: &commandv1.ReleaseHold{Kind: kind}}
		return nil
	})
	c.Flags().String("hold", "", "`KIND` of hold to take away (default: the only one that stands)")
	return c
}

// holdKind is the kind of hold that is meant.
func holdKind(c *cobra.Command, kind string, o *order.State) (string, error) {
	var standing []string
	for _, h := range o.Order.Holds {
		if name := order.HoldName(h.Kind); !slices.Contains(standing, name) {
			standing = append(standing, name)
		}
	}
	if kind == "" && len(standing) == 1 {
		kind = standing[0]
	}
	switch {
	case kind == "" && len(standing) == 0:
		return "", errors.New("no hold stands; 'orderctl order why' says what the order waits for")
	case kind == "":
		return "", calledWrongly(c, "several holds stand: say which with --hold: %s", strings.Join(standing, ", "))
	}
	if _, known := orderv1.HoldKind_value["HOLD_KIND_"+strings.ToUpper(kind)]; !known || strings.EqualFold(kind, "unspecified") {
		return "", calledWrongly(c, "%q is no kind of hold: payment, stock, address, operator or edit", kind)
	}
	return strings.ToLower(kind), nil
}

func retryLabelCommand() *cobra.Command {
	return deciding(&cobra.Command{
		Use: "retry-label ORDER", Short: "Try again to buy a label that was given up",
		Annotations: needs(operators.Operator),
		Long:        `Try again to buy a label that was given up, or that is to be tried later.` + commandHelp,
		Example:     `  orderctl order retry-label shopify/1001`,
	}, serviceFulfillment, func(_ *cobra.Command, cmd *commandv1.Command, _ *order.State, _ []string) error {
		cmd.Body = &commandv1.Command_RetryLabel{RetryLabel: &commandv1.RetryLabel{}}
		return nil
	})
}

func reviewCommand() *cobra.Command {
	c := deciding(&cobra.Command{
		Use: "review ORDER clear|reject", Short: "Decide about an order whose risk is too high for the rules",
		Annotations: needs(operators.Operator),
		Long: `Decide about an order whose risk is too high for the rules: clear lets it go on, reject cancels it. The verdict
outweighs the score, and may be changed until the order has ended.` + commandHelp,
		Example: `  orderctl order review stripe:pi_3Nx clear --reason "known customer"
  orderctl order review stripe:pi_3Nx reject`,
		Args:      takes(cobra.ExactArgs(2), "an ORDER and a verdict: clear or reject"),
		ValidArgs: []string{"clear", "reject"},
	}, serviceFraud, func(c *cobra.Command, cmd *commandv1.Command, _ *order.State, args []string) error {
		verdict := strings.ToLower(args[1])
		if verdict != "clear" && verdict != "reject" {
			return calledWrongly(c, "%q is no verdict: clear or reject", args[1])
		}
		cmd.Body = &commandv1.Command_DecideReview{DecideReview: &commandv1.DecideReview{Verdict: verdict}}
		return nil
	})
	return c
}

// deciding makes a command that asks a service about an order and waits for the answer. fill says what is asked.
func deciding(c *cobra.Command, service string, fill func(*cobra.Command, *commandv1.Command, *order.State, []string) error) *cobra.Command {
	if c.Args == nil {
		c.Args = takes(cobra.ExactArgs(1), "one ORDER")
	}
	commandFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := askedBy(c)
		if err != nil {
			return err
		}
		return withOrder(c, args[0], func(s *system, f found) error {
			o, err := order.Fold(f.id, f.events)
			if err != nil {
				return fmt.Errorf("this order cannot be folded, and so nothing can be decided about it: %w", err)
			}
			cmd := a.command(f.id)
			if err := fill(c, cmd, o, args); err != nil {
				return err
			}
			return ask(c, s, f, service, cmd, a.wait)
		})
	}
	return c
}

// ask sends a command, waits for the event that answers it and, for a cancellation, for how it ends.
func ask(c *cobra.Command, s *system, f found, service string, cmd *commandv1.Command, wait time.Duration) error {
	ctx := c.Context()
	if err := send(ctx, s.Running, service, cmd); err != nil {
		return err
	}
	started := time.Now()
	var all, caused []event.Recorded
	answered, err := s.until(ctx, f.id, wait, func(events []event.Recorded) bool {
		all, caused = events, causedBy(events, cmd)
		return len(caused) > 0
	})
	if !answered {
		return noAnswer(err, service, cmd, wait)
	}
	if cmd.GetCancelOrder() == nil || refusalIn(caused) != "" {
		return tell(c, f, cmd, all, caused, refusalIn(caused))
	}
	left := max(0, wait-time.Since(started))
	if _, err := s.until(ctx, f.id, left, func(events []event.Recorded) bool { all = events; return cancellationEnded(events) }); err != nil &&
		!errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return tellCancellation(c, f, cmd, all, caused)
}

func noAnswer(err error, service string, cmd *commandv1.Command, wait time.Duration) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s has not answered within %s; the command %s is stored and is carried out as soon as %s runs. Look again with 'orderctl order show'",
		service, span(wait), uuid.UUID(cmd.GetId()), service)
}

// cancellationEnded says that the conversation about the latest cancellation is over.
func cancellationEnded(events []event.Recorded) bool {
	if len(events) == 0 {
		return false
	}
	o, err := order.Fold(events[0].Entity, events)
	return err != nil || !o.Order.Cancelling()
}

// tellCancellation adds how the conversation ended to what the command led to: "no" if one could not close.
func tellCancellation(c *cobra.Command, f found, cmd *commandv1.Command, all, caused []event.Recorded) error {
	refused := ""
	for _, e := range all {
		if e.RecordedAt.Before(caused[0].RecordedAt) || e.Cause == caused[0].Cause {
			continue
		}
		switch m := e.Message.(type) {
		case *orderv1.CancellationRefused:
			caused, refused = append(caused, e), m.GetBy()+" could not close"+because(plain(m.GetReason()))
		case *orderv1.OrderCancelled, *orderv1.OrderExpired:
			caused = append(caused, e)
		}
	}
	if err := tell(c, f, cmd, all, caused, refused); err != nil {
		return err
	}
	if !cancellationEnded(all) && !wantsJSON(c) {
		p := &printer{w: c.OutOrStdout()}
		p.line("It is not over yet: 'orderctl order why %s' says who has not closed.", f.id)
		return p.err
	}
	return nil
}
