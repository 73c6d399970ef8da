package eventstore_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// Two replicas put off the same messages at once, each in the order in which they came to it.
func TestTimersThatTwoPutOffAtOnceDoNotLockThemOut(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	timers := make([]eventstore.Timer, 300)
	for i := range timers {
		timers[i] = eventstore.Timer{Service: "orders", ID: ident.Named("timer", fmt.Sprint(i)), Kind: "retry", DueAt: time.Now().Add(time.Hour)}
	}
	backwards := slices.Clone(timers)
	slices.Reverse(backwards)
	for range 30 {
		var one error
		var both sync.WaitGroup
		both.Go(func() { one = s.PutTimers(t.Context(), timers) })
		other := s.PutTimers(t.Context(), backwards)
		both.Wait()
		require.NoError(t, one)
		require.NoError(t, other)
	}
}
