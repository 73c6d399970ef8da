package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestUsageNamesEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	text := usage(Service{Name: "fulfillment", About: "It ships.", Config: &struct {
		Delay time.Duration `env:"SETTLE_DELAY" envDefault:"5s" desc:"How long an order settles."`
	}{}})
	assert.Contains(t, text, "fulfillment: It ships.\n")
	assert.Contains(t, text, "\n  SETTLE_DELAY (5s)\n      How long an order settles.\n")
	assert.Contains(t, text, "\n  DATABASE_URL\n")
}
