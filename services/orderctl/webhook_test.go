package orderctl

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/amazon"
	provider "github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/certtest"
)

const (
	checkoutSecret = "whsec_b3JkZXJmbG93LXRlc3Qtc2VjcmV0LW51bWJlci1vbmU="
	otherSecret    = "whsec_b3JkZXJmbG93LXRlc3Qtc2VjcmV0LW51bWJlci10d28="
	adyenKey       = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	paypalWebhook  = "1JE50Z90C7278043W"
	anOrder        = `{"type": "order.created", "timestamp": "2026-03-01T12:00:00Z", "data": {"order_number": 820982911946154508, "currency": "KWD",
 "items": [{"sku": "MUG", "quantity": 2, "price": 12.5}], "shipping": "0.125"}}`
)

// written is a file with that in it.
func written(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's a file.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func webhook(t *testing.T, input string, args ...string) called {
	t.Helper()
	return call(t.Context(), input, append([]string{"--data", t.TempDir()}, args...)...)
}

func TestNormalizeShowsFactsWithExactMoney(t *testing.T) {
	t.Parallel()
	r := webhook(t, "", "normalize", "--source", "checkout", "--account", "b2b", written(t, anOrder))
	require.Equal(t, 0, r.code, r.said)
	var shown struct {
		Topic string `json:"topic"`
		Facts []struct {
			Order     struct{ ID, Account string } `json:"order"`
			Described struct {
				Totals map[string]struct {
					Minor   json.Number `json:"minor_units"`
					Decimal string      `json:"decimal"`
				} `json:"totals"`
			} `json:"order_described"`
		} `json:"facts"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &shown), r.out)
	assert.Equal(t, "order.created", shown.Topic)
	require.Len(t, shown.Facts, 1)
	assert.Equal(t, "820982911946154508", shown.Facts[0].Order.ID)
	assert.Equal(t, "b2b", shown.Facts[0].Order.Account)
	assert.Equal(t, "25.125", shown.Facts[0].Described.Totals["total"].Decimal)
	assert.Equal(t, json.Number("25125"), shown.Facts[0].Described.Totals["total"].Minor)
	assert.Equal(t, "0.000", shown.Facts[0].Described.Totals["tax"].Decimal)
}

func TestNormalizeSaysWhyItWouldBeQuarantined(t *testing.T) {
	t.Parallel()
	r := webhook(t, `{"type":"order.created","data":{"order_number":"1"}}`, "normalize", "--source", "checkout", "-")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "missing_field")
	assert.Contains(t, r.said, "data.currency is missing")
	assert.Contains(t, r.out, `"facts": []`)

	r = webhook(t, `{"id":1}`, "normalize", "--source", "shopify", "--topic", "orders/paid", "-")
	assert.Contains(t, r.out, `"topic": "orders/paid"`)
}

func TestWhatSignSignsCheckAccepts(t *testing.T) {
	t.Parallel()
	file := written(t, anOrder)
	key, cert := paypalCertificate(t)
	type half struct {
		signs, checks, other string
		toSign, toCheck      []string
	}
	halves := map[string]half{
		"adyen":  {signs: adyenKey, checks: adyenKey, other: strings.ReplaceAll(adyenKey, "0", "1")},
		"paypal": {signs: paypalWebhook + "\n" + key, checks: paypalWebhook, other: "9XL90610J3647323C", toCheck: []string{"--cert", cert}},
		"twilio": {checkoutSecret, checkoutSecret, otherSecret, []string{"--url", anyURL([]byte(anOrder))}, []string{"--url", anyURL([]byte(anOrder))}},
		"shippo": {"token:a-long-token", "token:a-long-token", otherSecret, []string{"--url", "/?token=a-long-token"}, []string{"--url", "/?token=a-long-token"}},
	}
	topicKey, topicCert := certificateFor(t, "sns.amazonaws.com")
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	halves["amazon"] = half{signs: topic + "\n" + topicKey, checks: topic, other: topic + "-others", toCheck: []string{"--cert", topicCert}}
	enclosed, err := amazon.New().Enclose([]byte(anOrder), provider.Signing{Secret: topic + "\n" + topicKey, At: time.Now()})
	require.NoError(t, err)
	bodies := map[string]string{"amazon": string(enclosed), "usps": `{"timestamp":"2026-07-23T14:32:00Z","payload":"{\"trackingNumber\":\"9400\",\"status\":\"Delivered\"}"}`}
	for _, source := range sourceNames() {
		h, special := halves[source]
		if !special {
			h = half{signs: checkoutSecret, checks: checkoutSecret, other: otherSecret}
		}
		file := file
		if body := bodies[source]; body != "" {
			file = written(t, body)
		}
		signed := webhook(t, "", append([]string{"sign", "--source", source, "--secret", h.signs, file}, h.toSign...)...)
		require.Equal(t, 0, signed.code, signed.said)
		args := append([]string{"check", "--source", source, "--secret", h.other, "--secret", h.checks}, h.toCheck...)
		for line := range strings.Lines(signed.out) {
			args = append(args, "-H", strings.TrimSpace(line))
		}
		r := webhook(t, "", append(args, file)...)
		assert.Equal(t, 0, r.code, source+": "+r.out+r.said)
		assert.True(t, strings.HasPrefix(r.out, "accepted"), r.out)
	}
}

// paypalCertificate is a private key in PEM, and a file with a certificate of PayPal's sandbox for it.
func paypalCertificate(t *testing.T) (private, file string) {
	t.Helper()
	return certificateFor(t, "messageverificationcerts.sandbox.paypal.com")
}

// certificateFor is a key and the file of a certificate that says whose it is.
func certificateFor(t *testing.T, whose string) (private, file string) {
	t.Helper()
	c := certtest.Certificate(t, time.Now(), whose, nil, certtest.Key().Public(), certtest.Key())
	return certtest.KeyPEM(), written(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
}

// Where a certificate would be fetched from is looked at first.
func TestACertificateFromElsewhereIsNotFetched(t *testing.T) {
	t.Parallel()
	r := webhook(t, "", "check", "--source", "paypal", "--secret", paypalWebhook, "-H", "PAYPAL-CERT-URL: https://192.0.2.1/cert.pem", written(t, anOrder))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "names no certificate at a host of PayPal's")
}

func TestPayloadsOfEverySourceAreReadWithoutASecret(t *testing.T) {
	t.Parallel()
	for _, source := range sourceNames() {
		r := webhook(t, "[]", "normalize", "--source", source, "-")
		assert.Contains(t, r.out, `"facts": []`, "%s: %s", source, r.said)
	}
	r := webhook(t, `{"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"C1","custom_id":"1001","amount":{"value":"1500","currency_code":"HUF"}}}`, "normalize", "--source", "paypal", "-")
	assert.Equal(t, 0, r.code, r.said)
	assert.Contains(t, r.out, `"1500.00"`)
}

// Who signs with a private key is checked with the public one, and a public one signs nothing.
func TestSignAndCheckHaveTheirOwnHalvesOfAKey(t *testing.T) {
	t.Parallel()
	const (
		private = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
		public  = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
	)
	file := written(t, anOrder)
	signed := webhook(t, "", "sign", "--source", "checkout", "--secret", private, file)
	require.Equal(t, 0, signed.code, signed.said)
	args := []string{"check", "--source", "checkout", file}
	for line := range strings.Lines(signed.out) {
		args = append(args, "-H", strings.TrimSpace(line))
	}
	r := webhook(t, "", append(args, "--secret", public)...)
	assert.Equal(t, 0, r.code, r.out+r.said)
	r = webhook(t, "", append(args, "--secret", private)...)
	assert.NotEqual(t, 0, r.code)
	assert.Contains(t, r.said, "the sender's private key")
	r = webhook(t, "", "sign", "--source", "checkout", "--secret", public, file)
	assert.NotEqual(t, 0, r.code)
	assert.Contains(t, r.said, "signs nothing")
}

func TestCheckSaysWhyNot(t *testing.T) {
	t.Parallel()
	file := written(t, anOrder)
	headers := func(args ...string) []string {
		signed := webhook(t, "", append([]string{"sign", "--source", "checkout", "--secret", checkoutSecret, file}, args...)...)
		require.Equal(t, 0, signed.code, signed.said)
		var all []string
		for line := range strings.Lines(signed.out) {
			all = append(all, "-H", strings.TrimSpace(line))
		}
		return all
	}
	var compact any
	require.NoError(t, json.Unmarshal([]byte(anOrder), &compact))
	for name, c := range map[string]struct {
		body, secret string
		headers      []string
		code, says   string
	}{
		"another secret":      {anOrder, otherSecret, headers(), "bad_signature", "or the secret is another one"},
		"a line end appended": {anOrder + "\n", checkoutSecret, headers(), "bad_signature", "Without the line end"},
		"line ends changed":   {strings.ReplaceAll(anOrder, "\n", "\r\n"), checkoutSecret, headers(), "bad_signature", "line ends of Unix"},
		"too old":             {anOrder, checkoutSecret, headers("--at", time.Now().Add(-time.Hour).Format(time.RFC3339)), "too_old", "it was signed 1h0m"},
		"no header":           {anOrder, checkoutSecret, nil, "not_signed", "webhook-signature is missing"},
	} {
		args := append([]string{"check", "--source", "checkout", "--secret", c.secret}, c.headers...)
		r := webhook(t, c.body, append(args, "-")...)
		assert.Equal(t, 1, r.code, name)
		assert.Contains(t, r.out, "refused ("+c.code+")", name)
		assert.Contains(t, r.out, c.says, name)
		assert.NotContains(t, r.out+r.said, c.secret, name)

		r = webhook(t, c.body, append(args, "--json", "-")...)
		var v verdict
		require.NoError(t, json.Unmarshal([]byte(r.out), &v), name)
		assert.Equal(t, c.code, v.Code, name)
	}
}

func TestCheckTellsOfAQuarantine(t *testing.T) {
	t.Parallel()
	file := written(t, "no JSON")
	signed := webhook(t, "", "sign", "--source", "stripe", "--secret", "s", "--json", file)
	var h map[string]string
	require.NoError(t, json.Unmarshal([]byte(signed.out), &h))
	r := webhook(t, "", "check", "--source", "stripe", "--secret", "s", "-H", "stripe-signature: "+h["Stripe-Signature"], file)
	assert.Equal(t, 0, r.code)
	assert.Equal(t, "accepted, and then quarantined (not_json): the body is not JSON at byte 2\n", r.out)
}

func TestCurlIsForAShell(t *testing.T) {
	t.Parallel()
	file := written(t, anOrder)
	r := webhook(t, "", "sign", "--source", "checkout", "--secret", checkoutSecret, "--id", "msg_it's", "--curl", "http://127.0.0.1:8080/webhooks/checkout", file)
	require.Equal(t, 0, r.code, r.said)
	script := strings.Replace(r.out, "curl -sS", `printf '%s\n'`, 1)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "\nWebhook-Id: msg_it's\n")
	assert.Contains(t, string(out), "\n--data-binary\n@"+file+"\nhttp://127.0.0.1:8080/webhooks/checkout\n")
}

func TestTheSecretOfARunningSandboxIsFound(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), written(t, anOrder)
	run, err := json.Marshal(Running{Secrets: map[string]string{"checkout": checkoutSecret}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, runFile), run, 0o600))
	r := call(t.Context(), "", "--data", dir, "sign", "--source", "checkout", file)
	require.Equal(t, 0, r.code, r.said)
	r = webhook(t, "", "sign", "--source", "checkout", file)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.said, "CHECKOUT_WEBHOOK_SECRET")
}

func TestWebhookCommandsCalledWrongly(t *testing.T) {
	t.Parallel()
	file := written(t, anOrder)
	for _, args := range [][]string{
		{"sign", "--source", "nobody", "--secret", "s", file}, {"check", "--source", "stripe", "--secret", "s", "-H", "nonsense", file},
		{"sign", "--source", "stripe", "--secret", "s", "--at", "whenever", file}, {"normalize", "--source", "stripe", "--shop", "nowhere", file},
		{"sign", "--source", "stripe", "--secret", "s"}, {"check", "--source", "stripe", "--secret", "s", "--cert", file, file},
	} {
		assert.Equal(t, 2, webhook(t, "", args...).code, args)
	}
	r := webhook(t, "", "sign", "--source", "checkout", "--secret", "short", file)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "whsec_")
}
