package amazon

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
)

const (
	arn     = "arn:aws:sns:eu-west-1:123456789012:orders"
	another = "arn:aws:sns:eu-west-1:123456789012:others"
	plain   = `{"NotificationType":"REPORT_PROCESSING_FINISHED"}`
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func of(tb testing.TB, name string) *x509.Certificate {
	tb.Helper()
	return certtest.Certificate(tb, now, name, nil, certtest.Key().Public(), certtest.Key())
}

// delivery is a good one, changed.
func delivery(tb testing.TB, change ...func(*source.Request)) source.Request {
	tb.Helper()
	return deliveryOf(tb, source.Signing{Secret: arn + "\n" + certtest.KeyPEM(), At: now}, change...)
}

func deliveryOf(tb testing.TB, s source.Signing, change ...func(*source.Request)) source.Request {
	tb.Helper()
	body, err := New().Enclose([]byte(plain), s)
	require.NoError(tb, err)
	h, err := New().Sign(body, s)
	require.NoError(tb, err)
	r := source.Request{Header: h, Body: body, ReceivedAt: now, Certificate: of(tb, "sns.amazonaws.com")}
	for _, c := range change {
		c(&r)
	}
	return r
}

func at(after time.Duration) func(*source.Request) {
	return func(r *source.Request) { r.ReceivedAt = now.Add(after) }
}

func issued(c *x509.Certificate) func(*source.Request) {
	return func(r *source.Request) { r.Certificate = c }
}

// with sets a field of the envelope; nil takes it out.
func with(name string, value any) func(*source.Request) {
	return func(r *source.Request) {
		fields := map[string]any{}
		if err := json.Unmarshal(r.Body, &fields); err != nil {
			panic(err)
		}
		if fields[name] = value; value == nil {
			delete(fields, name)
		}
		r.Body, _ = json.Marshal(fields) //nolint:errchkjson // it came out of JSON
	}
}

// signedAnew signs the envelope as it stands, over the text that is given, with version 1.
func signedAnew(text string) func(*source.Request) {
	return func(r *source.Request) {
		sum := sha1.Sum([]byte(text))
		signature, err := rsa.SignPKCS1v15(rand.Reader, certtest.Key(), crypto.SHA1, sum[:])
		if err != nil {
			panic(err)
		}
		with("SignatureVersion", "1")(r)
		with("Signature", base64.StdEncoding.EncodeToString(signature))(r)
	}
}

func body(text string) func(*source.Request) {
	return func(r *source.Request) { r.Body = []byte(text) }
}

func TestVerify(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good := []string{arn}
	const id, stamp = "MessageId\nm-1\n", "Timestamp\n2026-03-01T12:00:00.000Z\n"
	known := with("MessageId", "m-1")
	for name, c := range map[string]struct {
		request source.Request
		secrets []string
		want    source.Code
	}{
		"good, of version 2":          {delivery(t), good, ""},
		"two topics, the second":      {delivery(t), []string{another, arn}, ""},
		"a topic with its key":        {delivery(t), []string{arn + "\n" + certtest.KeyPEM()}, ""},
		"an hour old":                 {delivery(t, at(retried+source.Tolerance)), good, ""},
		"five minutes early":          {delivery(t, at(-source.Tolerance)), good, ""},
		"named as an alternative":     {delivery(t, issued(certtest.Certificate(t, now, "", []string{"sns.amazonaws.com"}, certtest.Key().Public(), certtest.Key()))), good, ""},
		"of a region that came later": {delivery(t, issued(of(t, "sns-signing.eu-west-1.amazonaws.com"))), good, ""},
		"another field":               {delivery(t, with("UnsubscribeURL", "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe")), good, ""},
		"as Lambda spells it": {delivery(t, func(r *source.Request) {
			r.Body = []byte(strings.Replace(string(r.Body), "SigningCertURL", "SigningCertUrl", 1))
		}), good, ""},
		"of version 1, without a subject": {delivery(t, known, signedAnew("Message\n"+plain+"\n"+id+stamp+"TopicArn\n"+arn+"\nType\nNotification\n")), good, ""},
		"of version 1, with one": {
			delivery(t, known, with("Subject", "Hi\tthere"), signedAnew("Message\n"+plain+"\n"+id+"Subject\nHi\tthere\n"+stamp+"TopicArn\n"+arn+"\nType\nNotification\n")), good, "",
		},
		"that begins a subscription": {deliveryOf(t, source.Signing{Secret: arn + "\n" + certtest.KeyPEM(), At: now, Topic: subscribed}), good, ""},
		"that begins one, by the documents": {
			delivery(t, known, with("Type", subscribed), with("Token", "tok"), with("SubscribeURL", "https://sns.eu-west-1.amazonaws.com/"),
				signedAnew("Message\n"+plain+"\n"+id+"SubscribeURL\nhttps://sns.eu-west-1.amazonaws.com/\n"+stamp+"Token\ntok\nTopicArn\n"+arn+"\nType\nSubscriptionConfirmation\n")), good, "",
		},
		"that ends one": {deliveryOf(t, source.Signing{Secret: arn + "\n" + certtest.KeyPEM(), At: now, Topic: unsubscribed}), good, ""},

		"older than SNS comes again":       {delivery(t, at(retried+source.Tolerance+time.Second)), good, source.TooOld},
		"from the future":                  {delivery(t, at(-source.Tolerance-time.Second)), good, source.FromFuture},
		"old and forged":                   {delivery(t, at(100*time.Hour), with("MessageId", "x")), good, source.BadSignature},
		"another message":                  {delivery(t, with("Message", "{}")), good, source.BadSignature},
		"another id":                       {delivery(t, with("MessageId", "x")), good, source.BadSignature},
		"another time":                     {delivery(t, with("Timestamp", "2026-03-01T12:00:01.000Z")), good, source.BadSignature},
		"the same time spelt otherwise":    {delivery(t, with("Timestamp", "2026-03-01T12:00:00Z")), good, source.BadSignature},
		"a subject where none was signed":  {delivery(t, with("Subject", "x")), good, source.BadSignature},
		"an empty subject":                 {delivery(t, with("Subject", "")), good, source.BadSignature},
		"another type":                     {delivery(t, with("Type", subscribed)), good, source.BadSignature},
		"the other version":                {delivery(t, with("SignatureVersion", "1")), good, source.BadSignature},
		"another topic":                    {delivery(t), []string{another}, source.BadSignature},
		"a topic that begins so":           {delivery(t), []string{arn + "-2"}, source.BadSignature},
		"renamed to our topic":             {deliveryOf(t, source.Signing{Secret: another + "\n" + certtest.KeyPEM(), At: now}, with("TopicArn", arn)), good, source.BadSignature},
		"no topic":                         {delivery(t), nil, source.BadSignature},
		"an empty one":                     {delivery(t, with("TopicArn", "")), []string{""}, source.BadSignature},
		"another key signed":               {delivery(t, issued(certtest.Certificate(t, now, "sns.amazonaws.com", nil, other.Public(), other))), good, source.BadSignature},
		"a certificate of another service": {delivery(t, issued(of(t, "s3.amazonaws.com"))), good, source.BadSignature},
		"of another region":                {delivery(t, issued(of(t, "sns-signing.eu-south-1.amazonaws.com"))), good, source.BadSignature},
		"of China":                         {delivery(t, issued(of(t, "sns-eu-west-1.amazonaws.com.cn"))), good, source.BadSignature},
		"a name that only begins so":       {delivery(t, issued(of(t, "sns.amazonaws.com.example.com"))), good, source.BadSignature},
		"a small key":                      {delivery(t, issued(certtest.Certificate(t, now, "sns.amazonaws.com", nil, small.Public(), small))), good, source.BadSignature},
		"no RSA":                           {delivery(t, issued(certtest.Certificate(t, now, "sns.amazonaws.com", nil, curve.Public(), curve))), good, source.BadSignature},
		"no certificate":                   {delivery(t, issued(nil)), good, source.NotSigned},
		"version 3":                        {delivery(t, with("SignatureVersion", "3")), good, source.Malformed},
		"no version":                       {delivery(t, with("SignatureVersion", nil)), good, source.NotSigned},
		"no signature":                     {delivery(t, with("Signature", nil)), good, source.NotSigned},
		"an empty signature":               {delivery(t, with("Signature", "")), good, source.BadSignature},
		"no base64":                        {delivery(t, with("Signature", "signed")), good, source.Malformed},
		"no URL":                           {delivery(t, with("SigningCertURL", nil)), good, source.NotSigned},
		"no type":                          {delivery(t, with("Type", nil)), good, source.NotSigned},
		"a type of its own":                {delivery(t, with("Type", "Alarm")), good, source.NotSigned},
		"no message":                       {delivery(t, with("Message", nil)), good, source.NotSigned},
		"a message that is an object":      {delivery(t, with("Message", map[string]any{})), good, source.NotSigned},
		"no time":                          {delivery(t, with("Timestamp", nil)), good, source.NotSigned},
		"a time that is none":              {delivery(t, with("Timestamp", "now")), good, source.Malformed},
		"an id of two lines":               {delivery(t, with("MessageId", "m-1\nSubject\nx")), good, source.Malformed},
		"delivered raw":                    {delivery(t, body(plain)), good, source.NotSigned},
		"nothing":                          {delivery(t, body("")), good, source.NotSigned},
		"two values":                       {delivery(t, func(r *source.Request) { r.Body = append(r.Body, "{}"...) }), good, source.NotSigned},
		"bytes that are no text":           {delivery(t, func(r *source.Request) { r.Body = []byte(strings.Replace(string(r.Body), "REPORT", "\xff", 1)) }), good, source.NotSigned},
		"a certificate from somewhere":     {delivery(t, with("SigningCertURL", "https://example.com/SimpleNotificationService-1.pem")), good, source.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireCode(t, c.want, New().Verify(c.request, source.Account{Secrets: c.secrets}))
		})
	}
}

func requireCode(t *testing.T, want source.Code, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Code, refused.Detail)
}

// Nothing is fetched but SNS's certificates at SNS's hosts, and for no topic that is not taken.
func TestWhereCertificatesAre(t *testing.T) {
	t.Parallel()
	const path = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	for at, good := range map[string]bool{
		"https://sns.eu-west-1.amazonaws.com" + path:                               true,
		"https://sns.us-gov-west-1.amazonaws.com" + path:                           true,
		"https://sns.ap-southeast-2.amazonaws.com" + path:                          true,
		"https://sns.cn-north-1.amazonaws.com.cn" + path:                           true,
		"http://sns.eu-west-1.amazonaws.com" + path:                                false,
		"HTTPS://sns.eu-west-1.amazonaws.com" + path:                               false,
		"file:///etc/passwd" + path:                                                false,
		"https://sns.amazonaws.com" + path:                                         false,
		"https://sns.eu-west-1.amazonaws.com.example.com" + path:                   false,
		"https://sns.eu-west-1.amazonaws.com@example.com" + path:                   false,
		"https://user:word@sns.eu-west-1.amazonaws.com" + path:                     false,
		"https://example.com/https://sns.eu-west-1.amazonaws.com":                  false,
		"https://example.com#sns.eu-west-1.amazonaws.com" + path:                   false,
		"https://example.com\\sns.eu-west-1.amazonaws.com" + path:                  false,
		"https://sns.eu-west-1.amazonaws.com:8443" + path:                          false,
		"https://sns.eu-west-1.amazonaws.com" + path + "?a=b":                      false,
		"https://sns.eu-west-1.amazonaws.com" + path + "#a":                        false,
		"https://sns.eu-west-1.amazonaws.com" + path + "\n":                        false,
		"\nhttps://sns.eu-west-1.amazonaws.com" + path:                             false,
		" https://sns.eu-west-1.amazonaws.com" + path:                              false,
		"https://sns.eu-west-1.amazonaws.com/a" + path:                             false,
		"https://sns.eu-west-1.amazonaws.com/.." + path:                            false,
		"https://sns.eu-west-1.amazonaws.com//example.com/a.pem":                   false,
		"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%2e%2e.pem": false,
		"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a.pem.exe":  false,
		"https://sns.eu-west-1.amazonaws.com/?Action=Publish&a=.pem":               false,
		"https://sns.s3-eu-west-1.amazonaws.com" + path:                            false, // a bucket that is called sns
		"https://sns.s3.amazonaws.com" + path:                                      false,
		"https://sns.s3.eu-west-1.amazonaws.com" + path:                            false,
		"https://evil.sns.eu-west-1.amazonaws.com" + path:                          false,
		"https://evilsns.eu-west-1.amazonaws.com" + path:                           false,
		"https://sns-eu-west-1.amazonaws.com" + path:                               false,
		"https://sns.eu-west-1.amazonaws.com.cn.example" + path:                    false,
		"https://sns.eu-west-1.amazonaws。com" + path:                               false,
		"https://sns.еu-west-1.amazonaws.com" + path:                               false, // the first letter is Cyrillic
		"https://169.254.169.254" + path:                                           false,
		"https://[::1]" + path:                                                     false,
		"https://localhost" + path:                                                 false,
		"":                                                                         false,
	} {
		r := delivery(t, with("SigningCertURL", at))
		got, err := New().CertificateURL(r, source.Account{Secrets: []string{arn}})
		if good {
			require.NoError(t, err, at)
			assert.Equal(t, at, got)
			_, err = New().CertificateURL(r, source.Account{Secrets: []string{another}})
			requireCode(t, source.BadSignature, err)
			continue
		}
		requireCode(t, source.Malformed, err)
		requireCode(t, source.Malformed, New().Verify(r, source.Account{Secrets: []string{arn}}))
	}
}

func TestCertificatesOfOtherParts(t *testing.T) {
	t.Parallel()
	const path = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	for _, c := range []struct {
		host, name string
		good       bool
	}{
		{"sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn", true},
		{"sns.cn-north-1.amazonaws.com.cn", "sns.amazonaws.com", false},
		{"sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com", true},
		{"sns.us-gov-west-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com", true},
		{"sns.us-gov-east-1.amazonaws.com", "sns.amazonaws.com", false},
		{"sns.af-south-1.amazonaws.com", "sns-signing.af-south-1.amazonaws.com", true},
		{"example.com", "sns.amazonaws.com", false},
	} {
		_, err := source.SignerKey(of(t, c.name), signers("https://"+c.host+path)...)
		assert.Equal(t, c.good, err == nil, "%s for %s", c.name, c.host)
	}
}

// A message that ends in what looks like other fields is read as nothing but a message: other cuts of the same text have
// a line break where none may be.
func TestASignedTextIsCutUpInOneWay(t *testing.T) {
	t.Parallel()
	inner := plain + "\nMessageId\nm-0\nSubject\nx"
	whole := "Message\n" + inner + "\nMessageId\nm-1\nTimestamp\n2026-03-01T12:00:00.000Z\nTopicArn\n" + arn + "\nType\nNotification\n"
	ours := source.Account{Secrets: []string{arn}}
	require.NoError(t, New().Verify(delivery(t, with("Message", inner), with("MessageId", "m-1"), signedAnew(whole)), ours))
	requireCode(t, source.Malformed, New().Verify(delivery(t, with("MessageId", "m-0"), with("Subject", "x\nMessageId\nm-1"), signedAnew(whole)), ours))
}

func TestTopics(t *testing.T) {
	t.Parallel()
	for topic, good := range map[string]bool{
		arn: true, "arn:aws-cn:sns:cn-north-1:123456789012:a_b-C.fifo": true, "arn:aws-us-gov:sns:us-gov-west-1:123456789012:x": true, arn + "\n" + certtest.KeyPEM(): true,
		"": false, " ": false, "orders": false, "arn:aws:sqs:eu-west-1:123456789012:orders": false, "arn:aws:sns:eu-west-1:1234:orders": false, arn + ":5f1c": false, arn + "\nno key": false,
		"arn:aws:sns:eu-west-1:123456789012:*": false, "https://sns.eu-west-1.amazonaws.com/": false,
	} {
		assert.Equal(t, good, New().CheckSecret(topic) == nil, topic)
	}
}

func TestOnlyAnEnvelopeGetsHeaders(t *testing.T) {
	t.Parallel()
	_, err := New().Sign([]byte(plain), source.Signing{Secret: arn + "\n" + certtest.KeyPEM()})
	require.ErrorContains(t, err, "inside the body")
	for _, secret := range []string{"", arn, arn + "\nno key", certtest.KeyPEM()} {
		_, err = New().Enclose([]byte(plain), source.Signing{Secret: secret})
		require.Error(t, err)
	}
}

// The sample in AWS's documentation has a placeholder for a signature. Nothing makes it good, not even its own topic and a
// certificate in the right name.
func TestTheDocumentedSampleIsRefused(t *testing.T) {
	t.Parallel()
	const file = "../../../../shared/fixtures/amazon/sns.Notification.json"
	sample, err := os.ReadFile(file)
	if err != nil {
		t.Skip("the published example is not here: " + file)
	}
	ours := source.Account{Secrets: []string{"arn:aws:sns:us-west-2:123456789012:MyTopic"}}
	r := source.Request{Body: sample, ReceivedAt: time.Date(2012, 5, 2, 0, 55, 0, 0, time.UTC), Certificate: of(t, "sns.amazonaws.com")}
	_, err = New().CertificateURL(r, ours)
	require.NoError(t, err)
	requireCode(t, source.BadSignature, New().Verify(r, ours))
}
