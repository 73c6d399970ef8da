package inventory

import "time"

// Config is what an operator can set about stock.
type Config struct {
	BackorderDeadline time.Duration `env:"INVENTORY_BACKORDER_DEADLINE" envDefault:"72h" desc:"How long an order may wait for stock before a person is asked."`
	DefaultLocation   string        `env:"INVENTORY_DEFAULT_LOCATION" envDefault:"main" desc:"Location of stock that is told without one."`
}
