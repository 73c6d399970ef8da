package notifier

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/event"
	"github.com/orderflow/orderflow/pkg/fault"
	"github.com/orderflow/orderflow/pkg/order"
	"github.com/orderflow/orderflow/pkg/reactor"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
)

// message is one thing to tell. Subject tells several of a kind apart: a parcel, a sum that was given back.
type message struct {
	Kind    notificationv1.Kind
	Subject string
}

// Key names the message among those of its order; a call has the same.
func (m message) Key() string { return strings.TrimSuffix(kindName(m.Kind)+"/"+m.Subject, "/") }

// kindName is the word for a kind, as in confirmed.
func kindName(k notificationv1.Kind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "KIND_"))
}

// answer is what became of a mail.
type answer struct {
	MessageID string
	// Silent says why it was not sent after all; empty if it was.
	Silent string
}

// Reasons why a message is not sent.
const (
	silentHistoric = "historic"
	silentErased   = "erased"
	silentNoEmail  = "no_email"
)

// Timers of an order.
const (
	timerHeld  = "held"
	timerAgain = "send_again"
)

// Decide takes what a provider tells of a message, and looks at the order as a whole, whatever the trigger: messages
// are due or they are not.
func (r Rules) Decide(o *order.State, t reactor.Trigger, now time.Time) (reactor.Decision, error) {
	var d reactor.Decision
	if t.Kind == reactor.Fact {
		reported(&d, o, t.Fact)
	}
	r.tell(&d, o, now)
	r.text(&d, o, now)
	return d, nil
}

// tell asks for the first message that is due; the next one is asked for when that was answered, so that a customer
// reads them in their order. What is not to be told at all is said so at once.
func (r Rules) tell(d *reactor.Decision, o *order.State, now time.Time) {
	due, later := r.due(o, now)
	if !later.IsZero() {
		d.Timers = append(d.Timers, reactor.Timer{Kind: timerHeld, At: later})
	}
	reason := silent(o)
	for _, m := range due {
		if reason == "" {
			d.Requests = append(d.Requests, m)
			return
		}
		emit(d, now, &notificationv1.NotificationSuppressed{Kind: m.Kind, Reason: reason, SubjectKey: m.Subject})
	}
}

func emit(d *reactor.Decision, now time.Time, m proto.Message) {
	d.Events = append(d.Events, event.New{Message: m, OccurredAt: now})
}

// silent says why nobody is told about this order; empty if the customer is.
func silent(o *order.State) string {
	switch {
	case o.Order.Historic:
		return silentHistoric
	case o.Order.Erased:
		return silentErased
	case !o.Order.Description.GetHasEmail():
		return silentNoEmail
	}
	return ""
}

// due are the messages that have not had their turn, in the order in which they are told, and when to look again for
// one that is not due yet.
func (r Rules) due(o *order.State, now time.Time) (due []message, later time.Time) {
	if !o.Order.Placed {
		return nil, time.Time{}
	}
	add := func(wanted bool, kind notificationv1.Kind, subject string) {
		if wanted && !o.Notification.Told(kind, subject) {
			due = append(due, message{kind, subject})
		}
	}
	if o.Order.Historic {
		add(true, notificationv1.Kind_KIND_CONFIRMED, "") // silent once, for all that would follow
		return due, later
	}
	add(confirmed(o), notificationv1.Kind_KIND_CONFIRMED, "")
	if since, held := heldSince(o); held && !o.Notification.Told(notificationv1.Kind_KIND_HELD, "") {
		if at := since.Add(r.HeldAfter); now.Before(at) {
			later = at
		} else {
			add(true, notificationv1.Kind_KIND_HELD, "")
		}
	}
	for _, tracking := range parcels(o) {
		_, shipped := o.Fulfillment.ShippedAt(tracking)
		add(shipped, notificationv1.Kind_KIND_SHIPPED, tracking)
	}
	for _, tracking := range parcels(o) {
		_, delivered := o.Fulfillment.DeliveredAt(tracking)
		add(delivered, notificationv1.Kind_KIND_DELIVERED, tracking)
	}
	add(o.Order.Ended(), notificationv1.Kind_KIND_CANCELLED, "")
	f := o.Funds()
	add(f.Refunded > refundTold(o), notificationv1.Kind_KIND_REFUNDED, refundSubject(f))
	return due, later
}

// confirmed says that the order is a good one: paid, nothing keeps it back, and its risk is known. It waits for the
// score, so that whether an order with a high one is confirmed does not depend on who was faster.
func confirmed(o *order.State) bool {
	return o.FundsCover() && len(o.Order.Holds) == 0 && o.Fraud.Cleared() && !o.Order.Cancelling() && !o.Order.Ended()
}

// heldSince is since when the order has a hold that the customer feels. Holds about our own failing, and those of an
// operator, are ours to settle. Once it is gone, or going, there is nothing to wait for.
func heldSince(o *order.State) (time.Time, bool) {
	if o.Order.Cancelling() || o.Order.Ended() || o.Completed() || o.Fulfillment.Shipped() {
		return time.Time{}, false
	}
	var since time.Time
	held := false
	for _, h := range o.Order.Holds {
		switch h.Kind {
		case orderv1.HoldKind_HOLD_KIND_FRAUD, orderv1.HoldKind_HOLD_KIND_PAYMENT, orderv1.HoldKind_HOLD_KIND_STOCK,
			orderv1.HoldKind_HOLD_KIND_ADDRESS:
			if !held || h.Since.Before(since) {
				since, held = h.Since, true
			}
		default:
		}
	}
	return since, held
}

// parcels are the tracking numbers that were scanned, each once, in the order of their first scan that we heard of.
func parcels(o *order.State) []string {
	seen := map[string]bool{}
	var all []string
	for _, s := range o.Fulfillment.Scans {
		if s.Tracking != "" && !seen[s.Tracking] {
			seen[s.Tracking] = true
			all = append(all, s.Tracking)
		}
	}
	return all
}

// refundSubject names a refund by the sum that it brings what went back to. A refund that provider and shop both tell,
// each under an id of his own, moves that sum once, and so is told once; what is told always adds up to what went back.
func refundSubject(f order.Funds) string { return fmt.Sprintf("%s:%d", f.Currency, f.Refunded) }

// refundTold is up to which sum the customer was told of refunds.
func refundTold(o *order.State) int64 {
	var told int64
	prefix := o.Funds().Currency + ":"
	for _, m := range o.Notification.Sent {
		sum, found := strings.CutPrefix(m.Subject, prefix)
		if m.Kind != notificationv1.Kind_KIND_REFUNDED || !found {
			continue
		}
		if n, err := strconv.ParseInt(sum, 10, 64); err == nil {
			told = max(told, n)
		}
	}
	return told
}

// Record says what the answer of a channel means, and asks for what is due next there.
func (r Rules) Record(o *order.State, q reactor.Request, got any, err error, now time.Time) (reactor.Decision, error) {
	var d reactor.Decision
	switch q := q.(type) {
	case message:
		r.mailed(&d, o, q, got, err, now)
	case sms:
		r.texted(&d, o, q, got, err, now)
	case smsTrace:
		r.traced(&d, o, sms(q), got, now)
	default:
		return d, fmt.Errorf("notifier makes no calls like %q", q.Key())
	}
	return d, nil
}

// mailed says it of a mail. A failure that passes is tried again after as long as the order has been waiting by then, so
// that the pauses double; there is no last time.
func (r Rules) mailed(d *reactor.Decision, o *order.State, m message, got any, err error, now time.Time) {
	a, answered := got.(answer)
	switch {
	case o.Notification.Told(m.Kind, m.Subject): // by another replica, in the same moment
	case err == nil && answered && a.Silent != "":
		emit(d, now, &notificationv1.NotificationSuppressed{Kind: m.Kind, Reason: a.Silent, SubjectKey: m.Subject})
	case err == nil && answered:
		emit(d, now, &notificationv1.NotificationSent{Kind: m.Kind, Channel: order.ChannelEmail, MessageId: a.MessageID, SubjectKey: m.Subject})
	case fault.KindOf(err) == fault.Rejected:
		emit(d, now, &notificationv1.NotificationFailed{Kind: m.Kind, Channel: order.ChannelEmail, Reason: err.Error(), SubjectKey: m.Subject})
	default:
		d.Timers = append(d.Timers, reactor.Timer{Kind: timerAgain, At: now.Add(againAfter(o, now))})
		return
	}
	r.tell(d, o.With(event.Notification, d.Events...), now)
}

// Pauses between attempts to send.
const (
	againFirst = 2 * time.Second
	againMost  = 10 * time.Minute
)

func againAfter(o *order.State, now time.Time) time.Duration {
	return min(max(now.Sub(o.LastRecorded), againFirst), againMost)
}
