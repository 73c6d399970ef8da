package notifier

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

var (
	texts   = Rules{HeldAfter: time.Minute, SMSProvider: "twilio", SMSKinds: []string{"shipped", "delivered"}, SMSWithin: time.Hour, SMSTimeout: 10 * time.Second}
	onPhone = without(func(p *orderv1.OrderPlaced) { p.Description.HasPhone = true })
	soonish = noon.Add(10 * time.Second)
)

const (
	isShipped   = notificationv1.Kind_KIND_SHIPPED
	isDelivered = notificationv1.Kind_KIND_DELIVERED
)

// callsOf are the calls about texts among those that a decision asks for.
func callsOf(d reactor.Decision) []reactor.Request {
	var calls []reactor.Request
	for _, q := range d.Requests {
		if _, mail := q.(message); !mail {
			calls = append(calls, q)
		}
	}
	return calls
}

func timerOf(d reactor.Decision) time.Time {
	for _, t := range d.Timers {
		if t.Kind == timerText {
			return t.At
		}
	}
	return time.Time{}
}

// told records that every mail was sent, so that a test can look at texts alone.
func mailed(subjects ...string) []proto.Message {
	all := []proto.Message{sent(notificationv1.Kind_KIND_CONFIRMED, "")}
	for _, s := range subjects {
		all = append(all, sent(isShipped, s), sent(isDelivered, s))
	}
	return all
}

func TestATextHasAnIntentBeforeItsCall(t *testing.T) {
	t.Parallel()
	o := fold(t, append(mailed("SB1"), onPhone, paid, cleared, scanned("SB1"))...)
	d, err := texts.Decide(o, ring, soonish)
	require.NoError(t, err)
	require.Len(t, d.Events, 1)
	until := soonish.Add(30 * time.Second)
	want := &notificationv1.NotificationStarted{Kind: isShipped, Channel: "sms", SubjectKey: "SB1", Attempt: 1, InFlightUntil: timestamppb.New(until)}
	assert.True(t, proto.Equal(want, d.Events[0].Message), d.Events[0].Message)
	assert.Equal(t, []reactor.Request{sms{message{isShipped, "SB1"}, 1, until}}, callsOf(d))
	assert.Equal(t, until, timerOf(d))

	under := o.With(event.Notification, d.Events...)
	d, err = texts.Decide(under, ring, soonish.Add(29*time.Second))
	require.NoError(t, err)
	assert.Empty(t, d.Events)
	assert.Empty(t, callsOf(d), "it may be under way: nobody else makes the call")
	assert.Equal(t, until, timerOf(d))

	d, err = texts.Decide(under, ring, until)
	require.NoError(t, err)
	assert.Equal(t, []reactor.Request{smsTrace{message{isShipped, "SB1"}, 1, until}}, callsOf(d), "then it is asked what became of it")
	assert.Empty(t, d.Events)
}

func TestWhoGetsTexts(t *testing.T) {
	t.Parallel()
	base := append(mailed("SB1", "SB2"), paid, cleared)
	for name, c := range map[string]struct {
		rules Rules
		happs []proto.Message
		now   time.Time
		want  string
	}{
		"shipped":                    {texts, []proto.Message{onPhone, scanned("SB1")}, soonish, "shipped/SB1"},
		"delivered":                  {texts, []proto.Message{onPhone, scanned("SB1"), delivered("SB1")}, soonish, "delivered/SB1"},
		"two parcels, one after one": {texts, []proto.Message{onPhone, scanned("SB1"), scanned("SB2")}, soonish, "shipped/SB1"},
		"switched off":               {rules, []proto.Message{onPhone, scanned("SB1")}, soonish, ""},
		"none":                       {with(func(r *Rules) { r.SMSProvider = "none" }), []proto.Message{onPhone, scanned("SB1")}, soonish, ""},
		"only what is wanted":        {with(func(r *Rules) { r.SMSKinds = []string{"delivered"} }), []proto.Message{onPhone, scanned("SB1")}, soonish, ""},
		"no phone":                   {texts, []proto.Message{placed, scanned("SB1")}, soonish, ""},
		"erased":                     {texts, []proto.Message{onPhone, scanned("SB1"), &orderv1.PersonalDataErased{}}, soonish, ""},
		"not placed":                 {texts, []proto.Message{scanned("SB1")}, soonish, ""},
		"nothing scanned":            {texts, []proto.Message{onPhone}, soonish, ""},
		"historic":                   {texts, []proto.Message{without(func(p *orderv1.OrderPlaced) { p.Description.HasPhone, p.Historic = true, true }), scanned("SB1")}, soonish, ""},
		"old news":                   {texts, []proto.Message{onPhone, scanned("SB1")}, soonish.Add(time.Hour), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := c.rules.Decide(fold(t, slices.Concat(base, c.happs)...), ring, c.now)
			require.NoError(t, err)
			calls := callsOf(d)
			if c.want == "" {
				assert.Empty(t, calls)
				return
			}
			require.Len(t, calls, 1)
			assert.Equal(t, "sms/"+c.want+"/1", calls[0].Key())
		})
	}
}

func with(change func(*Rules)) Rules {
	r := texts
	change(&r)
	return r
}

// underway is an order whose text is under way, and the call.
func underway(t require.TestingT) (*order.State, sms) {
	o := fold(t, append(mailed("SB1"), onPhone, paid, cleared, scanned("SB1"))...)
	d, err := texts.Decide(o, ring, soonish)
	require.NoError(t, err)
	call, ok := d.Requests[0].(sms)
	require.True(t, ok)
	return o.With(event.Notification, d.Events...), call
}

func TestWhatAnAnswerToATextMeans(t *testing.T) {
	t.Parallel()
	o, call := underway(t)
	trace, over := smsTrace(call), call.Until.Add(time.Second)
	for name, c := range map[string]struct {
		request reactor.Request
		got     any
		err     error
		now     time.Time
		events  []proto.Message
		link    string
		timer   time.Time
		calls   []string
	}{
		"taken": {call, handed{"SM1"}, nil, soonish, []proto.Message{
			&notificationv1.NotificationSent{Kind: isShipped, Channel: "sms", MessageId: "SM1", SubjectKey: "SB1", Provider: "twilio"},
		}, "message:twilio:SM1", time.Time{}, nil},
		"refused for good": {call, nil, fault.New(fault.Rejected, "twilio 21211"), soonish, []proto.Message{
			&notificationv1.NotificationFailed{Kind: isShipped, Channel: "sms", Reason: "twilio 21211", SubjectKey: "SB1"},
		}, "", time.Time{}, nil},
		"nobody to text to": {call, silence(silentNoNumber), nil, soonish, []proto.Message{
			&notificationv1.NotificationSuppressed{Kind: isShipped, Channel: "sms", Reason: "no_number", SubjectKey: "SB1"},
		}, "", time.Time{}, nil},
		"no answer": {call, nil, fault.New(fault.Transient, "down"), soonish, nil, "", call.Until, nil},
		"found": {trace, handed{"SM1"}, nil, over, []proto.Message{
			&notificationv1.NotificationSent{Kind: isShipped, Channel: "sms", MessageId: "SM1", SubjectKey: "SB1", Provider: "twilio"},
		}, "message:twilio:SM1", time.Time{}, nil},
		"not found": {trace, lost{}, nil, over, []proto.Message{
			&notificationv1.NotificationStarted{Kind: isShipped, Channel: "sms", SubjectKey: "SB1", Attempt: 2, InFlightUntil: timestamppb.New(over.Add(30 * time.Second))},
		}, "", over.Add(32 * time.Second), []string{"sms/shipped/SB1/2"}},
		"not found, and no news any more": {trace, lost{}, nil, over.Add(time.Hour), []proto.Message{
			&notificationv1.NotificationFailed{Kind: isShipped, Channel: "sms", Reason: "too_late", SubjectKey: "SB1"},
		}, "", time.Time{}, nil},
		"erased meanwhile": {trace, silence(silentErased), nil, over, []proto.Message{
			&notificationv1.NotificationSuppressed{Kind: isShipped, Channel: "sms", Reason: "erased", SubjectKey: "SB1"},
		}, "", time.Time{}, nil},
		"asked in vain":        {trace, nil, fault.New(fault.Transient, "down"), over, nil, "", over.Add(againAfter(o, over)), nil},
		"of an attempt before": {sms{call.message, 1, call.Until.Add(-time.Second)}, handed{"SM1"}, nil, soonish, nil, "", time.Time{}, nil},
		"of a trace before":    {smsTrace{call.message, 1, call.Until.Add(-time.Second)}, lost{}, nil, soonish, nil, "", time.Time{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := texts.Record(o.Clone(), c.request, c.got, c.err, c.now)
			require.NoError(t, err)
			require.Len(t, d.Events, len(c.events))
			for i, e := range d.Events {
				assert.True(t, proto.Equal(c.events[i], e.Message), e.Message)
			}
			if c.link != "" {
				assert.Equal(t, []string{c.link}, d.Links)
			}
			assert.Equal(t, c.timer, timerOf(d))
			var calls []string
			for _, q := range callsOf(d) {
				calls = append(calls, q.Key())
			}
			assert.Equal(t, c.calls, calls)
			assert.Equal(t, len(c.events) > 0 && c.timer.IsZero(), len(d.Clear) > 0, "the timer of a text that has ended is taken away")
		})
	}
}

// A text that cannot be sent keeps no mail back, and the other way round.
func TestChannelsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	d, err := texts.Decide(fold(t, onPhone, paid, cleared, scanned("SB1")), ring, soonish)
	require.NoError(t, err)
	var keys []string
	for _, q := range d.Requests {
		keys = append(keys, q.Key())
	}
	assert.Equal(t, []string{"confirmed", "sms/shipped/SB1/1"}, keys)
	d, err = texts.Record(fold(t, onPhone, paid, cleared, scanned("SB1")), message{Kind: notificationv1.Kind_KIND_CONFIRMED}, nil, fault.New(fault.Transient, "down"), soonish)
	require.NoError(t, err)
	assert.Empty(t, d.Requests)
}

func told(id string, step intakev1.MessageStep, code string) reactor.Trigger {
	return reactor.Trigger{Kind: reactor.Fact, Fact: &intakev1.Fact{Body: &intakev1.Fact_MessageReported{MessageReported: &intakev1.MessageReported{
		Provider: "twilio", MessageId: id, Step: step, ErrorCode: code,
	}}}}
}

func TestWhatIsReportedOfAText(t *testing.T) {
	t.Parallel()
	o := fold(t, append(mailed("SB1"), onPhone, paid, cleared, scanned("SB1"),
		&notificationv1.NotificationSent{Kind: isShipped, Channel: "sms", SubjectKey: "SB1", Provider: "twilio", MessageId: "SM1"})...)
	decide := func(o *order.State, trigger reactor.Trigger) []event.New {
		d, err := texts.Decide(o, trigger, soonish)
		require.NoError(t, err)
		return d.Events
	}
	for _, step := range []intakev1.MessageStep{0, intakev1.MessageStep_MESSAGE_STEP_QUEUED, intakev1.MessageStep_MESSAGE_STEP_SENT} {
		assert.Empty(t, decide(o, told("SM1", step, "")), "that it was taken is known")
	}
	assert.Empty(t, decide(o, told("SM2", intakev1.MessageStep_MESSAGE_STEP_DELIVERED, "")), "it is none of ours")
	got := decide(o, told("SM1", intakev1.MessageStep_MESSAGE_STEP_FAILED, "30003"))
	require.Len(t, got, 1)
	want := &notificationv1.NotificationReported{
		Kind: isShipped, Channel: "sms", SubjectKey: "SB1", Provider: "twilio", MessageId: "SM1", Outcome: "undelivered", ErrorCode: "30003",
	}
	assert.True(t, proto.Equal(want, got[0].Message), got[0].Message)
	assert.Zero(t, got[0].OccurredAt, "when it happened is the provider's to say")

	o = o.With(event.Notification, got...)
	assert.Empty(t, decide(o, told("SM1", intakev1.MessageStep_MESSAGE_STEP_FAILED, "30003")), "told again")
	o = o.With(event.Notification, decide(o, told("SM1", intakev1.MessageStep_MESSAGE_STEP_DELIVERED, ""))...)
	assert.Equal(t, "delivered", o.Notification.Sent[len(o.Notification.Sent)-1].Report)
	assert.Empty(t, decide(o, told("SM1", intakev1.MessageStep_MESSAGE_STEP_FAILED, "30003")), "it arrived")
}

// Whatever answers, crashes and bells come in which order: no text is taken twice as long as Twilio lists what it took,
// and each has its turn once.
func TestNoTextIsSentTwice(t *testing.T) {
	t.Parallel()
	patient := with(func(r *Rules) { r.SMSWithin = 24 * time.Hour })
	rapid.Check(t, func(t *rapid.T) {
		x := &mishaps{t: t, rules: patient, took: map[string]int{}, now: soonish}
		x.order = fold(t, append(mailed("SB1", "SB2"), onPhone, paid, cleared, scanned("SB1"), scanned("SB2"))...)
		for range 40 {
			x.turn(true)
			x.now = x.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "pause")) * time.Second)
		}
		for range 10 { // and then nothing goes wrong any more
			x.turn(false)
			x.now = x.now.Add(againMost)
		}
		for key, n := range x.took {
			require.Equal(t, 1, n, key)
		}
		require.Empty(t, x.order.Notification.Started)
		for _, tracking := range []string{"SB1", "SB2"} {
			require.True(t, x.order.Notification.ToldBy(order.ChannelSMS, isShipped, tracking))
		}
	})
}

// mishaps is a provider who may not answer, and a process that may die at any step.
type mishaps struct {
	t     *rapid.T
	rules Rules
	order *order.State
	took  map[string]int
	now   time.Time
}

func (x *mishaps) happens(bad bool, what string) bool {
	return bad && rapid.IntRange(0, 2).Draw(x.t, what) == 0
}

// turn is one look at the order, and all the calls that follow from it.
func (x *mishaps) turn(bad bool) {
	d, err := x.rules.Decide(x.order.Clone(), ring, x.now)
	require.NoError(x.t, err)
	for {
		x.order = x.order.With(event.Notification, d.Events...)
		calls := callsOf(d)
		if len(calls) == 0 || x.happens(bad, "dies before the call") {
			return
		}
		require.Len(x.t, calls, 1)
		got, failure := x.call(calls[0], bad)
		if x.happens(bad, "dies after the call") {
			return
		}
		d, err = x.rules.Record(x.order.Clone(), calls[0], got, failure, x.now)
		require.NoError(x.t, err)
	}
}

func (x *mishaps) call(q reactor.Request, bad bool) (any, error) {
	key := ""
	switch q := q.(type) {
	case sms:
		key = q.message.Key()
		if x.happens(bad, "never arrives") {
			return nil, fault.New(fault.Transient, "no answer")
		}
		x.took[key]++
	case smsTrace:
		key = q.message.Key()
		if x.took[key] == 0 {
			return lost{}, nil
		}
	}
	if x.happens(bad, "no answer") {
		return nil, fault.New(fault.Transient, "no answer")
	}
	return handed{"SM-" + key}, nil
}
