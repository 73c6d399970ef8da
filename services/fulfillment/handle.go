package fulfillment

import (
	"context"
	"fmt"
	"time"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// service is the name under which this service appends, waits and listens.
const service = "fulfillment"

// rings are the news that may open or close the gate of a label. What comes before an order can be released at all
// (placed, scored) is not among them: the release tells of it.
var rings = []bus.Ring{
	{Category: event.Order, Types: []string{
		"FulfillmentReleased", "OrderEdited", "HoldPlaced", "HoldReleased", "OrderCancelling", "CancellationRefused", "OrderCancelled", "OrderExpired",
	}},
	{Category: event.Payment, Types: []string{"PaymentCaptured", "PaymentRefunded", "PaymentDisputed", "PaymentVoided", "RefundGranted", "RefundFailed"}},
	{Category: event.Fraud, Types: []string{"ReviewDecided"}},
	{Category: event.Inventory, Types: []string{"StockAllocated", "StockBackordered"}},
}

// handler makes the calls that the rules plan.
type handler struct {
	rules   Rules
	calls   int // at once
	carrier Carrier
	vault   Opener
	clock   func() time.Time
}

// Opener opens the seal of an order's person.
type Opener interface {
	Open(ctx context.Context, id ident.Entity, s *typev1.Sealed) (p *typev1.Person, erased bool, err error)
}

func (h *handler) spec() reactor.Spec {
	return reactor.Spec{
		Service: service, Owns: event.Fulfillment, Facts: bus.OwnerFulfillment, Rings: rings, Commands: true, Decide: h.rules.Decide,
		Calls: &reactor.Calls{Workers: h.calls, Do: h.do, Record: h.rules.Record},
	}
}

// Spec is fulfillment as the loop runs it, with one carrier and whoever opens the seals.
func Spec(r Rules, c Carrier, seals Opener, clock func() time.Time) reactor.Spec {
	return (&handler{rules: r, calls: 1, carrier: c, vault: seals, clock: clock}).spec()
}

// do makes one call. Every error it returns is a CarrierError, or nobody knows what was done.
func (h *handler) do(ctx context.Context, o *order.State, q reactor.Request) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, h.rules.CallTimeout)
	defer cancel()
	switch q := q.(type) {
	case buy:
		return h.buy(ctx, o, q)
	case lookup:
		return h.carrier.Lookup(ctx, q.Shipment)
	case void:
		return nil, h.carrier.Void(ctx, q.Shipment)
	}
	return nil, fmt.Errorf("fulfillment makes no call for %T", q)
}

func (h *handler) buy(ctx context.Context, o *order.State, q buy) (any, error) {
	if h.clock().Add(h.rules.CallTimeout).After(q.Until) {
		return nil, &CarrierError{Down, "no_free_place"} // it waited so long that its answer would come too late
	}
	person, erased, err := h.vault.Open(ctx, o.ID, o.Order.Sealed)
	switch {
	case err != nil:
		return nil, &CarrierError{Down, "address_unreadable"}
	case erased:
		return nil, &CarrierError{Refused, "address_erased"}
	}
	return h.carrier.Buy(ctx, Parcel{Reference: q.Shipment, Key: q.Token, To: person.GetShipping(), Lines: q.Lines, Priority: q.Priority})
}
