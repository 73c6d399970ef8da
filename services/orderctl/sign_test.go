package orderctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Keys stand in files, and whoever signs with one says beside it what the account is verified by.
func TestSecretsStandInFiles(t *testing.T) {
	t.Parallel()
	key, cert := paypalCertificate(t)
	file, private := written(t, anOrder), written(t, key)
	signed := webhook(t, "", "sign", "--source", "paypal", "--secret", paypalWebhook, "--secret", "@"+private, file)
	require.Equal(t, 0, signed.code, signed.said)
	args := []string{"check", "--source", "paypal", "--secret", "@" + written(t, paypalWebhook+"\n"), "--cert", cert, file}
	for line := range strings.Lines(signed.out) {
		args = append(args, "-H", strings.TrimSpace(line))
	}
	r := webhook(t, "", args...)
	assert.Equal(t, 0, r.code, r.out+r.said)

	r = webhook(t, "", "sign", "--source", "checkout", "--secret", "@"+private+".none", file)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "no such file")
	r = webhook(t, "", "check", "--source", "paypal", "--secret", paypalWebhook, "--cert", file, file)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "holds no certificate in PEM")
}

// What Amazon sends is an envelope with the signature in it, so that is what is written, and sent.
func TestASignatureInTheBodyIsWrittenIntoAFile(t *testing.T) {
	t.Parallel()
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	key, cert := certificateFor(t, "sns.amazonaws.com")
	file, envelope := written(t, `{"NotificationType":"ORDER_CHANGE"}`), filepath.Join(t.TempDir(), "envelope.json")
	args := []string{"sign", "--source", "amazon", "--secret", topic, "--secret", "@" + written(t, key), "--enclosed", envelope, file}
	signed := webhook(t, "", args...)
	require.Equal(t, 0, signed.code, signed.said)
	body, err := os.ReadFile(envelope)
	require.NoError(t, err)
	assert.Contains(t, string(body), `"Signature"`)
	check := []string{"check", "--source", "amazon", "--secret", topic, "--cert", cert, envelope}
	for line := range strings.Lines(signed.out) {
		check = append(check, "-H", strings.TrimSpace(line))
	}
	r := webhook(t, "", check...)
	assert.Contains(t, r.out, "accepted", r.said)
	r = webhook(t, "", append(args, "--curl", "http://127.0.0.1:8080/webhooks/amazon")...)
	assert.Contains(t, r.out, "--data-binary '@"+envelope+"'")

	r = webhook(t, "", "sign", "--source", "amazon", "--secret", topic, "--secret", "@"+written(t, key), file)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "--enclosed FILE")
	r = webhook(t, "", "sign", "--source", "stripe", "--secret", "s", "--enclosed", envelope, file)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.said, "stripe sends the body as it stands")
}

func TestSecretsAreFoundWhereTheIngressFindsThem(t *testing.T) {
	file := written(t, `{"id":"evt_1","type":"payment_intent.created","livemode":true}`)
	t.Setenv("STRIPE_WEBHOOK_SECRET_EU_FILE", written(t, "whsec_new\nwhsec_old\n"))
	signed := webhook(t, "", "sign", "--source", "stripe", "--secret", "whsec_old", file)
	require.Zero(t, signed.code, signed.said)
	_, value, found := strings.Cut(signed.out, "Stripe-Signature: ")
	require.True(t, found, signed.out)
	header := "Stripe-Signature: " + strings.TrimSpace(value)
	r := webhook(t, "", "check", "--source", "stripe", "--account", "eu", "-H", header, file)
	require.Zero(t, r.code, r.said)
	t.Setenv("STRIPE_WEBHOOK_SECRET_EU_FILE", file+".none")
	r = webhook(t, "", "check", "--source", "stripe", "--account", "eu", "-H", header, file)
	require.NotZero(t, r.code)
}
