package check

import (
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func selects(s metav1.LabelSelector, pod map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && selector.Matches(labels.Set(pod))
}

// network says that nothing is open but what is named, and that each name is one of a pod or a port.
func network(o *Objects, _ *Code, t *trouble) {
	deny := o.policies["default-deny"]
	t.unless(deny != nil && len(deny.Spec.Ingress)+len(deny.Spec.Egress) == 0, "there is no policy that denies all")
	pods := map[string]corev1.PodTemplateSpec{}
	for _, w := range o.workloads() {
		pods[w.String()] = w.pod
	}
	for name := range o.databases {
		pods["Cluster "+name] = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"cnpg.io/cluster": name}}}
	}
	for name, pod := range pods {
		t.unless(deny != nil && selects(deny.Spec.PodSelector, pod.Labels) && len(deny.Spec.PolicyTypes) == 2, "%s: no policy denies what is not named", name)
	}
	for name, p := range o.policies {
		var ports []networkingv1.NetworkPolicyPort
		for _, r := range p.Spec.Ingress {
			t.unless(len(r.From) > 0 && len(r.Ports) > 0, "NetworkPolicy %s lets everybody in", name)
			ports = append(ports, r.Ports...)
		}
		for _, r := range p.Spec.Egress {
			t.unless(len(r.Ports) > 0, "NetworkPolicy %s lets everything out", name)
		}
		found := false
		for at, pod := range pods {
			if !selects(p.Spec.PodSelector, pod.Labels) {
				continue
			}
			found = true
			for _, port := range ports {
				t.unless(strings.HasPrefix(at, "Cluster ") || has(pod, port), "NetworkPolicy %s opens port %s, which %s does not have", name, port.Port, at)
			}
		}
		t.unless(found, "NetworkPolicy %s is about no pod", name)
		peers(name, p, pods, t)
	}
}

// peers in our own namespace are pods of ours, and have the port that is open to them.
func peers(name string, p *networkingv1.NetworkPolicy, pods map[string]corev1.PodTemplateSpec, t *trouble) {
	known := func(peer networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
		if peer.PodSelector == nil || peer.NamespaceSelector != nil {
			return true
		}
		for at, pod := range pods {
			listens := strings.HasPrefix(at, "Cluster ") || !slices.ContainsFunc(ports, func(o networkingv1.NetworkPolicyPort) bool { return !has(pod, o) })
			if selects(*peer.PodSelector, pod.Labels) && listens {
				return true
			}
		}
		return false
	}
	for _, r := range p.Spec.Ingress {
		for _, peer := range r.From {
			t.unless(known(peer, nil), "NetworkPolicy %s lets in a pod that there is not", name)
		}
	}
	for _, r := range p.Spec.Egress {
		for _, peer := range r.To {
			t.unless(known(peer, r.Ports), "NetworkPolicy %s leads to a pod, or to a port of one, that there is not", name)
		}
	}
}

func has(pod corev1.PodTemplateSpec, open networkingv1.NetworkPolicyPort) bool {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == open.Port.StrVal || p.ContainerPort == open.Port.IntVal {
				return true
			}
		}
	}
	return false
}

// routing leads from the Gateway to a port of a pod, on a path that the ingress has.
func routing(o *Objects, c *Code, t *trouble) {
	for name, s := range o.services {
		for _, p := range s.Spec.Ports {
			found := false
			for _, w := range o.workloads() {
				if len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels)) {
					found = found || port(w.pod.Spec.Containers[0], p.TargetPort.StrVal) > 0
				}
			}
			t.unless(found && p.TargetPort.StrVal != "admin", "Service %s: port %s leads to no port of a pod, or to the admin port", name, p.Name)
		}
	}
	for name, r := range o.routes {
		for _, parent := range r.Spec.ParentRefs {
			g := o.gateways[parent.Name]
			t.unless(g != nil && len(r.Spec.Hostnames) == 1 && g.serves(parent.SectionName, r.Spec.Hostnames[0]), "HTTPRoute %s: the Gateway does not serve it over TLS", name)
		}
		for _, rule := range r.Spec.Rules {
			for _, m := range rule.Matches {
				t.unless(m.Method == http.MethodPost && c.words[m.Path.Value+"/:source"], "HTTPRoute %s: the ingress has no %s %s", name, m.Method, m.Path.Value)
			}
			for _, b := range rule.BackendRefs {
				s := o.services[b.Name]
				t.unless(s != nil && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == b.Port }),
					"HTTPRoute %s leads to %s:%d, which is not there", name, b.Name, b.Port)
			}
		}
	}
}

func (g *gateway) serves(section, hostname string) bool {
	for _, l := range g.Spec.Listeners {
		if l.Name == section {
			return l.Protocol == "HTTPS" && l.Hostname == hostname && l.TLS != nil && l.TLS.Mode == "Terminate" && len(l.TLS.CertificateRefs) > 0
		}
	}
	return false
}
