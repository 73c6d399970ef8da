package source_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/services/ingress/source"
)

func TestIDsKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for id, want := range map[source.Scalar]string{
		"820982911946154508": "820982911946154508", "": "", "0": "", "-1": "", "1.5": "", "8.2e17": "", "abc": "", "18446744073709551616": "18446744073709551616",
	} {
		var trouble source.Trouble
		assert.Equal(t, want, trouble.ID("id", id), "%q", id)
		assert.Equal(t, want == "", trouble.Quarantine() != nil, "%q", id)
	}
}

func TestStripesIDsAreNames(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"pi_3ABC": "stripe:pi_3ABC", "ch_1": "stripe:ch_1", "py_1": "stripe:py_1", "ch_woo_1": "stripe:ch_woo_1",
		"": "", "pi_": "", "pi": "", "re_1": "", "pi_1_secret_2": "", "pi_1 x": "", "ch_ü": "", "authorization-key": "", "PI_1": "",
	} {
		assert.Equal(t, want, source.StripeName(id), id)
	}
}
