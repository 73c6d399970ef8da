package reactor_test

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
)

// The broker may go away together with the replica that was served: whoever takes over then waits for it, and does not
// take its whole process down.
func TestWhoTakesOverWhileTheBrokerIsAwayWaitsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.js.DeleteStream(t.Context(), bus.Events))
	s := spec(covers)
	s.Single = true
	waits := &heard{word: "stream EVENTS is missing", it: make(chan struct{})}
	w.runs(s, zerolog.New(waits))
	select {
	case <-waits.it:
	case <-time.After(soon):
		require.Fail(t, "it does not say what it waits for")
	}
	require.NoError(t, bus.Provision(t.Context(), w.js, bus.StreamOptions{}))
	w.placed(1)
	w.ring(1)
	w.eventuallyPayments(1, "FundsCovered")
}
