package payment

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// live decides and folds, one trigger after the other, as the loop does.
func live(t require.TestingT, s *order.State, triggers ...reactor.Trigger) *order.State {
	s = s.Clone()
	for _, trigger := range triggers {
		d, err := Decide(s.Clone(), trigger, noon)
		require.NoError(t, err)
		for _, e := range d.Events {
			require.NoError(t, s.Apply(event.Recorded{
				Entity: id, Category: event.Payment, Version: s.Version(event.Payment) + 1, Type: event.TypeOf(e.Message),
				Message: e.Message, OccurredAt: e.OccurredAt, RecordedAt: noon,
			}))
		}
	}
	return s
}

// named gives every trigger the identity of a delivery of its own.
func named(triggers []reactor.Trigger) []reactor.Trigger {
	for i := range triggers {
		triggers[i].Cause, triggers[i].Report = ident.Named("fact", fmt.Sprint(i)), ident.Named("fact", fmt.Sprint(i))
	}
	return triggers
}

// One payment of 50, told as an intent, as a charge, as a bare "paid" and as a shop's transaction, with and without the
// provider's name for it: in whatever order and however often, it is one payment and nothing is given back.
func TestOnePaymentToldByEverybodyIsOne(t *testing.T) {
	t.Parallel()
	told := named([]reactor.Trigger{
		paid(50, "stripe:pi_1"),
		paid(50, "stripe:ch_1", "stripe:pi_1"),
		told(&intakev1.PaidClaimed{Amount: usd(50), Provider: "stripe"}),
		told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(50), Names: []string{"shopify:tx:1"}, MovementId: "shopify:tx:1", Witness: intakev1.Witness_WITNESS_SHOP}),
		told(&intakev1.PaymentReported{Step: intakev1.PaymentStep_PAYMENT_STEP_CAPTURED, Amount: usd(50), Names: []string{"shopify:tx:1", "stripe:pi_1"}, MovementId: "shopify:tx:1", Witness: intakev1.Witness_WITNESS_SHOP}),
	})
	rapid.Check(t, func(t *rapid.T) {
		triggers := rapid.Permutation(append(told, rapid.SliceOfN(rapid.SampledFrom(told), 0, 5).Draw(t, "repeats")...)).Draw(t, "told")
		before := rapid.IntRange(0, len(triggers)).Draw(t, "told before the order")
		s := live(t, order.New(id), triggers[:before]...)
		placing := s.With(event.Order, event.New{Message: placed(50)})
		s = live(t, live(t, placing, ring), triggers[before:]...)

		assert.Equal(t, int64(50), s.Funds().Captured)
		assert.Zero(t, s.Funds().Due())
		assert.Equal(t, "paid", s.PaymentStatus())
		assert.Empty(t, s.Payment.Grants)
		assert.Empty(t, s.Payment.Duplicates)
		assert.Empty(t, s.Payment.Mismatched)
		assert.Len(t, s.Payment.Payments(), 1)
	})
}

// Reports shuffled and repeated come to the same sums, through what is recorded and what is passed over as no news.
func TestSumsDependOnWhatWasSaidAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reports := named(rapid.SliceOfN(anything(), 1, 8).Draw(t, "told"))
		repeats := rapid.SliceOfN(rapid.SampledFrom(reports), 0, 5).Draw(t, "repeats")
		shuffled := rapid.Permutation(append(append([]reactor.Trigger{}, reports...), repeats...)).Draw(t, "shuffled")
		want, got := live(t, order.New(id), reports...), live(t, order.New(id), shuffled...)
		assert.Equal(t, want.Funds(), got.Funds())
		assert.Equal(t, want.PaymentStatus(), got.PaymentStatus())
		assert.Equal(t, sums(want), sums(got))
		assert.Empty(t, got.Payment.Grants, "nothing is decided about an order that is not there")
	})
}

// sums are the payments without when they were last told of: what is told again moves that.
func sums(s *order.State) []order.SinglePayment {
	payments := s.Payment.Payments()
	for i := range payments {
		payments[i].Last = time.Time{}
	}
	return payments
}

// Whatever is told of an order, in whatever state, we never decide to give back more than the provider itself says it
// took, and deciding again gives nothing.
func TestNeverMoreIsGrantedThanWasTaken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := order.New(id)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if m := rapid.SampledFrom(lifeOfAnOrder()).Draw(t, "order"); m != nil {
				s = s.With(event.CategoryOf(event.TypeOf(m)), event.New{Message: m, OccurredAt: noon})
			}
			if n := len(s.Payment.Grants); n > 0 && rapid.Bool().Draw(t, "refused") {
				s = s.With(event.Payment, event.New{Message: &paymentv1.RefundFailed{GrantId: s.Payment.Grants[n-1].ID, Code: "refused"}, OccurredAt: noon})
			}
			trigger := anything().Draw(t, "fact")
			trigger.Cause = ident.Named("fact", fmt.Sprint(rapid.Uint8().Draw(t, "cause")))
			trigger.Report = trigger.Cause
			before := map[string]bool{}
			for _, g := range s.Payment.Grants {
				before[g.ID] = true
			}
			s = live(t, s, trigger)
			for _, p := range s.Payment.Payments() {
				for _, g := range s.Payment.Grants {
					if !before[g.ID] && p.Is(g.Names) && g.Amount.GetCurrency() == p.Currency {
						assert.LessOrEqual(t, g.Amount.GetMinorUnits(), p.Sure)
						assert.Positive(t, g.Amount.GetMinorUnits())
					}
				}
			}
			again, err := Decide(s.Clone(), ring, noon)
			require.NoError(t, err)
			assert.Empty(t, again.Events, "deciding again gives nothing")
		}
	})
}

func lifeOfAnOrder() []proto.Message {
	return []proto.Message{nil, nil, placed(50), cancellingMessage, closedMessage, cancelledMessage}
}

// anything draws any report of an order's money.
func anything() *rapid.Generator[reactor.Trigger] {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"pi_1", "pi_2", "ch_1", "tx_1"}), 0, 2, rapid.ID[string])
	return rapid.Custom(func(t *rapid.T) reactor.Trigger {
		n := names.Draw(t, "names")
		amount := &typev1.Money{
			MinorUnits: rapid.SampledFrom([]int64{-5, 0, 10, 25, 50, 50, 50, 1<<63 - 1}).Draw(t, "minor"),
			Currency:   rapid.SampledFrom([]string{"USD", "USD", "USD", "EUR"}).Draw(t, "currency"),
		}
		witness := rapid.SampledFrom([]intakev1.Witness{intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP}).Draw(t, "witness")
		movementID := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "id")
		when := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Minute)
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return at(when, told(&intakev1.RefundReported{
				Step: rapid.SampledFrom([]intakev1.RefundStep{1, 2, 3}).Draw(t, "step"), Amount: amount, Names: n, RefundId: movementID, Witness: witness,
			}))
		case 1:
			return at(when, told(&intakev1.DisputeReported{
				Step: rapid.SampledFrom([]intakev1.DisputeStep{1, 2, 3, 4}).Draw(t, "step"), Amount: amount, Names: n, DisputeId: movementID,
			}))
		case 2:
			return at(when, told(&intakev1.PaidClaimed{Amount: amount}))
		}
		return at(when, told(&intakev1.PaymentReported{
			Step: rapid.SampledFrom([]intakev1.PaymentStep{1, 2, 2, 2, 3, 4}).Draw(t, "step"), Amount: amount, Names: n, MovementId: movementID,
			Witness: witness, Provider: rapid.SampledFrom([]string{"", "stripe"}).Draw(t, "provider"),
			Country: rapid.SampledFrom([]string{"", "DE"}).Draw(t, "country"),
		}))
	})
}

func TestACorrectedReadingIsRecordedAndSupersedes(t *testing.T) {
	t.Parallel()
	wrong, right := paid(5000, "pi_1"), paid(50, "pi_1")
	right.Revision, right.Cause = 1, ident.Named("fact", "1")
	for _, triggers := range [][]reactor.Trigger{{wrong, right}, {right, wrong}} {
		s := live(t, given(t, placed(50)), triggers...)
		assert.Equal(t, int64(50), s.Funds().Captured)
		assert.Equal(t, "paid", s.PaymentStatus())
	}
}

func TestARecordedNameLeadsToTheOrder(t *testing.T) {
	t.Parallel()
	d, err := Decide(order.New(id), paid(50, "pi_1", "ch_1"), noon)
	require.NoError(t, err)
	assert.Equal(t, []string{"pi_1", "ch_1"}, d.Links)
}

func TestWhatIsLeftIsGranted(t *testing.T) {
	t.Parallel()
	s := live(t, given(t, placed(50), captured(50, "pi_1"), refunded(20, "re_1", "pi_1"), cancellingMessage, closedMessage), ring)
	require.Len(t, s.Payment.Grants, 1)
	assert.Equal(t, int64(30), s.Payment.Grants[0].Amount.GetMinorUnits())
	assert.Equal(t, "refund_granted", s.Payment.Closed.Outcome)

	s = live(t, s, refund(30, "re_2", "pi_1"))
	assert.True(t, s.Payment.Grants[0].Settled, "the provider carried it out")
	assert.Equal(t, "refunded", s.PaymentStatus())
}

func TestWhatWasToGoBackAndDidNotIsGranted(t *testing.T) {
	t.Parallel()
	pending, failed := refund(20, "re_1", "pi_1"), refund(20, "re_1", "pi_1")
	pending.Fact.GetRefundReported().Step = intakev1.RefundStep_REFUND_STEP_PENDING
	failed.Fact.GetRefundReported().Step = intakev1.RefundStep_REFUND_STEP_FAILED
	told := named([]reactor.Trigger{paid(50, "pi_1"), pending, ring, failed})
	s := live(t, given(t, placed(50)), told[:2]...)
	s = live(t, s.With(event.Order, event.New{Message: cancelledMessage}), told[2:]...)
	require.Len(t, s.Payment.Grants, 2)
	assert.Equal(t, int64(30), s.Payment.Grants[0].Amount.GetMinorUnits())
	assert.Equal(t, int64(20), s.Payment.Grants[1].Amount.GetMinorUnits())
	assert.Zero(t, s.Funds().Net())
}

func TestTheNewerOfTwoPaymentsGoesBack(t *testing.T) {
	t.Parallel()
	first, second := at(noon.Add(-time.Minute), paid(50, "pi_9")), paid(50, "pi_1")
	second.Cause, second.Report = ident.Named("second"), ident.Named("second")
	for _, triggers := range [][]reactor.Trigger{{first, second}, {second, first}} {
		s := live(t, live(t, order.New(id), triggers...).With(event.Order, event.New{Message: placed(50)}), ring)
		assert.Equal(t, [][]string{{"pi_1"}}, s.Payment.Duplicates)
		assert.Zero(t, s.Funds().Due())
	}
}

// An order that is raised and whose difference is paid by itself is paid, whichever of both is told first: nothing goes
// back.
func TestTheDifferenceOfAnEditIsNoDuplicate(t *testing.T) {
	t.Parallel()
	first, rest := at(noon.Add(-time.Minute), paid(50, "pi_1")), paid(20, "pi_2")
	rest.Cause, rest.Report = ident.Named("rest"), ident.Named("rest")
	description := placed(70).GetDescription()
	description.UpdatedAt = timestamppb.New(noon)
	raised := event.New{Message: &orderv1.OrderEdited{Description: description}}
	before := live(t, order.New(id).With(event.Order, event.New{Message: placed(50)}), first)
	for name, s := range map[string]*order.State{
		"edited first": live(t, before.With(event.Order, raised), ring, rest),
		"paid first":   live(t, live(t, before, rest).With(event.Order, raised), ring),
	} {
		assert.Empty(t, s.Payment.Grants, name)
		assert.Zero(t, s.Funds().Due(), name)
		assert.Equal(t, "paid", s.PaymentStatus(), name)
	}
}

// What a shop gave back under names of its own may be any of the payments: it is never given back by us as well.
func TestWhatTheShopGaveBackIsNotGivenBackAgain(t *testing.T) {
	t.Parallel()
	s := live(t, given(t, placed(100), captured(50, "pi_1"), captured(50, "pi_2"), shopRefunded(50, "tx_1"), cancellingMessage, closedMessage), ring, ring)
	require.Len(t, s.Payment.Grants, 1)
	assert.Equal(t, int64(50), s.Payment.Grants[0].Amount.GetMinorUnits())
	assert.Zero(t, s.Funds().Net())
}

// A shop's refund that the provider tells later, under the payment's own name, is not our grant: that is still to be
// carried out.
func TestTheShopsOwnRefundIsNotTakenForAGrant(t *testing.T) {
	t.Parallel()
	s := given(t, placed(50), captured(50, "pi_1"), shopRefunded(30, "tx_1"), cancellingMessage, closedMessage)
	told := named([]reactor.Trigger{ring, refund(30, "re_1", "pi_1"), refund(20, "re_2", "pi_1")})
	s = live(t, s, told[:2]...)
	require.Len(t, s.Payment.Grants, 1)
	assert.Equal(t, int64(20), s.Payment.Grants[0].Amount.GetMinorUnits())
	assert.False(t, s.Payment.Grants[0].Settled, "that was the shop's")
	s = live(t, s, told[2])
	assert.True(t, s.Payment.Grants[0].Settled)
	assert.Equal(t, "refunded", s.PaymentStatus())
}
