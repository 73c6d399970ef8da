package orderctl

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what this program was built of.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

func built() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	b := build{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Long: "Say which version this is, and what it was built of.",
		Annotations: here("it is about this program"),
		Example:     "  orderctl version --json", Args: takesNothing,
		RunE: func(c *cobra.Command, _ []string) error {
			b := built()
			if wantsJSON(c) {
				return printJSON(c, b)
			}
			return table(c.OutOrStdout(), []string{"orderctl", b.Version}, []string{"revision", dash(b.Revision) + when(b.Modified, ", modified")},
				[]string{"of", dash(b.Time)}, []string{"go", b.Go})
		},
	}
}
