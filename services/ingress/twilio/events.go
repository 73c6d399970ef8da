package twilio

import (
	"bytes"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// event is one CloudEvent of Event Streams, or the parameters of a callback as a JSON object. JSON's names are read
// without regard to case, so that MessageSid and messageSid are one.
type event struct {
	ID   source.Scalar `json:"id"`
	Type source.Scalar `json:"type"`
	Time source.Scalar `json:"time"`
	Data content       `json:"data"`
	content
}

type content struct {
	MessageSid    source.Scalar `json:"messageSid"`
	MessageStatus source.Scalar `json:"messageStatus"`
	ErrorCode     source.Scalar `json:"errorCode"`
	Timestamp     source.Scalar `json:"timestamp"`
}

// typePrefix begins the types of events about messages that we sent.
const typePrefix = "com.twilio.messaging.message."

// readEvents reads one event, or a list of them.
func readEvents(body []byte, trouble *source.Trouble) []status {
	var events []event
	var err error
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		err = source.Decode(body, &events)
	} else {
		events = make([]event, 1)
		err = source.Decode(body, &events[0])
	}
	if !trouble.Unreadable(err) {
		return nil
	}
	if len(events) == 0 {
		trouble.Missing("an event")
	}
	told := make([]status, len(events))
	for i, e := range events {
		told[i] = e.status()
	}
	return told
}

func (e event) status() status {
	ending, ours := strings.CutPrefix(e.Type.String(), typePrefix)
	if e.Type != "" && !ours {
		return status{id: eventID(e.ID)}
	}
	word := or(e.Data.MessageStatus, e.MessageStatus)
	if word == "" {
		word = ending
	}
	return status{
		id: eventID(e.ID), sid: or(e.Data.MessageSid, e.MessageSid), word: strings.ToLower(word), code: or(e.Data.ErrorCode, e.ErrorCode),
		at: source.Time(or(e.Time, e.Data.Timestamp, e.Timestamp)),
	}
}

// eventID is an event's own id, if it can be one.
func eventID(id source.Scalar) string {
	if !source.IsName(id.String()) {
		return ""
	}
	return id.String()
}

// or is the first that is not empty.
func or(scalars ...source.Scalar) string {
	for _, s := range scalars {
		if s.String() != "" {
			return s.String()
		}
	}
	return ""
}
