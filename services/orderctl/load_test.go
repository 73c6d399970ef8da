package orderctl

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/orderctl/load"
)

// What load sends in the name of every source is an order that is carried to its end.
func TestLoadSendsOrdersThatAreCarriedToTheirEnd(t *testing.T) {
	t.Parallel()
	r := runAll(t)
	require.NoError(t, r.ground.Remember(Running{
		IngressURL: r.ground.URL("ingress"), DatabaseURL: r.ground.DatabaseURL, NATSURL: r.ground.NATSURL, Secrets: r.ground.Secrets(),
	}))
	file := filepath.Join(t.TempDir(), "report.json")
	said := call(t.Context(), "", "load", "--data", r.ground.Dir, "--rate", "20", "--duration", "2s", "--sources", "stripe:2,shopify,woocommerce,checkout",
		"--skus", "5", "--stock", "1000", "--seed", "7", "--json", file)
	require.Equal(t, 0, said.code, said.said)
	assert.Contains(t, said.out, "20x2s")
	assert.Contains(t, said.out, "Seed 7, 64 connections.")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	var report load.Report
	require.NoError(t, json.Unmarshal(written, &report))
	assert.Equal(t, []int{40, 40, 40}, []int{report.All.Intended, report.All.Sent, report.All.Accepted})
	assert.LessOrEqual(t, report.All.Latency.P50, report.All.Latency.P999)
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM read.orders WHERE status = 'completed' AND payment_status = 'paid'`) == 40
	}, lifetime, 100*time.Millisecond)
	assert.Equal(t, 8, r.count(t, `SELECT count(*) FROM read.orders WHERE source = 'woocommerce'`))

	// The same seed tells the same orders again, and nothing comes of it. What comes behind them shows that they were read.
	again := []string{"load", "--data", r.ground.Dir, "--rate", "0", "--orders", "5", "--skus", "5", "--sources", "stripe:2,shopify,woocommerce,checkout", "--json", "-"}
	for _, seed := range []string{"7", "8"} {
		said = call(t.Context(), "", append(again, "--seed", seed)...)
		require.Equal(t, 0, said.code, said.said)
		require.NoError(t, json.Unmarshal([]byte(said.out), &report))
		assert.Equal(t, 5, report.All.Accepted)
	}
	require.Eventually(t, func() bool {
		return r.count(t, `SELECT count(*) FROM read.orders WHERE status = 'completed'`) == 45
	}, lifetime, 100*time.Millisecond)
	assert.Equal(t, 45, r.count(t, `SELECT count(*) FROM read.orders`))

	// A secret that the ingress does not have.
	r2 := Running{IngressURL: r.ground.URL("ingress"), Secrets: map[string]string{"stripe": "whsec_another"}}
	elsewhere := t.TempDir()
	remembered, err := json.Marshal(r2)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, runFile), remembered, 0o600))
	said = call(t.Context(), "", "load", "--data", elsewhere, "--rate", "0", "--orders", "3")
	assert.Equal(t, 1, said.code)
	assert.Contains(t, said.out, "3 answered 401: the secret is not the one that the ingress has")
	assert.Equal(t, "orderctl: of 3 deliveries 3 were not accepted", said.said)
}

func TestLoadSaysWhatItLacks(t *testing.T) {
	for _, name := range []string{"STRIPE_WEBHOOK_SECRET", "SHOPIFY_WEBHOOK_SECRET_EU"} {
		t.Setenv(name, "")
	}
	nowhere := t.TempDir()
	for said, args := range map[string][]string{
		"Set STRIPE_WEBHOOK_SECRET, or name the folder": {"--url", "http://127.0.0.1:1"},
		"Set SHOPIFY_WEBHOOK_SECRET_EU,":                {"--url", "http://127.0.0.1:1", "--sources", "shopify/eu:2"},
		"which ingress? Give it with --url":             {},
	} {
		r := call(t.Context(), "", append([]string{"load", "--data", nowhere}, args...)...)
		assert.Equal(t, 1, r.code, args)
		assert.Contains(t, r.said, said)
	}
	for _, args := range [][]string{
		{"now"}, {"--rate", "-1"}, {"--duration", "0s"}, {"--phases", "10x"}, {"--phases", "10x1s", "--rate", "5"}, {"--connections", "0"}, {"--skus", "0"},
		{"--url", "http://127.0.0.1:1", "--sources", "amazon"}, {"--url", "http://127.0.0.1:1", "--sources", "stripe:0"}, {"--stock", "-1"},
	} {
		r := call(t.Context(), "", append([]string{"load", "--data", nowhere}, args...)...)
		assert.Equal(t, 2, r.code, args)
		assert.Contains(t, r.said, "Try 'orderctl load --help'.", args)
	}
	t.Setenv("STRIPE_WEBHOOK_SECRET", "whsec_of_a_test")
	r := call(t.Context(), "", "load", "--data", nowhere, "--url", "http://127.0.0.1:1")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nobody answers at http://127.0.0.1:1")
}
