package orderctl

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/services/operators"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
)

func stockCommand() *cobra.Command {
	return grouped(&cobra.Command{
		Use: "stock", Short: "Say what is on hand, and look at it",
		Long: "Say what is on hand, and look at it.",
		Example: `  orderctl stock show
  orderctl stock receive MUG 20
  orderctl stock set --csv count.csv`,
	}, stockShowCommand(), stockSetCommand(), stockReceiveCommand())
}

func stockSetCommand() *cobra.Command {
	return moving(&cobra.Command{
		Use: "set SKU QUANTITY", Short: "Set what is on hand: a count",
		Annotations: needs(operators.Operator),
		Long: `Set what is on hand of a SKU at a location: a count. It may leave less than is reserved; that is recorded as
oversold, reported and worked off.` + csvHelp,
		Example: `  orderctl stock set MUG 120
  orderctl stock set MUG 30 --location berlin --reason "yearly count"
  orderctl stock set --csv count.csv`,
	}, movement{verb: "set", counts: true, least: 0})
}

func stockReceiveCommand() *cobra.Command {
	return moving(&cobra.Command{
		Use: "receive SKU QUANTITY", Short: "Add to what is on hand: goods came in",
		Annotations: needs(operators.Operator),
		Long: `Add to what is on hand of a SKU at a location: goods came in. Orders that wait for it are looked at again at once,
those that have waited longest first.` + csvHelp,
		Example: `  orderctl stock receive MUG 20
  orderctl stock receive --csv delivery.csv --location berlin`,
	}, movement{verb: "receive", least: 1})
}

const csvHelp = `

With --csv many at once are read from a file (- for standard input) whose header names the columns sku, location and
quantity, in any order; location may be left out. Every bad line is told with its number, and nothing is sent unless all
are good. The command ends when inventory has answered every line; exit status 1 says that some were refused.`

// movement is what set and receive differ in.
type movement struct {
	verb string
	// counts says that a second line about the same place contradicts the first.
	counts bool
	least  int64
}

// stockLine is one SKU's quantity at a location, and where it was written.
type stockLine struct {
	Line     int    `json:"line,omitempty"`
	SKU      string `json:"sku"`
	Location string `json:"location,omitempty"`
	Quantity int64  `json:"quantity"`
}

// asCommand is the body of the command that says it.
func (m movement) fill(cmd *commandv1.Command, l stockLine) {
	if m.verb == "set" {
		cmd.Body = &commandv1.Command_SetStock{SetStock: &commandv1.SetStock{Sku: l.SKU, Location: l.Location, OnHand: l.Quantity}}
		return
	}
	cmd.Body = &commandv1.Command_ReceiveStock{ReceiveStock: &commandv1.ReceiveStock{Sku: l.SKU, Location: l.Location, Quantity: l.Quantity}}
}

func moving(c *cobra.Command, m movement) *cobra.Command {
	c.Args = takes(cobra.MaximumNArgs(2), "a SKU and a QUANTITY, or --csv FILE")
	commandFlags(c)
	c.Flags().String("location", "", "`LOCATION` of what names none (default: the setting INVENTORY_DEFAULT_LOCATION)")
	c.Flags().String("csv", "", "read many from this `FILE`")
	aboutFlag(c.Flags(), "csv", isFile, "yes")
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := askedBy(c)
		if err != nil {
			return err
		}
		lines, err := m.lines(c, args)
		if err != nil {
			return err
		}
		s, err := open(c)
		if err != nil {
			return err
		}
		defer s.close()
		return s.move(c, m, a, lines)
	}
	return c
}

// lines are what is to be moved: one from the arguments, or those of a file.
func (m movement) lines(c *cobra.Command, args []string) ([]stockLine, error) {
	location, err := c.Flags().GetString("location")
	if err != nil {
		return nil, err
	}
	file, err := c.Flags().GetString("csv")
	if err != nil {
		return nil, err
	}
	switch {
	case file != "" && len(args) > 0:
		return nil, calledWrongly(c, "--csv and a SKU are two ways to say it: use one of them")
	case file == "" && len(args) != 2:
		return nil, calledWrongly(c, "%s takes a SKU and a QUANTITY, or --csv FILE", c.CommandPath())
	case file == "":
		l, wrong := m.line(args[0], location, args[1])
		if wrong != "" {
			return nil, calledWrongly(c, "%s", wrong)
		}
		return []stockLine{l}, nil
	}
	in := c.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return m.readCSV(in, location)
}

// mostOnHand is more than any location holds; inventory refuses it as well.
const mostOnHand = 1_000_000_000_000

// mostName is how long a SKU or a location may be.
const mostName = 255

// line checks one SKU's quantity; wrong says what cannot be.
func (m movement) line(sku, location, quantity string) (l stockLine, wrong string) {
	n, err := strconv.ParseInt(quantity, 10, 64)
	switch {
	case sku == "":
		return l, "the SKU is missing"
	case len(sku) > mostName || sku != visible(sku):
		return l, "the SKU is too long or holds characters that cannot be seen"
	case len(location) > mostName || location != visible(location):
		return l, "the location is too long or holds characters that cannot be seen"
	case err != nil:
		return l, fmt.Sprintf("the quantity %q is no whole number", quantity)
	case n < m.least:
		return l, fmt.Sprintf("the quantity %d is below %d", n, m.least)
	case n > mostOnHand:
		return l, fmt.Sprintf("the quantity %d is more than any location holds", n)
	}
	return stockLine{SKU: sku, Location: location, Quantity: n}, ""
}

// patience is how long a file may go without any answer before it is given up.
func patience(a asked, lines int) time.Duration {
	if lines > 1 {
		return max(a.wait, 30*time.Second)
	}
	return a.wait
}
