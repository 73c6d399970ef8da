//go:build linux

package orderctl

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inThisProgram runs services and brokers as this test program, started once more.
func inThisProgram(name string, words ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-test.run=^TestKillsAreDoneToThis$", "-test.timeout=0")
	cmd.Env = []string{killRunsEnv + "=" + name}
	if len(words) == 2 { // orderctl broker CONFIGURATION
		cmd.Env = []string{killRunsEnv + "=" + nodeName, killNATSEnv + "=" + words[1]}
	}
	return cmd, nil
}

// Costs in their smallest form: every process is looked at, and an order leaves in streams and tables what it has to.
func TestBenchMeasuresCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts twelve processes")
	}
	t.Parallel()
	b := &bench{benchFlags: &benchFlags{only: []string{partCost}, seconds: 1, skus: 10, dir: killFolder(t)}, program: inThisProgram, say: t.Logf}
	require.NoError(t, b.all(t.Context()))
	c := b.report.Cost
	require.Len(t, c.Backlog, costRounds)
	require.Len(t, c.Steady, costRounds)
	for _, run := range append(c.Backlog, c.Steady...) {
		for _, name := range []string{"ingress", "orders", "payment", "fraud", "inventory", "fulfillment", "notifier", "projector", "nats", "postgres"} {
			assert.Contains(t, run.CPU, name)
		}
		assert.Positive(t, run.CPU["nats"])
		assert.Positive(t, run.CPU["postgres"])
	}
	for _, p := range c.Processes {
		if p.Name != "postgres" {
			assert.Positive(t, p.RestMB, p.Name)
			assert.GreaterOrEqual(t, p.PeakMB, p.RestMB, p.Name)
		}
	}
	rows := map[string]float64{}
	for _, table := range c.Tables {
		rows[table.Name] = table.Rows
	}
	assert.GreaterOrEqual(t, rows["orderflow.events"], 12.0, "twelve events of its own, and its share of the SKUs'")
	assert.InDelta(t, 3, rows["orderflow.keys"], 0.01)
	for _, s := range c.Streams {
		if s.Name == "INTAKE" {
			assert.InDelta(t, 2, s.Messages, 0.01, "the payment and the scan")
			assert.Greater(t, s.Bytes, 2000.0, "a body of 2 KB is in it")
		}
	}
	var out bytes.Buffer
	require.NoError(t, b.report.print(&out))
	for _, head := range []string{"CPU FOR EACH ORDER", "MEMORY", "STREAM", "TABLE", "ingress", "INTAKE", "orderflow.events"} {
		assert.Contains(t, out.String(), head)
	}
}

// A program that is not there is named, and nothing is left running.
func TestBenchWantsThePrograms(t *testing.T) {
	t.Parallel()
	_, err := programsIn(t.TempDir())("orders")
	require.ErrorContains(t, err, "make build")
}
