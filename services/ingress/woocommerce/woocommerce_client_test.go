package woocommerce_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/woocommerce"
)

// What WooCommerce's line of code makes, base64(hash_hmac('sha256', body, wp_specialchars_decode(secret, ENT_QUOTES))), run
// by PHP 8.2.36 with the function of WordPress 6.1.9. The body is as PHP's json_encode writes it.
const clientBody = `{"id":7301,"note":"Zo\u00eb \ud83e\udd50","url":"https:\/\/shop.example\/","total":"71.02","price":9.99}`

func TestWhatWordPressSigns(t *testing.T) {
	t.Parallel()
	for secret, mac := range map[string]string{
		`a "b" & <c>`:                     "Owd4bpgTzrpEvd5Oh3bCP46+reSROVLLkxHeNLzH0kc=", // as it was typed
		"a &quot;b&quot; &amp; &lt;c&gt;": "Owd4bpgTzrpEvd5Oh3bCP46+reSROVLLkxHeNLzH0kc=", // as it is kept
		"it&#039;s &amp;amp; &eacute;":    "qbDiMXDZJ6zkMg8vpd+BQ6yPFDCq7sn4AW7epZFX2pg=",
	} {
		h := signed("X-WC-Webhook-Signature", mac)
		require.NoError(t, verify(h, clientBody, secret), secret)
		require.Error(t, verify(h, `{"id":7301,"note":"Zoë 🥐","url":"https://shop.example/","total":"71.02","price":9.99}`, secret))
		require.Error(t, verify(h, clientBody, secret+"x"))

		made, err := woocommerce.New().Sign([]byte(clientBody), source.Signing{Secret: secret, At: now()})
		require.NoError(t, err)
		require.Equal(t, mac, made.Get("X-WC-Webhook-Signature"))
	}
}
