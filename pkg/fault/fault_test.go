package fault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/fault"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	assert.Equal(t, fault.Transient, fault.KindOf(assert.AnError), "what nobody sorted is tried again")
	assert.Equal(t, fault.Transient, fault.KindOf(nil))
	rejected := fault.New(fault.Rejected, "no such %s", "order")
	require.EqualError(t, rejected, "no such order")
	assert.Equal(t, fault.Rejected, fault.KindOf(fmt.Errorf("cancel: %w", rejected)))
	outer := fault.Wrap(fault.Invalid, rejected, "read")
	assert.Equal(t, fault.Invalid, fault.KindOf(outer), "the outermost one counts")
	require.ErrorIs(t, outer, rejected)
	require.EqualError(t, outer, "read: no such order")
	require.NoError(t, fault.Wrap(fault.Invalid, nil, "read"))
	assert.Equal(t, []string{"transient", "rejected", "conflict", "invalid"},
		[]string{fault.Transient.String(), fault.Rejected.String(), fault.Conflict.String(), fault.Invalid.String()})
}
