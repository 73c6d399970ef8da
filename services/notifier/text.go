package notifier

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

// sms is the call that hands a text over. Its intent is written: nobody else makes the same attempt.
type sms struct {
	message
	Attempt int
	Until   time.Time
}

// Key tells attempts apart.
func (t sms) Key() string { return "sms/" + t.message.Key() + "/" + strconv.Itoa(t.Attempt) }

// smsTrace is the call that asks what became of an attempt whose time is over.
type smsTrace sms

// Key tells it apart from the attempt.
func (t smsTrace) Key() string { return sms(t).Key() + "/trace" }

// handed is a text that the provider took.
type handed struct{ ID string }

// lost says that it took none.
type lost struct{}

// silence is why none is sent to this person.
type silence string

// timerText looks again at the text that is under way.
const timerText = "sms"

// Reasons why a text is not sent.
const (
	silentNoNumber = "no_number"
	silentTooLate  = "too_late"
)

// text asks for the first text that is due, once its intent is written; or for what became of the one before. A text is
// only sent beside a mail, and never waits for one.
func (r Rules) text(d *reactor.Decision, o *order.State, now time.Time) {
	if r.SMSProvider != twilioProvider || o.Order.Historic {
		return
	}
	if under := underWay(o); under != nil {
		r.follow(d, under, now)
		return
	}
	if o.Order.Erased || !o.Order.Description.GetHasPhone() {
		return // and nothing is said of it: most orders have no number
	}
	for _, m := range r.textsDue(o, now) {
		r.start(d, m, 1, now)
		return
	}
}

// underWay is the text whose end is not known; nil if there is none.
func underWay(o *order.State) *order.Started {
	for i, s := range o.Notification.Started {
		if s.Channel == order.ChannelSMS {
			return &o.Notification.Started[i]
		}
	}
	return nil
}

// start writes the intent and asks for the call.
func (r Rules) start(d *reactor.Decision, m message, attempt int, now time.Time) {
	until := now.Add(r.inFlight()).Truncate(time.Microsecond)
	emit(d, now, &notificationv1.NotificationStarted{
		Kind: m.Kind, Channel: order.ChannelSMS, SubjectKey: m.Subject, Attempt: int32(attempt), InFlightUntil: timestamppb.New(until), //nolint:gosec // small
	})
	d.Requests = append(d.Requests, sms{m, attempt, until})
	d.Timers = append(d.Timers, reactor.Timer{Kind: timerText, At: until.Add(pauseAfter(attempt))})
}

// inFlight is how long an attempt may be under way: the wait for a free place, the call, and as much again.
func (r Rules) inFlight() time.Duration { return 3 * r.SMSTimeout }

// pauseAfter is how long an attempt is left alone once its time is over: nothing for the first, then ever longer.
func pauseAfter(attempt int) time.Duration {
	return min(againFirst<<min(attempt-1, 10)-againFirst, againMost)
}

// follow asks about an attempt whose time is over without an answer, and until then sees to it that somebody will.
func (r Rules) follow(d *reactor.Decision, s *order.Started, now time.Time) {
	at := s.Until.Add(pauseAfter(s.Attempt))
	if !now.Before(at) {
		d.Requests = append(d.Requests, smsTrace{message{s.Kind, s.Subject}, s.Attempt, s.Until})
		at = now.Add(r.inFlight())
	}
	d.Timers = append(d.Timers, reactor.Timer{Kind: timerText, At: at})
}

// textsDue are the texts that have not had their turn, of the kinds that are wanted.
func (r Rules) textsDue(o *order.State, now time.Time) []message {
	var due []message
	for _, kind := range []notificationv1.Kind{notificationv1.Kind_KIND_SHIPPED, notificationv1.Kind_KIND_DELIVERED} {
		for _, tracking := range parcels(o) {
			m := message{kind, tracking}
			if r.worthATelling(o, m, now) && !o.Notification.ToldBy(order.ChannelSMS, kind, tracking) {
				due = append(due, m)
			}
		}
	}
	return due
}

// worthATelling says that a text is still news: that a parcel is on its way is none once it was delivered, and nothing
// is after a while. So nobody gets texts about parcels of last week when texts are switched on, or work again.
func (r Rules) worthATelling(o *order.State, m message, now time.Time) bool {
	if !slices.Contains(r.SMSKinds, kindName(m.Kind)) || !o.Order.Placed || o.Order.Erased {
		return false
	}
	at, happened := o.Fulfillment.DeliveredAt(m.Subject)
	if m.Kind == notificationv1.Kind_KIND_SHIPPED {
		if happened {
			return false
		}
		at, happened = o.Fulfillment.ShippedAt(m.Subject)
	}
	return happened && now.Sub(at) <= r.SMSWithin
}

// texted says what the answer to an attempt means. Where it is not known whether the text was taken, nothing is
// recorded: its intent stands, and is followed once its time is over.
func (r Rules) texted(d *reactor.Decision, o *order.State, t sms, got any, err error, now time.Time) {
	if under := underWay(o); under == nil || !same(under, t) {
		return // it was ended by somebody else
	}
	switch answer := got.(type) {
	case handed:
		r.sent(d, t.message, answer.ID, now)
	case silence:
		emit(d, now, &notificationv1.NotificationSuppressed{Kind: t.Kind, Channel: order.ChannelSMS, Reason: string(answer), SubjectKey: t.Subject})
	default:
		if fault.KindOf(err) == fault.Rejected {
			emit(d, now, &notificationv1.NotificationFailed{Kind: t.Kind, Channel: order.ChannelSMS, Reason: err.Error(), SubjectKey: t.Subject})
		}
	}
	r.goOn(d, o, now)
}

func same(s *order.Started, t sms) bool {
	return s.Kind == t.Kind && s.Subject == t.Subject && s.Attempt == t.Attempt && s.Until.Equal(t.Until)
}

// traced says what was found out about an attempt whose time is over: the provider took it, or it is tried again for as
// long as it is news. If the provider could not be asked, it is asked later.
func (r Rules) traced(d *reactor.Decision, o *order.State, t sms, got any, now time.Time) {
	if under := underWay(o); under == nil || !same(under, t) {
		return
	}
	switch answer := got.(type) {
	case handed:
		r.sent(d, t.message, answer.ID, now)
	case silence:
		emit(d, now, &notificationv1.NotificationSuppressed{Kind: t.Kind, Channel: order.ChannelSMS, Reason: string(answer), SubjectKey: t.Subject})
	case lost:
		if r.worthATelling(o, t.message, now) {
			r.start(d, t.message, t.Attempt+1, now)
			return
		}
		emit(d, now, &notificationv1.NotificationFailed{Kind: t.Kind, Channel: order.ChannelSMS, Reason: silentTooLate, SubjectKey: t.Subject})
	default:
		d.Timers = append(d.Timers, reactor.Timer{Kind: timerText, At: now.Add(againAfter(o, now))})
		return
	}
	r.goOn(d, o, now)
}

// sent records a text that was taken. Its name is a reference: what the provider tells of it finds the order by it.
func (r Rules) sent(d *reactor.Decision, m message, id string, now time.Time) {
	emit(d, now, &notificationv1.NotificationSent{
		Kind: m.Kind, Channel: order.ChannelSMS, MessageId: id, SubjectKey: m.Subject, Provider: r.SMSProvider,
	})
	d.Links = append(d.Links, "message:"+r.SMSProvider+":"+id)
}

// goOn asks for the next text, and takes the timer of this one away if there is none.
func (r Rules) goOn(d *reactor.Decision, o *order.State, now time.Time) {
	r.text(d, o.With(event.Notification, d.Events...), now)
	if !slices.ContainsFunc(d.Timers, func(t reactor.Timer) bool { return t.Kind == timerText }) {
		d.Clear = append(d.Clear, timerText)
	}
}

// outcomes are the steps that tell something which was not known when the text was taken.
var outcomes = map[intakev1.MessageStep]string{
	intakev1.MessageStep_MESSAGE_STEP_DELIVERED: "delivered",
	intakev1.MessageStep_MESSAGE_STEP_READ:      "read",
	intakev1.MessageStep_MESSAGE_STEP_FAILED:    "undelivered",
}

// reported records what a provider tells of a message of ours, if it is news.
func reported(d *reactor.Decision, o *order.State, f *intakev1.Fact) {
	told := f.GetMessageReported()
	m := o.Notification.ByID(told.GetProvider(), told.GetMessageId())
	outcome := outcomes[told.GetStep()]
	if m == nil || !m.Betters(outcome) {
		return
	}
	d.Events = append(d.Events, event.New{Message: &notificationv1.NotificationReported{
		Kind: m.Kind, Channel: m.Channel, SubjectKey: m.Subject, Provider: m.Provider, MessageId: m.ID, Outcome: outcome, ErrorCode: told.GetErrorCode(),
	}})
}
