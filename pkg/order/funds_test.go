package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/order"

	"github.com/orderflow/orderflow/pkg/event"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

func refundedByShop(minor int64, refundID string, names ...string) *paymentv1.PaymentRefunded {
	m := refunded(minor, refundID, names...)
	m.Witness = intakev1.Witness_WITNESS_SHOP
	return m
}

func granted(minor int64, names ...string) *paymentv1.RefundGranted {
	return &paymentv1.RefundGranted{GrantId: "grant:" + names[0], Names: names, Amount: usd(minor), Reason: "duplicate"}
}

func disputed(minor int64, step intakev1.DisputeStep) *paymentv1.PaymentDisputed {
	return &paymentv1.PaymentDisputed{DisputeId: "dp_1", Amount: usd(minor), Step: step}
}

const (
	opened = intakev1.DisputeStep_DISPUTE_STEP_OPENED
	won    = intakev1.DisputeStep_DISPUTE_STEP_WON
	lost   = intakev1.DisputeStep_DISPUTE_STEP_LOST
)

// What is paid, what is due and the word for it, for an order of 50.
func TestWhatIsDue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		told   []proto.Message
		due    int64
		status string
	}{
		"nothing told":                         {nil, 50, "unpaid"},
		"authorised":                           {[]proto.Message{&paymentv1.PaymentAuthorized{Movement: captured(50, "pi_1").GetMovement()}}, 50, "authorized"},
		"given up":                             {[]proto.Message{&paymentv1.PaymentAuthorized{Movement: captured(50, "pi_1").GetMovement()}, &paymentv1.PaymentVoided{Movement: captured(50, "pi_1").GetMovement()}}, 50, "voided"},
		"paid in part":                         {[]proto.Message{captured(20, "pi_1")}, 30, "partially_paid"},
		"paid":                                 {[]proto.Message{captured(50, "pi_1")}, 0, "paid"},
		"too much":                             {[]proto.Message{captured(60, "pi_1")}, -10, "overpaid"},
		"too much, the rest refunded":          {[]proto.Message{captured(60, "pi_1"), refunded(10, "re_1", "pi_1")}, -10, "paid"},
		"refunded in part":                     {[]proto.Message{captured(50, "pi_1"), refunded(10, "re_1", "pi_1")}, 0, "partially_refunded"},
		"refunded whole":                       {[]proto.Message{captured(50, "pi_1"), refunded(50, "re_1", "pi_1")}, 50, "refunded"},
		"refund told by the shop alone":        {[]proto.Message{captured(50, "pi_1"), refundedByShop(50, "s1", "tx_1")}, 50, "refunded"},
		"one payment refunded, another short":  {[]proto.Message{captured(50, "pi_1"), refunded(50, "re_1", "pi_1"), captured(20, "pi_2")}, 30, "partially_refunded"},
		"one payment refunded, another whole":  {[]proto.Message{captured(50, "pi_1"), refunded(50, "re_1", "pi_1"), captured(50, "pi_2")}, 0, "paid"},
		"a duplicate that was granted":         {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_2"), granted(50, "pi_2")}, 0, "overpaid"},
		"a duplicate that was refunded":        {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_2"), granted(50, "pi_2"), refunded(50, "re_1", "pi_2")}, 0, "paid"},
		"one refunded, the other granted":      {[]proto.Message{captured(50, "pi_1"), refunded(50, "re_1", "pi_1"), captured(50, "pi_2"), granted(50, "pi_2")}, 50, "paid"},
		"the shop does what we granted":        {[]proto.Message{captured(50, "pi_1"), captured(50, "pi_2"), granted(50, "pi_2"), refundedByShop(50, "s1", "tx_2")}, 0, "paid"},
		"a refund on its way":                  {[]proto.Message{captured(50, "pi_1"), &paymentv1.PaymentRefunded{Names: []string{"pi_1"}, Amount: usd(50), RefundId: "re_1", Step: intakev1.RefundStep_REFUND_STEP_PENDING, Witness: intakev1.Witness_WITNESS_PROVIDER}}, 50, "paid"},
		"disputed":                             {[]proto.Message{captured(50, "pi_1"), disputed(50, opened)}, 50, "disputed"},
		"charged back":                         {[]proto.Message{captured(50, "pi_1"), disputed(50, opened), disputed(50, lost)}, 50, "charged_back"},
		"charged back, opened told late":       {[]proto.Message{captured(50, "pi_1"), disputed(50, lost), disputed(50, opened)}, 50, "charged_back"},
		"dispute won":                          {[]proto.Message{captured(50, "pi_1"), disputed(50, opened), disputed(50, won)}, 0, "paid"},
		"lost and won in the end":              {[]proto.Message{captured(50, "pi_1"), disputed(50, lost), disputed(50, won)}, 0, "paid"},
		"a shop's refund without a name":       {[]proto.Message{captured(50, "pi_1"), refundedByShop(50, "s1")}, 50, "refunded"},
		"a refund told with and without names": {[]proto.Message{captured(50, "pi_1"), refunded(20, "re_1"), refunded(20, "re_1", "pi_1")}, 0, "partially_refunded"},
		"a negative refund counts for nothing": {[]proto.Message{captured(50, "pi_1"), refunded(-50, "re_1", "pi_1"), refunded(50, "re_2", "pi_1")}, 50, "refunded"},
		"a negative dispute as well":           {[]proto.Message{captured(20, "pi_1"), disputed(-50, opened)}, 30, "partially_paid"},
		"refunded before it was told as paid":  {[]proto.Message{refunded(50, "re_1", "pi_1")}, 50, "refunded"},
		"a part of it, before it was told":     {[]proto.Message{refunded(20, "re_1", "pi_1")}, 50, "partially_refunded"},
		"more went back than came":             {[]proto.Message{captured(50, "pi_1"), refunded(60, "re_1", "pi_1")}, 50, "refunded"},
		"another currency":                     {[]proto.Message{&paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{"pi_1"}, Amount: &typev1.Money{MinorUnits: 50, Currency: "EUR"}}}}, 50, "unpaid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, append([]proto.Message{placed(50)}, c.told...)...)
			assert.Equal(t, c.due, s.Funds().Due())
			assert.Equal(t, c.status, s.PaymentStatus())
			assert.Equal(t, c.due <= 0, s.FundsCover())
		})
	}
}

func TestAShopAndAProviderTellOfDifferentPayments(t *testing.T) {
	t.Parallel()
	authorised := &paymentv1.PaymentAuthorized{Movement: captured(50, "pi_2").GetMovement()}
	s := fold(t, placed(100), captured(50, "pi_1"), authorised, byShop(50, "", "tx_2", "pi_2"))
	assert.Equal(t, int64(100), s.Funds().Captured, "a name joins the shop's word with the second payment")
	assert.Zero(t, s.Funds().Authorized)

	s = fold(t, placed(100), captured(50, "pi_1"), authorised, byShop(50, "", "tx_2"))
	assert.Equal(t, int64(50), s.Funds().Captured, "without a name it may be the first one told again")
	assert.Equal(t, int64(50), s.Funds().Authorized)
}

func TestACorrectedReadingSupersedes(t *testing.T) {
	t.Parallel()
	movement := func(revision uint32, minor int64) *paymentv1.Movement {
		return &paymentv1.Movement{
			Names: []string{"pi_1"}, Amount: usd(minor), Witness: intakev1.Witness_WITNESS_PROVIDER, ReportId: []byte("r1"), Revision: revision,
		}
	}
	for name, told := range map[string][]proto.Message{
		"after":      {&paymentv1.PaymentCaptured{Movement: movement(0, 5000)}, &paymentv1.PaymentCaptured{Movement: movement(1, 50)}},
		"before":     {&paymentv1.PaymentCaptured{Movement: movement(1, 50)}, &paymentv1.PaymentCaptured{Movement: movement(0, 5000)}},
		"other step": {&paymentv1.PaymentFailed{Movement: movement(0, 5000)}, &paymentv1.PaymentCaptured{Movement: movement(1, 50)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fold(t, append(told, placed(50))...)
			assert.Equal(t, int64(50), s.Funds().Captured)
			assert.Equal(t, "paid", s.PaymentStatus())
		})
	}
	dispute := func(revision uint32, step intakev1.DisputeStep) proto.Message {
		return &paymentv1.PaymentDisputed{DisputeId: "dp_1", Amount: usd(50), Step: step, ReportId: []byte("r2"), Revision: revision}
	}
	s := fold(t, placed(50), captured(50, "pi_1"), dispute(0, lost), dispute(1, opened))
	assert.Equal(t, "disputed", s.PaymentStatus(), "it was read as lost by mistake")
}

func TestADisputeToldInTwoCurrenciesIsNoTie(t *testing.T) {
	t.Parallel()
	dollars, euros := disputed(50, opened), disputed(50, opened)
	euros.Amount = &typev1.Money{MinorUnits: 50, Currency: "EUR"}
	a := foldTimed(t, []timed{{placed(50), noon}, {dollars, noon}, {euros, noon}})
	b := foldTimed(t, []timed{{placed(50), noon}, {euros, noon}, {dollars, noon}})
	assert.Equal(t, a.Funds(), b.Funds())
}

// The sums must not depend on the order in which reports come, nor on how often they are repeated: disputes, claims,
// grants, witnesses, currencies and providers included.
func TestEverythingSaidOfMoneyCommutes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		told := rapid.SliceOfN(money(), 1, 9).Draw(t, "told")
		repeated := append(append([]timed{}, told...), rapid.SliceOfN(rapid.SampledFrom(told), 0, 4).Draw(t, "repeats")...)
		shuffled := rapid.Permutation(repeated).Draw(t, "shuffled")
		isPlaced := rapid.Bool().Draw(t, "placed")
		want, got := foldTimed(t, told), foldTimed(t, shuffled)
		if isPlaced {
			want, got = want.With("order", newOrder(50)), got.With("order", newOrder(50))
		}
		assert.Equal(t, want.Funds(), got.Funds())
		assert.Equal(t, want.PaymentStatus(), got.PaymentStatus())
		assert.Equal(t, want.Payment.Payments(), got.Payment.Payments())
		assert.Equal(t, want.ForeignFunds(), got.ForeignFunds())

		f := want.Funds()
		assert.GreaterOrEqual(t, f.Captured, int64(0))
		assert.GreaterOrEqual(t, f.Given(), order.Add(f.Refunded, f.Pending), "what went back was given")
		assert.GreaterOrEqual(t, f.Captured, f.Returned())
		if f.GivenBack() && isPlaced {
			assert.False(t, want.FundsCover(), "what went back whole pays for nothing")
		}
	})
}

func newOrder(total int64) (e newEvent) { e.Message = placed(total); return e }

// money draws anything that can be said of an order's money.
func money() *rapid.Generator[timed] {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"pi_1", "pi_2", "ch_1", "ch_2", "tx_1"}), 0, 2, rapid.ID[string])
	return rapid.Custom(func(t *rapid.T) timed {
		n := names.Draw(t, "names")
		amount := &typev1.Money{
			MinorUnits: rapid.SampledFrom([]int64{-5, 0, 10, 25, 50, 50, 60, 1<<63 - 1}).Draw(t, "minor"),
			Currency:   rapid.SampledFrom([]string{"USD", "USD", "USD", "EUR", ""}).Draw(t, "currency"),
		}
		witness := rapid.SampledFrom([]intakev1.Witness{intakev1.Witness_WITNESS_PROVIDER, intakev1.Witness_WITNESS_SHOP}).Draw(t, "witness")
		id := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "id")
		m := &paymentv1.Movement{
			Names: n, Amount: amount, MovementId: id, Witness: witness, Provider: rapid.SampledFrom([]string{"", "stripe", "paypal"}).Draw(t, "provider"),
		}
		at := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "at")) * time.Minute)
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			return timed{&paymentv1.PaymentAuthorized{Movement: m}, at}
		case 1:
			return timed{&paymentv1.PaymentFailed{Movement: m}, at}
		case 2:
			return timed{&paymentv1.PaymentVoided{Movement: m}, at}
		case 3:
			step := rapid.SampledFrom([]intakev1.RefundStep{1, 2, 3}).Draw(t, "step")
			return timed{&paymentv1.PaymentRefunded{Names: n, Amount: amount, RefundId: id, Step: step, Witness: witness}, at}
		case 4:
			step := rapid.SampledFrom([]intakev1.DisputeStep{1, opened, won, lost}).Draw(t, "step")
			return timed{&paymentv1.PaymentDisputed{DisputeId: id, Amount: amount, Step: step}, at}
		case 5:
			return timed{&paymentv1.PaymentClaimed{Amount: amount}, at}
		}
		return timed{&paymentv1.PaymentCaptured{Movement: m}, at}
	})
}

func TestAPaymentKnowsItsBeginning(t *testing.T) {
	t.Parallel()
	s := foldTimed(t, []timed{{captured(50, "pi_1"), noon.Add(time.Hour)}, {captured(50, "pi_1", "ch_1"), noon}})
	assert.Equal(t, noon, s.Payment.Payments()[0].Since)
	assert.Equal(t, int64(50), s.Payment.Payments()[0].SurelyLeft())
	assert.Zero(t, fold(t, byShop(50, "", "tx")).Payment.Payments()[0].SurelyLeft(), "a shop's word is no provider's")
}

func TestNothingRecordedYetHasNoTimeOfOurs(t *testing.T) {
	t.Parallel()
	e := newEvent{Message: &orderv1.OrderPlaced{Description: placed(50).GetDescription()}, OccurredAt: noon}
	s := order.New(id).With("order", e)
	assert.True(t, s.Order.Placed)
	assert.Zero(t, s.Order.RecordedAt, "the provider's clock may be days behind ours")
}

func TestAPaymentOfAnotherOrderCountsOnceAPersonSaysSo(t *testing.T) {
	t.Parallel()
	elsewhere := &paymentv1.AmountMismatched{Due: usd(50), Captured: usd(50), Kind: order.MismatchElsewhere}
	waived := &orderv1.HoldReleased{Kind: orderv1.HoldKind_HOLD_KIND_PAYMENT, HoldReason: order.HoldElsewhere, By: "anna"}
	gate := func(s *order.State) order.Gate {
		for _, g := range s.Gates() {
			if g.Name == "payment" {
				return g
			}
		}
		return order.Gate{}
	}
	s := fold(t, placed(50), captured(50, "pi_1"), elsewhere)
	assert.False(t, s.FundsCover())
	assert.Equal(t, order.StatusAwaitingPayment, s.Status())
	assert.Contains(t, gate(s).WaitsFor, "a payment that was told for another order before")
	assert.Equal(t, "an operator", gate(s).Who)

	s = fold(t, placed(50), captured(50, "pi_1"), elsewhere, waived)
	assert.True(t, s.FundsCover())
	assert.True(t, gate(s).Open)
	s = fold(t, placed(50), captured(20, "pi_1"), elsewhere, waived)
	assert.False(t, s.FundsCover(), "what is due is due all the same")
	assert.Contains(t, gate(s).WaitsFor, "still due")

	under := &paymentv1.AmountMismatched{Kind: "under"}
	for _, s := range []*order.State{fold(t, placed(50), elsewhere, under), fold(t, placed(50), under, elsewhere)} {
		assert.True(t, s.Payment.Elsewhere)
		assert.Equal(t, "under", s.Payment.Mismatched, "neither hides the other")
	}
}

// Money that went back before anybody told that it came is no debt of the customer's: whoever asks is told so.
func TestMoneyThatWentBackAheadIsAskedOfTheProvider(t *testing.T) {
	t.Parallel()
	s := fold(t, placed(50), refunded(50, "re_1", "pi_1"))
	for _, g := range s.Gates() {
		if g.Name == "payment" {
			assert.False(t, g.Open)
			assert.Equal(t, "the payment provider", g.Who)
			assert.Contains(t, g.WaitsFor, "went back")
		}
	}
	s = fold(t, refunded(50, "re_1", "pi_1"), captured(50, "pi_1"), placed(50))
	assert.False(t, s.FundsCover(), "it nets to refunded")
	assert.Equal(t, "refunded", s.PaymentStatus())
}

// A payment in another currency is a question until it went back.
func TestForeignMoneyThatWentBackIsNoQuestion(t *testing.T) {
	t.Parallel()
	euros := func(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "EUR"} }
	paid, back := captured(50, "pi_1"), refunded(50, "re_1", "pi_1")
	paid.Movement.Amount, back.Amount = euros(50), euros(50)
	assert.True(t, fold(t, placed(50), paid).ForeignFunds())
	assert.False(t, fold(t, placed(50), paid, back).ForeignFunds())
	part := refunded(20, "re_1", "pi_1")
	part.Amount = euros(20)
	assert.True(t, fold(t, placed(50), paid, part).ForeignFunds())
}

// What two grants come to is what both of them give. If one fails, the other gives what it gives.
func TestAGrantThatFailsIsNotInTheNextOnesTotal(t *testing.T) {
	t.Parallel()
	s := fold(t, placed(50), captured(50, "pi_1"), captured(20, "pi_2"), granted(50, "pi_1"), granted(20, "pi_2"))
	assert.Equal(t, int64(70), s.Funds().Given())
	s = s.With(event.Payment, event.New{Message: &paymentv1.RefundFailed{GrantId: "grant:pi_1", Reason: "disputed"}})
	assert.Equal(t, int64(20), s.Funds().Given())
	s = fold(t, placed(50), captured(50, "pi_1"), captured(20, "pi_2"), refundedByShop(30, "tx_1"), granted(10, "pi_1"), granted(20, "pi_2"),
		&paymentv1.RefundFailed{GrantId: "grant:pi_1", Reason: "disputed"})
	assert.Equal(t, int64(50), s.Funds().Given(), "what the shop gave back stays")
}

// What went back of a payment of which nobody has told yet is not the money of another one.
func TestARefundAheadOfItsPaymentIsNotAnotherPayments(t *testing.T) {
	t.Parallel()
	told := []proto.Message{placed(50), refunded(30, "re_1", "pi_1"), captured(20, "pi_2")}
	assert.False(t, fold(t, told...).Funds().GivenBack())
	s := fold(t, append(told, captured(30, "pi_1"))...)
	assert.False(t, s.Funds().GivenBack())
	assert.Equal(t, int64(30), s.Funds().Due())
	assert.True(t, fold(t, placed(50), refunded(30, "re_1", "pi_1"), captured(30, "pi_1")).Funds().GivenBack())
}

// A grant is decided beside refunds that are on their way. If one of them fails, that money is still ours to give.
func TestARefundThatFailsIsNotInAGrantsTotal(t *testing.T) {
	t.Parallel()
	pending, failed := refunded(20, "re_1", "pi_1"), refunded(20, "re_1", "pi_1")
	pending.Step, failed.Step = intakev1.RefundStep_REFUND_STEP_PENDING, intakev1.RefundStep_REFUND_STEP_FAILED
	s := fold(t, placed(50), captured(50, "pi_1"), pending, granted(30, "pi_1"))
	assert.Equal(t, int64(50), s.Funds().Given())
	s = fold(t, placed(50), captured(50, "pi_1"), pending, granted(30, "pi_1"), failed, failed)
	assert.Equal(t, int64(30), s.Funds().Given())
	assert.Equal(t, int64(30), s.Payment.Grants[0].Until)
	s = fold(t, placed(50), captured(50, "pi_1"), granted(50, "pi_1"), pending, failed)
	assert.Equal(t, int64(50), s.Funds().Given(), "decided before, without it")
}
