package woocommerce_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

// mac is openssl's: printf %s BODY | openssl dgst -sha256 -hmac SECRET -binary | base64.
const (
	vectorSecret = "hush"
	vectorBody   = `{"customer":{"name":"Zo\u00eb"},"url":"https:\/\/shop.example\/"}` + "\n"
	vectorMAC    = "wSs0xT2/6RMqK/4cS1BY83MB9iTK98OFga0MWpddg7s="
)

func verify(header http.Header, body string, secrets ...string) error {
	return woocommerce.New().Verify(source.Request{Header: header, Body: []byte(body), ReceivedAt: now()}, source.Account{Secrets: secrets})
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
	twice := http.Header{"X-Wc-Webhook-Signature": {vectorMAC, vectorMAC}}
	for _, c := range []struct {
		name    string
		header  http.Header
		body    string
		secrets []string
		want    source.Code
	}{
		{"a delivery", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody, []string{vectorSecret}, ""},
		{"a header in another case", signed("x-wc-webhook-SIGNATURE", vectorMAC), vectorBody, []string{vectorSecret}, ""},
		{"signed with the old secret", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody, []string{"newer", vectorSecret}, ""},
		{"a byte changed", signed("X-WC-Webhook-Signature", vectorMAC), strings.Replace(vectorBody, "shop", "Shop", 1), []string{vectorSecret}, source.BadSignature},
		{"a byte appended", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody + " ", []string{vectorSecret}, source.BadSignature},
		{"a byte cut off", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody[:len(vectorBody)-1], []string{vectorSecret}, source.BadSignature},
		{"written anew", signed("X-WC-Webhook-Signature", vectorMAC), `{"customer":{"name":"Zoë"},"url":"https://shop.example/"}`, []string{vectorSecret}, source.BadSignature},
		{"another account's secret", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody, []string{"hush2"}, source.BadSignature},
		{"no secret at all", signed("X-WC-Webhook-Signature", vectorMAC), vectorBody, nil, source.BadSignature},
		{"an empty secret signs nothing", signed("X-WC-Webhook-Signature", "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0="), "", []string{""}, source.BadSignature},
		{"no header", http.Header{}, vectorBody, []string{vectorSecret}, source.NotSigned},
		{"an empty header", signed("X-WC-Webhook-Signature", ""), vectorBody, []string{vectorSecret}, source.NotSigned},
		{"the header twice", twice, vectorBody, []string{vectorSecret}, source.Malformed},
		{"hex", signed("X-WC-Webhook-Signature", hex.EncodeToString(raw)), vectorBody, []string{vectorSecret}, source.Malformed},
		{"no padding", signed("X-WC-Webhook-Signature", strings.TrimRight(vectorMAC, "=")), vectorBody, []string{vectorSecret}, source.Malformed},
		{"half of it", signed("X-WC-Webhook-Signature", base64.StdEncoding.EncodeToString(raw[:16])), vectorBody, []string{vectorSecret}, source.Malformed},
		{"not base64", signed("X-WC-Webhook-Signature", "\xff\xfe!"), vectorBody, []string{vectorSecret}, source.Malformed},
		{"endless", signed("X-WC-Webhook-Signature", strings.Repeat("A", 1<<20)), vectorBody, []string{vectorSecret}, source.Malformed},
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
		assert.Equal(t, fine, woocommerce.New().CheckSecret(secret) == nil, "%q", secret)
	}
}

func TestSignMakesWhatVerifyTakes(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", vectorBody, "\ufeff{}", `{"a":1,"a":2}`, "\xff\xfe"} {
		h, err := woocommerce.New().Sign([]byte(body), source.Signing{Secret: vectorSecret, At: now()})
		require.NoError(t, err)
		require.NoError(t, verify(h, body, vectorSecret))
		assert.Equal(t, "order.created", h.Get("X-WC-Webhook-Topic"))
		assert.NotEmpty(t, h.Get("X-WC-Webhook-Delivery-ID"))
	}
}

// WordPress keeps a secret with entities in it and signs with what they stand for, decoded once.
func TestSecretsAreDecodedOnce(t *testing.T) {
	t.Parallel()
	for kept, key := range map[string]string{
		"a&amp;b": "a&b", "a&b": "a&b", "&lt;&gt;&quot;&#039;": `<>"'`, "&#38;&#x26;&#X26;&#00038;&#x0026;": "&&&&&", "&amp;lt;": "&lt;",
		"&#34;&#x22;&#39;&#x27;&#060;&#62;": `""''<>`, "&nbsp;&eacute;&#65;": "&nbsp;&eacute;&#65;", "&amp": "&amp", "a;b#c&": "a;b#c&",
	} {
		mac := base64.StdEncoding.EncodeToString(source.HMAC([]byte(key), []byte("{}")))
		require.NoError(t, verify(signed("X-WC-Webhook-Signature", mac), "{}", kept), kept)
		h, err := woocommerce.New().Sign([]byte("{}"), source.Signing{Secret: kept, At: now()})
		require.NoError(t, err)
		assert.Equal(t, mac, h.Get("X-WC-Webhook-Signature"), kept)
	}
}

func TestSignFindsATopic(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{"order_created.json": "order.created", "product_updated.json": "product.updated"} {
		h, err := woocommerce.New().Sign(fixture(t, file), source.Signing{Secret: vectorSecret, At: now()})
		require.NoError(t, err)
		assert.Equal(t, want, h.Get("X-WC-Webhook-Topic"))
	}
}
