package orderctl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/operators"
)

// every calls see with each command below one.
func every(c *cobra.Command, see func(*cobra.Command)) {
	for _, child := range c.Commands() {
		see(child)
		every(child, see)
	}
}

// A command that is new, or a flag of one that a server runs, has to be decided about: this list changes with it.
func TestEveryCommandSaysWhoMayHaveItRun(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	every(Root(), func(c *cobra.Command) {
		role, why := c.Annotations[roleNeeded], c.Annotations[staysHere]
		switch {
		case c.HasSubCommands():
			assert.Empty(t, role+why, "%s only holds others", c.CommandPath())
			return
		case why != "":
			assert.Empty(t, role, c.CommandPath())
			role = "here"
		}
		if role != "here" {
			_, err := operators.ParseRole(role)
			require.NoError(t, err, "%s: who may have it run?", c.CommandPath())
		}
		fmt.Fprintf(&b, "%-8s  %s", role, strings.TrimPrefix(c.CommandPath(), "orderctl "))
		if role != "here" {
			c.LocalFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(flagWords(f)) })
		}
		b.WriteString("\n")
	})
	golden(t, "roles.txt", b.String())
}

func flagWords(f *pflag.Flag) string {
	word := " --" + f.Name
	for what, how := range map[string]string{roleNeeded: annotated(f, roleNeeded), isFile: "standard input", staysHere: "here", ofCaller: "here"} {
		if annotated(f, what) != "" {
			word += "(" + how + ")"
		}
	}
	return word
}
