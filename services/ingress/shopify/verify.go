package shopify

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// The headers of the signature: webhooks send the first, the newer events the second.
const (
	signature      = "X-Shopify-Hmac-Sha256"
	eventSignature = "Shopify-Hmac-Sha256"
)

// CheckSecret says what is wrong with an app's client secret. A blank beside it is part of the key and nearly always a
// slip of copying, so it is refused at start rather than with every delivery.
func (Source) CheckSecret(secret string) error {
	if err := source.CheckKey(secret); err != nil {
		return err
	}
	if strings.TrimSpace(secret) != secret {
		return errors.New("there are blanks around it")
	}
	return nil
}

// Verify returns nil if one of the account's secrets signed the body. Shopify signs no time, and after a rotation it
// goes on with the old secret for up to an hour.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, signature, eventSignature)
	if err != nil {
		return err
	}
	mac, ok := source.MAC(strings.TrimSpace(value))
	if !ok || len(mac) != sha256.Size {
		return source.Refuse(source.Malformed, "the signature is not base64 of 32 bytes, as in "+signature+": XWmrwMey6OsLMeiZKwP4FppHH3cmAiiJJAweH5Jo4bM=")
	}
	if !source.SignedByAny(source.Keys(a.Secrets), [][]byte{mac}, r.Body) {
		return source.Refuse(source.BadSignature, "none of the account's secrets signed this body. Check that the secret is the app's client secret "+
			"(for webhooks made in the store's admin: the key shown under Settings, Notifications) and that the body is sent as it came, byte for byte")
	}
	return nil
}
