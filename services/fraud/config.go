package fraud

import (
	"errors"
	"fmt"
)

// Config is what an operator can set about risk.
type Config struct {
	HoldAbove   float64 `env:"FRAUD_HOLD_ABOVE" envDefault:"0.8" desc:"Orders whose risk is above this score (0 to 1) wait for a person."`
	RejectAbove float64 `env:"FRAUD_REJECT_ABOVE" envDefault:"1" desc:"Orders whose risk is above this score (0 to 1) are cancelled; 1 means never."`
}

// Check says everything that cannot be meant.
func (c *Config) Check() error {
	var errs []error
	for _, limit := range []struct {
		name  string
		value float64
	}{{"FRAUD_HOLD_ABOVE", c.HoldAbove}, {"FRAUD_REJECT_ABOVE", c.RejectAbove}} {
		if !(limit.value >= 0 && limit.value <= 1) { // as it stands, so that "not a number" is none
			errs = append(errs, fmt.Errorf("%s is a score from 0 to 1, like 0.8", limit.name))
		}
	}
	return errors.Join(errs...)
}
