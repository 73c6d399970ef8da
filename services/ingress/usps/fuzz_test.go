package usps

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

// Whatever stands in the header, it is taken only if it is our MAC, spelt as it is.
func FuzzHeader(f *testing.F) {
	for _, h := range []string{macOfBody, " " + macOfBody, macOfBody[1:], strings.TrimRight(macOfBody, "="), macOfBody[:20] + "\n" + macOfBody[20:], "=", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := New().Verify(request(body, header, value), source.Account{Secrets: []string{secret}})
		if err == nil {
			require.Equal(t, macOfBody, strings.TrimSpace(value))
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, macOfBody)
	})
}

// Whatever the body is, of which a part is read before it is verified: what is let in says no more than what was signed.
func FuzzEnvelope(f *testing.F) {
	for _, b := range []string{body, strings.Replace(body, "payload", "PAYLOAD", 1), `{"payload":"{}",` + body[1:], body[:len(body)-1] + `,"payload":null}`, body + " ", body + "{}", "\xef\xbb\xbf" + body, "[]", ""} {
		f.Add(b)
	}
	want := scantest.Lines(read(body).Facts)
	f.Fuzz(func(t *testing.T, body string) {
		if New().Verify(request(body, header, macOfBody), source.Account{Secrets: []string{secret}}) != nil {
			return
		}
		if got := read(body); got.Quarantine.GetReason() != source.UnknownTopic {
			require.Equal(t, want, scantest.Lines(got.Facts))
		}
	})
}

// Whatever is signed, a reading comes of it.
func FuzzRead(f *testing.F) {
	whole, err := readFile("testdata/notification.json")
	require.NoError(f, err)
	for _, seed := range []string{
		whole, strings.ReplaceAll(whole, `\"01\"`, `\"09\"`), `{"trackingNumber":9400,"status":"Alert","trackingEvents":[null,{"eventCode":"OF"}]}`, `{"payload":"{\"trackingNumber\":\"\\u0000\",\"status\":\"Delivered\"}"}`, "[]", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) { scantest.Holds(t, read(body), read(body)) })
}
