package woocommerce

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const signature = "X-WC-Webhook-Signature"

// CheckSecret says what is wrong with a webhook's secret.
func (Source) CheckSecret(secret string) error {
	if err := source.CheckKey(secret); err != nil {
		return err
	}
	if strings.TrimSpace(secret) != secret {
		return errors.New("there are blanks around it")
	}
	return nil
}

// Verify returns nil if one of the account's secrets signed the body. WooCommerce signs no time.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, signature)
	if err != nil {
		return err
	}
	mac, ok := source.MAC(strings.TrimSpace(value))
	if !ok || len(mac) != sha256.Size {
		return source.Refuse(source.Malformed, "the header "+signature+" is not base64 of 32 bytes. Does a filter of the site (woocommerce_webhook_hash_algorithm) change the algorithm? It has to be sha256")
	}
	keys := make([][]byte, len(a.Secrets))
	for i, s := range a.Secrets {
		keys[i] = []byte(decoded(s))
	}
	if !source.SignedByAny(keys, [][]byte{mac}, r.Body) {
		return source.Refuse(source.BadSignature, "none of the account's secrets signed this body. Check that the secret is the one of this webhook "+
			"(WooCommerce, Settings, Advanced, Webhooks) and that the body is sent as it came: slashes and letters are escaped in it, and written anew they are others")
	}
	return nil
}

// WordPress keeps what is typed with some characters as entities, and signs with these decoded, once: &amp;lt; becomes
// &lt;. Entities by number may have zeros before it.
var (
	zeros    = regexp.MustCompile(`&#0*(34|38|39|60|62);|(?i:&#x0*(22|26|27);)`)
	entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`,
		"&#60;", "<", "&#62;", ">", "&#38;", "&", "&#34;", `"`, "&#39;", "'", "&#x22;", `"`, "&#x26;", "&", "&#x27;", "'")
)

func decoded(secret string) string {
	if !strings.Contains(secret, "&") {
		return secret
	}
	return entities.Replace(zeros.ReplaceAllStringFunc(secret, func(entity string) string {
		digits := strings.Trim(strings.ToLower(entity), "&#;")
		if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
			return "&#x" + strings.TrimLeft(hex, "0") + ";"
		}
		return "&#" + strings.TrimLeft(digits, "0") + ";"
	}))
}
