package ingress

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/services/ingress/source"
)

func TestAccountsComeFromSettings(t *testing.T) {
	t.Parallel()
	c := config()
	c.CheckoutMode = "both"
	all, err := settle(c, map[string]string{
		"STRIPE_WEBHOOK_SECRET_EU_2": " one , two\n", "STRIPE_SHOP_EU_2": "shopify/eu", "STRIPE_MODE_EU_2": "test",
		"KLARNA_WEBHOOK_SECRET_X": "of no source", "ADYEN_WEBHOOK_SECRET_EU": adyenKey, "ADYEN_CAPTURE_EU": "automatic", "PAYPAL_WEBHOOK_ID_EU": paypalWebhook,
	})
	require.NoError(t, err)
	assert.ElementsMatch(t, sourceNames(), slices.Collect(maps.Keys(all)))

	a, ok := all.find("stripe", "")
	require.True(t, ok)
	assert.Equal(t, source.Account{
		Name: "default", Secrets: []string{stripeSecret, stripeSecond}, Mode: source.Live, Shop: source.ShopKey{Source: "checkout", Account: "default"},
	}, a.Account)
	a, ok = all.find("stripe", "eu_2")
	require.True(t, ok)
	assert.Equal(t, source.Account{
		Name: "eu_2", Secrets: []string{"one", "two"}, Mode: source.Test, Shop: source.ShopKey{Source: "shopify", Account: "eu"},
	}, a.Account)
	a, _ = all.find("adyen", "default")
	assert.False(t, a.AutoCapture)
	a, _ = all.find("adyen", "eu")
	assert.True(t, a.AutoCapture)
	a, _ = all.find("paypal", "eu")
	assert.Equal(t, []string{paypalWebhook}, a.Secrets)
	a, _ = all.find("checkout", "default")
	assert.Equal(t, source.Both, a.Mode)
	a, _ = all.find("sandbox", "")
	assert.Equal(t, source.Both, a.Mode)
	_, ok = all.find("stripe", "us")
	assert.False(t, ok)
}

func TestASourceMayHaveNamedAccountsOnly(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShopifySecrets = nil
	all, err := settle(c, map[string]string{"SHOPIFY_WEBHOOK_SECRET_EU": "secret"})
	require.NoError(t, err)
	_, ok := all.find("shopify", "")
	assert.False(t, ok)
	_, ok = all.find("shopify", "eu")
	assert.True(t, ok)

	_, err = settle(c, map[string]string{"SHOPIFY_WEBHOOK_SECRET_EU": "secret", "SHOPIFY_WEBHOOK_SECRET": ""})
	require.ErrorContains(t, err, "SHOPIFY_WEBHOOK_SECRET is not set", "a secret that is empty is no account that is not wanted")
}

// The host asks for both before it connects to anything, so that whoever sets up a process is told everything at once.
func TestSecretsAreAskedForTogetherWithEverythingElse(t *testing.T) {
	t.Parallel()
	err := host.Run(t.Context(), []host.Service{Service()}, host.Options{
		Environ: map[string]string{"INGRESS_MAX_BODY": "10", "CHECKOUT_WEBHOOK_SECRET": "whsec_badly-made"},
	})
	for _, want := range []string{
		"NATS_URL is not set", "INGRESS_MAX_BODY", "STRIPE_WEBHOOK_SECRET is not set", "SHOPIFY_WEBHOOK_SECRET is not set",
		"WOOCOMMERCE_WEBHOOK_SECRET is not set", "CHECKOUT_WEBHOOK_SECRET: it has to be",
	} {
		require.ErrorContains(t, err, "\n  "+want)
	}
}

func TestEverythingWrongIsToldAtOnceAndNoSecretIs(t *testing.T) {
	t.Parallel()
	c := &Config{
		Sources: []string{"stripe", "stripe", "klarna", "checkout", "adyen", "woocommerce"}, Mode: "life", StripeShop: "checkout", AdyenCapture: "by hand",
		StripeSecrets: []string{"a-secret", " "}, CheckoutSecrets: []string{"whsec_badly-made"},
	}
	_, err := settle(c, map[string]string{
		"STRIPE_WEBHOOK_SECRET_EU": "", "STRIPE_WEBHOOK_SECRET_A.B": "x", "STRIPE_SHOP_UK": "checkout/uk", "STRIPE_MODE_EU": "sandbox",
		"STRIPE_SHOP_EU": "ebay/default", "STRIPE_WEBHOOK_SECRET_DEFAULT": "x", "ADYEN_CAPTURE_EU": "manual",
	})
	require.Error(t, err)
	for _, want := range []string{
		`INGRESS_SOURCES names "klarna"`, "INGRESS_SOURCES names stripe twice", "STRIPE_WEBHOOK_SECRET: it holds an empty secret",
		"INGRESS_MODE is live, test or both", "ADYEN_WEBHOOK_SECRET is not set", "ADYEN_CAPTURE is manual or automatic", "ADYEN_CAPTURE_EU is set, but ADYEN_WEBHOOK_SECRET_EU is not", "STRIPE_SHOP: it looks like checkout/default", "CHECKOUT_WEBHOOK_SECRET: it has to be whsec_",
		"WOOCOMMERCE_WEBHOOK_SECRET is not set", "STRIPE_WEBHOOK_SECRET_EU: it holds an empty secret", "STRIPE_WEBHOOK_SECRET_A.B: its ending",
		"STRIPE_SHOP_UK is set, but STRIPE_WEBHOOK_SECRET_UK is not", "STRIPE_MODE_EU is live, test or both", `STRIPE_SHOP_EU: "ebay" is no source of orders`,
		"STRIPE_WEBHOOK_SECRET_DEFAULT: its ending",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, secret := range []string{"a-secret", "badly-made"} {
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestSettingsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	c := config()
	require.NoError(t, c.Check())
	c.MaxBody, c.PublishTimeout = 10, 0
	err := c.Check()
	require.ErrorContains(t, err, "INGRESS_MAX_BODY")
	require.ErrorContains(t, err, "INGRESS_PUBLISH_TIMEOUT")
}

func TestEverySourceHasItsSettings(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, s := range host.Describe([]host.Service{Service()}) {
		have[s.Name] = true
		assert.NotEmpty(t, s.About, s.Name)
	}
	for _, s := range Sources() {
		assert.True(t, have[source.Setting(s)], s.Name())
		assert.NotEmpty(t, config().list(source.Setting(s)), s.Name())
	}
}

func TestADoorThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	c := config()
	c.AnswerTimeout, c.AddressRate, c.TLSCert, c.Proxies, c.Reload, c.Bodies = time.Minute, -1, "tls.crt", []string{"everybody"}, -1, 1<<20
	err := c.Check()
	for _, want := range []string{"INGRESS_ANSWER_TIMEOUT", "INGRESS_ADDRESS_RATE", "INGRESS_TLS_CERT and INGRESS_TLS_KEY", "INGRESS_TRUSTED_PROXIES", "INGRESS_RELOAD", "INGRESS_BODIES"} {
		require.ErrorContains(t, err, want)
	}
}
