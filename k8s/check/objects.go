package check

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// Objects are what an overlay renders to, by kind and name.
type Objects struct {
	deployments  map[string]*appsv1.Deployment
	statefulSets map[string]*appsv1.StatefulSet
	jobs         map[string]*batchv1.Job
	services     map[string]*corev1.Service
	accounts     map[string]*corev1.ServiceAccount
	configMaps   map[string]*corev1.ConfigMap
	budgets      map[string]*policyv1.PodDisruptionBudget
	policies     map[string]*networkingv1.NetworkPolicy
	namespaces   map[string]*corev1.Namespace

	scaled    map[string]*scaledObject
	monitors  map[string]*podMonitor
	alerts    map[string]*prometheusRule
	databases map[string]*postgresCluster

	issuers      map[string]*issuer
	certificates map[string]*certificate

	external map[string]*externalSecret
	gateways map[string]*gateway
	routes   map[string]*httpRoute

	meta []metav1.ObjectMeta
}

// Decode reads documents strictly: an unknown kind, or an unknown or doubled field, is an error.
func Decode(documents [][]byte) (*Objects, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	o := &Objects{}
	for _, document := range documents {
		var h head
		if err := yaml.Unmarshal(document, &h); err != nil {
			return nil, fmt.Errorf("read a document: %w", err)
		}
		o.meta = append(o.meta, h.Metadata)
		known, err := o.custom(h, document)
		if err == nil && !known {
			err = o.core(decoder, document)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", h.Kind, h.Metadata.Name, err)
		}
	}
	return o, nil
}

func (o *Objects) custom(h head, document []byte) (known bool, err error) {
	name := h.Metadata.Name
	switch h.APIVersion + " " + h.Kind {
	case "keda.sh/v1alpha1 ScaledObject":
		return true, strictly(&o.scaled, name, document)
	case "monitoring.coreos.com/v1 PodMonitor":
		return true, strictly(&o.monitors, name, document)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return true, strictly(&o.alerts, name, document)
	case "postgresql.cnpg.io/v1 Cluster":
		return true, strictly(&o.databases, name, document)
	case "cert-manager.io/v1 Issuer":
		return true, strictly(&o.issuers, name, document)
	case "cert-manager.io/v1 Certificate":
		return true, strictly(&o.certificates, name, document)
	case "external-secrets.io/v1 ExternalSecret":
		return true, strictly(&o.external, name, document)
	case "gateway.networking.k8s.io/v1 Gateway":
		return true, strictly(&o.gateways, name, document)
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return true, strictly(&o.routes, name, document)
	}
	return false, nil
}

func strictly[T any](into *map[string]*T, name string, document []byte) error { //nolint:gocritic // it makes the map
	v := new(T)
	if err := yaml.UnmarshalStrict(document, v); err != nil {
		return err
	}
	keep(into, name, v)
	return nil
}

func keep[T any](into *map[string]*T, name string, v *T) { //nolint:gocritic // it makes the map
	if *into == nil {
		*into = map[string]*T{}
	}
	(*into)[name] = v
}

func (o *Objects) core(decoder runtime.Decoder, document []byte) error {
	object, _, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return err
	}
	switch v := object.(type) {
	case *appsv1.Deployment:
		keep(&o.deployments, v.Name, v)
	case *appsv1.StatefulSet:
		keep(&o.statefulSets, v.Name, v)
	case *batchv1.Job:
		keep(&o.jobs, v.Name, v)
	case *corev1.Service:
		keep(&o.services, v.Name, v)
	case *corev1.ServiceAccount:
		keep(&o.accounts, v.Name, v)
	case *corev1.ConfigMap:
		keep(&o.configMaps, v.Name, v)
	case *policyv1.PodDisruptionBudget:
		keep(&o.budgets, v.Name, v)
	case *networkingv1.NetworkPolicy:
		keep(&o.policies, v.Name, v)
	case *corev1.Namespace:
		keep(&o.namespaces, v.Name, v)
	default: // a Secret among them: the repository holds none
		return fmt.Errorf("a kind that has no place here: %T", object)
	}
	return nil
}

// workload is a pod template with what it belongs to.
type workload struct {
	kind, name string
	replicas   *int32
	pod        corev1.PodTemplateSpec
}

func (w workload) String() string { return w.kind + " " + w.name }

// workloads are all pod templates that we render.
func (o *Objects) workloads() []workload {
	var all []workload
	for _, d := range o.deployments {
		all = append(all, workload{"Deployment", d.Name, d.Spec.Replicas, d.Spec.Template})
	}
	for _, s := range o.statefulSets {
		all = append(all, workload{"StatefulSet", s.Name, s.Spec.Replicas, s.Spec.Template})
	}
	for _, j := range o.jobs {
		all = append(all, workload{"Job", j.Name, nil, j.Spec.Template})
	}
	return all
}
