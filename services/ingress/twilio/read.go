package twilio

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// steps are Twilio's words for the state of a message (twilio.com/docs/messaging/api/message-resource).
var steps = map[string]intakev1.MessageStep{
	"accepted": intakev1.MessageStep_MESSAGE_STEP_QUEUED, "scheduled": intakev1.MessageStep_MESSAGE_STEP_QUEUED,
	"queued": intakev1.MessageStep_MESSAGE_STEP_QUEUED, "sending": intakev1.MessageStep_MESSAGE_STEP_QUEUED,
	"sent": intakev1.MessageStep_MESSAGE_STEP_SENT, "partially_delivered": intakev1.MessageStep_MESSAGE_STEP_SENT,
	"delivered":   intakev1.MessageStep_MESSAGE_STEP_DELIVERED,
	"undelivered": intakev1.MessageStep_MESSAGE_STEP_FAILED, "failed": intakev1.MessageStep_MESSAGE_STEP_FAILED,
	"canceled": intakev1.MessageStep_MESSAGE_STEP_FAILED,
	"read":     intakev1.MessageStep_MESSAGE_STEP_READ,
}

// incoming are the states of a message that somebody sent to us.
var incoming = map[string]bool{"receiving": true, "received": true}

// status is one thing that Twilio tells of one message.
type status struct {
	id   string // of the event, where it has one
	sid  string
	word string // Twilio's state, in lower case
	code string
	at   *timestamppb.Timestamp // nil: not told
}

// Read says what a verified request tells. Numbers of phones stand in the body alone.
func (Source) Read(r source.Request, _ source.Account) source.Reading {
	var trouble source.Trouble
	out := source.Reading{Headers: source.Keep(r.Header, "I-Twilio-Idempotency-Token", "User-Agent", "Content-Type")}
	var told []status
	if isJSON(r.Body) {
		told = readEvents(r.Body, &trouble)
	} else {
		told = readForm(r.Body, &trouble)
	}
	unread := source.UnknownTopic
	if len(told) > 1 {
		unread = source.BadValue // the others of the list may be read
	}
	for _, s := range told {
		if fact := s.fact(r, unread, &trouble); fact != nil {
			out.Facts = append(out.Facts, fact)
		}
	}
	if len(told) > 0 {
		out.Topic = told[0].topic()
	}
	if len(told) == 1 {
		out.DeliveryID = told[0].deliveryID()
	}
	out.Quarantine = trouble.Quarantine()
	return out
}

// sid is the form of Twilio's ids of messages.
var sid = regexp.MustCompile(`^[A-Z]{2}[0-9a-fA-F]{32}$`)

// codes are Twilio's codes of errors: numbers, 0 for none.
var codes = regexp.MustCompile(`^[1-9]\d{0,6}$`)

func (s status) topic() string {
	switch _, known := steps[s.word]; {
	case known, incoming[s.word]:
		return "message." + s.word
	default:
		return "" // what it may be instead is nobody's topic
	}
}

// deliveryID is the event's id, or the message's with its state: each is told once, and told again is the same.
func (s status) deliveryID() string {
	switch {
	case s.id != "":
		return s.id
	case sid.MatchString(s.sid) && s.topic() != "":
		return s.sid + ":" + s.word
	}
	return ""
}

func (s status) fact(r source.Request, unread string, trouble *source.Trouble) *intakev1.Fact {
	step, known := steps[s.word]
	switch {
	case incoming[s.word]:
		trouble.Add(unread, "a text that was sent to us, which we do not read")
		return nil
	case s.word == "" && s.sid == "":
		trouble.Add(unread, "no state of a message")
		return nil
	case s.word == "":
		trouble.Missing("MessageStatus")
		return nil
	case !known:
		trouble.Bad("MessageStatus", "is none that we know")
		return nil
	case s.sid == "":
		trouble.Missing("MessageSid")
		return nil
	case !sid.MatchString(s.sid):
		trouble.Bad("MessageSid", "is no id of a message")
		return nil
	}
	at := s.at
	if at == nil {
		at = source.Moment(r.ReceivedAt)
	}
	report := &intakev1.MessageReported{Provider: name, MessageId: s.sid, Step: step}
	if codes.MatchString(s.code) {
		report.ErrorCode = s.code
	}
	return &intakev1.Fact{
		References: []string{"message:" + name + ":" + s.sid}, OccurredAt: at,
		Body: &intakev1.Fact_MessageReported{MessageReported: report},
	}
}

// readForm reads a status callback. It has no time; the older names of its parameters come beside the newer ones.
func readForm(body []byte, trouble *source.Trouble) []status {
	f, err := parse(body)
	if err != nil {
		trouble.Bad("the body", "is no form")
		return nil
	}
	first := func(keys ...string) string {
		for _, key := range keys {
			if value := f.get(key); value != "" {
				return value
			}
		}
		return ""
	}
	return []status{{
		sid: first("MessageSid", "SmsSid", "SmsMessageSid"), word: strings.ToLower(first("MessageStatus", "SmsStatus")), code: first("ErrorCode"),
	}}
}
