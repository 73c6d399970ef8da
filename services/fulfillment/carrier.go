package fulfillment

import (
	"context"
	"errors"
	"fmt"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// Carrier sells labels. Every method is safe to call again: buying with the same key buys once, voiding what is void
// does nothing. Errors are CarrierErrors.
type Carrier interface {
	Buy(ctx context.Context, p Parcel) (Label, error)
	// Lookup finds a label that is not void by our reference. If there is none it fails with NotFound.
	Lookup(ctx context.Context, reference string) (Label, error)
	// Void voids every label that was bought under our reference.
	Void(ctx context.Context, reference string) error
}

// Parcel is what a label is bought for.
type Parcel struct {
	Reference string
	Key       string // of idempotency
	To        *typev1.Address
	Lines     []*orderv1.LineQuantity
	// Priority asks the carrier to go first with it.
	Priority bool
}

// Label is what a carrier sold.
type Label struct {
	Tracking string
	URL      string
	Cost     *typev1.Money
}

// Failure says what a failed call means for what was asked.
type Failure int

// The failures.
const (
	// Refused: the carrier understood and will not do it, however often it is asked.
	Refused Failure = iota + 1
	// NotFound: there is nothing under that reference.
	NotFound
	// Down: it was certainly not done, for a reason that has nothing to do with this parcel. It counts as no attempt.
	Down
	// Failed: it was certainly not done; another attempt may do better.
	Failed
	// Unknown: nobody knows whether it was done.
	Unknown
)

// CarrierError is a failed call. It holds a machine word and never what the carrier said about a person's address.
type CarrierError struct {
	Failure Failure
	Code    string
}

func (e *CarrierError) Error() string { return fmt.Sprintf("the carrier's answer: %s", e.Code) }

// failureOf is what an error means: 0 if there is none, Unknown for errors that no carrier sorted.
func failureOf(err error) (failure Failure, code string) {
	if err == nil {
		return 0, ""
	}
	var c *CarrierError
	if errors.As(err, &c) {
		return c.Failure, c.Code
	}
	return Unknown, "unknown"
}
