package orders

import "time"

// Config is what an operator can set about the life of orders.
type Config struct {
	RequireAddress bool `env:"FULFILLMENT_REQUIRE_ADDRESS" envDefault:"true" desc:"Hold an order that has something to ship and no shipping address."`
	// PriorityAbove is in major units of the order's own currency, as a decimal.
	PriorityAbove   string        `env:"FULFILLMENT_PRIORITY_ABOVE" envDefault:"500" desc:"Orders whose total is above this amount (major units, any currency) are shipped first."`
	PaymentDeadline time.Duration `env:"ORDER_PAYMENT_DEADLINE" envDefault:"168h" desc:"An order of which nothing was paid for this long expires; 0 means never."`
	HoldDeadline    time.Duration `env:"ORDER_HOLD_DEADLINE" envDefault:"24h" desc:"How long a hold may wait for a person before it is shown as overdue."`
}
