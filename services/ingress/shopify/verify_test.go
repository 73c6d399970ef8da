package shopify_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// mac is openssl's: printf %s BODY | openssl dgst -sha256 -hmac SECRET -binary | base64.
const (
	vectorSecret = "hush"
	vectorBody   = `{"customer":{"name":"Zo\u00eb"},"url":"https:\/\/shop.example\/"}` + "\n"
	vectorMAC    = "wSs0xT2/6RMqK/4cS1BY83MB9iTK98OFga0MWpddg7s="
)

func verify(header http.Header, body string, secrets ...string) error {
	return shopify.New().Verify(source.Request{Header: header, Body: []byte(body), ReceivedAt: now()}, source.Account{Secrets: secrets})
}

func signed(name, value string) http.Header {
	h := http.Header{}
	h.Set(name, value)
	return h
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	raw, err := base64.StdEncoding.DecodeString(vectorMAC)
	require.NoError(t, err)
	twice := http.Header{"X-Shopify-Hmac-Sha256": {vectorMAC, vectorMAC}}
	for _, c := range []struct {
		name    string
		header  http.Header
		body    string
		secrets []string
		want    source.Code
	}{
		{"a webhook", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody, []string{vectorSecret}, ""},
		{"an event", signed("Shopify-Hmac-Sha256", vectorMAC), vectorBody, []string{vectorSecret}, ""},
		{"a header in another case", signed("x-shopify-hmac-SHA256", vectorMAC), vectorBody, []string{vectorSecret}, ""},
		{"signed with the old secret", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody, []string{"newer", vectorSecret}, ""},
		{"a byte changed", signed("X-Shopify-Hmac-Sha256", vectorMAC), strings.Replace(vectorBody, "shop", "Shop", 1), []string{vectorSecret}, source.BadSignature},
		{"a byte appended", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody + " ", []string{vectorSecret}, source.BadSignature},
		{"a byte cut off", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody[:len(vectorBody)-1], []string{vectorSecret}, source.BadSignature},
		{"written anew", signed("X-Shopify-Hmac-Sha256", vectorMAC), `{"customer":{"name":"Zoë"},"url":"https://shop.example/"}`, []string{vectorSecret}, source.BadSignature},
		{"another account's secret", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody, []string{"hush2"}, source.BadSignature},
		{"no secret at all", signed("X-Shopify-Hmac-Sha256", vectorMAC), vectorBody, nil, source.BadSignature},
		{"an empty secret signs nothing", signed("X-Shopify-Hmac-Sha256", "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0="), "", []string{""}, source.BadSignature},
		{"no header", http.Header{}, vectorBody, []string{vectorSecret}, source.NotSigned},
		{"an empty header", signed("X-Shopify-Hmac-Sha256", ""), vectorBody, []string{vectorSecret}, source.NotSigned},
		{"the header twice", twice, vectorBody, []string{vectorSecret}, source.Malformed},
		{"hex", signed("X-Shopify-Hmac-Sha256", hex.EncodeToString(raw)), vectorBody, []string{vectorSecret}, source.Malformed},
		{"no padding", signed("X-Shopify-Hmac-Sha256", strings.TrimRight(vectorMAC, "=")), vectorBody, []string{vectorSecret}, source.Malformed},
		{"half of it", signed("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(raw[:16])), vectorBody, []string{vectorSecret}, source.Malformed},
		{"not base64", signed("X-Shopify-Hmac-Sha256", "\xff\xfe!"), vectorBody, []string{vectorSecret}, source.Malformed},
		{"endless", signed("X-Shopify-Hmac-Sha256", strings.Repeat("A", 1<<20)), vectorBody, []string{vectorSecret}, source.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := verify(c.header, c.body, c.secrets...)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, c.want, refused.Code)
			for _, s := range c.secrets {
				if s != "" {
					assert.NotContains(t, refused.Detail, s)
				}
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for secret, fine := range map[string]bool{"": false, "  ": false, " hush": false, "hush\n": false, "hush": true, "a b": true, "a&amp;b": true} {
		assert.Equal(t, fine, shopify.New().CheckSecret(secret) == nil, "%q", secret)
	}
}

func TestSignMakesWhatVerifyTakes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", vectorBody, "\ufeff{}", `{"a":1,"a":2}`, "\xff\xfe"} {
		h, err := shopify.New().Sign([]byte(body), source.Signing{Secret: vectorSecret, At: now()})
		require.NoError(t, err)
		require.NoError(t, verify(h, body, vectorSecret))
		assert.Equal(t, "orders/create", h.Get("X-Shopify-Topic"))
		assert.NotEmpty(t, h.Get("X-Shopify-Event-Id"))
	}
}

func TestSignFindsATopic(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"orders_paid_jpy.json": "orders/create", "refunds_create.json": "refunds/create", "disputes_create.json": "disputes/update", "order_transactions_sale.json": "order_transactions/create",
	} {
		h, err := shopify.New().Sign(fixture(t, file), source.Signing{Secret: vectorSecret, At: now()})
		require.NoError(t, err)
		assert.Equal(t, want, h.Get("X-Shopify-Topic"))
	}
	h, err := shopify.New().Sign([]byte("{}"), source.Signing{Secret: vectorSecret, At: now(), Topic: "orders/paid", ID: "e1"})
	require.NoError(t, err)
	assert.Equal(t, []string{"orders/paid", "e1"}, []string{h.Get("X-Shopify-Topic"), h.Get("X-Shopify-Event-Id")})
}
