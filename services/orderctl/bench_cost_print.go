package orderctl

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

func (r *benchReport) printCost(w io.Writer) error {
	c := r.Cost
	if c == nil {
		return nil
	}
	fmt.Fprintf(w, "\nEvery service a process of its own (GOMEMLIMIT %s), %s with as many copies. Median of %d rounds, least to most.\n",
		c.Memory, count(c.Brokers, "broker"), len(c.Backlog))
	rows := [][]string{{"CPU FOR EACH ORDER, ms", "BACKLOG", "", fmt.Sprintf("AT %d A SECOND", costRate), "", "AT REST, ms a second"}}
	for _, p := range c.Processes {
		rows = append(rows, append(append([]string{p.Name}, append(spread(c.Backlog, p.Name), spread(c.Steady, p.Name)...)...), fmt.Sprintf("%.1f", p.RestCPU)))
	}
	rows = append(rows, append(append([]string{"all but the sandbox"}, append(spread(c.Backlog, ""), spread(c.Steady, "")...)...), ""))
	if err := table(w, rows...); err != nil {
		return err
	}
	for _, run := range append(slices.Clone(c.Backlog), c.Steady...) {
		fmt.Fprintf(w, "%d orders, %.0f completed a second, load averages %s\n", run.Orders, run.PerSecond, dash(run.LoadAverages))
	}
	fmt.Fprintln(w)
	rows = [][]string{{"MEMORY, MB", "AT REST", "PEAK", "CONNECTIONS TO POSTGRES"}}
	for _, p := range c.Processes {
		if p.Name == "postgres" {
			continue // it shares its memory among its processes
		}
		rows = append(rows, []string{p.Name, fmt.Sprintf("%.0f", p.RestMB), fmt.Sprintf("%.0f", p.PeakMB), strconv.Itoa(p.Connections)})
	}
	if err := table(w, rows...); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows = [][]string{{"STREAM", "MESSAGES FOR EACH ORDER", "BYTES, on each broker"}}
	for _, s := range c.Streams {
		rows = append(rows, []string{s.Name, fmt.Sprintf("%.1f", s.Messages), fmt.Sprintf("%.0f", s.Bytes)})
	}
	if err := table(w, rows...); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return c.printTables(w)
}

func (c *benchCost) printTables(w io.Writer) error {
	rows := [][]string{{"TABLE", "ROWS FOR EACH ORDER", "DATA, BYTES", "INDEXES", "BOTH, WRITTEN ANEW"}}
	var all costTable
	for _, t := range c.Tables {
		rows = append(rows, t.row())
		all = costTable{"all", all.Rows + t.Rows, all.Data + t.Data, all.Indexes + t.Indexes, all.Compact + t.Compact}
	}
	if err := table(w, append(rows, all.row())...); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "Postgres' log: %.0f bytes for each order.\n", c.WAL)
	return err
}

func (t costTable) row() []string {
	return []string{t.Name, fmt.Sprintf("%.2f", t.Rows), fmt.Sprintf("%.0f", t.Data), fmt.Sprintf("%.0f", t.Indexes), fmt.Sprintf("%.0f", t.Compact)}
}

// spread is the median of the rounds, and their least and most; of all processes that are ours without a name.
func spread(runs []costRun, process string) []string {
	values := make([]float64, 0, len(runs))
	for _, run := range runs {
		value := run.CPU[process]
		if process == "" {
			for _, name := range slices.Sorted(maps.Keys(run.CPU)) {
				if name != "sandbox" {
					value += run.CPU[name]
				}
			}
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return []string{"-", ""}
	}
	slices.Sort(values)
	return []string{fmt.Sprintf("%.2f", values[len(values)/2]), fmt.Sprintf("%.2f – %.2f", values[0], values[len(values)-1])}
}
