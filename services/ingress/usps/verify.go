package usps

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	header      = "X-HMAC"
	headerAlias = "hmac-header"
)

// envelope is what is read of a notification before it is verified: what is signed.
type envelope struct {
	Timestamp *string `json:"timestamp"`
	Payload   *string `json:"payload"`
}

// open reads an envelope, and the bytes that are signed.
func open(body []byte) (signed []byte, err error) {
	var e envelope
	if err := source.Decode(body, &e); err != nil || e.Timestamp == nil || e.Payload == nil || *e.Timestamp == "" || *e.Payload == "" {
		return nil, errors.New("the body has no timestamp and payload, both texts")
	}
	return []byte(*e.Timestamp + *e.Payload), nil
}

// Verify returns nil if one of the account's secrets signed the notification.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, header, headerAlias)
	if err != nil {
		return err
	}
	mac, ok := source.MAC(strings.TrimSpace(value))
	if !ok || len(mac) != 32 {
		return source.Refuse(source.Malformed, "the header "+header+" is not base64 of 32 bytes")
	}
	signed, err := open(r.Body)
	if err != nil {
		return source.Refuse(source.Malformed, err.Error())
	}
	if !source.SignedByAny(source.Keys(a.Secrets), [][]byte{mac}, signed) {
		return source.Refuse(source.BadSignature, "the timestamp or the payload was changed after signing, or the secret is another one")
	}
	return nil
}

// Sign makes the headers with which USPS would send the body, which has to be a notification.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := source.CheckKey(s.Secret); err != nil {
		return nil, err
	}
	signed, err := open(body)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set(header, base64.StdEncoding.EncodeToString(source.HMAC([]byte(s.Secret), signed)))
	h.Set("Content-Type", "application/json")
	return h, nil
}
