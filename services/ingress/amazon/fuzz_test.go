package amazon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Whatever stands in an envelope, nothing is fetched but SNS's certificates, and nothing is let in but what was signed.
func FuzzEnvelope(f *testing.F) {
	good := delivery(f)
	f.Add(good.Body)
	for _, change := range []func(*source.Request){
		with("Subject", "x"), with("Type", subscribed), with("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@example.com/SimpleNotificationService-0.pem"), with("SignatureVersion", "1"), with("Signature", ""),
		with("Message", nil), with("Timestamp", "9999-12-31T23:59:59Z"), with("MessageId", "a\nb"), body(`{"Type":"Notification"}`), body(plain), body("[]"),
	} {
		f.Add(delivery(f, change).Body)
	}
	ours := source.Account{Secrets: []string{arn}}
	want, ok := opened(good.Body)
	require.True(f, ok)
	text, ok := want.text()
	require.True(f, ok)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := good
		r.Body = body
		var refused *source.Refused
		at, err := New().CertificateURL(r, ours)
		if err != nil {
			require.ErrorAs(t, err, &refused)
		} else {
			require.Regexp(t, `^https://sns\.[a-z]{2}-[a-z-]+-\d\.amazonaws\.com(\.cn)?/SimpleNotificationService-\w+\.pem$`, at)
		}
		if err := New().Verify(r, ours); err != nil {
			require.ErrorAs(t, err, &refused)
			return
		}
		e, ok := opened(body)
		require.True(t, ok)
		got, ok := e.text()
		require.True(t, ok)
		require.Equal(t, text, got, "something else was let in than was signed")
	})
}
