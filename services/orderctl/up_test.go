package orderctl

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

func TestUpThatIsInterruptedInItsDemoDrainsAndSaysSoOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DATABASE_URL", testkit.DSN(t))
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan called, 1)
	go func() {
		ended <- call(ctx, "", "up", "--sandbox", "--demo", "2000", "--exit", "--data", dir,
			"--listen", ":0", "--admin-listen", "127.0.0.1:0", "--mailbox-listen", "127.0.0.1:0")
	}()
	var run Running
	require.Eventually(t, func() bool {
		file, err := os.ReadFile(filepath.Join(dir, runFile))
		return err == nil && json.Unmarshal(file, &run) == nil
	}, time.Minute, 10*time.Millisecond)
	assert.Equal(t, os.Getpid(), run.PID)
	assert.Contains(t, run.IngressURL, "http://127.0.0.1:", "where it can be called, though it listens everywhere")
	interrupt()
	r := <-ended
	assert.Equal(t, 1, r.code, "it did not do what was asked for")
	assert.Equal(t, errInterrupted.Error(), r.said)
	assert.NoFileExists(t, filepath.Join(dir, runFile))
}

func TestUpIsCalledWrongly(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"up", "now"}, {"up", "--exit"}, {"up", "--demo", "5"}, {"up", "--sandbox", "--demo", "-1"}} {
		r := call(t.Context(), "", args...)
		assert.Equal(t, 2, r.code, args)
		assert.Contains(t, r.said, "Try 'orderctl up --help'.", args)
	}
}

func TestTheFirstDeliveryThatCannotBeSentEndsTheDemo(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler)
	}))
	defer broken.Close()
	const orders = 200
	sender := &demo.Sender{IngressURL: broken.URL, Secrets: map[string]string{
		"stripe": "whsec_x", "shopify": "x", "woocommerce": "x", "checkout": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}}
	_, err := sender.Send(t.Context(), demo.Tell(orders, time.Now(), 1), func(int) {})
	require.ErrorContains(t, err, "post to the ingress")
	assert.NotContains(t, err.Error(), "\n", "once is enough")
	assert.Less(t, calls.Load(), int64(orders))
}
