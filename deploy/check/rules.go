package check

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

var alertsFile = filepath.Join("prometheus", "alerts.yaml")

// runbook is where alerts point to; the anchor of a heading is its text in small letters.
const runbook = "https://github.com/orderflow/orderflow/blob/main/deploy/RUNBOOK.md#"

// chapters are the alerts of which the runbook says what they mean, where to look and what to do.
func chapters(text string) map[string]bool {
	found := map[string]bool{}
	for _, chapter := range strings.Split(text, "\n## ")[1:] {
		name, rest, _ := strings.Cut(chapter, "\n")
		_, rest, means := strings.Cut(rest, "\n**Means** ")
		_, rest, look := strings.Cut(rest, "\n**Look** ")
		found[name] = means && look && strings.Contains(rest, "\n**Do** ")
	}
	return found
}

// alerts looks at every alert, and returns their names.
func alerts(deploy string, code *Code, f *Findings) []string {
	groups, errs := rulefmt.ParseFile(filepath.Join(deploy, alertsFile), false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		f.add("%v", err)
	}
	if groups == nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(deploy, "RUNBOOK.md"))
	f.unless(err == nil, "RUNBOOK.md: %v", err)
	written := chapters(string(text))
	var names []string
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if !f.unless(r.Alert != "", "alerts.yaml: %s is no alert", r.Record) {
				continue
			}
			names = append(names, r.Alert)
			where := "alerts.yaml: " + r.Alert
			f.unless(r.Labels["severity"] == "critical" || r.Labels["severity"] == "warning", "%s has no severity", where)
			f.unless(strings.HasSuffix(r.Annotations["summary"], "."), "%s has no summary", where)
			f.unless(r.Annotations["runbook_url"] == runbook+strings.ToLower(r.Alert), "%s does not point to its place in the runbook", where)
			f.unless(written[r.Alert], "%s: the runbook does not say what it means, where to look and what to do", where)
			delete(written, r.Alert)
			query(r.Expr, code, where, f)
		}
	}
	for chapter := range written {
		f.add("RUNBOOK.md: there is no alert %s", chapter)
	}
	return names
}
