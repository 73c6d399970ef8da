package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each breaks one thing, and says what is found then. What is not found would go out.
var mutations = []struct {
	file, is, becomes string
	found             string
}{
	// What compose understands.
	{"compose.yaml", "mem_limit: 1g", "memory_limit: 1g", "memory_limit"},
	{"compose.yaml", "mail: { condition: service_healthy }", "mial: { condition: service_healthy }", "mial"},
	{"compose.yaml", "file: ./postgres/logins.sql", "file: ./postgres/login.sql", "config logins"},
	{"compose.yaml", "?run deploy/secrets.sh first}@nats:4222\n      INGRESS_LISTEN", "}@nats:4222/${NOT_THERE:?is missing}\n      INGRESS_LISTEN", "is missing"},

	// How containers are contained.
	{"compose.yaml", "read_only: true", "read_only: false", "payment can write its root"},
	{"compose.yaml", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "payment has capabilities"},
	{"compose.yaml", "user: postgres\n    environment:", "user: postgres\n    cap_add: [CHOWN]\n    environment:", "postgres has capabilities"},
	{"compose.yaml", "no-new-privileges:true", "no-new-privileges:false", "payment may gain privileges"},
	{"compose.yaml", "user: postgres\n    environment:", "user: postgres\n    network_mode: host\n    environment:", "postgres shares something"},
	{"compose.yaml", "  mem_limit: 256m\n  stop_grace", "  stop_grace", "payment has no limit of memory"},
	{"compose.yaml", "  pids_limit: 512\n", "", "nats has no limit of processes"},
	{"compose.yaml", "127.0.0.1:${NATS_PORT:-4222}", "${NATS_PORT:-4222}", "nats publishes port 4222 beyond loopback"},
	{"compose.yaml", "dashboards:ro", "dashboards", "grafana may write"},
	{"compose.yaml", "  mem_limit: 256m\n  stop_grace", "  mem_limit: 600m\n  stop_grace", "payment: GOMEMLIMIT is not nine tenths"},

	// What stands for long.
	{"compose.yaml", "restart: unless-stopped", "restart: always", "payment is restarted after"},
	{"compose.yaml", "  stop_grace_period: 30s\n", "", "nats has no grace period"},
	{"compose.yaml", "test: [\"CMD\", \"/mailpit\", \"readyz\"]", "disable: true", "mail has no health check"},
	{"compose.yaml", "stop_grace_period: 45s", "stop_grace_period: 30s", "payment is killed before it has drained"},
	{"compose.yaml", "DRAIN_TIMEOUT: 25s", "DRAIN_TIMEOUT: 40s", "payment is killed before it has drained"},
	{"compose.yaml", "  DRAIN_TIMEOUT: 25s\n", "", "DRAIN_TIMEOUT is not set"},

	// What waits for what.
	{"compose.yaml", "nats: { condition: service_healthy }", "nats: { condition: service_started }", "payment waits for nats to be service_started"},
	{"compose.yaml", "migrate: { condition: service_completed_successfully }\n    logins", "migrate: { condition: service_started }\n    logins", "waits for migrate to be service_started"},
	{"compose.yaml", "    logins: { condition: service_completed_successfully }\n", "", "payment does not wait for logins"},
	{"compose.yaml", "    provision: { condition: service_completed_successfully }\n", "", "payment does not wait for provision"},
	{"compose.yaml", "    depends_on:\n      nats: { condition: service_healthy }\n", "", "provision does not wait for nats"},

	// Programs and their settings.
	{"compose.yaml", "args: { PROGRAM: fraud }", "args: { PROGRAM: frauds }", "there is no program \"frauds\""},
	{"compose.yaml", "args: { PROGRAM: fraud }", "args: { PROGRAM: orders }", "fraud runs orders"},
	{"compose.yaml", "image: orderflow/fraud", "image: orderflow/orders", "is not that of fraud"},
	{"compose.yaml", "dockerfile: deploy/Dockerfile, args: { PROGRAM: fraud }", "dockerfile: deploy/Dockerfiles, args: { PROGRAM: fraud }", "no such file"},
	{"compose.yaml", "\n  amazon:\n", "\n  seller:\n", "amazon is missing"},
	{"compose.yaml", "image: nats:2.15.2-alpine", "image: nats", "nats is not pinned"},
	{"compose.yaml", "test: [\"CMD\", \"/program\", \"health\"]", "test: [\"CMD\", \"/program\", \"version\"]", "is not asked for its health"},
	{"compose.yaml", "ADMIN_LISTEN: \":9090\"", "ADMIN_LISTEN: \":9091\"", "is not scraped"},
	{"compose.yaml", "  GOMEMLIMIT: 230MiB\n\n", "\n", "payment has no GOMEMLIMIT"},
	{"compose.yaml", "CARRIER_URL:", "CARRIER_ADDRESS:", "fulfillment does not read CARRIER_ADDRESS"},
	{"compose.yaml", "SMTP_URL: smtp://mail:1025", "SMTP_URL: smtp://mail:1025\n      CARRIER_URL: http://sandbox:8090", "notifier does not read CARRIER_URL"},
	{"compose.yaml", "LOG_LEVEL: ${LOG_LEVEL:-info}", "LOG_LEVEL:", "is taken from wherever compose runs"},

	// Who knows what.
	{"compose.yaml", "postgres://payment:${DATABASE_PASSWORD_PAYMENT:?", "postgres://orders:${DATABASE_PASSWORD_ORDERS:?", "payment logs in at postgres as somebody else"},
	{"compose.yaml", "nats://payment:${NATS_PASSWORD_PAYMENT:?", "nats://payment:${NATS_PASSWORD_ORDERS:?", "NATS_PASSWORD_ORDERS is given to"},
	{"compose.yaml", "  LOG_LEVEL: ${LOG_LEVEL:-info}\n", "  LOG_LEVEL: ${LOG_LEVEL:-info}\n  MASTER_KEY: ${MASTER_KEY}\n", "MASTER_KEY is given to [amazon"},
	{"compose.yaml", "${CARRIER_KEY:?run deploy/secrets.sh first}\n\n", "sesame-sesame-sesame\n\n", "the secret CARRIER_KEY stands in the file"},
	{"compose.yaml", "smtp://mail:1025", "smtp://shop:sesame@mail:1025", "the secret SMTP_URL stands in the file"},
	{"compose.yaml", "GF_SECURITY_ADMIN_PASSWORD: ${GRAFANA_PASSWORD:?run deploy/secrets.sh first}", "GF_SECURITY_ADMIN_PASSWORD: admin", "the secret GF_SECURITY_ADMIN_PASSWORD stands in the file"},
	{"secrets.sh", "chmod 600", "chmod 644", "others can read the file"},
	{"secrets.sh", "have \"$name\" ||", "", "changes what is there"},
	{"secrets.sh", "random 24 |", "random 8 |", "too short"},
	{"secrets.sh", "keep CARRIER_KEY password\n", "", "CARRIER_KEY"},
	{"secrets.sh", "keep CARRIER_KEY password\n", "keep CARRIER_KEY password\nkeep OLD_KEY password\n", "OLD_KEY is given to nobody"},

	// What is scraped.
	{"prometheus/prometheus.yaml", "- fraud:9090", "- fraud:9091", "fraud is not scraped"},
	{"prometheus/prometheus.yaml", "port: 9090", "port: 9091", "amazon is not scraped"},

	// Alerts.
	{"prometheus/alerts.yaml", "for: 2m", "during: 2m", "not found in type"},
	{"prometheus/alerts.yaml", "up{job=~\"orderflow.*\"} == 0", "up{job=~\"orderflow.*\"} = 0", "could not parse expression"},
	{"prometheus/alerts.yaml", "max(orderflow_dead_messages) > 0", "max(orderflow_buried_messages) > 0", "names orderflow_buried_messages, which nobody exports"},
	{"prometheus/alerts.yaml", "max by (service) (orderflow_stuck", "max by (program) (orderflow_stuck", "groups by program"},
	{"prometheus/alerts.yaml", "{gate=\"fraud\"}", "{door=\"fraud\"}", "has no label door"},
	{"prometheus/alerts.yaml", "outcome=\"unavailable\"", "outcome=\"not_there\"", "nobody says outcome=\"not_there\""},
	{"prometheus/alerts.yaml", "{ severity: critical }", "{ severity: urgent }", "has no severity"},
	{"prometheus/alerts.yaml", "#entitiesstuck", "#stuckentities", "does not point to its place"},
	{"prometheus/alerts.yaml", "summary: The tables read.* are {{ $value | humanizeDuration }} behind.", "about: The tables are behind.", "ProjectionLags has no summary"},
	{"RUNBOOK.md", "## OutboxOld", "## OutboxFull", "OutboxOld: the runbook does not say"},
	{"RUNBOOK.md", "## OutboxOld", "## OutboxFull", "there is no alert OutboxFull"},
	{"RUNBOOK.md", "**Do** Bring the broker back.", "Bring the broker back.", "OutboxOld: the runbook does not say"},

	// Their tests: rules that fire too late, too early, for too much, or say something else.
	{"prometheus/alerts.yaml", "{le=~\"5|5.0\"}", "{le=~\"2.5\"}", "slow webhooks"},
	{"prometheus/alerts.yaml", "{le=~\"5|5.0\"}", "{le=\"5\"}", "slow webhooks"},
	{"prometheus/alerts.yaml", "outcome=\"unavailable\"", "outcome=~\"unavailable|limited\"", "webhooks that cannot be kept"},
	{"prometheus/alerts.yaml", "[15m])) > 0.1", "[15m])) > 0.001", "a secret that no longer fits"},
	{"prometheus/alerts.yaml", "[15m])) > 10\n", "[15m])) > 10000\n", "a secret that no longer fits"},
	{"prometheus/alerts.yaml", "(orderflow_quarantined_total[15m])) > 5", "(orderflow_quarantined_total[15m])) > 0", "one odd delivery"},
	{"prometheus/alerts.yaml", "{outcome=\"failed\"}[15m]", "[15m]", "a file of secrets"},
	{"prometheus/alerts.yaml", "unless orderflow_ingress_reloads_total{outcome=\"failed\"} offset 15m", "> 1", "a file of secrets"},
	{"prometheus/alerts.yaml", "_seconds > 0) - time()", "_seconds) - time()", "neither a fresh one nor none"},
	{"prometheus/alerts.yaml", "up{job=~\"orderflow.*\"}", "up{job=\"orderflow\"}", "the job that the PodMonitor makes"},
	{"prometheus/alerts.yaml", "up{job=~\"orderflow.*\"}", "up", "nor somebody else's"},
	{"prometheus/alerts.yaml", "for: 3m", "for: 0s", "not one that starts"},
	{"prometheus/alerts.yaml", "absent(orderflow_consumer", "sum(orderflow_consumer", "nobody counts"},
	{"prometheus/alerts.yaml", "pending_messages[10m])) > 0", "pending_messages[10m])) > -9999", "a backlog that grows"},
	{"prometheus/alerts.yaml", "max by (stream, durable) (min_over", "sum by (stream, durable) (min_over", "a backlog that grows"},
	{"prometheus/alerts.yaml", "(orderflow_stream_limit_bytes) > 0) > 0.8", "(orderflow_stream_limit_bytes) > 0) > 0.7", "a stream that is nearly full"},
	{"prometheus/alerts.yaml", "max(orderflow_dead_messages)", "sum(orderflow_dead_messages)", "messages that were given up on"},
	{"prometheus/alerts.yaml", "(orderflow_stuck_entities) > 0", "(orderflow_stuck_entities) >= 0", "orders that nobody can decide about"},
	{"prometheus/alerts.yaml", "max(orderflow_outbox_oldest_seconds) > 60\n        for: 2m", "max(orderflow_outbox_oldest_seconds) > 60\n        for: 0s", "an outbox that is emptied late"},
	{"prometheus/alerts.yaml", "max(orderflow_projection_lag_seconds)", "min(orderflow_projection_lag_seconds)", "tables that are behind"},
	{"prometheus/alerts.yaml", "[10m])) > 0.2", "[10m])) > 0.02", "calls that fail"},
	{"prometheus/alerts.yaml", "outcome=\"failed\"}[10m])) > 5", "outcome=\"failed\"}[10m])) > 500", "calls that fail"},
	{"prometheus/alerts.yaml", "> 24 * 3600", "> 20 * 3600", "orders that wait longer"},
	{"prometheus/alerts.yaml", "> 72 * 3600", "> 720 * 3600", "an order that waits for stock"},
	{"prometheus/alerts.yaml", "{longer_than=\"24h0m0s\"}", "", "payments that wait"},
	{"prometheus/alerts_test.yaml", "alertname: OutboxOld\n        exp_alerts:", "alertname: OutboxOlder\n        exp_alerts:", "there is no alert OutboxOlder"},
	{"prometheus/alerts_test.yaml", "exp_alerts:\n          - exp_labels: { severity: \"critical\", service: \"fulfillment\" }", "exp_alert:\n          - exp_labels: { severity: \"critical\", service: \"fulfillment\" }", "not found in type"},
	{"prometheus/alerts_test.yaml", "alertname: NobodyCounts\n        exp_alerts:", "alertname: ServiceDown\n        exp_alerts:", "NobodyCounts has no test in which it fires"},

	// Dashboards.
	{"grafana/dashboards/pipeline.json", "max(orderflow_dead_messages)", "max(orderflow_dead_letters)", "pipeline.json: Given up on names orderflow_dead_letters"},
	{"grafana/dashboards/pipeline.json", "max by (durable)", "max by (consumer)", "groups by consumer"},
	{"grafana/dashboards/business.json", "order.v1.OrderPlaced", "order.v1.OrderMade", "there is no event order.v1.OrderMade"},
	{"grafana/dashboards/business.json", "status=\\\"held\\\"", "status=\\\"on_hold\\\"", "nobody says status=\"on_hold\""},
	{"grafana/dashboards/ingress.json", "sum by (source) (rate(orderflow_webhooks_total[$__rate_interval]))\"", "sum by (source (rate(orderflow_webhooks_total[$__rate_interval]))\"", "parse error"},
	{"grafana/dashboards/ingress.json", "\"schemaVersion\"", "\"schema\"", "unknown field"},
	{"grafana/dashboards/ingress.json", "\"uid\": \"orderflow-ingress\"", "\"uid\": \"orderflow-business\"", "has the uid of"},
	{"grafana/dashboards/ingress.json", "\"x\": 12, \"y\": 4", "\"x\": 6, \"y\": 4", "lies over"},
	{"grafana/dashboards/ingress.json", "\"id\": 2,", "\"id\": 1,", "is that of another"},
	{"grafana/provisioning/datasources/prometheus.yaml", "uid: prometheus", "uid: metrics", "which is not provisioned"},
}

func TestWhatIsBrokenIsFound(t *testing.T) {
	t.Parallel()
	c, err := code()
	require.NoError(t, err)
	for _, m := range mutations {
		t.Run(m.file+" "+m.found, func(t *testing.T) {
			t.Parallel()
			deploy := copied(t)
			file := filepath.Join(deploy, m.file)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Contains(t, string(text), m.is, "there is nothing to break")
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), m.is, m.becomes, 1)), 0o600))
			assert.Contains(t, strings.Join(concerned(m.file)(deploy, c), "\n"), m.found)
		})
	}
}

// concerned is the part of Check that looks at a file.
func concerned(file string) func(deploy string, code *Code) Findings {
	return func(deploy string, code *Code) (f Findings) {
		switch {
		case strings.HasPrefix(file, "grafana/"):
			dashboards(deploy, code, &f)
		case strings.HasPrefix(file, "prometheus/alerts"), file == "RUNBOOK.md":
			if names := alerts(deploy, code, &f); len(f) == 0 {
				unitTests(deploy, names, &f)
			}
		default:
			compose(deploy, code, &f)
		}
		return f
	}
}
