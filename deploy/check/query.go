package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

var promql = parser.NewParser(parser.Options{})

// query says what an expression names that the code does not export: metrics, labels, and values of labels whose values
// are known.
func query(expr string, code *Code, where string, f *Findings) {
	parsed, err := promql.ParseExpr(expr)
	if err != nil {
		f.add("%s: %v", where, err)
		return
	}
	exported := map[string]bool{"job": true, "instance": true}
	named := 0
	for _, s := range parser.ExtractSelectors(parsed) {
		name := metricOf(s)
		has, ok := code.metrics[name]
		if !f.unless(ok, "%s names %s, which nobody exports", where, name) {
			continue
		}
		named++
		maps.Copy(exported, has)
		for _, m := range s {
			known := m.Name == model.MetricNameLabel || m.Name == "job" || m.Name == "instance" || has[m.Name]
			f.unless(known, "%s: %s has no label %s", where, name, m.Name)
			values(m, code, where, f)
		}
	}
	f.unless(named > 0, "%s names no metric", where)
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			for _, l := range a.Grouping {
				f.unless(exported[l], "%s groups by %s, which no metric in it has", where, l)
			}
		}
		return nil
	})
}

func metricOf(s []*labels.Matcher) string {
	i := slices.IndexFunc(s, func(m *labels.Matcher) bool { return m.Name == model.MetricNameLabel })
	if i < 0 {
		return ""
	}
	return s[i].Value
}

// values looks at the values of labels that the code writes down.
func values(m *labels.Matcher, code *Code, where string, f *Findings) {
	for value := range strings.SplitSeq(m.Value, "|") {
		switch m.Name {
		case "outcome", "status":
			f.unless(code.words[value], "%s: nobody says %s=%q", where, m.Name, value)
		case "type":
			f.unless(code.events[value], "%s: there is no event %s", where, value)
		}
	}
}
