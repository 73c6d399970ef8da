package fedex

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const header = "fdx-signature"

// Verify returns nil if one of the account's secrets signed the body.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	mac, ok := decode(strings.TrimSpace(value))
	if !ok {
		return source.Refuse(source.Malformed, "the header "+header+" is neither base64 nor hex of 32 bytes")
	}
	if !source.SignedByAny(source.Keys(a.Secrets), [][]byte{mac}, r.Body) {
		return source.Refuse(source.BadSignature, "the body was changed after signing, or the secret is another one")
	}
	return nil
}

// decode reads a signature: 64 digits, or 44 characters of base64.
func decode(text string) (mac []byte, ok bool) {
	if len(text) == 64 {
		mac, err := hex.DecodeString(text)
		return mac, err == nil
	}
	mac, ok = source.MAC(text)
	return mac, ok && len(mac) == 32
}

// Sign makes the headers with which FedEx would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := source.CheckKey(s.Secret); err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set(header, base64.StdEncoding.EncodeToString(source.HMAC([]byte(s.Secret), body)))
	h.Set("Content-Type", "application/json")
	return h, nil
}
