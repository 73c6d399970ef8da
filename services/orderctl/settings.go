package orderctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/host"
)

func settingsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "settings", Short: "List every setting, with its default and who reads it",
		Annotations: here("it is about this program"),
		Long: `List every setting, with its default and who reads it. Settings come from the environment. With --markdown it is the
table in the README, which 'make docs' writes there. With --nats it is something else: the users of the broker with what
each of them may do, for the configuration of a NATS server (deploy/nats/users.conf).`,
		Example: `  orderctl settings
  orderctl settings --markdown
  orderctl settings --nats > users.conf`,
		Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			markdown, err := c.Flags().GetBool("markdown")
			if err != nil {
				return err
			}
			users, err := c.Flags().GetBool("nats")
			if err != nil {
				return err
			}
			settings := host.Describe(Services())
			switch {
			case users:
				_, err := io.WriteString(c.OutOrStdout(), bus.UsersConf())
				return err
			case markdown:
				return printMarkdown(c.OutOrStdout(), settings)
			case wantsJSON(c):
				return printJSON(c, settingViews(settings))
			}
			rows := [][]string{{"SETTING", "DEFAULT", "READ BY", "WHAT"}}
			for _, s := range settings {
				rows = append(rows, []string{s.Name, dash(s.Default), readers(s), s.About})
			}
			return table(c.OutOrStdout(), rows...)
		},
	}
	c.Flags().Bool("markdown", false, "as the table in the README")
	c.Flags().Bool("nats", false, "the users of the broker, as part of a NATS server's configuration")
	return c
}

func readers(s host.Setting) string {
	if len(s.Services) == 0 {
		return "all"
	}
	return strings.Join(s.Services, ", ")
}

func printMarkdown(w io.Writer, settings []host.Setting) error {
	var b strings.Builder
	b.WriteString("| Setting | Default | Read by | What |\n|---|---|---|---|\n")
	for _, s := range settings {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, cell(value), cell(readers(s)), cell(s.About))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell keeps a text within its cell.
func cell(s string) string { return strings.ReplaceAll(visible(s), "|", `\|`) }

type settingView struct {
	Name    string   `json:"name"`
	Default string   `json:"default"`
	About   string   `json:"about"`
	ReadBy  []string `json:"read_by"`
}

func settingViews(settings []host.Setting) []settingView {
	views := make([]settingView, len(settings))
	for i, s := range settings {
		views[i] = settingView{s.Name, s.Default, s.About, append([]string{}, s.Services...)}
	}
	return views
}
