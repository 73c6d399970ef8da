package fault_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/fault"
)

func TestAPanicIsToldWithoutWhatWasWorkedOn(t *testing.T) {
	t.Parallel()
	told := func(f func()) (told string) {
		defer func() { told = fault.Panicked(recover()) }()
		f()
		return ""
	}
	assert.Equal(t, "string", told(func() { panic("4111111111111111") }))
	assert.Equal(t, "*errors.errorString", told(func() { panic(errors.New("4111111111111111")) }))
	var none []int
	beyond := len(none)
	assert.Equal(t, "runtime error: index out of range [0] with length 0", told(func() { _ = none[beyond] }))
}
