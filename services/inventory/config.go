package inventory

import (
	"errors"
	"time"
)

// Config is what an operator can set about stock.
type Config struct {
	BackorderDeadline time.Duration `env:"INVENTORY_BACKORDER_DEADLINE" envDefault:"72h" desc:"How long an order may wait for stock before a person is asked."`
	DefaultLocation   string        `env:"INVENTORY_DEFAULT_LOCATION" envDefault:"main" desc:"Location of stock that is told without one."`
}

// Check says what cannot work.
func (c Config) Check() error {
	var wrong []error
	if c.BackorderDeadline <= 0 {
		wrong = append(wrong, errors.New("INVENTORY_BACKORDER_DEADLINE has to be above zero: an order that waits for stock would be a question at once"))
	}
	if !plain(c.DefaultLocation) {
		wrong = append(wrong, errors.New("INVENTORY_DEFAULT_LOCATION is too long or holds characters that cannot be seen"))
	}
	return errors.Join(wrong...)
}
