package bus_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/pkg/bus"
)

func TestTroubleThatGoesOnIsToldSparingly(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	tell := bus.Sparing(zerolog.New(&log), "broker")
	for range 1000 {
		tell(errors.New("no heartbeat"))
	}
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "no heartbeat")
}
