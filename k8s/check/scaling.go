package check

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

var (
	query = regexp.MustCompile(`^max\(orderflow_([a-z_]+)\{(.*)\}\)$`)
	label = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
)

// unscaled are served by one replica at a time, as fast as Amazon lets them, or by hand: more of them are of no use.
var unscaled = []string{"inventory", "projector", "amazon", "operators"}

// scaling is on what waits in each of a service's own durables, and on nothing else.
func scaling(o *Objects, c *Code, t *trouble) {
	if o.scaled == nil {
		return
	}
	for name := range o.deployments {
		t.unless((o.scaled[name] == nil) == slices.Contains(unscaled, name), "ScaledObject %s: is missing, or has one replica at work", name)
	}
	for name, s := range o.scaled {
		d := o.deployments[s.Spec.ScaleTargetRef.Name]
		t.unless(s.Spec.ScaleTargetRef.Name == name && d != nil && d.Spec.Replicas == nil, "ScaledObject %s: its Deployment is missing, or says its size too", name)
		t.unless(s.Spec.MinReplicaCount >= 2 && s.Spec.MaxReplicaCount > s.Spec.MinReplicaCount, "ScaledObject %s: goes below two, or nowhere", name)
		var on []string
		for _, trigger := range s.Spec.Triggers {
			if trigger.Type == "cpu" {
				continue
			}
			durable := waiting(name, trigger.Metadata["query"], c, t)
			on = append(on, durable)
			t.unless(trigger.MetricType == "AverageValue" && trigger.Metadata["ignoreNullValues"] == "false", "ScaledObject %s: no figure for %s means nothing waits", name, durable)
		}
		if len(on) > 0 {
			t.unless(s.Spec.Fallback != nil && s.Spec.Fallback.Replicas >= s.Spec.MinReplicaCount && s.Spec.Fallback.Replicas <= s.Spec.MaxReplicaCount,
				"ScaledObject %s has no fallback", name)
		}
		want := slices.Clone(c.durables[name])
		if name == "notifier" { // it takes no commands; the broker lets it have the durable nevertheless
			want = slices.DeleteFunc(want, func(d string) bool { return strings.HasPrefix(d, "COMMANDS/") })
		}
		slices.Sort(on)
		slices.Sort(want)
		t.unless(slices.Equal(on, want), "ScaledObject %s: it scales on %v, its durables are %v", name, on, want)
	}
}

// waiting reads a query: whose metric and labels there are in the code.
func waiting(name, text string, c *Code, t *trouble) string {
	m := query.FindStringSubmatch(text)
	if m == nil {
		t.unless(false, "ScaledObject %s: query %s is not read here", name, text)
		return ""
	}
	t.unless(c.words[m[1]], "ScaledObject %s: there is no metric orderflow_%s", name, m[1])
	labels := map[string]string{}
	for _, l := range label.FindAllStringSubmatch(m[2], -1) {
		labels[l[1]] = l[2]
		t.unless(l[1] == "namespace" || c.words[l[1]], "ScaledObject %s: there is no label %s", name, l[1])
	}
	t.unless(labels["namespace"] == namespace, "ScaledObject %s asks about namespace %q", name, labels["namespace"])
	return labels["stream"] + "/" + labels["durable"]
}

func monitoring(o *Objects, c *Code, t *trouble) {
	t.unless((o.monitors == nil) == (o.alerts == nil), "figures without alerts, or alerts without figures")
	for name, rule := range o.alerts {
		t.unless(reflect.DeepEqual(rule.Spec, c.alerts), "PrometheusRule %s is not what %s says: make docs", name, alertsFile)
	}
	for name, m := range o.monitors {
		for service, d := range o.deployments {
			t.unless(selects(m.Spec.Selector, d.Spec.Template.Labels), "PodMonitor %s does not see %s", name, service)
			for _, e := range m.Spec.PodMetricsEndpoints {
				t.unless(port(d.Spec.Template.Spec.Containers[0], e.Port) > 0 && c.statuses[e.Path] == 200,
					"PodMonitor %s: %s has no %s at port %s", name, service, e.Path, e.Port)
			}
		}
	}
}
