package orderctl

import (
	"fmt"
	"io"
	"strconv"
)

// print prints every figure there is.
func (r *benchReport) print(w io.Writer) error {
	fmt.Fprintf(w, "%s\nRevision %s%s. Everything syncs, the sender shares the processors. Took %.0f s.\n", r.Machine, dash(r.Machine.Revision),
		when(r.Machine.Modified, ", modified"), r.Seconds)
	for _, part := range []func(io.Writer) error{r.printWebhooks, r.printAppends, r.printOrders, r.printRebuild, r.printCost} {
		if err := part(w); err != nil {
			return err
		}
	}
	return nil
}

func (r *benchReport) printWebhooks(w io.Writer) error {
	if len(r.Webhooks) == 0 {
		return nil
	}
	rows := [][]string{{"WEBHOOKS ACCEPTED", "CONNECTIONS", "A SECOND", "P50", "P99", "MAX", "NOT ACCEPTED"}}
	for _, x := range r.Webhooks {
		rows = append(rows, []string{
			x.Running, strconv.Itoa(x.Connections), fmt.Sprintf("%.0f", x.PerSecond), millis(x.P50), millis(x.P99), millis(x.Max), strconv.Itoa(x.NotAccepted),
		})
	}
	fmt.Fprintln(w)
	return table(w, rows...)
}

func (r *benchReport) printAppends(w io.Writer) error {
	if len(r.Appends) == 0 {
		return nil
	}
	rows := [][]string{{"APPENDS", "TRANSACTIONS AT ONCE", "A SECOND"}}
	for _, a := range r.Appends {
		name := "alone"
		if a.Batch > 1 {
			name = "in batches of " + strconv.Itoa(a.Batch)
		}
		rows = append(rows, []string{name, strconv.Itoa(a.Writers), fmt.Sprintf("%.0f", a.PerSecond)})
	}
	fmt.Fprintln(w)
	return table(w, rows...)
}

func (r *benchReport) printOrders(w io.Writer) error {
	if len(r.Orders) == 0 {
		return nil
	}
	rows := [][]string{{
		"ORDERS", "SHIPPED A SECOND", "COMPLETED", "AT HALF", "WEBHOOK TO SHIPPED P50", "P99", "EVENTS", "CPU PROCESS + POSTGRES", "MEMORY", "PEAK",
	}}
	for _, o := range r.Orders {
		rows = append(rows, o.row())
	}
	fmt.Fprintln(w)
	if err := table(w, rows...); err != nil {
		return err
	}
	o := r.Orders[0]
	fmt.Fprintf(w, "An order is one Stripe webhook, two lines over %d SKUs, %.1f labels, %.1f scan webhooks, %.1f mails. Events are the order's own + its part of the SKUs'.\n",
		r.SKUs, o.LabelsPerOrder, o.ScansPerOrder, o.MailsPerOrder)
	return nil
}

func (r *benchReport) printRebuild(w io.Writer) error {
	if r.Stored != nil {
		fmt.Fprintf(w, "\nStored %s (%s) in %.1f s: %.0f events a second.\n", count(r.Stored.Orders, "order"), count(r.Stored.Events, "event"),
			r.Stored.Seconds, float64(r.Stored.Events)/r.Stored.Seconds)
	}
	if r.Rebuild == nil {
		return nil
	}
	fmt.Fprintln(w)
	return table(w, []string{"REBUILD", "EVENTS", "FOLDED A SECOND", "WHOLE REBUILD", "A SECOND"}, []string{
		count(r.Rebuild.Orders, "order"), strconv.Itoa(r.Rebuild.Events), fmt.Sprintf("%.0f", r.Rebuild.PerSecond),
		fmt.Sprintf("%.1f s", r.Rebuild.Seconds), fmt.Sprintf("%.0f", float64(r.Rebuild.Events)/r.Rebuild.Seconds),
	})
}
