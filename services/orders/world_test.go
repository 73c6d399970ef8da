package orders

import (
	"crypto/sha256"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	inventoryv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/inventory/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	key   = &typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"}
	id    = ident.Order("checkout", "default", "1001")
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules = Rules{
		Config: Config{
			RequireAddress: true, PriorityAbove: "500", PaymentDeadline: 168 * time.Hour, HoldDeadline: 24 * time.Hour, ServiceDeadline: time.Hour,
		},
		Digest: func(content []byte) []byte { h := sha256.Sum256(content); return h[:] },
	}
)

// given folds what happened, a second apart, the last of it at noon.
func given(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for i, m := range messages {
		record(t, s, noon.Add(time.Duration(i+1-len(messages))*time.Second), m)
	}
	return s
}

func record(t require.TestingT, s *order.State, at time.Time, messages ...proto.Message) {
	for _, m := range messages {
		c := event.CategoryOf(event.TypeOf(m))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
		}))
	}
}

// decide asks and records what was decided; it returns it as well.
func decide(t require.TestingT, r Rules, s *order.State, trigger reactor.Trigger, now time.Time) reactor.Decision {
	d, err := r.Decide(s.Clone(), trigger, now)
	require.NoError(t, err)
	for _, e := range d.Events {
		record(t, s, now, e.Message)
	}
	return d
}

func names(d reactor.Decision) []string {
	var out []string
	for _, e := range d.Events {
		out = append(out, event.NameOf(event.TypeOf(e.Message)))
	}
	return out
}

// Triggers.

var ring = reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("ring")}

func fact(f *intakev1.Fact) reactor.Trigger {
	f.Order = key
	if f.OccurredAt == nil {
		f.OccurredAt = timestamppb.New(noon)
	}
	return reactor.Trigger{Kind: reactor.Fact, Cause: ident.Named("fact"), Report: report(f.GetOrderDescribed()), Fact: f}
}

// report is the report of whoever said just this.
func report(o *intakev1.OrderDescribed) ident.Cause { return ident.Named("report", o.String()) }

func describedAs(o *intakev1.OrderDescribed) reactor.Trigger {
	return fact(&intakev1.Fact{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: o}})
}

func historic(t reactor.Trigger) reactor.Trigger { t.Fact.Historic = true; return t }

func cancelled() reactor.Trigger {
	return fact(&intakev1.Fact{Body: &intakev1.Fact_CancellationReported{CancellationReported: &intakev1.CancellationReported{Reason: "customer"}}})
}

func command(body any) reactor.Trigger {
	c := &commandv1.Command{By: "anna", Reason: "asked by phone"}
	switch b := body.(type) {
	case *commandv1.CancelOrder:
		c.Body = &commandv1.Command_CancelOrder{CancelOrder: b}
	case *commandv1.HoldOrder:
		c.Body = &commandv1.Command_HoldOrder{HoldOrder: b}
	case *commandv1.ReleaseHold:
		c.Body = &commandv1.Command_ReleaseHold{ReleaseHold: b}
	case *commandv1.RetryLabel:
		c.Body = &commandv1.Command_RetryLabel{RetryLabel: b}
	}
	return reactor.Trigger{Kind: reactor.Command, Cause: ident.Named("command"), Command: c}
}

// Descriptions.

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

// described is an order of two mugs for 50.
func described(changes ...func(*intakev1.OrderDescribed)) *intakev1.OrderDescribed {
	o := &intakev1.OrderDescribed{
		Number: "1001", Currency: "USD", Totals: &typev1.Totals{Total: usd(50)}, UpdatedAt: timestamppb.New(noon), PlacedAt: timestamppb.New(noon),
		Lines: []*typev1.Line{{Id: "1", Sku: "MUG", Quantity: 2, UnitPrice: usd(25)}},
		Person: &typev1.Person{
			Email: "a@example.com", Shipping: &typev1.Address{Line1: "Way 1", City: "Berlin", Country: "DE"}, Billing: &typev1.Address{Country: "DE"},
		},
	}
	for _, change := range changes {
		change(o)
	}
	return o
}

func digital(o *intakev1.OrderDescribed) { o.Lines[0].Fulfiller = typev1.Fulfiller_FULFILLER_NOBODY }
func asDraft(o *intakev1.OrderDescribed) { o.Draft, o.Number = true, "" }
func noAddress(o *intakev1.OrderDescribed) {
	o.Person.Shipping = nil
}

func quantity(n int64) func(*intakev1.OrderDescribed) {
	return func(o *intakev1.OrderDescribed) {
		o.Lines[0].Quantity = n
		if n >= 0 && n < 1000 {
			o.Totals.Total = usd(25 * n)
		}
	}
}

func total(minor int64) func(*intakev1.OrderDescribed) {
	return func(o *intakev1.OrderDescribed) { o.Totals.Total.MinorUnits = minor }
}

func at(t time.Time) func(*intakev1.OrderDescribed) {
	return func(o *intakev1.OrderDescribed) { o.UpdatedAt = timestamppb.New(t) }
}

// placed is the event that a description becomes.
func placed(changes ...func(*intakev1.OrderDescribed)) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: description(changes...)}
}

func edited(changes ...func(*intakev1.OrderDescribed)) *orderv1.OrderEdited {
	return &orderv1.OrderEdited{Description: description(append(changes, at(noon.Add(time.Minute)))...)}
}

func description(changes ...func(*intakev1.OrderDescribed)) *orderv1.Description {
	told := described(changes...)
	return rules.description(&intakev1.Fact{Order: key}, told, reactor.Trigger{Report: report(told)})
}

// What other services say.

func captured(minor int64) *paymentv1.PaymentCaptured {
	return &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{
		Names: []string{"stripe:pi_1"}, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER,
	}}
}

// second is another payment.
func second(minor int64) *paymentv1.PaymentCaptured {
	m := captured(minor)
	m.Movement.Names = []string{"stripe:pi_2"}
	return m
}

func refunded(minor int64) proto.Message {
	return &paymentv1.PaymentRefunded{
		Names: []string{"stripe:pi_1"}, Amount: usd(minor), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_SETTLED, Witness: intakev1.Witness_WITNESS_PROVIDER,
	}
}

func dispute(step intakev1.DisputeStep) proto.Message {
	return &paymentv1.PaymentDisputed{DisputeId: "dp_1", Amount: usd(50), Step: step}
}

func scored(v fraudv1.Verdict) proto.Message {
	return &fraudv1.OrderScored{Verdict: v, ScoreMillis: 100}
}

var cleared = scored(fraudv1.Verdict_VERDICT_CLEAR)

func allocated(pieces int64) proto.Message {
	return &inventoryv1.StockAllocated{Allocations: []*inventoryv1.Allocation{{LineId: "1", Sku: "MUG", Location: "main", Quantity: pieces}}}
}

func backordered(deadline time.Time) proto.Message {
	return &inventoryv1.StockBackordered{Shortages: []*inventoryv1.Shortage{{Sku: "MUG", Wanted: 2}}, Deadline: timestamppb.New(deadline)}
}

func released(number int32, pieces int64) proto.Message {
	return &orderv1.FulfillmentReleased{Number: number, Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: pieces}}}
}

func parcel(number string) string { return id.String() + "/" + number }

func labelStarted(number string) proto.Message {
	return &fulfillmentv1.LabelPurchaseStarted{ShipmentId: parcel(number), Attempt: 1, InFlightUntil: timestamppb.New(noon.Add(time.Minute))}
}

func labelFailed(number string, final bool) proto.Message {
	return &fulfillmentv1.LabelPurchaseFailed{ShipmentId: parcel(number), Attempt: 1, Code: "address_invalid", Final: final}
}

func label(number string) proto.Message {
	return &fulfillmentv1.LabelPurchased{ShipmentId: parcel(number), Carrier: "sandbox", TrackingNumber: "SB" + number}
}

func voided(number string) proto.Message {
	return &fulfillmentv1.LabelVoided{ShipmentId: parcel(number)}
}

func scan(number string) proto.Message {
	return &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB" + number, ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
}

func deliveredScan(number string) proto.Message {
	return &fulfillmentv1.ShipmentDelivered{Carrier: "sandbox", TrackingNumber: "SB" + number, ScanId: "2"}
}

// shippedElsewhere is a shipment of the shop: so many mugs, under these tracking numbers.
func shippedElsewhere(mugs int64, tracking ...string) *fulfillmentv1.ShipmentReported {
	return &fulfillmentv1.ShipmentReported{
		ShipmentId: "shopify:fulfillment:1", Step: intakev1.ShipmentStep_SHIPMENT_STEP_CREATED, Carrier: "sandbox", TrackingNumbers: tracking,
		Lines: []*intakev1.ShippedLine{{LineId: "1", Sku: "MUG", Quantity: mugs}},
	}
}

func fulfillmentClosed(number int32, refused string) proto.Message {
	return &fulfillmentv1.FulfillmentClosed{Outcome: "nothing_started", Refused: refused, Cancellation: number}
}

func cancelling(number int32, by string) proto.Message {
	return &orderv1.OrderCancelling{Number: number, By: by, Reason: "because"}
}

func refusal(number int32) proto.Message {
	return &orderv1.CancellationRefused{Number: number, By: "fulfillment", Reason: "already_shipped"}
}

func hold(kind orderv1.HoldKind, reason string) proto.Message {
	return &orderv1.HoldPlaced{Kind: kind, Reason: reason}
}

func answered(number int32) []proto.Message {
	return []proto.Message{
		fulfillmentClosed(number, ""), &inventoryv1.AllocationClosed{Outcome: "released", Cancellation: number},
		&paymentv1.PaymentClosed{Outcome: "refund_granted", Cancellation: number},
	}
}

func events(groups ...any) []proto.Message {
	var out []proto.Message
	for _, g := range groups {
		switch g := g.(type) {
		case []proto.Message:
			out = append(out, g...)
		case proto.Message:
			out = append(out, g)
		}
	}
	return out
}
