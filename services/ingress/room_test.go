package ingress

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who sends slowly and much takes the room of nobody else, and gives back what he took.
func TestOnlySoManyBytesOfBodiesAreInHandAtATime(t *testing.T) {
	t.Parallel()
	h := bare(t, SourceByName("checkout"), &keeper{})
	h.room.most = int64(len(anOrder)) + 100
	arriving, sender := io.Pipe()
	slow := signed(t, "checkout", checkoutSecret, anOrder)
	slow.Body, slow.ContentLength = arriving, -1
	answered := make(chan int, 1)
	go func() { answered <- h.direct(t, slow) }()
	_, err := io.WriteString(sender, strings.Repeat(" ", 101))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return h.room.taken.Load() == 101 }, 10*time.Second, time.Millisecond)

	require.Equal(t, http.StatusServiceUnavailable, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)))
	require.EqualValues(t, 101, h.room.taken.Load())
	require.NoError(t, sender.Close())
	require.Equal(t, http.StatusUnauthorized, <-answered)
	require.Equal(t, http.StatusOK, h.direct(t, signed(t, "checkout", checkoutSecret, anOrder)))
	require.Zero(t, h.room.taken.Load())
}
