package payment

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/testkit"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var key = &typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"}

// paidFact says that 50 were paid, of the order if it is named, else of whichever the references lead to.
func paidFact(order *typev1.OrderKey, references []string, names ...string) *intakev1.Fact {
	return &intakev1.Fact{
		Order: order, References: references, OccurredAt: timestamppb.New(noon),
		Body: &intakev1.Fact_PaymentReported{PaymentReported: &intakev1.PaymentReported{
			Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(50), Names: names, Witness: intakev1.Witness_WITNESS_PROVIDER,
		}},
	}
}

func TestAPaymentIsRecordedOnce(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.tell("succeeded", paidFact(key, nil, "stripe:pi_1"))
	r.until(id, "PaymentCaptured")
	r.tell("succeeded", paidFact(key, nil, "stripe:pi_1"))
	r.tell("told by another delivery", paidFact(key, nil, "stripe:pi_1"))
	r.quiet(bus.Intake, "payment-facts")
	r.until(id, "PaymentCaptured")
	assert.Equal(t, noon, r.events(id)[0].OccurredAt, "the provider's clock")

	// The payment's name leads to the order from now on, so that a charge finds it that names nothing else.
	r.tell("charge", paidFact(nil, []string{"stripe:pi_1"}, "stripe:ch_1", "stripe:pi_1"))
	r.until(id, "PaymentCaptured", "PaymentCaptured")
	r.others(id, placed(50))
	r.quiet(bus.Events, "payment-rings")
	assert.Equal(t, "paid", r.state(id).PaymentStatus())
	r.until(id, "PaymentCaptured", "PaymentCaptured")
	assert.Zero(t, r.dead())
}

// A payment that names an order by the number that people use waits until the order's shop has told the number.
func TestAPaymentWaitsForItsOrder(t *testing.T) {
	t.Parallel()
	const number = "number:shopify:default:1001"
	r := run(t)
	entity := ident.Order("shopify", "default", "450789469")
	r.tell("succeeded", paidFact(nil, []string{number, "stripe:pi_1"}, "stripe:pi_1"))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var parked int
		assert.NoError(c, r.deps.Pool.QueryRow(t.Context(), `SELECT count(*) FROM orderflow.timers WHERE service = $1 AND due_at IS NULL`, service).Scan(&parked))
		assert.Equal(c, 1, parked)
	}, 20*time.Second, 20*time.Millisecond)
	assert.Empty(t, r.events(entity))

	_, err := r.store.Append(t.Context(), "orders", []eventstore.Unit{{
		Appends: []eventstore.Append{{Entity: entity, Category: event.Order, Events: event.Of(ident.Named("placed"), noon, placed(50))}},
		Links:   []eventstore.Link{{Ref: number, Entity: entity}},
	}}, nil)
	require.NoError(t, err)
	r.until(entity, "PaymentCaptured")
	assert.Equal(t, "paid", r.state(entity).PaymentStatus())

	var left int
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.NoError(c, r.deps.Pool.QueryRow(t.Context(), `SELECT count(*) FROM orderflow.timers WHERE service = $1`, service).Scan(&left))
		assert.Zero(c, left)
	}, 20*time.Second, 20*time.Millisecond)
}

func TestACancellationIsAnswered(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.tell("succeeded", paidFact(key, nil, "stripe:pi_1"))
	r.until(id, "PaymentCaptured")
	r.others(id, placed(50), cancellingMessage)
	r.quiet(bus.Events, "payment-rings")
	r.until(id, "PaymentCaptured")
	r.others(id, closedMessage)
	r.until(id, "PaymentCaptured", "RefundGranted", "PaymentClosed")
	r.others(id, cancelledMessage)
	r.tell("a second payment, too late", paidFact(key, nil, "stripe:pi_2"))
	r.until(id, "PaymentCaptured", "RefundGranted", "PaymentClosed", "PaymentCaptured", "RefundGranted")
}

// A dispute is closed, and a refund made, before anybody has told of the payment: they name the charge and no order. They
// wait for the charge, and are in the order's books as soon as it is told.
func TestADisputeIsClosedBeforeItsChargeIsTold(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.others(id, placed(50))
	about := []string{"stripe:ch_1", "stripe:pi_1"}
	dispute := func(step intakev1.DisputeStep, at time.Time) *intakev1.Fact {
		return &intakev1.Fact{References: about, OccurredAt: timestamppb.New(at), Body: &intakev1.Fact_DisputeReported{DisputeReported: &intakev1.DisputeReported{
			DisputeId: "stripe:dp_1", Step: step, Amount: usd(30), Names: about,
		}}}
	}
	back := &intakev1.RefundReported{Step: settled, Amount: usd(20), RefundId: "re_1", Names: about, Witness: intakev1.Witness_WITNESS_PROVIDER}
	r.tell("closed", dispute(lost, noon.Add(time.Hour)))
	r.tell("opened", dispute(opened, noon))
	r.tell("refunded", &intakev1.Fact{References: about, OccurredAt: timestamppb.New(noon), Body: &intakev1.Fact_RefundReported{RefundReported: back}})
	r.quiet(bus.Intake, "payment-facts")
	assert.Empty(t, r.said(id))
	r.tell("paid", paidFact(key, nil, "stripe:pi_1"))
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.Len(c, r.said(id), 4) }, 20*time.Second, 20*time.Millisecond)
	s := r.state(id)
	assert.Equal(t, "charged_back", s.PaymentStatus())
	assert.Equal(t, int64(30), s.Funds().ChargedBy)
	assert.Zero(t, s.Funds().Disputed, "it was opened before it was closed")
	assert.Equal(t, int64(20), s.Funds().Refunded)
	assert.False(t, s.FundsCover())
	assert.Len(t, s.Payment.Payments(), 1)
}

// The same news comes again days later, through a broker that has forgotten it and to a process that never heard it,
// after the order has ended: nothing is recorded, nothing is given back once more.
func TestWhatIsToldAgainDaysLaterIsNoNews(t *testing.T) {
	t.Parallel()
	r := run(t)
	r.others(id, placed(50))
	first := paidFact(key, nil, "stripe:pi_1")
	r.tell("succeeded", first)
	r.tell("twice", paidFact(key, nil, "stripe:pi_2"))
	r.until(id, "PaymentCaptured", "PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted")
	r.others(id, cancellingMessage, closedMessage)
	want := []string{"PaymentCaptured", "PaymentCaptured", "DuplicatePaymentDetected", "RefundGranted", "RefundGranted", "PaymentClosed"}
	r.until(id, want...)
	r.others(id, cancelledMessage)
	r.quiet(bus.Events, "payment-rings")

	later := *r
	later.deps.JS = testkit.NATS(t)
	later.deps.Bus, later.deps.Registry = bus.NewPublisher(later.deps.JS), prometheus.NewRegistry()
	later.deps.Clock = func() time.Time { return time.Now().Add(100 * time.Hour) }
	later.begin()
	for _, name := range []string{"succeeded", "succeeded", "told by another delivery"} {
		later.tell(name, first)
	}
	later.tell("twice", paidFact(key, nil, "stripe:pi_2"))
	later.tell("the last", paidFact(otherKey, nil, "stripe:pi_3"))
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NotEmpty(c, later.said(other)) }, 20*time.Second, 20*time.Millisecond)
	later.quiet(bus.Intake, "payment-facts")
	assert.Equal(t, want, later.said(id))
}

func TestACommandIsAnswered(t *testing.T) {
	t.Parallel()
	r := run(t)
	cause := ident.Named("command")
	r.ask(&commandv1.Command{Id: cause[:], EntityId: id[:], Body: &commandv1.Command_CancelOrder{CancelOrder: &commandv1.CancelOrder{}}})
	r.until(id, "CommandRefused")
}

func TestTheServiceIsComplete(t *testing.T) {
	t.Parallel()
	s := Service()
	assert.Equal(t, "payment", s.Name)
	assert.NotEmpty(t, s.About)
	assert.True(t, s.Database)
	assert.True(t, s.Broker)
}
