package order

import (
	"slices"
	"time"

	"github.com/orderflow/orderflow/pkg/event"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
)

// The channels of messages.
const (
	ChannelEmail = "email"
	ChannelSMS   = "sms"
)

// Notification is what the customer was told.
type Notification struct {
	Sent []Message
	// Started are messages that may be under way, on channels where that is written down before the call.
	Started []Started
}

// Message is one notification that was sent, failed for good or was suppressed.
type Message struct {
	Kind notificationv1.Kind
	// Subject tells several of a kind apart: a shipment, a refund.
	Subject string
	Channel string
	Outcome string // sent, failed, suppressed
	Reason  string
	At      time.Time
	// Provider took it and calls it ID, if it was sent.
	Provider, ID string
	// Report is the best that the provider told of it afterwards: undelivered, delivered, read; empty if nothing.
	Report string
	// ReportCode is the provider's reason for undelivered.
	ReportCode string
	ReportedAt time.Time
}

// Started is a message that was about to be handed over, and of which nothing was recorded since.
type Started struct {
	Kind    notificationv1.Kind
	Subject string
	Channel string
	Attempt int
	// Until is when the call was over, whatever came of it.
	Until time.Time
}

// Told says that a mail of that kind and subject has had its turn, whatever came of it.
func (n *Notification) Told(kind notificationv1.Kind, subject string) bool {
	return n.ToldBy(ChannelEmail, kind, subject)
}

// ToldBy says the same of any channel.
func (n *Notification) ToldBy(channel string, kind notificationv1.Kind, subject string) bool {
	return slices.ContainsFunc(n.Sent, func(m Message) bool { return m.Channel == channel && m.Kind == kind && m.Subject == subject })
}

// ByID is the message that a provider calls so; nil if it took none of that name.
func (n *Notification) ByID(provider, id string) *Message {
	for i, m := range n.Sent {
		if id != "" && m.Provider == provider && m.ID == id {
			return &n.Sent[i]
		}
	}
	return nil
}

// reports are what providers tell of a message, from the worst to the best.
var reports = []string{"", "undelivered", "delivered", "read"}

// Betters says that a report tells more of the message than what was told before: a provider's reports come in any
// order, and one that says it arrived outweighs one that says it did not.
func (m *Message) Betters(report string) bool {
	return slices.Index(reports, report) > slices.Index(reports, m.Report)
}

func (n *Notification) apply(e event.Recorded) {
	switch m := e.Message.(type) {
	case *notificationv1.NotificationStarted:
		n.end(m.GetChannel(), m.GetKind(), m.GetSubjectKey())
		n.Started = append(n.Started, Started{m.GetKind(), m.GetSubjectKey(), m.GetChannel(), int(m.GetAttempt()), instant(m.GetInFlightUntil())})
	case *notificationv1.NotificationSent:
		n.tell(Message{
			Kind: m.GetKind(), Subject: m.GetSubjectKey(), Channel: m.GetChannel(), Outcome: "sent", At: e.RecordedAt, Provider: m.GetProvider(), ID: m.GetMessageId(),
		})
	case *notificationv1.NotificationFailed:
		n.tell(Message{Kind: m.GetKind(), Subject: m.GetSubjectKey(), Channel: m.GetChannel(), Outcome: "failed", Reason: m.GetReason(), At: e.RecordedAt})
	case *notificationv1.NotificationSuppressed:
		n.tell(Message{Kind: m.GetKind(), Subject: m.GetSubjectKey(), Channel: m.GetChannel(), Outcome: "suppressed", Reason: m.GetReason(), At: e.RecordedAt})
	case *notificationv1.NotificationReported:
		if told := n.ByID(m.GetProvider(), m.GetMessageId()); told != nil && told.Betters(m.GetOutcome()) {
			told.Report, told.ReportCode, told.ReportedAt = m.GetOutcome(), m.GetErrorCode(), e.OccurredAt
		}
	}
}

// tell takes a message that has had its turn. The first word of it stands.
func (n *Notification) tell(m Message) {
	if m.Channel == "" {
		m.Channel = ChannelEmail // the one that there was when channels were not told of all
	}
	n.end(m.Channel, m.Kind, m.Subject)
	if !n.ToldBy(m.Channel, m.Kind, m.Subject) {
		n.Sent = append(n.Sent, m)
	}
}

// end takes a message away from those that may be under way.
func (n *Notification) end(channel string, kind notificationv1.Kind, subject string) {
	n.Started = slices.DeleteFunc(n.Started, func(s Started) bool { return s.Channel == channel && s.Kind == kind && s.Subject == subject })
}
