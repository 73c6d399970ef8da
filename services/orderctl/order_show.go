package orderctl

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/operators"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func orderShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show ORDER", Short: "Show everything that is known of an order",
		Annotations: needs(operators.Viewer),
		Long: `Show everything that is known of an order: it is folded from its events for this, never read from a table.

` + orderHelp + `

` + timeHelp + `

Personal data is shown only with --personal.`,
		Example: `  orderctl order show checkout/A-17
  orderctl order show shopify/1001 --at 10m            as we knew it ten minutes ago
  orderctl order show stripe:pi_3Nx --occurred 14:05   as it was then by the providers' clocks
  orderctl order show A-17 --events --json             with every event, for scripts`,
		Args: takes(cobra.ExactArgs(1), "one ORDER"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := momentOf(c)
			if err != nil {
				return err
			}
			return withOrder(c, args[0], func(s *system, f found) error { return showOrder(c, s, f, m) })
		},
	}
	momentFlags(c)
	c.Flags().Bool("events", false, "list every event with what it holds")
	c.Flags().Bool("personal", false, "show personal data: name, e-mail, phone, addresses")
	aboutFlag(c.Flags(), "personal", roleNeeded, string(operators.Operator))
	return c
}

func showOrder(c *cobra.Command, s *system, f found, m moment) error {
	withEvents, err := c.Flags().GetBool("events")
	if err != nil {
		return err
	}
	personal, err := c.Flags().GetBool("personal")
	if err != nil {
		return err
	}
	o, events, err := rewind(f.id, f.events, m)
	if err != nil {
		return broken(c, f, withEvents, err)
	}
	if len(events) == 0 {
		return fmt.Errorf("nothing was known of %s %s; the first news of it was recorded at %s UTC",
			f.id, m.words(), clockTime(ordered(f.events, byRecorded)[0].RecordedAt))
	}
	v := viewOf(o)
	v.AsOf, v.Timeline = m.words(), timelineOf(events, m.clock)
	if withEvents {
		if v.Events, err = eventsOf(events, m.clock); err != nil {
			return err
		}
	}
	if personal {
		if v.Personal, err = s.person(c.Context(), o); err != nil {
			return err
		}
	}
	if wantsJSON(c) {
		return printJSON(c, v)
	}
	return v.print(c.OutOrStdout(), m.clock)
}

// broken is for an order that cannot be folded: its events can be looked at all the same.
func broken(c *cobra.Command, f found, withEvents bool, cause error) error {
	if !withEvents {
		return fmt.Errorf("this order cannot be folded: %w; look at its events with --events", cause)
	}
	views, err := eventsOf(f.events, byRecorded)
	if err != nil {
		return err
	}
	if wantsJSON(c) {
		err = printJSON(c, views)
	} else {
		err = printEvents(c.OutOrStdout(), views)
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("this order cannot be folded: %w", cause)
}

// personView is who ordered. Erased means that nobody can read it again.
type personView struct {
	Erased     bool     `json:"erased,omitempty"`
	Name       string   `json:"name,omitempty"`
	Email      string   `json:"email,omitempty"`
	Phone      string   `json:"phone,omitempty"`
	IP         string   `json:"ip,omitempty"`
	CustomerID string   `json:"customer_id,omitempty"`
	Shipping   []string `json:"shipping,omitempty"`
	Billing    []string `json:"billing,omitempty"`
}

func (s *system) person(ctx context.Context, o *order.State) (*personView, error) {
	p, erased, err := s.vault.Open(ctx, o.ID, o.Order.Sealed)
	if err != nil {
		return nil, err
	}
	return &personView{
		Erased: erased || o.Order.Erased, Name: p.GetName(), Email: p.GetEmail(), Phone: p.GetPhone(), IP: p.GetIp(), CustomerID: p.GetCustomerId(),
		Shipping: addressLines(p.GetShipping()), Billing: addressLines(p.GetBilling()),
	}, nil
}

func addressLines(a *typev1.Address) []string {
	var lines []string
	for _, l := range []string{
		a.GetName(), a.GetCompany(), a.GetLine1(), a.GetLine2(), strings.TrimSpace(a.GetPostalCode() + " " + a.GetCity()),
		a.GetRegion(), a.GetCountry(), a.GetPhone(),
	} {
		if l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// print draws the order for people.
func (v orderView) print(w io.Writer, clock string) error {
	p := &printer{w: w}
	v.head(p)
	v.paid(p)
	v.goods(p)
	v.decisions(p)
	v.people(p)
	p.title("Timeline (UTC, and how long after the line before; = at the same time)")
	p.run(func() error { return printTimeline(w, v.Timeline, clock) })
	if v.Events != nil {
		p.title("Events")
		p.run(func() error { return printEvents(w, v.Events) })
	}
	return p.err
}
