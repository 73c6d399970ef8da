package stripe

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const header = "Stripe-Signature"

// Verify returns nil if one of the account's secrets signed the request, and now. Stripe's own library looks at the
// signature; the time is ours to check, since the library takes any time in the future and reads "+5" as 5.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	signedAt, err := signedAt(value)
	if err != nil {
		return err
	}
	err = webhook.ErrNoValidSignature
	for _, secret := range a.Secrets {
		if secret == "" {
			continue // an empty key would be everybody's
		}
		if err = webhook.ValidatePayloadIgnoringTolerance(r.Body, value, secret); err == nil {
			return source.Fresh(signedAt, r.ReceivedAt)
		}
	}
	if errors.Is(err, webhook.ErrInvalidHeader) || !strings.Contains(value, "v1=") {
		return source.Refuse(source.Malformed, "the header "+header+" does not look like t=1495999758,v1=<hex>")
	}
	return source.Refuse(source.BadSignature, "the body or the time was changed after signing, or the secret is another one")
}

// signedAt reads the time: one, of digits, as Stripe writes it.
func signedAt(value string) (time.Time, error) {
	stamp, times := "", 0
	for part := range strings.SplitSeq(value, ",") {
		if t, ok := strings.CutPrefix(part, "t="); ok {
			stamp = t
			times++
		}
	}
	n, err := strconv.ParseUint(stamp, 10, 40)
	if err != nil || times != 1 || strconv.FormatUint(n, 10) != stamp {
		return time.Time{}, source.Refuse(source.Malformed, "the header "+header+" has no single time t=<seconds since 1970>")
	}
	return time.Unix(int64(n), 0), nil // below 2^40, see above
}

// Sign makes the headers with which Stripe would send the body.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := source.CheckKey(s.Secret); err != nil {
		return nil, err
	}
	mac := webhook.ComputeSignature(s.At, body, s.Secret)
	h := http.Header{}
	h.Set(header, "t="+strconv.FormatInt(s.At.Unix(), 10)+",v1="+hex.EncodeToString(mac))
	h.Set("Content-Type", "application/json; charset=utf-8")
	return h, nil
}
