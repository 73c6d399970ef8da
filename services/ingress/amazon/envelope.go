package amazon

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// The types of messages that SNS sends.
const (
	notified     = "Notification"
	subscribed   = "SubscriptionConfirmation"
	unsubscribed = "UnsubscribeConfirmation"
)

// envelope is what SNS puts around a message. A field that is not there is not signed as an empty one, so it is nil. Names
// of fields have no case: the URL of the certificate is spelt SigningCertURL, and SigningCertUrl by AWS Lambda.
type envelope struct {
	Type             *string `json:"Type"`
	MessageID        *string `json:"MessageId"`
	TopicARN         *string `json:"TopicArn"`
	Subject          *string `json:"Subject,omitempty"`
	Message          *string `json:"Message"`
	Timestamp        *string `json:"Timestamp"`
	Token            *string `json:"Token,omitempty"`
	SubscribeURL     *string `json:"SubscribeURL,omitempty"`
	SignatureVersion *string `json:"SignatureVersion"`
	Signature        *string `json:"Signature"`
	SigningCertURL   *string `json:"SigningCertURL"`
}

// opened is the envelope of a body; false if it is none. It need not be signed.
func opened(body []byte) (e envelope, ok bool) {
	if !utf8.Valid(body) || source.Decode(body, &e) != nil {
		return e, false
	}
	_, known := signed[text(e.Type)]
	return e, known && e.Message != nil && e.MessageID != nil && e.TopicARN != nil && e.Timestamp != nil
}

// field is a field by its name in what is signed.
type field struct {
	name string
	of   func(*envelope) *string
}

var (
	message   = field{"Message", func(e *envelope) *string { return e.Message }}
	messageID = field{"MessageId", func(e *envelope) *string { return e.MessageID }}
	subject   = field{"Subject", func(e *envelope) *string { return e.Subject }}
	subscribe = field{"SubscribeURL", func(e *envelope) *string { return e.SubscribeURL }}
	timestamp = field{"Timestamp", func(e *envelope) *string { return e.Timestamp }}
	token     = field{"Token", func(e *envelope) *string { return e.Token }}
	topic     = field{"TopicArn", func(e *envelope) *string { return e.TopicARN }}
	kind      = field{"Type", func(e *envelope) *string { return e.Type }}
)

// signed are the fields that are signed, in the order in which they are, by the type of the message.
var signed = map[string][]field{
	notified:     {message, messageID, subject, timestamp, topic, kind},
	subscribed:   {message, messageID, subscribe, timestamp, token, topic, kind},
	unsubscribed: {message, messageID, subscribe, timestamp, token, topic, kind},
}

// text is what is signed: the names and the decoded values of the fields that are there, each on lines of its own. All
// values but the message's are one line: otherwise the same text could be cut up into other fields.
func (e *envelope) text() (string, bool) {
	var b strings.Builder
	for _, f := range signed[text(e.Type)] {
		value := f.of(e)
		if value == nil {
			continue
		}
		if f.name != message.name && strings.ContainsAny(*value, "\r\n") {
			return "", false
		}
		b.WriteString(f.name + "\n" + *value + "\n")
	}
	return b.String(), true
}

// text is a field's value; empty if it is not there.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const snsHost = `https://sns\.(` + region + `)\.amazonaws\.com(\.cn)?`

var (
	// Where SNS's certificates are: at its own hosts, nothing before the path and nothing behind it. What else ends in
	// amazonaws.com holds what anybody put there.
	certificateURL = regexp.MustCompile(`^` + snsHost + `/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem$`)
	// subscribeURL is what begins a subscription when it is fetched.
	subscribeURL = regexp.MustCompile(`^` + snsHost + `/\?Action=ConfirmSubscription&[A-Za-z0-9&=%:._~-]{1,1000}$`)
)
