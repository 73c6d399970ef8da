package orders

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// Who asks for a cancellation decides how it ends, so a person is never taken for a rule, whatever he calls himself.
func TestAPersonIsNeverTakenForARule(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "rule", "shop", "payment", "fraud", "expiry"} {
		trigger := command(&commandv1.CancelOrder{})
		trigger.Command.By = name
		d := decide(t, rules, given(t, ready()...), trigger, noon)
		require.Len(t, d.Events, 1, name)
		m, ok := d.Events[0].Message.(*orderv1.OrderCancelling)
		require.True(t, ok, name)
		assert.Equal(t, "operator", m.GetBy(), name)
	}
	trigger := command(&commandv1.CancelOrder{})
	trigger.Command.By = "kim"
	m, ok := decide(t, rules, given(t, ready()...), trigger, noon).Events[0].Message.(*orderv1.OrderCancelling)
	require.True(t, ok)
	assert.Equal(t, "kim", m.GetBy())
}
