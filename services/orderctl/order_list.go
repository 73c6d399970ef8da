package orderctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/services/operators"
)

// statuses are all words that an order's status can be.
var statuses = []string{
	string(order.StatusUnknown), string(order.StatusAwaitingPayment), string(order.StatusHeld), string(order.StatusBackordered),
	string(order.StatusProcessing), string(order.StatusReleased), string(order.StatusLabelled), string(order.StatusShipped),
	string(order.StatusDelivered), string(order.StatusLost), string(order.StatusReturned), string(order.StatusCompleted),
	string(order.StatusCancelling), string(order.StatusCancelled), string(order.StatusExpired),
}

func orderListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List orders, newest first",
		Annotations: needs(operators.Viewer),
		Long:        "List orders, newest first, from the table read.orders.\n\n" + overdueHelp + "\n\n" + timeHelp + "\n\nStatuses: " + strings.Join(statuses, ", ") + ".",
		Example: `  orderctl order list
  orderctl order list --waiting                      those that wait for somebody, and for what
  orderctl order list --overdue                      those that have waited for longer than they may
  orderctl order list --status held,backordered --since 7d
  orderctl order list --source shopify --limit 500 --json`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := filtersOf(c)
			if err != nil {
				return err
			}
			return list(c, f)
		},
	}
	c.Flags().StringSlice("status", nil, "only orders with one of these statuses")
	c.Flags().String("source", "", "only orders of this source: "+strings.Join(sources, ", "))
	c.Flags().String("since", "", "only orders placed since this `TIME`")
	c.Flags().Int("limit", 50, "at most so many")
	c.Flags().Bool("waiting", false, "only orders that a gate keeps from being released")
	c.Flags().Bool("overdue", false, "only orders that wait for somebody whose time is over")
	completes(c.Flags(), "status", statuses...)
	return c
}

const overdueHelp = `With --overdue only those that wait for somebody whose time is over: a payment, a review, a hold, one of our own
services, a label, the carrier. How long each may take is set by the ORDER_…_DEADLINE settings; 'orderctl order why'
says more. Exit status 1 says that there are some.`

// errOverdue is the answer "yes" to --overdue, for whoever calls it every minute.
var errOverdue = exitStatus{code: 1}

type filters struct {
	statuses []string
	source   string
	since    time.Time
	limit    int
	waiting  bool
	overdue  bool
	// unfinished leaves out what can wait for nothing any more.
	unfinished bool
}

func filtersOf(c *cobra.Command) (filters, error) {
	var f filters
	var since string
	var err error
	flags := c.Flags()
	for _, read := range []func() error{
		func() (err error) { f.statuses, err = flags.GetStringSlice("status"); return err },
		func() (err error) { f.source, err = flags.GetString("source"); return err },
		func() (err error) { since, err = flags.GetString("since"); return err },
		func() (err error) { f.limit, err = flags.GetInt("limit"); return err },
		func() (err error) { f.waiting, err = flags.GetBool("waiting"); return err },
		func() (err error) { f.overdue, err = flags.GetBool("overdue"); return err },
	} {
		if err := read(); err != nil {
			return f, err
		}
	}
	for _, status := range f.statuses {
		if !slices.Contains(statuses, status) {
			return f, calledWrongly(c, "%q is no status: %s", status, strings.Join(statuses, ", "))
		}
	}
	if f.limit < 1 {
		return f, calledWrongly(c, "--limit is 1 or more")
	}
	if since != "" {
		if f.since, err = parseTime(since, now(c.Context())); err != nil {
			return f, calledWrongly(c, "--since: %v", err)
		}
	}
	return f, nil
}

// listed is one row of read.orders.
type listed struct {
	ID            string     `json:"order_id"`
	Number        string     `json:"order_number"`
	Source        string     `json:"source"`
	Account       string     `json:"account"`
	Status        string     `json:"status"`
	PaymentStatus string     `json:"payment_status"`
	Currency      string     `json:"currency"`
	Total         string     `json:"total"`
	PlacedAt      *time.Time `json:"placed_at"`
	WaitsFor      []string   `json:"waits_for"`
	// Overdue is set by --overdue alone.
	Overdue []orderWait `json:"overdue,omitempty"`
}

func list(c *cobra.Command, f filters) error {
	orders, err := listOrders(c, f)
	if missingTable(err) {
		return errors.New("there is no table read.orders yet: 'orderctl migrate' makes it, and the projector fills it")
	}
	if err != nil {
		return err
	}
	more := len(orders) > f.limit
	orders = orders[:min(len(orders), f.limit)]
	if err := printOrders(c, f, orders, more); err != nil {
		return err
	}
	if f.overdue && len(orders) > 0 {
		return errOverdue
	}
	return nil
}

func listOrders(c *cobra.Command, f filters) ([]listed, error) {
	if f.overdue {
		return overdue(c, f)
	}
	var orders []listed
	err := withPool(c, func(ctx context.Context, pool *pgxpool.Pool) (err error) {
		orders, err = readOrders(ctx, pool, f)
		return err
	})
	return orders, err
}

func printOrders(c *cobra.Command, f filters, orders []listed, more bool) error {
	if wantsJSON(c) {
		return printJSON(c, orders)
	}
	if len(orders) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "No such order.")
		return nil
	}
	rows := [][]string{{"ORDER", "STATUS", "PAYMENT", "TOTAL", "PLACED (UTC)", "WAITS FOR" + when(f.overdue, " (OVERDUE)")}}
	for _, o := range orders {
		name := o.ID
		if o.Source != "" {
			name = o.Source + "/" + when(o.Account != defaultAccount, o.Account+"/") + o.Number
		}
		waits := strings.Join(o.WaitsFor, ", ")
		if f.overdue {
			waits = overdueWords(o.Overdue, now(c.Context()))
		}
		rows = append(rows, []string{name, o.Status, o.PaymentStatus, strings.TrimSpace(o.Currency + " " + o.Total), orDash(o.PlacedAt), waits})
	}
	if err := table(c.OutOrStdout(), rows...); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(c.OutOrStdout(), "There are more than %d; --limit shows more of them.\n", f.limit)
	}
	return nil
}

// readOrders reads one row more than the limit, so that it is known whether there are more; all if there is none.
func readOrders(ctx context.Context, pool *pgxpool.Pool, f filters) ([]listed, error) {
	rows, err := pool.Query(ctx, `SELECT order_id::text, coalesce(order_number, ''), coalesce(source, ''), coalesce(account, ''), status, payment_status,
			coalesce(currency, ''), coalesce(total::text, ''), placed_at, waits_for
		FROM read.orders
		WHERE (cardinality($1::text[]) = 0 OR status = ANY($1)) AND ($2 = '' OR source = $2)
		  AND ($3::timestamptz IS NULL OR placed_at >= $3) AND (NOT $4 OR cardinality(waits_for) > 0)
		  AND (NOT $6 OR status NOT IN ('completed', 'delivered', 'cancelled', 'expired') OR is_held
			OR order_id IN (SELECT order_id FROM read.refunds WHERE status = 'granted'))
		ORDER BY placed_at DESC NULLS FIRST, order_id LIMIT nullif($5, 1)`,
		append([]string{}, f.statuses...), f.source, optional(f.since), f.waiting, f.limit+1, f.unfinished)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	orders, err := pgx.CollectRows(rows, rowsOf)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}
