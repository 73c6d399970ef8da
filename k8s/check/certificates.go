package check

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// brokerSecret holds the broker's certificate, its key, and the certificate of the authority.
const brokerSecret = "orderflow-nats-tls" //nolint:gosec // a name

// certificates are issued by somebody, and the broker's is for every name that it is reached by, and looked at.
func certificates(o *Objects, c *Code, t *trouble) {
	for name, v := range o.certificates {
		by := o.issuers[v.Spec.IssuerRef.Name]
		t.unless(by != nil, "Certificate %s: nobody issues it", name)
		if by != nil && by.Spec.CA != nil {
			authority := o.certificate(by.Spec.CA.SecretName)
			t.unless(authority != nil && authority.Spec.IsCA, "Issuer %s: %s is no authority", v.Spec.IssuerRef.Name, by.Spec.CA.SecretName)
		}
	}
	broker := o.statefulSets["orderflow-nats"]
	secure := broker != nil && mounts(broker.Spec.Template.Spec, brokerSecret, false)
	plain := o.settings()["NATS_ALLOW_PLAINTEXT"] == "true"
	t.unless(secure || plain, "the broker has no certificate, and NATS_ALLOW_PLAINTEXT does not say that this is meant")
	t.unless(!secure || !plain, "NATS_ALLOW_PLAINTEXT is set, and the broker has a certificate")
	if secure {
		o.broker(t)
		o.trusts(c, t)
	}
	if plain {
		o.told(c, t)
	}
}

// certificate is the one that is kept in a secret; nil if there is none.
func (o *Objects) certificate(secret string) *certificate {
	for _, v := range o.certificates {
		if v.Spec.SecretName == secret {
			return v
		}
	}
	return nil
}

// broker holds its certificate against the names that clients and nodes take.
func (o *Objects) broker(t *trouble) {
	v := o.certificate(brokerSecret)
	if v == nil {
		return // references says so
	}
	for _, usage := range []string{"server auth", "client auth"} {
		t.unless(slices.Contains(v.Spec.Usages, usage), "Certificate %s is not for %s: nodes are servers, and clients of each other", v.Metadata.Name, usage)
	}
	is := x509.Certificate{DNSNames: v.Spec.DNSNames}
	for _, name := range o.brokerNames() {
		t.unless(is.VerifyHostname(name) == nil, "Certificate %s is not for %s", v.Metadata.Name, name)
	}
}

// brokerNames are the hosts in the addresses of the broker: those that clients are given, and those of its nodes.
func (o *Objects) brokerNames() []string {
	var names []string
	for _, e := range o.external {
		if e.Spec.Target.Template == nil {
			continue
		}
		if m := address.FindStringSubmatch(e.Spec.Target.Template.Data["NATS_URL"]); m != nil {
			names = append(names, m[2])
		}
	}
	for _, e := range o.statefulSets["orderflow-nats"].Spec.Template.Spec.Containers[0].Env {
		if u, err := url.Parse(strings.ReplaceAll(e.Value, "$(NATS_PASSWORD_ROUTE)", "")); err == nil && u.Scheme == "nats-route" {
			names = append(names, u.Hostname())
		}
	}
	return names
}

// trusts says that whoever talks to the broker looks at its certificate.
func (o *Objects) trusts(c *Code, t *trouble) {
	for _, w := range o.workloads() {
		if w.name != "provision" && !c.services[w.name].Broker {
			continue
		}
		container, file := w.pod.Spec.Containers[0], ""
		for _, e := range container.Env {
			if e.Name == "NATS_CA_FILE" {
				file = e.Value
			}
		}
		at := slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath+"/ca.crt" == file })
		t.unless(at >= 0 && mounts(w.pod.Spec, brokerSecret, true), "%s does not look at the certificate of the broker", w)
	}
}

// told says that whoever talks to the broker knows that it may do so in clear; it would not otherwise.
func (o *Objects) told(c *Code, t *trouble) {
	for _, w := range o.workloads() {
		if w.name != "provision" && !c.services[w.name].Broker {
			continue
		}
		t.unless(slices.ContainsFunc(w.pod.Spec.Containers[0].EnvFrom, func(from corev1.EnvFromSource) bool {
			return from.ConfigMapRef != nil && strings.HasPrefix(from.ConfigMapRef.Name, "orderflow-settings-")
		}), "%s does not read NATS_ALLOW_PLAINTEXT", w)
	}
}

// mounts says that a pod mounts a secret with a certificate: of it the authority's alone, or all.
func mounts(pod corev1.PodSpec, secret string, authority bool) bool {
	for _, v := range pod.Volumes {
		if v.Secret != nil && v.Secret.SecretName == secret {
			return (len(v.Secret.Items) == 1 && v.Secret.Items[0] == corev1.KeyToPath{Key: "ca.crt", Path: "ca.crt"}) == authority
		}
	}
	return false
}

// givesCertificates says that somebody makes a secret with certificates: CloudNativePG, or cert-manager.
func (o *Objects) givesCertificates(secret string) bool {
	cluster, found := strings.CutSuffix(secret, "-ca")
	return found && o.databases[cluster] != nil || o.certificate(secret) != nil
}
