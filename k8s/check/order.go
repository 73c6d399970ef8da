package check

import (
	"io"
	"slices"
	"strconv"

	"github.com/orderflow/orderflow/services/orderctl"
)

// jobs call orderctl as it can be called, and keep as many copies as there are nodes.
func jobs(o *Objects, _ *Code, t *trouble) {
	for _, name := range []string{"migrate", "provision"} {
		j := o.jobs[name]
		if j == nil {
			t.unless(false, "there is no Job %s", name)
			continue
		}
		args := j.Spec.Template.Spec.Containers[0].Args
		root := orderctl.Root()
		root.SetOut(io.Discard)
		command, rest, err := root.Find(args)
		if err == nil {
			err = command.ParseFlags(rest)
		}
		t.unless(err == nil && command.Name() == name, "Job %s calls orderctl with %q", name, args)
		if err == nil && name == "provision" && command.Name() == name {
			copies, err := command.Flags().GetInt("replicas")
			broker := o.statefulSets["orderflow-nats"]
			t.unless(err == nil && (broker == nil || copies == int(*broker.Spec.Replicas)), "Job provision keeps %d copies, which is not how many nodes there are", copies)
		}
		t.unless(j.Annotations["argocd.argoproj.io/hook"] == "Sync" && j.Annotations["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation",
			"Job %s is no hook that is made anew", name)
	}
}

// waves come in the order that is needed: what jobs read, jobs, services.
func waves(o *Objects, _ *Code, t *trouble) {
	wave := func(annotations map[string]string) int {
		n, err := strconv.Atoi(annotations["argocd.argoproj.io/sync-wave"])
		if err != nil {
			return 0
		}
		return n
	}
	last := -3
	for name, j := range o.jobs {
		at := wave(j.Annotations)
		last = max(last, at)
		before := func(kind, what string, annotations map[string]string) {
			t.unless(wave(annotations) < at, "%s %s is not there before Job %s", kind, what, name)
		}
		for n, v := range o.accounts {
			before("ServiceAccount", n, v.Annotations)
		}
		for n, v := range o.configMaps {
			before("ConfigMap", n, v.Annotations)
		}
		for n, v := range o.external {
			before("ExternalSecret", n, v.Metadata.Annotations)
		}
		for n, v := range o.certificates {
			before("Certificate", n, v.Metadata.Annotations)
		}
		for n, v := range o.databases {
			before("Cluster", n, v.Metadata.Annotations)
		}
		for n, v := range o.statefulSets {
			before("StatefulSet", n, v.Annotations)
		}
	}
	for name, d := range o.deployments {
		t.unless(wave(d.Annotations) > last, "Deployment %s does not wait for the jobs", name)
	}
}

// verified says that whoever talks to a database looks at its certificate.
func (o *Objects) verified(cluster string, c *Code, t *trouble) {
	for _, w := range o.workloads() {
		if w.name != "migrate" && !c.services[w.name].Database {
			continue
		}
		env, mounted := map[string]string{}, false
		for _, e := range w.pod.Spec.Containers[0].Env {
			env[e.Name] = e.Value
		}
		for _, v := range w.pod.Spec.Volumes {
			mounted = mounted || v.Secret != nil && v.Secret.SecretName == cluster+"-ca"
		}
		t.unless(mounted && env["PGSSLMODE"] == "verify-full" && env["PGSSLROOTCERT"] != "", "%s does not look at the certificate of %s", w, cluster)
	}
}

// databases give every service that has one a login in its own role.
func databases(o *Objects, c *Code, t *trouble) {
	for name, d := range o.databases {
		t.unless(d.Spec.EnablePDB && !d.Spec.EnableSuperuserAccess && d.Spec.Instances == 3, "Cluster %s: three instances, a budget, no superuser", name)
		o.verified(name, c, t)
		logins := map[string][]string{}
		for _, r := range d.Spec.Managed.Roles {
			logins[r.Name] = r.InRoles
			t.unless(r.Login && (o.external == nil || o.external[r.PasswordSecret.Name].has("password")), "Cluster %s: %s has no password", name, r.Name)
		}
		for service, s := range c.services {
			role := "orderflow_" + service
			t.unless(!s.Database || slices.Equal(logins[service], []string{role}), "Cluster %s: the login %s is not in %s alone", name, service, role)
			t.unless(!s.Database || slices.Contains(d.Spec.Bootstrap.InitDB.PostInitApplicationSQL, "CREATE ROLE "+role+" NOLOGIN"), "Cluster %s: %s is not made", name, role)
			t.unless(s.Database || logins[service] == nil, "Cluster %s: %s needs no login", name, service)
		}
	}
}
