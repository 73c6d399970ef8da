package check

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each breaks one thing in the manifests, and says what is found then. What is not found would go out.
var mutations = []struct {
	file, is, becomes string
	found             string
}{
	// Objects as Kubernetes reads them.
	{"k8s/base/common/deployment.yaml", "enableServiceLinks: false", "enableServiceLink: false", "unknown field"},
	{"k8s/components/keda/orders.yaml", "pollingInterval", "pollInterval", "unknown field"},
	{"k8s/base/ingress/service.yaml", "kind: Service\nmetadata:", "kind: Secret\nmetadata:", "Secret ingress"},
	{"k8s/base/jobs/serviceaccount.yaml", "automountServiceAccountToken: false", "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: orderflow-master", "a kind that has no place here"},
	{"k8s/base/kustomization.yaml", "  - fraud\n", "", "fraud"},

	// Pod Security.
	{"k8s/base/common/deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"},
	{"k8s/base/common/deployment.yaml", "runAsUser: 65532", "runAsUser: 0", "may run as root"},
	{"k8s/base/common/deployment.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "may gain privileges"},
	{"k8s/base/common/deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can write its root"},
	{"k8s/base/common/deployment.yaml", "drop: [ALL]", "drop: [NET_RAW]", "keeps capabilities"},
	{"k8s/base/common/deployment.yaml", "type: RuntimeDefault", "type: Unconfined", "no seccomp profile"},
	{"k8s/base/common/deployment.yaml", "      enableServiceLinks: false", "      hostNetwork: true\n      enableServiceLinks: false", "shares something of its host"},
	{"k8s/base/common/deployment.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "gets service links"},
	{"k8s/base/common/deployment.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "mounts a token"},
	{"k8s/base/common/serviceaccount.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "or has a token"},
	{"k8s/base/jobs/migrate.yaml", "drop: [ALL]", "drop: []", "Job migrate keeps capabilities"},
	{"k8s/components/nats/statefulset.yaml", "drop: [ALL]", "drop: []", "StatefulSet orderflow-nats keeps capabilities"},
	{"k8s/base/namespace.yaml", "enforce: restricted", "enforce: baseline", "does not enforce"},

	// Deployments.
	{"k8s/base/common/deployment.yaml", "path: /readyz", "path: /healthz", "readiness probe asks /healthz"},
	{"k8s/base/common/deployment.yaml", "path: /healthz, port: admin }\n            periodSeconds: 10", "path: /readyz, port: admin }\n            periodSeconds: 10", "liveness probe asks /readyz"},
	{"k8s/base/common/deployment.yaml", "startupProbe:\n            httpGet: { path: /healthz, port: admin }", "startupProbe:\n            httpGet: { path: /healthz, port: http }", "startup probe asks port http"},
	{"k8s/base/common/deployment.yaml", "containerPort: 9090", "containerPort: 9091", "ADMIN_LISTEN is not port admin"},
	{"k8s/base/ingress/workload.yaml", "containerPort: 8080", "containerPort: 8081", "INGRESS_LISTEN is not port http"},
	{"k8s/base/common/deployment.yaml", "terminationGracePeriodSeconds: 75", "terminationGracePeriodSeconds: 65", "is not longer than"},
	{"k8s/base/settings.env", "DRAIN_PAUSE=10s", "DRAIN_PAUSE=20s", "is not longer than"},
	{"k8s/base/settings.env", "DRAIN_TIMEOUT=25s\n", "", "DRAIN_TIMEOUT is not set"},
	{"k8s/base/common/deployment.yaml", "topologyKey: topology.kubernetes.io/zone", "topologyKey: kubernetes.io/os", "not spread"},
	{"k8s/base/common/deployment.yaml", "limits: { memory: 256Mi }", "limits: { memory: 1Gi }", "request and limit are not the same"},
	{"k8s/base/common/deployment.yaml", "value: 230MiB", "value: 256MiB", "GOMEMLIMIT"},
	{"k8s/base/common/deployment.yaml", "cpu: 100m, ", "", "requests no CPU"},
	{"k8s/base/common/deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1", "loses pods while it is rolled out"},
	{"k8s/base/common/poddisruptionbudget.yaml", "maxUnavailable: 1", "maxUnavailable: 0", "disruption budget is another"},
	{"k8s/base/common/poddisruptionbudget.yaml", "AlwaysAllow", "IfHealthyBudget", "keeps pods that are not ready"},
	{"k8s/base/payment/workload.yaml", "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: payment\n", "", "0 disruption budgets"},
	{"k8s/base/payment/workload.yaml", "serviceAccountName: payment", "serviceAccountName: orders", "runs as account"},
	{"k8s/base/payment/workload.yaml", "image: orderflow/payment", "image: orderflow/orders", "runs registry.example.com/orderflow/orders"},
	{"k8s/overlays/prod/kustomization.yaml", "orderflow/payment, newTag: v1.0.0", "orderflow/payment, newTag: latest", "is not pinned"},
	{"k8s/overlays/prod/kustomization.yaml", "orderflow/fraud, newTag", "orderflow/frauds, newTag", "there is no program frauds"},
	{"k8s/components/postgres/cluster.yaml", ":17.6", "", "is not pinned"},

	// Settings and secrets.
	{"k8s/base/settings.env", "SHOP_NAME=", "SHOPNAME=", "setting SHOPNAME is not one"},
	{"k8s/base/settings.env", "SHOP_NAME=", "CARRIER_KEY=", "CARRIER_KEY is a secret"},
	{"k8s/base/settings.env", "MAIL_FROM=Shop <orders@shop.example>", "MAIL_FROM=Shop", "notifier does not start"},
	{"k8s/base/settings.env", "INGRESS_SOURCES=stripe", "INGRESS_SOURCES=stripes", "ingress does not start"},
	{"k8s/base/settings.env", "CARRIER_URL=https://carrier", "CARRIER_URL=https://me:word@carrier", "holds a password"},
	{"k8s/base/common/deployment.yaml", "{ name: GOMEMLIMIT, value: 230MiB }", "{ name: GOMEMLIMIT, value: 230MiB }\n            - { name: MEMLIMIT, value: a }", "nobody reads MEMLIMIT"},
	{"k8s/base/common/deployment.yaml", "{ name: GOMEMLIMIT, value: 230MiB }", "{ name: GOMEMLIMIT, value: 230MiB }\n            - { name: FRAUD_HOLD_ABOVE, value: '1' }", "Deployment payment does not read FRAUD_HOLD_ABOVE"},
	{"k8s/base/notifier/workload.yaml", "valueFrom: { secretKeyRef: { name: orderflow-notifier, key: SMTP_URL } }", "value: smtp://host", "holds the secret SMTP_URL"},
	{"k8s/base/payment/workload.yaml", "name: orderflow-payment, key: DATABASE_URL", "name: orderflow-orders, key: DATABASE_URL", "takes DATABASE_URL from"},
	{"k8s/base/orders/kustomization.yaml", "  - ../database\n", "", "takes MASTER_KEY from"},
	{"k8s/base/ingress/kustomization.yaml", "  - ../common\n", "  - ../common\n  - ../database\n", "MASTER_KEY, which it does not need"},
	{"k8s/components/external-secrets/payment.yaml", "NATS_URL:", "NATSURL:", "reads NATS_URL of the secret orderflow-payment"},
	{"k8s/components/external-secrets/payment.yaml", "nats://payment:", "nats://orders:", "is not the login of payment"},
	{"k8s/components/external-secrets/payment.yaml", "@orderflow-nats:4222", "@nats:4222", "which is not there"},
	{"k8s/components/external-secrets/payment.yaml", "secretKey: nats\n", "secretKey: gnats\n", "which is not fetched"},
	{"k8s/components/external-secrets/kustomization.yaml", "  - master.yaml\n", "", "reads MASTER_KEY of the secret orderflow-master"},
	{"k8s/components/external-secrets/ingress.yaml", "orderflow-webhooks", "orderflow-hooks", "reads the secret orderflow-webhooks"},
	{"k8s/components/postgres/trust.yaml", "orderflow-postgres-ca", "orderflow-pg-ca", "which nobody makes"},
	{"k8s/components/postgres/trust.yaml", "verify-full", "require", "does not look at the certificate"},
	{"k8s/components/postgres/kustomization.yaml", "component=service", "component=services", "does not look at the certificate"},

	// Jobs and their order.
	{"k8s/base/jobs/migrate.yaml", "[migrate]", "[migrates]", "Job migrate calls orderctl"},
	{"k8s/base/jobs/provision.yaml", "--replicas=3", "--copies=3", "Job provision calls orderctl"},
	{"k8s/base/jobs/provision.yaml", "--replicas=3", "--replicas=1", "keeps 1 copies"},
	{"k8s/base/jobs/provision.yaml", "hook: Sync", "hook: PostSync", "is no hook"},
	{"k8s/base/jobs/migrate.yaml", `sync-wave: "-1"`, `sync-wave: "0"`, "does not wait for the jobs"},
	{"k8s/base/kustomization.yaml", `sync-wave: "-2"`, `sync-wave: "0"`, "ConfigMap"},
	{"k8s/components/external-secrets/master.yaml", `sync-wave: "-2"`, `sync-wave: "-1"`, "ExternalSecret orderflow-master is not there before"},

	// The network.
	{"k8s/components/networkpolicy/policies.yaml", "podSelector: {}\n  policyTypes: [Ingress, Egress]", "podSelector: { matchLabels: { app.kubernetes.io/component: service } }\n  policyTypes: [Ingress, Egress]", "Cluster orderflow-postgres: no policy denies"},
	{"k8s/components/networkpolicy/policies.yaml", "policyTypes: [Ingress, Egress]\n---", "policyTypes: [Ingress]\n---", "no policy denies"},
	{"k8s/components/networkpolicy/policies.yaml", "port: admin", "port: metrics", "opens port metrics"},
	{"k8s/components/networkpolicy/policies.yaml", "values: [nats]", "values: [gnats]", "leads to a pod"},
	{"k8s/components/networkpolicy/policies.yaml", "- { protocol: TCP, port: 4222 }", "- { protocol: TCP, port: 4223 }", "or to a port of one"},
	{"k8s/components/networkpolicy/policies.yaml", "values: [notifier]", "values: [notifiers]", "is about no pod"},
	{"k8s/components/networkpolicy/policies.yaml", "    - from:\n        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: gateway } }\n      ports:", "    - ports:", "lets everybody in"},
	{"k8s/overlays/prod/kustomization.yaml", "  - ../../components/networkpolicy\n", "", "no policy that denies all"},
	{"k8s/base/ingress/service.yaml", "targetPort: http", "targetPort: admin", "or to the admin port"},
	{"k8s/components/gateway/httproute.yaml", "value: /webhooks", "value: /webhook", "the ingress has no POST /webhook"},
	{"k8s/components/gateway/httproute.yaml", "port: 80", "port: 8080", "which is not there"},
	{"k8s/components/gateway/gateway.yaml", "protocol: HTTPS", "protocol: HTTP", "does not serve it over TLS"},

	// Scaling and figures.
	{"k8s/components/keda/payment.yaml", "orderflow_consumer_pending_messages", "orderflow_consumer_pending", "there is no metric orderflow_consumer_pending"},
	{"k8s/components/keda/payment.yaml", `stream="INTAKE"`, `stream="INTAKES"`, "INTAKES/payment-facts"},
	{"k8s/components/keda/payment.yaml", `durable="payment-facts"`, `durable="payment-fact"`, "INTAKE/payment-fact]"},
	{"k8s/components/keda/payment.yaml", `durable="payment-facts"`, `consumer="payment-facts"`, "there is no label consumer"},
	{"k8s/components/keda/payment.yaml", `namespace="orderflow"`, `namespace="shop"`, `asks about namespace "shop"`},
	{"k8s/components/keda/payment.yaml", "ignoreNullValues: \"false\"", "ignoreNullValues: \"true\"", "means nothing waits"},
	{"k8s/components/keda/payment.yaml", "  fallback:\n    failureThreshold: 4\n    replicas: 4\n", "", "has no fallback"},
	{"k8s/components/keda/payment.yaml", "    name: payment\n", "    name: inventory\n", "its Deployment is missing"},
	{"k8s/components/keda/kustomization.yaml", "  - fraud.yaml\n", "", "ScaledObject fraud: is missing"},
	{"k8s/components/monitoring/podmonitor.yaml", "path: /metrics", "path: /metric", "has no /metric"},
	{"k8s/components/monitoring/podmonitor.yaml", "component: service", "component: services", "does not see"},
	{"k8s/components/monitoring/prometheusrule.yaml", "severity: critical", "severity: warning", "is not what deploy/prometheus/alerts.yaml says"},
	{"k8s/components/monitoring/kustomization.yaml", "  - prometheusrule.yaml\n", "", "figures without alerts"},

	// The broker's certificate.
	{"k8s/components/nats-tls/trust.yaml", "name: NATS_CA_FILE", "name: NATS_CERT_FILE", "does not look at the certificate of the broker"},
	{"k8s/components/nats-tls/trust.yaml", "mountPath: /etc/nats-ca", "mountPath: /etc/ca", "does not look at the certificate of the broker"},
	{"k8s/components/nats-tls/trust-job.yaml", "{ key: ca.crt, path: ca.crt }", "{ key: tls.key, path: ca.crt }", "Job provision mounts more than a certificate"},
	{"k8s/components/nats-tls/certificate.yaml", `, "*.orderflow-nats"`, "", "is not for orderflow-nats-2.orderflow-nats"},
	{"k8s/components/nats-tls/certificate.yaml", `[orderflow-nats, `, "[nats, ", "is not for orderflow-nats"},
	{"k8s/components/nats-tls/certificate.yaml", ", client auth", "", "is not for client auth"},
	{"k8s/components/nats-tls/certificate.yaml", "secretName: orderflow-nats-tls", "secretName: orderflow-nats-cert", "mounts the secret orderflow-nats-tls, which nobody makes"},
	{"k8s/components/nats-tls/certificate.yaml", "name: orderflow }", "name: orderflow-ca }", "nobody issues it"},
	{"k8s/components/nats-tls/certificate.yaml", `sync-wave: "-3"`, `sync-wave: "0"`, "Certificate orderflow-nats is not there before"},
	{"k8s/components/nats-tls/authority.yaml", "ca: { secretName: orderflow-authority }", "ca: { secretName: orderflow-nats-tls }", "is no authority"},
	{"k8s/components/nats-tls/broker.yaml", "secretName: orderflow-nats-tls", "secretName: orderflow-tls", "NATS_ALLOW_PLAINTEXT does not say"},
	{"k8s/overlays/prod/kustomization.yaml", "  - ../../components/nats-tls\n", "", "NATS_ALLOW_PLAINTEXT does not say"},
	{"k8s/base/settings.env", "DRAIN_TIMEOUT=", "NATS_ALLOW_PLAINTEXT=true\nDRAIN_TIMEOUT=", "is set, and the broker has a certificate"},

	// The database's logins.
	{"k8s/components/postgres/cluster.yaml", "inRoles: [orderflow_fraud]", "inRoles: [orderflow_orders]", "the login fraud is not in orderflow_fraud alone"},
	{"k8s/components/postgres/cluster.yaml", "CREATE ROLE orderflow_fraud NOLOGIN", "CREATE ROLE orderflow_frauds NOLOGIN", "orderflow_fraud is not made"},
	{"k8s/components/postgres/cluster.yaml", "passwordSecret: { name: orderflow-postgres-fraud }", "passwordSecret: { name: orderflow-fraud }", "fraud has no password"},
}

func TestWhatIsBrokenIsFound(t *testing.T) {
	t.Parallel()
	files, code := read(t)
	for _, m := range mutations {
		t.Run(m.file+": "+m.becomes, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, files[m.file], m.is, "what is to be broken stands there")
			broken := Files{}
			for name, content := range files {
				broken[name] = content
			}
			broken[m.file] = strings.Replace(files[m.file], m.is, m.becomes, 1)
			found, err := inspect(broken, "prod", code)
			if err != nil {
				found = []string{err.Error()}
			}
			assert.Contains(t, strings.Join(found, "\n")+"\n", m.found)
		})
	}
}

// Where the broker has no certificate, whoever is not told that this is meant would not speak to it.
func TestWhoIsNotToldOfABrokerInClearIsFound(t *testing.T) {
	t.Parallel()
	files, code := read(t)
	const told = "- configMapRef: { name: orderflow-settings }"
	for file, who := range map[string]string{"k8s/base/jobs/provision.yaml": "Job provision", "k8s/base/common/deployment.yaml": "Deployment payment"} {
		broken := maps.Clone(files)
		require.Contains(t, files[file], told)
		broken[file] = strings.Replace(files[file], told, "- secretRef: { name: orderflow-master }", 1)
		found, err := inspect(broken, "dev", code)
		require.NoError(t, err)
		assert.Contains(t, found, who+" does not read NATS_ALLOW_PLAINTEXT")
	}
}
