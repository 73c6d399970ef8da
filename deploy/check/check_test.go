package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The root of the repository, and what stands in its code.
const root = "../.."

var code = sync.OnceValues(func() (*Code, error) { return ReadCode(root) })

func TestDeployIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	c, err := code()
	require.NoError(t, err)
	assert.Empty(t, Check(filepath.Join(root, "deploy"), c))
}

func TestTheCodeIsRead(t *testing.T) {
	t.Parallel()
	c, err := code()
	require.NoError(t, err)
	for name, labels := range map[string][]string{
		"orderflow_webhooks_total":            {"source", "outcome"},             // by promauto
		"orderflow_webhook_seconds_bucket":    {"source", "le"},                  // a histogram
		"orderflow_events_appended_total":     {"service", "type"},               // with a constant label
		"orderflow_retries_total":             {"service"},                       // by a maker of counters
		"orderflow_consumer_pending_messages": {"stream", "durable"},             // by a maker of gauges
		"orderflow_payment_parked":            {"longer_than"},                   // without a namespace
		"orderflow_ready":                     {}, "orderflow_dead_messages": {}, // without labels
	} {
		require.Contains(t, c.metrics, name)
		assert.Len(t, c.metrics[name], len(labels), name)
		for _, l := range labels {
			assert.True(t, c.metrics[name][l], "%s has no %s", name, l)
		}
	}
	assert.NotContains(t, c.metrics, "orderflow_webhook_seconds")
	assert.True(t, c.settings["CARRIER_KEY"]["fulfillment"])
	assert.True(t, c.settings["NATS_URL"][""])
	assert.True(t, c.secret["MASTER_KEY"] && c.secret["SMTP_URL"] && c.secret["DATABASE_URL"])
	assert.False(t, c.secret["LOG_LEVEL"])
	assert.True(t, c.events["order.v1.OrderPlaced"])
	assert.True(t, c.programs["payment"] && c.programs["orderctl"])
}

func TestNothingStartsWithoutSecrets(t *testing.T) {
	t.Parallel()
	deploy := filepath.Join(root, "deploy")
	secrets, err := makeSecrets(deploy)
	require.NoError(t, err)
	for name := range secrets {
		without := map[string]string{}
		for n, v := range secrets {
			if n != name {
				without[n] = v
			}
		}
		_, err := parse(deploy, without)
		require.ErrorContains(t, err, "run deploy/secrets.sh first", name)
	}
}

// copied is deploy/ in a folder of its own, where it may be broken. What it refers to outside is there as well.
func copied(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	deploy := filepath.Join(top, "deploy")
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within, err := filepath.Rel(filepath.Join(root, "deploy"), path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if within == "check" || within == "images" {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(deploy, within), 0o700)
		}
		if strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(deploy, within), text, 0o600)
	}))
	return deploy
}
