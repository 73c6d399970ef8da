package check

import (
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// podSecurity is the profile "restricted" of the Pod Security Standards, and a root file system that is only read.
func podSecurity(o *Objects, _ *Code, t *trouble) {
	for _, w := range o.workloads() {
		pod := w.pod.Spec
		t.unless(!pod.HostNetwork && !pod.HostPID && !pod.HostIPC, "%s shares something of its host", w)
		t.unless(pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken, "%s mounts a token", w)
		t.unless(pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks, "%s gets service links", w)
		s := ptr.Deref(pod.SecurityContext, corev1.PodSecurityContext{})
		t.unless(ptr.Deref(s.RunAsNonRoot, false) && ptr.Deref(s.RunAsUser, 0) > 0, "%s may run as root", w)
		t.unless(s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "%s has no seccomp profile", w)
		for _, v := range pod.Volumes {
			t.unless(v.HostPath == nil, "%s mounts a path of its host", w)
		}
		for _, c := range append(pod.InitContainers, pod.Containers...) {
			s := ptr.Deref(c.SecurityContext, corev1.SecurityContext{})
			t.unless(s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, "%s may gain privileges", w)
			t.unless(!ptr.Deref(s.Privileged, false), "%s is privileged", w)
			t.unless(ptr.Deref(s.RunAsNonRoot, true) && ptr.Deref(s.RunAsUser, 1) > 0, "%s may run as root", w)
			t.unless(ptr.Deref(s.ReadOnlyRootFilesystem, false), "%s can write its root file system", w)
			t.unless(s.Capabilities != nil && len(s.Capabilities.Add) == 0 && len(s.Capabilities.Drop) == 1 && s.Capabilities.Drop[0] == "ALL",
				"%s keeps capabilities", w)
			for _, p := range c.Ports {
				t.unless(p.HostPort == 0, "%s takes a port of its host", w)
			}
			memory(w, c, t)
		}
	}
}

// memory is requested as it is limited, and the collector is told to stay below.
func memory(w workload, c corev1.Container, t *trouble) {
	limit, request := c.Resources.Limits.Memory(), c.Resources.Requests.Memory()
	t.unless(!limit.IsZero() && limit.Cmp(*request) == 0, "%s: memory request and limit are not the same", w)
	t.unless(!c.Resources.Requests.Cpu().IsZero(), "%s requests no CPU", w)
	for _, e := range c.Env {
		if e.Name == "GOMEMLIMIT" {
			soft, err := resource.ParseQuantity(strings.TrimSuffix(e.Value, "B"))
			share := soft.AsApproximateFloat64() / limit.AsApproximateFloat64()
			t.unless(err == nil && share >= 0.8 && share <= 0.92, "%s: GOMEMLIMIT %s is not nine tenths of the memory limit", w, e.Value)
			return
		}
	}
	t.unless(false, "%s has no GOMEMLIMIT", w)
}

var pinned = regexp.MustCompile(`^[a-z0-9.-]+(/[a-z0-9._-]+)*(:v?[0-9][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$`)

func images(o *Objects, c *Code, t *trouble) {
	for _, w := range o.workloads() {
		for _, container := range w.pod.Spec.Containers {
			image := container.Image
			t.unless(pinned.MatchString(image), "%s: image %s is not pinned", w, image)
			if _, program, ours := strings.Cut(image, "orderflow/"); ours {
				program, _, _ = strings.Cut(program, ":")
				program, _, _ = strings.Cut(program, "@")
				t.unless(c.programs[program], "%s: there is no program %s", w, program)
				t.unless(strings.Contains(strings.SplitN(image, "/", 2)[0], "."), "%s: image %s has no registry", w, image)
			}
		}
	}
	for name, d := range o.databases {
		t.unless(pinned.MatchString(d.Spec.ImageName), "Cluster %s: image %s is not pinned", name, d.Spec.ImageName)
	}
}

// optional are services that an installation can do without: a laptop's, and one for who sells at Amazon.
var optional = map[string]bool{"sandbox": true, "amazon": true}

// services are complete, and each of the Deployments is one.
func services(o *Objects, c *Code, t *trouble) {
	for name := range c.services {
		t.unless(optional[name] || o.deployments[name] != nil, "service %s has no Deployment", name)
	}
	for name, d := range o.deployments {
		s, ok := c.services[name]
		t.unless(ok, "Deployment %s is no service", name)
		w := workload{"Deployment", name, d.Spec.Replicas, d.Spec.Template}
		t.unless(len(w.pod.Spec.Containers) == 1, "%s has more than its service", w)
		container := w.pod.Spec.Containers[0]
		t.unless(strings.Contains(container.Image, "orderflow/"+name), "%s runs %s", w, container.Image)
		t.unless(w.pod.Spec.ServiceAccountName == name, "%s runs as account %q", w, w.pod.Spec.ServiceAccountName)
		rolling := d.Spec.Strategy.RollingUpdate
		t.unless(rolling != nil && rolling.MaxUnavailable.IntValue() == 0 && rolling.MaxSurge.IntValue() > 0, "%s loses pods while it is rolled out", w)
		selector := labels.SelectorFromSet(d.Spec.Selector.MatchLabels)
		t.unless(len(d.Spec.Selector.MatchLabels) > 1 && selector.Matches(labels.Set(w.pod.Labels)), "%s does not select its pods", w)
		probes(w, container, c, t)
		spread(w, t)
		listens(o, w, container, t)
		needs(w, container, s.Database, s.Broker, t)
	}
	for _, w := range o.workloads() {
		if w.kind != "Job" {
			budget(o, w, t)
		}
	}
}

func probes(w workload, c corev1.Container, code *Code, t *trouble) {
	for name, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			t.unless(false, "%s has no %s probe", w, name)
			continue
		}
		path := "/healthz"
		if name == "readiness" {
			path = "/readyz"
		}
		get := probe.HTTPGet
		t.unless(get.Path == path && code.statuses[get.Path] == 200, "%s: the %s probe asks %s", w, name, get.Path)
		t.unless(get.Port.StrVal == "admin" && port(c, "admin") > 0, "%s: the %s probe asks port %s", w, name, get.Port.String())
	}
}

func port(c corev1.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

func spread(w workload, t *trouble) {
	over := map[string]bool{}
	for _, s := range w.pod.Spec.TopologySpreadConstraints {
		if s.LabelSelector != nil && s.LabelSelector.MatchLabels["app.kubernetes.io/name"] == w.pod.Labels["app.kubernetes.io/name"] {
			over[s.TopologyKey] = true
		}
	}
	t.unless(over["kubernetes.io/hostname"] && over["topology.kubernetes.io/zone"], "%s is not spread over hosts and zones", w)
}

// budget is exactly one, that lets a node be emptied and only one pod go at a time.
func budget(o *Objects, w workload, t *trouble) {
	n := 0
	for _, b := range o.budgets {
		if len(b.Spec.Selector.MatchLabels) == 0 || !labels.SelectorFromSet(b.Spec.Selector.MatchLabels).Matches(labels.Set(w.pod.Labels)) {
			continue
		}
		n++
		t.unless(b.Spec.MaxUnavailable.IntValue() == 1 && b.Spec.UnhealthyPodEvictionPolicy != nil, "%s: its disruption budget is another", w)
		t.unless(w.kind != "Deployment" || ptr.Deref(b.Spec.UnhealthyPodEvictionPolicy, "") == "AlwaysAllow",
			"%s: its disruption budget keeps pods that are not ready", w)
	}
	t.unless(n == 1, "%s has %d disruption budgets", w, n)
}

// drains holds grace periods against the time that a stop takes.
func drains(o *Objects, c *Code, t *trouble) {
	values := o.settings()
	for name, d := range o.deployments {
		pause, err1 := time.ParseDuration(values["DRAIN_PAUSE"])
		finish, err2 := time.ParseDuration(values["DRAIN_TIMEOUT"])
		grace := time.Duration(ptr.Deref(d.Spec.Template.Spec.TerminationGracePeriodSeconds, 30)) * time.Second
		t.unless(err1 == nil && err2 == nil && pause >= 5*time.Second, "DRAIN_PAUSE or DRAIN_TIMEOUT is not set, or too short")
		t.unless(grace > pause+finish+c.ackWait, "Deployment %s: grace of %s is not longer than %s + %s + %s", name, grace, pause, finish, c.ackWait)
	}
}
