package twilio

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What Twilio's own library makes (twilio-node 6.2.0, getExpectedTwilioSignature) under the token 12345: of a form with
// blanks, letters of every kind and a name that comes three times, and of JSON, whose hash stands in the URL.
const (
	clientURL  = "https://hooks.example.com/webhooks/twilio?shop=a%20b&x="
	clientForm = "MessageSid=SM1&MessageStatus=undelivered&ErrorMessage=Zo%C3%AB+%F0%9F%A5%90+%26%3D%2B&Empty=&Blank=++x+&Media=b&Media=a&Media=b"
	clientMark = "bufYg/WgMG8+IXZKqaqRdo0S90k="
	withPort   = "GP6ybqR7MmfTyQaapoG3Vnx4QgA=" // the same, called at hooks.example.com:443

	clientJSON    = `{"MessageSid":"SM1","note":"Zoë 🥐"}`
	clientJSONURL = "https://hooks.example.com/webhooks/twilio?bodySHA256=ef1788c0aebe8431d4175483157b6d227e2aa2d97b755de68da91e5783af58b2"
	clientJSONMac = "gYXsd893o4EtMjifjUHamBmULhc="
)

func TestWhatTheLibrarySigns(t *testing.T) {
	t.Parallel()
	ours := source.Account{Secrets: []string{token, "12345"}}
	for _, c := range []struct{ url, body, mark string }{
		{clientURL, clientForm, clientMark}, {clientURL, clientForm, withPort}, {clientJSONURL, clientJSON, clientJSONMac},
		{strings.Replace(clientURL, ".com/", ".com:443/", 1), clientForm, withPort},
	} {
		require.NoError(t, New().Verify(request(c.url, c.body, c.mark), ours))
		assert.Equal(t, source.BadSignature, codeOf(t, New().Verify(request(c.url, strings.Replace(c.body, "SM1", "SM2", 1), c.mark), ours)))
		assert.Equal(t, source.BadSignature, codeOf(t, New().Verify(request(c.url, c.body, c.mark), source.Account{Secrets: []string{token}})))

		made, err := New().Sign([]byte(c.body), source.Signing{URL: c.url, Secret: "12345"})
		require.NoError(t, err)
		if c.url != clientURL || c.mark != withPort { // it is called by one of both names, and signed under that
			assert.Equal(t, c.mark, made.Get(header))
		}
	}
}
