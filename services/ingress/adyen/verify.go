package adyen

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	// header signs the whole body.
	header = "hmacsignature"
	// signature signs one item.
	signature = "hmacSignature"
)

// Verify returns nil if one of the account's keys signed the body or, where there is no signature of the whole, every
// item in it. Adyen signs no time; what is sent again is the same delivery.
func (Source) Verify(r source.Request, a source.Account) error {
	var keys [][]byte
	for _, secret := range a.Secrets {
		if k, err := key(secret); err == nil {
			keys = append(keys, k)
		}
	}
	if len(r.Header.Values(header)) > 0 {
		return verifyWhole(r, keys)
	}
	n, readable := unpack(r.Body, &source.Trouble{})
	if !readable {
		return source.Refuse(source.NotSigned, "the header "+header+" is missing, and the body is no standard webhook in JSON")
	}
	switch {
	case len(n.Items) == 0:
		return source.Refuse(source.NotSigned, "the header "+header+" is missing, and the body has no notificationItems")
	case len(n.Items) > mostItems:
		return source.Refuse(source.Malformed, "the body has more notificationItems than Adyen sends")
	}
	for i := range n.Items {
		if err := verifyItem(&n.Items[i], keys); err != nil {
			return err
		}
	}
	return nil
}

func verifyWhole(r source.Request, keys [][]byte) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	mac, ok := source.MAC(value)
	if !ok {
		return source.Refuse(source.Malformed, "the header "+header+" is no base64")
	}
	if !source.SignedByAny(keys, [][]byte{mac}, r.Body) {
		return source.Refuse(source.BadSignature, "the body was changed after signing, or the key is another one")
	}
	return nil
}

func verifyItem(i *item, keys [][]byte) error {
	value := i.More[signature]
	if value.String() == "" {
		return source.Refuse(source.NotSigned, "an item has no additionalData."+signature+", and the header "+header+" is missing")
	}
	mac, ok := source.MAC(string(value))
	if !ok {
		return source.Refuse(source.Malformed, "additionalData."+signature+" of an item is no base64")
	}
	signed, ok := i.signed()
	if !ok {
		return source.Refuse(source.Malformed, "a signed field other than merchantReference holds a colon, so that the fields could be told apart in several ways")
	}
	if !source.SignedByAny(keys, [][]byte{mac}, []byte(signed)) {
		return source.Refuse(source.BadSignature, "a signed field of an item was changed after signing, or the key is another one")
	}
	return nil
}

// signed is what is signed of an item: eight fields with colons between them. Adyen's libraries escape nothing in it (the
// escaping that they have is of another product), so a colon in a field could be taken for one between fields. Where
// only merchantReference holds any there is one way to tell the fields apart; false says that another one does.
func (i *item) signed() (string, bool) {
	before := join(i.PSPReference, i.OriginalReference, i.MerchantAccountCode)
	after := join(i.Amount.Value, i.Amount.Currency, i.EventCode, i.Success)
	if strings.Count(before, ":") != 2 || strings.Count(after, ":") != 3 {
		return "", false
	}
	return before + ":" + string(i.MerchantReference) + ":" + after, true
}

func join(fields ...source.Scalar) string {
	texts := make([]string, len(fields))
	for n, f := range fields {
		texts[n] = string(f)
	}
	return strings.Join(texts, ":")
}

// Sign makes the headers with which Adyen would send the body of a webhook that it signs as a whole.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	k, err := key(s.Secret)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set(header, base64.StdEncoding.EncodeToString(source.HMAC(k, body)))
	h.Set("Content-Type", "application/json")
	return h, nil
}
