package fulfillment

import (
	"fmt"
	"time"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// buy asks the carrier for a label.
type buy struct {
	Shipment string
	Attempt  int
	Token    string // the idempotency key
	Until    time.Time
	Lines    []*orderv1.LineQuantity
	Priority bool
}

// lookup asks the carrier what became of an attempt.
type lookup struct {
	Shipment string
	Attempt  int
}

// void asks the carrier to take a label back.
type void struct {
	Shipment string
	Reason   string
	Attempt  int
}

func (q buy) Key() string    { return fmt.Sprintf("buy/%s/%d", q.Shipment, q.Attempt) }
func (q lookup) Key() string { return fmt.Sprintf("lookup/%s/%d", q.Shipment, q.Attempt) }
func (q void) Key() string   { return fmt.Sprintf("void/%s", q.Shipment) }
