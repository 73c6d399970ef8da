package shopify_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/shopify"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// What Shopify's own library makes (@shopify/shopify-api 13.1.0, createSHA256HMAC, which its webhooks.validate compares
// with) of this body and secret.
const (
	clientSecret = "shpss_0123 Zoë"
	clientBody   = `{"id":820982911946154508,"note":"Zoë 🥐","url":"https:\/\/shop.example","total_price":"71.50"}`
	clientMAC    = "r/KkM4lvdcAT7PZ3u7K07TKWM7SCMgcspF9tL107bXA="
)

func TestWhatTheLibrarySigns(t *testing.T) {
	t.Parallel()
	h := signed("X-Shopify-Hmac-Sha256", clientMAC)
	require.NoError(t, verify(h, clientBody, clientSecret))
	require.NoError(t, verify(h, clientBody, "newer", clientSecret))
	for _, changed := range []string{
		strings.Replace(clientBody, "ë", "e\u0308", 1), strings.Replace(clientBody, `\/`, "/", 2), strings.Replace(clientBody, "4508", "4500", 1),
	} {
		require.Error(t, verify(h, changed, clientSecret))
	}
	require.Error(t, verify(h, clientBody, "newer"))

	made, err := shopify.New().Sign([]byte(clientBody), source.Signing{Secret: clientSecret, At: now()})
	require.NoError(t, err)
	require.Equal(t, clientMAC, made.Get("X-Shopify-Hmac-Sha256"))
}
