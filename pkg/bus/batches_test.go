package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/bus"
)

func TestWhatComesDuringABatchAndTheBreathAfterItIsHandledTogether(t *testing.T) {
	t.Parallel()
	inbox, begun, goOn := make(chan int, 10), make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	var batches [][]int
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		bus.Batches[int]{Inbox: inbox, Most: 3, Breath: time.Hour}.Each(ctx, func(batch []int) {
			batches = append(batches, batch)
			begun <- struct{}{}
			<-goOn
		})
	}()
	inbox <- 1
	<-begun // alone: there was nothing to wait for
	inbox <- 2
	inbox <- 3
	goOn <- struct{}{}
	inbox <- 4
	inbox <- 5
	<-begun
	stop()
	goOn <- struct{}{}
	<-ended
	assert.Equal(t, [][]int{{1}, {2, 3, 4}}, batches, "a full batch waits for nothing more")
	bus.Batches[int]{Inbox: inbox, Most: 3}.Rest(t.Context(), func(batch []int) { batches = append(batches, batch) })
	assert.Equal(t, []int{5}, batches[2])
}
