package notifier

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	fraudv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fraud/v1"
	fulfillmentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/fulfillment/v1"
	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	paymentv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/payment/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

var (
	id    = ident.Order("checkout", "default", "1001")
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules = Rules{HeldAfter: time.Minute}
	ring  = reactor.Trigger{Kind: reactor.Ring, Cause: ident.Named("ring")}
)

func usd(minor int64) *typev1.Money { return &typev1.Money{MinorUnits: minor, Currency: "USD"} }

// fold folds what happened, a second apart from noon on.
func fold(t require.TestingT, messages ...proto.Message) *order.State {
	s := order.New(id)
	for i, m := range messages {
		at := noon.Add(time.Duration(i) * time.Second)
		c := event.CategoryOf(event.TypeOf(m))
		require.NoError(t, s.Apply(event.Recorded{
			Entity: id, Category: c, Version: s.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
		}))
	}
	return s
}

func described(total int64) *orderv1.Description {
	return &orderv1.Description{
		Key: &typev1.OrderKey{Source: "checkout", Account: "default", Id: "1001"}, Number: "#1001", Currency: "USD", HasEmail: true,
		Totals: &typev1.Totals{Total: usd(total), Shipping: usd(500), Tax: usd(123), Discount: usd(100)},
		Lines: []*typev1.Line{
			{Id: "1", Sku: "MUG", Title: "Mug, blue", Quantity: 2, UnitPrice: usd(1250)},
			{Id: "2", Sku: "TEE", Title: "Tee <XL> & more", Quantity: 1, UnitPrice: usd(1977)},
		},
	}
}

var (
	placed    = &orderv1.OrderPlaced{Description: described(5000)}
	paid      = &paymentv1.PaymentCaptured{Movement: &paymentv1.Movement{Names: []string{"pi_1"}, Amount: usd(5000), Witness: intakev1.Witness_WITNESS_PROVIDER}}
	cleared   = &fraudv1.OrderScored{ScoreMillis: 100, Verdict: fraudv1.Verdict_VERDICT_CLEAR}
	risky     = &fraudv1.OrderScored{ScoreMillis: 900, Verdict: fraudv1.Verdict_VERDICT_REVIEW}
	stopping  = &orderv1.OrderCancelling{Number: 1, By: "shop"}
	cancelled = &orderv1.OrderCancelled{}
)

func hold(kind orderv1.HoldKind) *orderv1.HoldPlaced {
	return &orderv1.HoldPlaced{Kind: kind, Reason: "why"}
}

func unhold(kind orderv1.HoldKind) *orderv1.HoldReleased {
	return &orderv1.HoldReleased{Kind: kind, HoldReason: "why", By: order.ByRule}
}

func scanned(tracking string) *fulfillmentv1.ShipmentScanned {
	return &fulfillmentv1.ShipmentScanned{TrackingNumber: tracking, Carrier: "sandbox", ScanId: tracking + "-1", Step: intakev1.ScanStep_SCAN_STEP_IN_TRANSIT}
}

func delivered(tracking string) *fulfillmentv1.ShipmentDelivered {
	return &fulfillmentv1.ShipmentDelivered{TrackingNumber: tracking, Carrier: "sandbox", ScanId: tracking + "-9"}
}

func refunded(minor int64, refundID string, w intakev1.Witness, step intakev1.RefundStep) *paymentv1.PaymentRefunded {
	return &paymentv1.PaymentRefunded{Names: []string{"pi_1"}, Amount: usd(minor), RefundId: refundID, Step: step, Witness: w}
}

func back(minor int64, refundID string) *paymentv1.PaymentRefunded {
	return refunded(minor, refundID, intakev1.Witness_WITNESS_PROVIDER, intakev1.RefundStep_REFUND_STEP_SETTLED)
}

func sent(kind notificationv1.Kind, subject string) *notificationv1.NotificationSent {
	return &notificationv1.NotificationSent{Kind: kind, Channel: "email", SubjectKey: subject}
}

func without(change func(*orderv1.OrderPlaced)) *orderv1.OrderPlaced {
	p := proto.CloneOf(placed)
	change(p)
	return p
}

// happened runs the decision until nothing is due any more, as if every mail were taken, and says what was told.
func happened(t require.TestingT, o *order.State, now time.Time) []string {
	var told []string
	d, err := rules.Decide(o.Clone(), ring, now)
	require.NoError(t, err)
	for range 100 {
		for _, e := range d.Events {
			switch m := e.Message.(type) {
			case *notificationv1.NotificationSent:
				told = append(told, message{m.GetKind(), m.GetSubjectKey()}.Key())
			case *notificationv1.NotificationSuppressed:
				told = append(told, "silent "+message{m.GetKind(), m.GetSubjectKey()}.Key()+": "+m.GetReason())
			}
		}
		o = o.With(event.Notification, d.Events...)
		if len(d.Requests) == 0 {
			break
		}
		require.Len(t, d.Requests, 1, "one after the other")
		d, err = rules.Record(o.Clone(), d.Requests[0], answer{MessageID: "m"}, nil, now)
		require.NoError(t, err)
	}
	again, err := rules.Decide(o.Clone(), ring, now)
	require.NoError(t, err)
	require.Empty(t, again.Requests, "all of it was told")
	require.Empty(t, again.Events)
	return told
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	fraud, payment, address := orderv1.HoldKind_HOLD_KIND_FRAUD, orderv1.HoldKind_HOLD_KIND_PAYMENT, orderv1.HoldKind_HOLD_KIND_ADDRESS
	confirmedSent := sent(notificationv1.Kind_KIND_CONFIRMED, "")
	for name, c := range map[string]struct {
		given []proto.Message
		then  []string
	}{
		"nothing is known":                    {nil, nil},
		"only a payment":                      {[]proto.Message{paid}, nil},
		"placed":                              {[]proto.Message{placed}, nil},
		"placed and paid, its risk not known": {[]proto.Message{placed, paid}, nil},
		"placed, paid and cleared":            {[]proto.Message{placed, paid, cleared}, []string{"confirmed"}},
		"in another order":                    {[]proto.Message{cleared, paid, placed}, []string{"confirmed"}},
		"told before":                         {[]proto.Message{placed, paid, cleared, confirmedSent}, nil},
		"paid in part":                        {[]proto.Message{without(func(p *orderv1.OrderPlaced) { p.Description.Totals.Total = usd(5001) }), paid, cleared}, nil},
		"under review":                        {[]proto.Message{placed, paid, risky}, nil},
		"under review, on hold":               {[]proto.Message{placed, paid, risky, hold(fraud)}, []string{"held"}},
		"reviewed": {[]proto.Message{placed, paid, risky, hold(fraud), &fraudv1.ReviewDecided{Verdict: fraudv1.Verdict_VERDICT_CLEAR},
			unhold(fraud)}, []string{"confirmed"}},
		"on hold for two questions":              {[]proto.Message{placed, paid, cleared, hold(payment), hold(address)}, []string{"held"}},
		"on hold once more":                      {[]proto.Message{placed, paid, cleared, sent(notificationv1.Kind_KIND_HELD, ""), hold(payment)}, nil},
		"on hold for an operator":                {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_OPERATOR)}, nil},
		"on hold after an edit":                  {[]proto.Message{placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_EDIT)}, nil},
		"a hold that went":                       {[]proto.Message{placed, paid, cleared, hold(address), unhold(address)}, []string{"confirmed"}},
		"on hold, but gone":                      {[]proto.Message{placed, paid, cleared, confirmedSent, scanned("SB1"), hold(payment)}, []string{"shipped/SB1"}},
		"first scan":                             {[]proto.Message{placed, paid, cleared, confirmedSent, scanned("SB1")}, []string{"shipped/SB1"}},
		"a label alone":                          {[]proto.Message{placed, paid, cleared, confirmedSent, &fulfillmentv1.LabelPurchased{ShipmentId: "x", TrackingNumber: "SB1"}}, nil},
		"delivered without a scan before":        {[]proto.Message{placed, paid, cleared, confirmedSent, delivered("SB1")}, []string{"shipped/SB1", "delivered/SB1"}},
		"all of it at once":                      {[]proto.Message{placed, paid, cleared, scanned("SB1"), delivered("SB1")}, []string{"confirmed", "shipped/SB1", "delivered/SB1"}},
		"two parcels":                            {[]proto.Message{placed, paid, cleared, confirmedSent, scanned("SB1"), scanned("SB2")}, []string{"shipped/SB1", "shipped/SB2"}},
		"cancelling":                             {[]proto.Message{placed, paid, cleared, stopping}, nil},
		"cancelling, on hold":                    {[]proto.Message{placed, paid, cleared, hold(payment), stopping}, nil},
		"the cancellation was refused":           {[]proto.Message{placed, paid, cleared, stopping, &orderv1.CancellationRefused{Number: 1, By: "fulfillment", Reason: "already_shipped"}}, []string{"confirmed"}},
		"cancelled":                              {[]proto.Message{placed, paid, cleared, stopping, cancelled}, []string{"cancelled"}},
		"never paid":                             {[]proto.Message{placed, cleared, stopping, &orderv1.OrderExpired{}}, []string{"cancelled"}},
		"cancelled before it was placed":         {[]proto.Message{stopping, cancelled}, nil},
		"refunded":                               {[]proto.Message{placed, paid, cleared, confirmedSent, back(2000, "re_1")}, []string{"refunded/USD:2000"}},
		"refunded twice, told once":              {[]proto.Message{placed, paid, cleared, confirmedSent, back(2000, "re_1"), back(500, "re_2")}, []string{"refunded/USD:2500"}},
		"refunded again":                         {[]proto.Message{placed, paid, cleared, confirmedSent, back(2000, "re_1"), sent(notificationv1.Kind_KIND_REFUNDED, "USD:2000"), back(500, "re_2")}, []string{"refunded/USD:2500"}},
		"one refund, told by two":                {[]proto.Message{placed, paid, cleared, confirmedSent, back(2000, "re_1"), sent(notificationv1.Kind_KIND_REFUNDED, "USD:2000"), refunded(2000, "shop_7", intakev1.Witness_WITNESS_SHOP, intakev1.RefundStep_REFUND_STEP_SETTLED)}, nil},
		"a refund that failed after it was told": {[]proto.Message{placed, paid, cleared, confirmedSent, back(2000, "re_1"), back(500, "re_2"), sent(notificationv1.Kind_KIND_REFUNDED, "USD:2500"), refunded(500, "re_2", intakev1.Witness_WITNESS_PROVIDER, intakev1.RefundStep_REFUND_STEP_FAILED)}, nil},
		"a refund on its way":                    {[]proto.Message{placed, paid, cleared, confirmedSent, refunded(2000, "re_1", intakev1.Witness_WITNESS_PROVIDER, intakev1.RefundStep_REFUND_STEP_PENDING)}, nil},
		"refunded before it was confirmed":       {[]proto.Message{placed, paid, cleared, back(5000, "re_1")}, []string{"refunded/USD:5000"}},
		"imported from the past": {[]proto.Message{without(func(p *orderv1.OrderPlaced) { p.Historic = true }), paid, cleared, scanned("SB1"), back(1, "re_1")},
			[]string{"silent confirmed: historic"}},
		"nobody to write to": {[]proto.Message{without(func(p *orderv1.OrderPlaced) { p.Description.HasEmail = false }), paid, cleared, scanned("SB1")},
			[]string{"silent confirmed: no_email", "silent shipped/SB1: no_email"}},
		"erased": {[]proto.Message{placed, paid, cleared, confirmedSent, &orderv1.PersonalDataErased{}, scanned("SB1")}, []string{"silent shipped/SB1: erased"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.then, happened(t, fold(t, c.given...), noon.Add(time.Hour)))
		})
	}
}

func TestAHoldIsToldAfterAWhile(t *testing.T) {
	t.Parallel()
	o := fold(t, placed, paid, cleared, hold(orderv1.HoldKind_HOLD_KIND_ADDRESS)) // placed at noon and 3 seconds
	d, err := rules.Decide(o, ring, noon.Add(10*time.Second))
	require.NoError(t, err)
	assert.Empty(t, d.Requests)
	assert.Equal(t, []reactor.Timer{{Kind: timerHeld, At: noon.Add(63 * time.Second)}}, d.Timers)

	d, err = rules.Decide(o, reactor.Trigger{Kind: reactor.TimerRing, TimerKind: timerHeld}, noon.Add(63*time.Second))
	require.NoError(t, err)
	assert.Equal(t, []reactor.Request{message{notificationv1.Kind_KIND_HELD, ""}}, d.Requests)
	assert.Empty(t, d.Timers)
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	confirm := message{notificationv1.Kind_KIND_CONFIRMED, ""}
	o := fold(t, placed, paid, cleared, scanned("SB1"))
	for name, c := range map[string]struct {
		answer any
		err    error
		then   proto.Message
		next   bool
	}{
		"taken":           {answer{MessageID: "a@b"}, nil, &notificationv1.NotificationSent{Kind: confirm.Kind, Channel: "email", MessageId: "a@b"}, true},
		"erased just now": {answer{Silent: silentErased}, nil, &notificationv1.NotificationSuppressed{Kind: confirm.Kind, Reason: "erased"}, true},
		"refused for good": {nil, fault.New(fault.Rejected, "smtp 550 5.1.1"),
			&notificationv1.NotificationFailed{Kind: confirm.Kind, Channel: "email", Reason: "smtp 550 5.1.1"}, true},
		"put off":          {nil, fault.New(fault.Transient, "later"), nil, false},
		"of no kind":       {nil, errors.New("who knows"), nil, false},
		"no answer at all": {nil, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := rules.Record(o, confirm, c.answer, c.err, noon.Add(time.Hour))
			require.NoError(t, err)
			if c.then == nil {
				assert.Empty(t, d.Events)
				assert.Equal(t, []reactor.Timer{{Kind: timerAgain, At: noon.Add(time.Hour + againMost)}}, d.Timers)
			} else {
				require.Len(t, d.Events, 1)
				assert.True(t, proto.Equal(c.then, d.Events[0].Message), "%v", d.Events[0].Message)
			}
			if c.next {
				assert.Equal(t, []reactor.Request{message{notificationv1.Kind_KIND_SHIPPED, "SB1"}}, d.Requests)
			} else {
				assert.Empty(t, d.Requests)
			}
		})
	}
	told := fold(t, placed, paid, cleared, sent(confirm.Kind, ""))
	d, err := rules.Record(told, confirm, answer{MessageID: "a@b"}, nil, noon)
	require.NoError(t, err)
	assert.Empty(t, d.Events, "another replica was faster")
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	o := fold(t, placed)
	assert.Equal(t, againFirst, againAfter(o, noon))
	assert.Equal(t, againFirst, againAfter(o, noon.Add(-time.Hour)), "clocks differ")
	assert.Equal(t, 40*time.Second, againAfter(o, noon.Add(40*time.Second)))
	assert.Equal(t, againMost, againAfter(o, noon.Add(time.Hour)))
}

// However the news came, however often and late its bells rang, and whenever the process died between sending and
// recording: nothing is told twice, and in the end everything is told.
func TestNothingIsToldTwice(t *testing.T) {
	t.Parallel()
	held, freed := proto.Message(hold(orderv1.HoldKind_HOLD_KIND_STOCK)), proto.Message(unhold(orderv1.HoldKind_HOLD_KIND_STOCK))
	news := []proto.Message{
		placed, paid, cleared, held, freed, scanned("SB1"), delivered("SB1"),
		scanned("SB2"), back(1000, "re_1"), back(700, "re_2"), refunded(1000, "shop_1", intakev1.Witness_WITNESS_SHOP, intakev1.RefundStep_REFUND_STEP_SETTLED),
	}
	rapid.Check(t, func(t *rapid.T) {
		o, told := order.New(id), map[string]int{}
		news := rapid.Permutation(news).Draw(t, "order of news")
		// Within one stream there is one order only.
		if on, off := slices.Index(news, held), slices.Index(news, freed); on > off {
			news[on], news[off] = news[off], news[on]
		}
		for i, m := range news {
			at := noon.Add(time.Duration(i) * time.Minute)
			c := event.CategoryOf(event.TypeOf(m))
			require.NoError(t, o.Apply(event.Recorded{
				Entity: id, Category: c, Version: o.Version(c) + 1, Type: event.TypeOf(m), Message: m, OccurredAt: at, RecordedAt: at,
			}))
			for range rapid.IntRange(0, 3).Draw(t, "bells") {
				o = listen(t, o, at, told, false)
			}
		}
		o = listen(t, o, noon.Add(24*time.Hour), told, true)
		for key, n := range told {
			require.Equal(t, 1, n, key)
		}
		for _, key := range []string{"confirmed", "shipped/SB1", "shipped/SB2", "delivered/SB1"} {
			require.Contains(t, told, key)
		}
		require.EqualValues(t, 1700, refundTold(o), "what was told of refunds is what went back")
	})
}

// listen answers one bell, and notes what was recorded as sent. A mail server that is not well fails now and then.
func listen(t *rapid.T, o *order.State, now time.Time, told map[string]int, well bool) *order.State {
	d, err := rules.Decide(o.Clone(), ring, now)
	require.NoError(t, err)
	for n := 0; len(d.Requests) > 0; n++ {
		require.Less(t, n, 100, "it asks without end")
		q := d.Requests[0]
		got, callErr := any(answer{MessageID: "m"}), error(nil)
		if !well && rapid.Bool().Draw(t, "fails") {
			got, callErr = nil, fault.New(fault.Transient, "later")
		}
		d, err = rules.Record(o.Clone(), q, got, callErr, now)
		require.NoError(t, err)
		if callErr == nil {
			told[q.Key()]++
		}
		o = o.With(event.Notification, d.Events...)
	}
	return o
}
