package check

import (
	"maps"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/orderflow/orderflow/pkg/host"
)

// settings are what the ConfigMap of settings says.
func (o *Objects) settings() map[string]string {
	for name, m := range o.configMaps {
		if strings.HasPrefix(name, "orderflow-settings-") {
			return m.Data
		}
	}
	return nil
}

// others are variables that something else than our code reads.
var others = map[string]bool{
	"GOMEMLIMIT": true,                        // Go's runtime
	"PGSSLMODE":  true, "PGSSLROOTCERT": true, // the driver of Postgres
}

// password is one that stands in a URL, and not as a reference.
var password = regexp.MustCompile(`://[^/@:\s]*:[^$/@{\s][^/@\s]*@`)

func settings(o *Objects, c *Code, t *trouble) {
	values := o.settings()
	t.unless(len(values) > 0, "there is no ConfigMap of settings")
	for name, value := range values {
		t.unless(c.settings[name].Name != "", "setting %s is not one that the code reads", name)
		t.unless(!c.secret[name], "setting %s is a secret and stands in a ConfigMap", name)
		t.unless(value != "", "setting %s is empty", name)
	}
	for name, s := range c.services {
		if s.Config == nil || name == "sandbox" {
			continue
		}
		err := host.Read(environ(values), reflect.New(reflect.TypeOf(s.Config).Elem()).Interface())
		t.unless(err == nil, "%s does not start with these settings: %v", name, err)
	}
	for name, m := range o.configMaps {
		for key, value := range m.Data {
			t.unless(!password.MatchString(value), "ConfigMap %s holds a password in %s", name, key)
		}
	}
	for _, w := range o.workloads() {
		for _, container := range w.pod.Spec.Containers {
			for _, e := range container.Env {
				t.unless(!password.MatchString(e.Value), "%s holds a password in %s", w, e.Name)
				t.unless(e.Value == "" || !c.secret[e.Name], "%s holds the secret %s", w, e.Name)
				if strings.Contains(container.Image, "orderflow/") {
					read := c.settings[e.Name]
					t.unless(read.Name != "" || others[e.Name], "%s: nobody reads %s", w, e.Name)
					t.unless(w.kind == "Job" || len(read.Services) == 0 || slices.Contains(read.Services, w.name), "%s does not read %s", w, e.Name)
				}
			}
		}
	}
}

// environ is the settings with stand-ins for the secrets, so that services can say what they think of them.
func environ(values map[string]string) map[string]string {
	standard := "whsec_" + strings.Repeat("A", 32) + "AAAAAAAAAAA="
	all := map[string]string{ //nolint:gosec // stand-ins
		"CARRIER_KEY": "stand-in", "SMTP_URL": "smtps://user:stand-in@mail.example:465",
		"STRIPE_WEBHOOK_SECRET": standard, "CHECKOUT_WEBHOOK_SECRET": standard,
		"SHOPIFY_WEBHOOK_SECRET": strings.Repeat("a", 64), "WOOCOMMERCE_WEBHOOK_SECRET": strings.Repeat("b", 50),
	}
	maps.Copy(all, values)
	return all
}

// listens holds the addresses in the settings against the ports of a pod.
func listens(o *Objects, w workload, c corev1.Container, t *trouble) {
	at := map[string]string{"admin": "ADMIN_LISTEN"}
	switch w.name {
	case "ingress":
		at["http"] = "INGRESS_LISTEN"
	case "operators":
		at["http"] = "OPERATORS_LISTEN"
	}
	for name, setting := range at {
		address, number, err := net.SplitHostPort(o.settings()[setting])
		t.unless(err == nil && address == "" && number == strconv.Itoa(int(port(c, name))), "%s: %s is not port %s", w, setting, name)
	}
}

// needs is what the host asks of a service that has a database or a broker, each from a secret of its own.
func needs(w workload, c corev1.Container, database, broker bool, t *trouble) {
	from := map[string]string{}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			from[e.Name] = e.ValueFrom.SecretKeyRef.Name
			t.unless(e.Name == e.ValueFrom.SecretKeyRef.Key, "%s takes %s from the key %s", w, e.Name, e.ValueFrom.SecretKeyRef.Key)
		}
	}
	want := map[string]string{}
	if database {
		want["DATABASE_URL"], want["MASTER_KEY"] = "orderflow-"+w.name, "orderflow-master"
	}
	if broker {
		want["NATS_URL"] = "orderflow-" + w.name
	}
	switch w.name {
	case "notifier":
		want["SMTP_URL"] = "orderflow-notifier"
	case "operators":
		want["TOKEN_KEYS"] = "orderflow-operators"
	case "amazon":
		for _, name := range []string{"AMAZON_LWA_CLIENT_ID", "AMAZON_LWA_CLIENT_SECRET", "AMAZON_LWA_REFRESH_TOKEN"} {
			want[name] = "orderflow-amazon"
		}
	case "fulfillment":
		want["CARRIER_KEY"] = "orderflow-fulfillment"
	}
	for name, secret := range want {
		t.unless(from[name] == secret, "%s takes %s from %q, not from %s", w, name, from[name], secret)
	}
	for name := range from {
		t.unless(want[name] != "", "%s is given %s, which it does not need", w, name)
	}
}
