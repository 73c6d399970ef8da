package orders

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"
)

// Config is what an operator can set about the life of orders.
type Config struct {
	RequireAddress bool `env:"FULFILLMENT_REQUIRE_ADDRESS" envDefault:"true" desc:"Hold an order that has something to ship and no shipping address."`
	// PriorityAbove is in major units of the order's own currency, as a decimal.
	PriorityAbove   string        `env:"FULFILLMENT_PRIORITY_ABOVE" envDefault:"500" desc:"Orders whose total is above this amount (major units, any currency) are shipped first."`
	PaymentDeadline time.Duration `env:"ORDER_PAYMENT_DEADLINE" envDefault:"168h" desc:"An order of which nothing was paid for this long expires, and one that was paid in part is held; 0 means never."`
	HoldDeadline    time.Duration `env:"ORDER_HOLD_DEADLINE" envDefault:"24h" desc:"How long a hold may wait for a person before it is shown as overdue."`
	ServiceDeadline time.Duration `env:"ORDER_SERVICE_DEADLINE" envDefault:"1h" desc:"How long one of our own services may take to score an order, reserve for it or close it before a person is asked; 0 means never."`
	// What comes after the label is nobody's to hold: these say from when on 'orderctl order list --overdue' names it.
	PickupDeadline   time.Duration `env:"ORDER_PICKUP_DEADLINE" envDefault:"72h" desc:"How long a labelled parcel may wait for the carrier's first scan before it counts as overdue; 0 means never."`
	DeliveryDeadline time.Duration `env:"ORDER_DELIVERY_DEADLINE" envDefault:"336h" desc:"How long a parcel may be on its way before it counts as overdue; 0 means never."`
}

// Patience is how long everybody may take, as the settings have it.
func (c *Config) Patience() order.Patience {
	return order.Patience{
		Payment: c.PaymentDeadline, Person: c.HoldDeadline, Service: c.ServiceDeadline, Pickup: c.PickupDeadline, Delivery: c.DeliveryDeadline,
	}
}

// Check says everything that cannot be meant.
func (c *Config) Check() error {
	var errs []error
	if limit, err := money.Parse(cut(c.PriorityAbove, 0), "JPY"); err != nil || limit.Minor < 0 || strings.HasPrefix(c.PriorityAbove, "-") {
		errs = append(errs, errors.New("FULFILLMENT_PRIORITY_ABOVE is an amount in major units that is not negative, like 500 or 499.50"))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ORDER_PAYMENT_DEADLINE", c.PaymentDeadline}, {"ORDER_HOLD_DEADLINE", c.HoldDeadline}, {"ORDER_SERVICE_DEADLINE", c.ServiceDeadline},
		{"ORDER_PICKUP_DEADLINE", c.PickupDeadline}, {"ORDER_DELIVERY_DEADLINE", c.DeliveryDeadline},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative: use 0 for never", d.name))
		}
	}
	return errors.Join(errs...)
}

// cut leaves a decimal no more than so many digits after its point. Whole amounts above it are the same as before.
func cut(decimal string, digits int) string {
	whole, fraction, _ := strings.Cut(decimal, ".")
	for _, r := range fraction {
		if r < '0' || r > '9' {
			return decimal // no decimal: whoever reads it says so
		}
	}
	return whole + "." + fraction[:min(digits, len(fraction))]
}
