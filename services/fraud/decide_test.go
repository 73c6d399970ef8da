package fraud

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	commandv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/command/v1"
	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id     = ident.Order("checkout", "default", "1001")
	limits = Config{HoldAbove: 0.8, RejectAbove: 1}
	ring   = reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("ring")}
)

func given(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for _, m := range messages {
		c := event.CategoryOf(event.TypeOf(m))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: noon, RecordedAt: noon,
		}))
	}
	return s
}

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

func placed(total int64) *orderv1.OrderPlaced {
	return &orderv1.OrderPlaced{Description: &orderv1.Description{
		Currency: "USD", Totals: &typev1.Totals{Total: usd(total)}, ShippingCountry: "DE", BillingCountry: "DE",
		Lines: []*typev1.Line{{Id: "1", Sku: "MUG", Quantity: 2}},
	}}
}

func movement(change ...func(*paymentv1.Movement)) *paymentv1.Movement {
	m := &paymentv1.Movement{Names: []string{"stripe:pi_1"}, Amount: usd(50), Witness: intakev1.Witness_WITNESS_PROVIDER}
	for _, c := range change {
		c(m)
	}
	return m
}

func captured(change ...func(*paymentv1.Movement)) proto.Message {
	return &paymentv1.PaymentCaptured{Movement: movement(change...)}
}

func risk(level string) func(*paymentv1.Movement) {
	return func(m *paymentv1.Movement) { m.RiskLevel = level }
}

func reviewed(verdict string) reactor.Trigger {
	return reactor.Trigger{Kind: reactor.Command, Cause: ident.Named("command"), Command: &commandv1.Command{
		By: "anna", Reason: "known customer", Body: &commandv1.Command_DecideReview{DecideReview: &commandv1.DecideReview{Verdict: verdict}},
	}}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	scored := func(v fraudv1.Verdict) proto.Message {
		return &fraudv1.OrderScored{Verdict: v, Signals: &fraudv1.Signals{}}
	}
	clean, doubtful := scored(fraudv1.Verdict_VERDICT_CLEAR), scored(fraudv1.Verdict_VERDICT_REVIEW)
	left := &fulfillmentv1.ShipmentScanned{Carrier: "sandbox", TrackingNumber: "SB1", ScanId: "1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
	for name, c := range map[string]struct {
		given []proto.Message
		when  reactor.Trigger
		then  []string
	}{
		"placed, no money heard of":          {[]proto.Message{placed(50)}, ring, nil},
		"money, not placed":                  {[]proto.Message{captured()}, ring, nil},
		"placed and paid":                    {[]proto.Message{placed(50), captured()}, ring, []string{"OrderScored"}},
		"paid in part":                       {[]proto.Message{placed(500), captured()}, ring, []string{"OrderScored"}},
		"authorised":                         {[]proto.Message{placed(50), &paymentv1.PaymentAuthorized{Movement: movement()}}, ring, []string{"OrderScored"}},
		"by the shop's word":                 {[]proto.Message{placed(50), &paymentv1.PaymentClaimed{Amount: usd(50)}}, ring, []string{"OrderScored"}},
		"for nothing":                        {[]proto.Message{placed(0)}, ring, []string{"OrderScored"}},
		"scored before":                      {[]proto.Message{placed(50), captured(), clean}, ring, nil},
		"imported":                           {[]proto.Message{&orderv1.OrderPlaced{Description: placed(50).GetDescription(), Historic: true}, captured()}, ring, nil},
		"cancelling":                         {[]proto.Message{placed(50), captured(), &orderv1.OrderCancelling{Number: 1}}, ring, nil},
		"cancelled":                          {[]proto.Message{placed(50), captured(), &orderv1.OrderCancelled{}}, ring, nil},
		"the charge comes last":              {[]proto.Message{placed(50), captured(), clean, captured(risk("highest"))}, ring, []string{"OrderScored"}},
		"a little worse":                     {[]proto.Message{placed(50), captured(), clean, captured(risk("elevated"))}, ring, nil},
		"worse, but a person cleared it":     {[]proto.Message{placed(50), captured(), doubtful, &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}, captured(risk("highest"))}, ring, nil},
		"worse, but it has left":             {[]proto.Message{placed(50), captured(), clean, left, captured(risk("highest"))}, ring, nil},
		"never better":                       {[]proto.Message{placed(50), captured(), doubtful}, ring, nil},
		"a review clears":                    {[]proto.Message{placed(50), captured(), doubtful}, reviewed("clear"), []string{"ReviewDecided"}},
		"a review rejects":                   {[]proto.Message{placed(50), captured(), doubtful}, reviewed("Reject"), []string{"ReviewDecided"}},
		"a person changes his mind":          {[]proto.Message{placed(50), captured(), doubtful, &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR}}, reviewed("reject"), []string{"ReviewDecided"}},
		"a review of something else":         {[]proto.Message{placed(50), captured(), doubtful}, reviewed("maybe"), []string{"CommandRefused"}},
		"a review before the score":          {[]proto.Message{placed(50)}, reviewed("clear"), []string{"CommandRefused"}},
		"a review after the end":             {[]proto.Message{placed(50), captured(), doubtful, &orderv1.OrderCancelled{}}, reviewed("clear"), []string{"CommandRefused"}},
		"a command of somebody else's":       {[]proto.Message{placed(50)}, reactor.Trigger{Kind: reactor.Command, Command: &commandv1.Command{}}, []string{"CommandRefused"}},
		"a command while it is to be scored": {[]proto.Message{placed(50), captured()}, reviewed("clear"), []string{"CommandRefused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.given...)
			if due(s) {
				c.when.Extra = told(s)
			}
			d, err := limits.Decide(s, c.when, noon)
			require.NoError(t, err)
			var got []string
			for _, e := range d.Events {
				got = append(got, event.NameOf(event.TypeOf(e.Message)))
				record(t, s, e.Message)
			}
			assert.Equal(t, c.then, got)
			again, err := limits.Decide(s, ring, noon)
			require.NoError(t, err)
			assert.Empty(t, again.Events, "looking again gives nothing")
		})
	}
}

func record(t require.TestingT, s *order.State, m proto.Message) {
	require.NoError(t, s.Apply(event.Recorded{
		Entity: id, Category: event.Fraud, Version: s.Version(event.Fraud) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: noon, RecordedAt: noon,
	}))
}

// Whether the intent or the charge is told first, the order ends with the same verdict.
func TestTheVerdictDoesNotDependOnWhoSpeaksFirst(t *testing.T) {
	t.Parallel()
	intent, charge := captured(), captured(risk("highest"))
	for _, messages := range [][]proto.Message{{intent, charge}, {charge, intent}} {
		s := given(t, placed(50))
		for _, m := range messages {
			require.NoError(t, s.Apply(event.Recorded{
				Entity: id, Category: event.Payment, Version: s.Version(event.Payment) + 1, Type: event.TypeOf(m), Message: m, RecordedAt: noon,
			}))
			trigger := ring
			trigger.Extra = told(s)
			d, err := limits.Decide(s, trigger, noon)
			require.NoError(t, err)
			for _, e := range d.Events {
				record(t, s, e.Message)
			}
		}
		assert.Equal(t, fraudv1.Verdict_VERDICT_REVIEW, s.Fraud.Verdict)
		assert.Equal(t, "highest", s.Fraud.Signals.GetProviderRisk())
	}
}

func TestTheScoreKeepsWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	trigger := ring
	trigger.Extra = &fraudv1.Signals{OrdersLastHour: 11, ProviderRisk: "normal"}
	d, err := limits.Decide(given(t, placed(50), captured()), trigger, noon)
	require.NoError(t, err)
	require.Len(t, d.Events, 1)
	m, ok := d.Events[0].Message.(*fraudv1.OrderScored)
	require.True(t, ok)
	assert.Equal(t, int32(850), m.GetScoreMillis())
	assert.Equal(t, fraudv1.Verdict_VERDICT_REVIEW, m.GetVerdict())
	assert.Equal(t, int64(11), m.GetSignals().GetOrdersLastHour())
	assert.Equal(t, model, m.GetModel())
	assert.Len(t, m.GetFactors(), 4)
}

func TestAnOrderWhosePersonCannotBeReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	trigger := ring
	trigger.Extra = errors.New("the key cannot be read")
	_, err := limits.Decide(given(t, placed(50), captured()), trigger, noon)
	require.ErrorContains(t, err, "the key cannot be read")
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const (
		clean  = fraudv1.Verdict_VERDICT_CLEAR
		review = fraudv1.Verdict_VERDICT_REVIEW
		reject = fraudv1.Verdict_VERDICT_REJECT
	)
	for _, c := range []struct {
		hold, reject float64
		score        int32
		want         fraudv1.Verdict
	}{
		{0.8, 1, 0, clean}, {0.8, 1, 800, clean}, {0.8, 1, 801, review}, {0.8, 1, 1000, review},
		{0.8, 0.95, 950, review}, {0.8, 0.95, 951, reject}, {0, 1, 0, clean}, {0, 1, 1, review}, {1, 1, 1000, clean},
		{0.57, 1, 570, clean}, {0.57, 1, 571, review}, {0.29, 1, 290, clean}, {0.8005, 1, 800, clean}, {0.8005, 1, 801, review},
	} {
		limits := Config{HoldAbove: c.hold, RejectAbove: c.reject}
		assert.Equal(t, c.want, limits.verdict(c.score), "%v of %v, %v", c.score, c.hold, c.reject)
	}
	for score := range int32(full) { // no limit in thousandths is off by one
		c := Config{HoldAbove: float64(score) / full, RejectAbove: 1}
		assert.Equal(t, clean, c.verdict(score))
		assert.Equal(t, review, c.verdict(score+1))
	}
}

func TestWhatAnOrderTells(t *testing.T) {
	t.Parallel()
	big := placed(200_001)
	big.Description.Lines = append(big.Description.Lines, &typev1.Line{Id: "2", Quantity: 40})
	failed := &paymentv1.PaymentFailed{Movement: movement(risk("elevated"), func(m *paymentv1.Movement) { m.Country = "FR" })}
	s := told(given(t, big, failed, failed, captured(func(m *paymentv1.Movement) { m.Country = "US" })))
	assert.Equal(t, int64(2), s.GetFailedAttempts())
	assert.Equal(t, "US", s.GetPaymentCountry(), "the same whichever was told first")
	assert.Equal(t, "elevated", s.GetProviderRisk())
	assert.Equal(t, int64(40), s.GetLargestQuantity())
	assert.True(t, s.GetLargeTotal())
	assert.False(t, told(given(t, placed(200_000))).GetLargeTotal())
	assert.Equal(t, "DE", s.GetShippingCountry())
}

func TestDisposableAddresses(t *testing.T) {
	t.Parallel()
	assert.True(t, disposable(normalised(&typev1.Person{Email: " Me@Mailinator.COM "})))
	assert.False(t, disposable("me@example.com"))
	assert.False(t, disposable(""))
}

func TestTheSettingsAreChecked(t *testing.T) {
	t.Parallel()
	c := limits
	require.NoError(t, c.Check())
	for _, wrong := range []float64{-0.1, 1.1, 80, nan()} {
		c = limits
		c.HoldAbove = wrong
		require.ErrorContains(t, c.Check(), "FRAUD_HOLD_ABOVE")
		c = limits
		c.RejectAbove = wrong
		require.ErrorContains(t, c.Check(), "FRAUD_REJECT_ABOVE")
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
