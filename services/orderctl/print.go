package orderctl

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// wantsJSON says that a script is listening.
func wantsJSON(c *cobra.Command) bool {
	yes, err := c.Flags().GetBool(flagJSON)
	return err == nil && yes
}

// printJSON prints a value, indented, with a newline.
func printJSON(c *cobra.Command, value any) error {
	out := json.NewEncoder(c.OutOrStdout())
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(value)
}

// table prints rows whose columns align. The first row is the head.
func table(w io.Writer, rows ...[]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(tw, strings.TrimRight(strings.Join(row, "\t"), "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}
