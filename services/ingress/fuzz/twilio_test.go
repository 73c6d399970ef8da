package fuzz_test

import (
	"strings"
	"testing"

	"github.com/orderflow/orderflow/services/ingress/twilio"
)

func FuzzTwilio(f *testing.F) {
	const (
		sid   = "SM0123456789abcdef0123456789abcdef"
		form  = "AccountSid=AC01&From=%2B15005550006&MessageSid=" + sid + "&MessageStatus=delivered&ErrorCode=30003&To=%2B14155550100"
		event = `{"type":"com.twilio.messaging.message.delivered","id":"EZ01","time":"2026-03-01T12:00:00.000Z","data":{"timestamp":"2026-03-01T11:59:59.000Z","messageSid":"` + sid +
			`","messageStatus":"DELIVERED","to":"+14155550100","errorCode":30003}}`
	)
	for _, word := range []string{"delivered", "queued", "undelivered", "received", "teleported", ""} {
		f.Add("", []byte(strings.Replace(form, "delivered", word, 1)), []byte{})
		f.Add("", []byte(strings.Replace(event, "DELIVERED", word, 1)), []byte{})
	}
	f.Add("", []byte("["+event+","+event+`,null,{"type":"com.twilio.messaging.inbound-message.received"}]`), []byte{})
	f.Add("", []byte(form+"&MessageSid=x&SmsSid=%00"), []byte{4, 0, 9, 31, 0, 0, 20, 0})
	f.Add("", []byte("CallSid=CA01&CallStatus=completed"), []byte{})
	f.Add("", []byte(`{"MessageSid":1,"MessageStatus":[],"ErrorCode":1e9}`), []byte{})
	read(f, twilio.New(), "")
}
