package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPhasesAreRead(t *testing.T) {
	t.Parallel()
	phases, err := ParsePhases("10x60s, 50x2m,0.5x10s,0x1s")
	require.NoError(t, err)
	assert.Equal(t, []Phase{
		{Rate: 10, Duration: time.Minute}, {Rate: 50, Duration: 2 * time.Minute}, {Rate: 0.5, Duration: 10 * time.Second}, {Duration: time.Second},
	}, phases)
	assert.Equal(t, []int{600, 6000, 5, -1}, []int{phases[0].planned(), phases[1].planned(), phases[2].planned(), phases[3].planned()})
	for _, p := range phases {
		same, err := ParsePhases(p.String())
		require.NoError(t, err)
		assert.Equal(t, []Phase{p}, same, "it is written as it is read")
	}
	for _, s := range []string{"", "10", "10x", "x10s", "10x10", "-1x1s", "10x-1s", "10x0s", "nanx1s", "infx1s", "2000000x1s", "10x60s,", "10 per second x 1s"} {
		_, err := ParsePhases(s)
		assert.Error(t, err, s)
	}
}

func TestWhatIsDueWhenFollowsFromTheRateAlone(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := newPhase(Phase{Rate: 4, Duration: time.Second})
	p.began = began
	for n := range 4 {
		due, ok := p.take(began.Add(time.Hour))
		require.True(t, ok)
		assert.Equal(t, began.Add(time.Duration(n)*250*time.Millisecond), due, "however late it is taken")
	}
	_, ok := p.take(began)
	assert.False(t, ok)
	assert.Equal(t, 0, p.dueBy(began.Add(-1)))
	assert.Equal(t, 2, p.dueBy(began.Add(300*time.Millisecond)))
	assert.Equal(t, 4, p.dueBy(began.Add(time.Hour)))
}

func TestAsManyAsAreTakenEndsByTimeOrByNumber(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := newPhase(Phase{Duration: time.Second, Most: 2})
	p.began = began
	for range 2 {
		due, ok := p.take(began.Add(time.Millisecond))
		require.True(t, ok)
		assert.Equal(t, began.Add(time.Millisecond), due)
	}
	_, ok := p.take(began.Add(time.Millisecond))
	assert.False(t, ok)
	p = newPhase(Phase{Duration: time.Second})
	p.began = began
	_, ok = p.take(began.Add(time.Second))
	assert.False(t, ok)
}
