package orderctl

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/projector"
)

func rebuildCommand() *cobra.Command {
	var anew bool
	var patience time.Duration
	c := &cobra.Command{
		Use: "rebuild", Short: "Fold every table anew from the events, and swap",
		Annotations: here("it makes tables, as only the owner of the database may"),
		Long: `Fold every table of schema read anew from the events, beside the live ones, and swap behind the views when they are
complete. Everything goes on meanwhile: readers see the old tables until they see the new ones, and what happens is
in both. Before the swap the two are compared, and rows that were not as the events say are counted; then the new ones
stand, so a rebuild also repairs.

Stopped in the middle it leaves the live tables as they were, and the next rebuild goes on with what it had folded;
--anew begins from zero. The swap waits for whoever reads the views in a transaction that is open, says who that is, and
gives up after --patience; meanwhile others read and are projected as ever. Exit status 1 says that some orders cannot be
folded; they are named, and have no rows.`,
		Example: `  orderctl rebuild
  orderctl rebuild --patience 2h
  orderctl rebuild --json`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := open(c)
			if err != nil {
				return err
			}
			defer s.close()
			p := newProgress(c.ErrOrStderr(), "rebuild")
			options := []projector.Option{projector.Patience(patience), projector.Waiting(func(who string) {
				fmt.Fprintln(c.ErrOrStderr(), "Everything is folded. The swap waits for "+visible(who)+".")
			})}
			if anew {
				options = append(options, projector.Anew())
			}
			rebuilt, err := projector.Rebuild(c.Context(), s.pool, s.store, s.vault, p.at, options...)
			p.end()
			if err != nil {
				return err
			}
			if wantsJSON(c) {
				err = printJSON(c, rebuilt)
			} else {
				err = printRebuilt(c.OutOrStdout(), rebuilt)
			}
			if err == nil && len(rebuilt.Failed) > 0 {
				return exitStatus{1, ""}
			}
			return err
		},
	}
	c.Flags().BoolVar(&anew, "anew", false, "begin from zero, also where an earlier rebuild was stopped")
	c.Flags().DurationVar(&patience, "patience", 30*time.Minute, "how long the swap waits for whoever reads")
	return c
}

func printRebuilt(w io.Writer, r projector.Rebuilt) error {
	rows := [][]string{{"TABLE", "ROWS", "DIFFERED"}}
	for _, t := range r.Tables {
		rows = append(rows, []string{"read." + t.Table, strconv.Itoa(t.Rows), strconv.Itoa(max(t.OnlyLive, t.OnlyRebuilt))})
	}
	if err := table(w, rows...); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nRebuilt from %s of %s and %s in %s", count(r.Events, "event"), count(r.Orders, "order"), count(r.SKUs, "SKU"), span(r.Took))
	if r.Folding > time.Second && r.Resumed == 0 { // shorter ones measure the start, and what was folded before no time at all
		fmt.Fprintf(w, " (%.0f events a second)", float64(r.Events)/r.Folding.Seconds())
	}
	fmt.Fprintln(w, ".")
	if r.Resumed > 0 {
		fmt.Fprintf(w, "A rebuild that was stopped had folded %d of them.\n", r.Resumed)
	}
	if r.Left {
		fmt.Fprintln(w, "Somebody still reads the old tables; the next rebuild drops them.")
	}
	if n := r.Differing(); n > 0 {
		fmt.Fprintf(w, "%s differed from what the events say, and are right now.\n", count(n, "row"))
	} else {
		fmt.Fprintln(w, "The live tables were exactly what the events say.")
	}
	ids := make([]string, 0, len(r.Failed))
	for id := range r.Failed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		fmt.Fprintf(w, "Not folded: %s: %s\n", id, visible(r.Failed[id]))
	}
	return nil
}
