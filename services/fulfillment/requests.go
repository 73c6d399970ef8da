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
	Until    time.Time // of the attempt, which tells it from the next one
}

// void asks the carrier to take a label back.
type void struct {
	Shipment string
	Reason   string
	Attempt  int
}

// Key is another one for each intent: what follows from an answer is asked while the call before still counts as under way.
func (q buy) Key() string {
	return fmt.Sprintf("buy/%s/%d/%d", q.Shipment, q.Attempt, q.Until.UnixNano())
}
func (q lookup) Key() string {
	return fmt.Sprintf("lookup/%s/%d/%d", q.Shipment, q.Attempt, q.Until.UnixNano())
}
func (q void) Key() string { return fmt.Sprintf("void/%s/%d", q.Shipment, q.Attempt) }
