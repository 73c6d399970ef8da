package check

import (
	"fmt"
	"slices"
)

// Check is every way in which the rendered objects are not what the code has, or not what a careful cluster asks for.
func Check(o *Objects, c *Code) []string {
	t := &trouble{}
	for _, part := range []func(*Objects, *Code, *trouble){
		namespaces, podSecurity, images, references, services, drains, settings, accounts, jobs, waves, network, routing, scaling, monitoring,
		databases, certificates,
	} {
		part(o, c, t)
	}
	slices.Sort(t.found)
	return slices.Compact(t.found)
}

type trouble struct{ found []string }

// unless notes what is wrong if something does not hold.
func (t *trouble) unless(holds bool, format string, args ...any) {
	if !holds {
		t.found = append(t.found, fmt.Sprintf(format, args...))
	}
}

// namespace is where everything is.
const namespace = "orderflow"

func namespaces(o *Objects, _ *Code, t *trouble) {
	for _, m := range o.meta {
		t.unless(m.Namespace == namespace || m.Name == namespace, "%s is in namespace %q", m.Name, m.Namespace)
	}
	ns := o.namespaces[namespace]
	t.unless(ns != nil && ns.Labels["pod-security.kubernetes.io/enforce"] == "restricted", "the namespace does not enforce Pod Security restricted")
}
