package projector

import (
	"errors"
	"time"
)

// Config is what an operator can set about projections and the journal.
type Config struct {
	JournalRetention time.Duration `env:"JOURNAL_RETENTION" envDefault:"2160h" desc:"How long deliveries are kept in the journal (2160h are 90 days). Whole days are dropped."`
}

// Check refuses a retention that would drop what is still being handled.
func (c *Config) Check() error {
	if c.JournalRetention < shortestRetention {
		return errors.New("JOURNAL_RETENTION is at least 192h: deliveries stay in the broker for seven days")
	}
	return nil
}

const shortestRetention = 8 * 24 * time.Hour
