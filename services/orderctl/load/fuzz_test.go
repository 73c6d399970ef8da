package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Phases that are read can be kept, and are written as they are read.
func FuzzPhases(f *testing.F) {
	for _, text := range []string{"10x60s,50x120s", "0x1ns", "0.5x10s, 1e6x2540400h", "-0x1s", "0x1p3x1s", "nanx1s", "1e-320x1h", "5x-1s", ",", "10x60s,", "10X60s", "1_0x1s", "１x1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		phases, err := ParsePhases(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, phases)
		for _, p := range phases {
			require.NoError(t, p.Check())
			again, err := ParsePhases(p.String())
			require.NoError(t, err)
			require.Equal(t, []Phase{p}, again)
			planned := p.planned()
			require.True(t, planned >= 0 || p.Rate == 0 && planned == -1, "%v plans %d", p, planned)
			if planned > 0 {
				last := p.due(planned - 1)
				require.True(t, last >= 0 && last <= p.Duration, "the last of %v is due after %s", p, last)
			}
		}
	})
}
