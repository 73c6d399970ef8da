package check

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// references lead somewhere: to a ConfigMap that is rendered, and, where secrets come from a store, to a key that is
// taken from there.
func references(o *Objects, _ *Code, t *trouble) {
	for _, w := range o.workloads() {
		for _, v := range w.pod.Spec.Volumes {
			if v.Projected != nil {
				for _, s := range v.Projected.Sources {
					t.unless(s.ConfigMap != nil && o.configMaps[s.ConfigMap.Name] != nil, "%s mounts a ConfigMap that is not there", w)
				}
			}
			if v.Secret != nil { // those that are not ours: certificates
				t.unless(o.givesCertificates(v.Secret.SecretName), "%s mounts the secret %s, which nobody makes", w, v.Secret.SecretName)
				t.unless(w.kind == "StatefulSet" || mounts(w.pod.Spec, v.Secret.SecretName, true), "%s mounts more than a certificate", w)
			}
		}
		for _, c := range w.pod.Spec.Containers {
			o.environment(w, c, t)
		}
	}
	for name, e := range o.external {
		t.unless(e.Spec.Target.Name == name, "ExternalSecret %s makes %s", name, e.Spec.Target.Name)
		t.unless(e.Spec.SecretStoreRef.Name != "", "ExternalSecret %s has no store", name)
		o.template(name, e, t)
	}
}

func (o *Objects) environment(w workload, c corev1.Container, t *trouble) {
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			t.unless(o.configMaps[from.ConfigMapRef.Name] != nil, "%s reads the ConfigMap %s, which is not there", w, from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			t.unless(o.external == nil || o.external[from.SecretRef.Name] != nil, "%s reads the secret %s, which nobody makes", w, from.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			ref := e.ValueFrom.SecretKeyRef
			t.unless(o.external == nil || o.external[ref.Name].has(ref.Key), "%s reads %s of the secret %s, which nobody makes", w, ref.Key, ref.Name)
		}
	}
}

// has says whether a secret gets a key; nil has none.
func (e *externalSecret) has(key string) bool {
	switch {
	case e == nil:
		return false
	case len(e.Spec.DataFrom) > 0:
		return true
	case e.Spec.Target.Template != nil:
		return e.Spec.Target.Template.Data[key] != ""
	}
	for _, d := range e.Spec.Data {
		if d.SecretKey == key {
			return true
		}
	}
	return false
}

// address is a URL in a template: whose, at which host.
var (
	address   = regexp.MustCompile(`^(?:nats|postgres)://([a-z]+):\{\{ \.[a-z_]+ \}\}@([a-z-]+):(\d+)`)
	variables = regexp.MustCompile(`\{\{ \.([a-z_]+) \}\}`)
)

func (o *Objects) template(name string, e *externalSecret, t *trouble) {
	if e.Spec.Target.Template == nil {
		return
	}
	fetched := map[string]bool{}
	for _, d := range e.Spec.Data {
		fetched[d.SecretKey] = true
	}
	user := strings.TrimPrefix(name, "orderflow-")
	switch user {
	case "migrate":
		user = "orderflow"
	case "provision":
		user = "orderctl"
	}
	for key, value := range e.Spec.Target.Template.Data {
		for _, v := range variables.FindAllStringSubmatch(value, -1) {
			t.unless(fetched[v[1]], "ExternalSecret %s: %s uses %s, which is not fetched", name, key, v[1])
		}
		if key != "NATS_URL" && key != "DATABASE_URL" {
			continue
		}
		m := address.FindStringSubmatch(value)
		t.unless(len(m) > 1 && m[1] == user, "ExternalSecret %s: %s is not the login of %s", name, key, user)
		if m != nil {
			cluster, database := strings.CutSuffix(m[2], "-rw")
			there := key == "NATS_URL" && o.services[m[2]] != nil && m[3] == "4222" || database && o.databases[cluster] != nil && m[3] == "5432"
			t.unless(there, "ExternalSecret %s: %s leads to %s:%s, which is not there", name, key, m[2], m[3])
		}
	}
}

func accounts(o *Objects, _ *Code, t *trouble) {
	for _, w := range o.workloads() {
		a := o.accounts[w.pod.Spec.ServiceAccountName]
		t.unless(a != nil && a.AutomountServiceAccountToken != nil && !*a.AutomountServiceAccountToken, "%s: its account is missing, or has a token", w)
	}
}
