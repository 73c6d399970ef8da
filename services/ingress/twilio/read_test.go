package twilio

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

var received = time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)

func read(body string) source.Reading {
	h := http.Header{
		"I-Twilio-Idempotency-Token": {"token-1"}, "User-Agent": {"TwilioProxy/1.1"}, header: {"never kept"}, "X-Phone": {"+14155550100"},
	}
	return New().Read(source.Request{URL: hooks, Header: h, Body: []byte(body), ReceivedAt: received}, source.Account{})
}

func TestAStatusCallback(t *testing.T) {
	t.Parallel()
	got := read(strings.Replace(aState, "delivered", "undelivered", 2) + "&ErrorCode=30003&ChannelStatusMessage=no+way+to+%2B14155550100")
	require.Nil(t, got.Quarantine)
	assert.Equal(t, "message.undelivered", got.Topic)
	assert.Equal(t, sm+":undelivered", got.DeliveryID)
	require.Len(t, got.Facts, 1)
	want := &intakev1.Fact{
		References: []string{"message:twilio:" + sm}, OccurredAt: source.Moment(received),
		Body: &intakev1.Fact_MessageReported{MessageReported: &intakev1.MessageReported{
			Provider: "twilio", MessageId: sm, Step: intakev1.MessageStep_MESSAGE_STEP_FAILED, ErrorCode: "30003",
		}},
	}
	assert.True(t, proto.Equal(want, got.Facts[0]), got.Facts[0])
	assert.Len(t, got.Headers, 2)
	for _, h := range got.Headers {
		assert.Contains(t, []string{"I-Twilio-Idempotency-Token", "User-Agent"}, h.GetName())
	}
}

func TestEveryState(t *testing.T) {
	t.Parallel()
	for word, step := range map[string]intakev1.MessageStep{
		"accepted": 1, "scheduled": 1, "queued": 1, "sending": 1, "sent": 2, "partially_delivered": 2, "delivered": 3, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5,
	} {
		got := read("MessageSid=" + sm + "&MessageStatus=" + word + "&ErrorCode=0")
		require.Len(t, got.Facts, 1, word)
		assert.Equal(t, step, got.Facts[0].GetMessageReported().GetStep(), word)
		assert.Empty(t, got.Facts[0].GetMessageReported().GetErrorCode())
		assert.Equal(t, sm+":"+word, got.DeliveryID)
	}
	old := read("SmsSid=" + sm + "&SmsStatus=sent")
	require.Len(t, old.Facts, 1, "the older names alone")
	assert.Equal(t, sm+":sent", old.DeliveryID)
}

const anEvent = `{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","source":"/2010-04-01/Accounts/AC01/Messages/` + sm + `.json",
	"id":"EZ0123456789abcdef0123456789abcdef","dataschema":"https://events-schemas.twilio.com/Messaging.MessageStatus/1","datacontenttype":"application/json","time":"2026-03-01T12:00:00.000Z",
	"data":{"timestamp":"2026-03-01T11:59:59.000Z","eventName":"com.twilio.messaging.message.delivered","messageSid":"` + sm + `","messageStatus":"DELIVERED","accountSid":"AC01",
	"from":"+15005550006","to":"+14155550100","errorCode":0}}`

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, body := range []string{anEvent, "[" + anEvent + "]", " \n[" + strings.Replace(anEvent, `"messageStatus":"DELIVERED",`, "", 1) + "]"} {
		got := read(body)
		require.Nil(t, got.Quarantine)
		assert.Equal(t, "message.delivered", got.Topic)
		assert.Equal(t, "EZ0123456789abcdef0123456789abcdef", got.DeliveryID)
		require.Len(t, got.Facts, 1)
		f := got.Facts[0]
		assert.Equal(t, []string{"message:twilio:" + sm}, f.GetReferences())
		assert.Equal(t, "2026-03-01T12:00:00Z", f.GetOccurredAt().AsTime().Format(time.RFC3339))
		assert.Equal(t, intakev1.MessageStep_MESSAGE_STEP_DELIVERED, f.GetMessageReported().GetStep())
	}
	several := read("[" + anEvent + "," + strings.Replace(anEvent, "DELIVERED", "FAILED", 1) + `,{"type":"com.twilio.messaging.inbound-message.received"}]`)
	assert.Len(t, several.Facts, 2)
	assert.Empty(t, several.DeliveryID, "it has no id of its own: the body's hash is taken")
	assert.Equal(t, source.BadValue, several.Quarantine.GetReason())

	plain := read(`{"MessageSid":"` + sm + `","MessageStatus":"failed","ErrorCode":30007}`)
	require.Len(t, plain.Facts, 1)
	assert.Equal(t, "30007", plain.Facts[0].GetMessageReported().GetErrorCode())
	assert.Equal(t, received, plain.Facts[0].GetOccurredAt().AsTime())
}

func TestWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct{ reason, topic string }{
		"":                                  {source.UnknownTopic, ""},
		"%zz":                               {source.BadValue, ""},
		"{":                                 {source.NotJSON, ""},
		"[1]":                               {source.BadValue, ""},
		"CallSid=CA01&CallStatus=completed": {source.UnknownTopic, ""},
		"MessageSid=" + sm + "&SmsStatus=received&Body=Where+is+it%3F&From=%2B14155550100": {source.UnknownTopic, "message.received"},
		"MessageSid=" + sm:   {source.MissingField, ""},
		"MessageStatus=sent": {source.MissingField, "message.sent"},
		"MessageSid=" + sm + "&MessageStatus=%2B14155550100": {source.BadValue, ""},
		"MessageSid=%2B14155550100&MessageStatus=sent":       {source.BadValue, "message.sent"},
		"MessageSid=" + sm + "%00&MessageStatus=sent":        {source.BadValue, "message.sent"},
	} {
		got := read(body)
		assert.Equal(t, want.reason, got.Quarantine.GetReason(), body)
		assert.Equal(t, want.topic, got.Topic, body)
		assert.Empty(t, got.Facts, body)
	}
}

// Numbers of phones are personal data: they stay in the body, which is sealed where it is kept.
func TestNumbersStayInTheBody(t *testing.T) {
	t.Parallel()
	const number = "4155550100"
	for _, body := range []string{
		aState + "&ErrorCode=%2B14155550100&ErrorMessage=%2B14155550100", strings.ReplaceAll(aState, sm, "%2B14155550100"), strings.ReplaceAll(aState, "delivered", "%2B14155550100"),
		strings.Replace(anEvent, `"errorCode":0`, `"errorCode":"+14155550100"`, 1), strings.ReplaceAll(anEvent, sm, "+14155550100"),
		"MessageSid=" + sm + "&SmsStatus=received&From=%2B14155550100",
	} {
		got := read(body)
		shown := got.Topic + got.DeliveryID + got.Quarantine.GetReason() + got.Quarantine.GetDetail()
		for _, f := range got.Facts {
			shown += prototext.Format(f)
		}
		for _, h := range got.Headers {
			shown += h.GetName() + h.GetValue()
		}
		assert.NotContains(t, shown, number, body)
	}
}
