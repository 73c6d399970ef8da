package eventstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/testkit"
)

// Two replicas that were handed overlapping news decide about one order at once. What the loser shares with the winner is
// no reason to take it for a repeat: what it alone was told would be lost with it.
func TestADecisionThatSharesACauseWithTheWinnerIsNoRepeat(t *testing.T) {
	t.Parallel()
	s, _ := testkit.Store(t)
	orders := 0
	race := func(loser ...string) eventstore.Outcome {
		orders++
		id, neighbour := orderID(orders), orderID(1000+orders)
		appendTo(t, s, unit(id, 0, "a", "b"))
		result := appendTo(t, s, unit(id, 0, loser...), unit(neighbour, 0, "e"))
		assert.Equal(t, eventstore.Stored, result.Outcomes[1])
		assert.Equal(t, []int{1, 2}, versions(t, s, id))
		assert.Len(t, result.Doorbells, 1)
		return result.Outcomes[0]
	}
	assert.Equal(t, eventstore.Conflict, race("a", "b", "c"), "it was told more")
	assert.Equal(t, eventstore.Conflict, race("b", "c"), "one thing of each")
	assert.Equal(t, eventstore.Conflict, race("c", "a"), "something else came first")
	assert.Equal(t, eventstore.Conflict, race("c", "d", "b"), "it shares the last one alone")
	assert.Equal(t, eventstore.Repeat, race("a"), "it was told less")
	assert.Equal(t, eventstore.Repeat, race("b"), "less, and later")
	assert.Equal(t, eventstore.Repeat, race("b", "a"), "all of it, in another order")
}
