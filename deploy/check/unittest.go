package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

// What of promtool's format is used; anything else is an error.
type testFile struct {
	RuleFiles []string       `yaml:"rule_files"`
	Every     model.Duration `yaml:"evaluation_interval"`
	Tests     []testGroup    `yaml:"tests"`
}

type testGroup struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Series   []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Alerts []alertTest `yaml:"alert_rule_test"`
}

type alertTest struct {
	At       model.Duration `yaml:"eval_time"`
	Alert    string         `yaml:"alertname"`
	Expected []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// unitTests evaluates the tests as promtool does, with the same engine. Every alert has one in which it fires, and series
// for which it does not: a test that expects nothing, or in which fewer fire than there are series.
func unitTests(deploy string, names []string, f *Findings) {
	text, err := os.ReadFile(filepath.Join(deploy, "prometheus", "alerts_test.yaml"))
	if err != nil {
		f.add("alerts_test.yaml: %v", err)
		return
	}
	var file testFile
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		f.add("alerts_test.yaml: %v", err)
		return
	}
	f.unless(slices.Equal(file.RuleFiles, []string{"alerts.yaml"}), "alerts_test.yaml does not test alerts.yaml")
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, g := range file.Tests {
		for _, t := range g.Alerts {
			f.unless(slices.Contains(names, t.Alert), "alerts_test.yaml: there is no alert %s", t.Alert)
			fires[t.Alert] = fires[t.Alert] || len(t.Expected) > 0
			silent[t.Alert] = silent[t.Alert] || len(t.Expected) < len(g.Series)
		}
		if err := g.run(filepath.Join(deploy, alertsFile), time.Duration(file.Every)); err != nil {
			f.add("alerts_test.yaml: %s: %v", g.Name, err)
		}
	}
	for _, a := range names {
		f.unless(fires[a] && silent[a], "alerts_test.yaml: %s has no test in which it fires and one in which it does not", a)
	}
}

func (g testGroup) run(file string, every time.Duration) (err error) {
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", g.Interval)
	for _, s := range g.Series {
		fmt.Fprintf(&load, "  %s %s\n", s.Series, s.Values)
	}
	suite, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true, Parser: promql})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, suite.Close()) }()
	suite.SubqueryInterval = every
	query := rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage())
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: query, AppendableV2: suite.Storage(), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler), Parser: promql,
	})
	groups, errs := manager.LoadGroups(every, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return g.evaluate(suite, query, g.tested(groups), every)
}

// tested are the alerts that the tests of a group name: the others need not be evaluated.
func (g testGroup) tested(groups map[string]*rules.Group) []*rules.AlertingRule {
	var found []*rules.AlertingRule
	for _, group := range groups {
		for _, r := range group.Rules() {
			a, ok := r.(*rules.AlertingRule)
			if ok && slices.ContainsFunc(g.Alerts, func(t alertTest) bool { return t.Alert == a.Name() }) {
				found = append(found, a)
			}
		}
	}
	return found
}

func (g testGroup) evaluate(suite *promqltest.LazyLoader, query rules.QueryFunc, alerts []*rules.AlertingRule, every time.Duration) error {
	var errs []error
	for at := time.Duration(0); at <= g.last(); at += every {
		now := time.Unix(0, 0).Add(at)
		suite.WithSamplesTill(now, func(err error) {
			errs = append(errs, err)
			for _, a := range alerts {
				_, err := a.Eval(suite.Context(), 0, now, query, &url.URL{}, 0)
				errs = append(errs, err)
			}
		})
		for _, t := range g.Alerts {
			if due := time.Duration(t.At); at <= due && due < at+every {
				errs = append(errs, t.compare(alerts))
			}
		}
	}
	return errors.Join(errs...)
}

func (g testGroup) last() time.Duration {
	var last time.Duration
	for _, t := range g.Alerts {
		last = max(last, time.Duration(t.At))
	}
	return last
}

// compare holds what fires against what is expected: labels and annotations, in any order.
func (t alertTest) compare(alerts []*rules.AlertingRule) error {
	expected := []string{}
	for _, e := range t.Expected {
		all := map[string]string{labels.AlertName: t.Alert}
		for k, v := range e.Labels {
			all[k] = v
		}
		expected = append(expected, labels.FromMap(all).String()+" "+labels.FromMap(e.Annotations).String())
	}
	firing := []string{}
	for _, a := range alerts {
		if a.Name() != t.Alert {
			continue
		}
		for _, active := range a.ActiveAlerts() {
			if active.State == rules.StateFiring {
				firing = append(firing, active.Labels.String()+" "+active.Annotations.String())
			}
		}
	}
	slices.Sort(expected)
	slices.Sort(firing)
	if !slices.Equal(expected, firing) {
		return fmt.Errorf("%s after %s:\n  expected %s\n  fires    %s", t.Alert, t.At, strings.Join(expected, "\n           "), strings.Join(firing, "\n           "))
	}
	return nil
}
