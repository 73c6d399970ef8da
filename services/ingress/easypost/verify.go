package easypost

import (
	"encoding/hex"
	"net/http"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	header = "X-Hmac-Signature"
	scheme = "hmac-sha256-hex="
)

// Verify returns nil if one of the account's secrets signed the body.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	text, found := strings.CutPrefix(strings.TrimSpace(value), scheme)
	mac, err := hex.DecodeString(text)
	if !found || err != nil {
		return source.Refuse(source.Malformed, "the header "+header+" does not look like "+scheme+"<hex>")
	}
	if !source.SignedByAny(keys(a.Secrets), [][]byte{mac}, r.Body) {
		return source.Refuse(source.BadSignature, "the body was changed after signing, or the secret is another one")
	}
	return nil
}

// keys are the secrets as EasyPost signs with them.
func keys(secrets []string) [][]byte {
	keys := source.Keys(secrets)
	for i, k := range keys {
		keys[i] = norm.NFKD.Bytes(k)
	}
	return keys
}

// Sign makes the headers with which EasyPost would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := source.CheckKey(s.Secret); err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set(header, scheme+hex.EncodeToString(source.HMAC(keys([]string{s.Secret})[0], body)))
	h.Set("Content-Type", "application/json")
	return h, nil
}
