package shippo

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const header = "Shippo-Auth-Signature"

// Verify returns nil if one of the account's secrets proves the request, in the way that is its own.
func (Source) Verify(r source.Request, a source.Account) error {
	keys, tokens := kinds(a.Secrets)
	refused := source.Refuse(source.NotSigned, "the account has no secret")
	if len(tokens) > 0 {
		if refused = byToken(r.URL, tokens); refused == nil {
			return nil
		}
	}
	if len(keys) > 0 {
		refused = bySignature(r, keys)
	}
	return refused
}

// byToken looks at the token of the URL: one, and ours.
func byToken(called string, tokens []string) error {
	u, err := url.Parse(called)
	if err != nil {
		return source.Refuse(source.Malformed, "the URL cannot be read")
	}
	query, err := url.ParseQuery(u.RawQuery)
	given := query["token"]
	switch {
	case err != nil || len(given) > 1:
		return source.Refuse(source.Malformed, "the URL has more than one token, or cannot be read")
	case len(given) == 0 || given[0] == "":
		return source.Refuse(source.NotSigned, "the URL has no ?token=")
	case !source.SameAsAny(tokens, given[0]):
		return source.Refuse(source.BadSignature, "the token of the URL is another one")
	}
	return nil
}

// bySignature looks at the header.
func bySignature(r source.Request, keys []string) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	stamp, macs, ok := parse(value)
	seconds, err := strconv.ParseUint(stamp, 10, 40)
	if !ok || err != nil || strconv.FormatUint(seconds, 10) != stamp {
		return source.Refuse(source.Malformed, "the header "+header+" does not look like t=<seconds since 1970>,v1=<hex>")
	}
	if !source.SignedByAny(source.Keys(keys), macs, []byte(stamp), []byte("."), r.Body) {
		return source.Refuse(source.BadSignature, "the body or the time was changed after signing, or the secret is another one")
	}
	return source.Fresh(time.Unix(int64(seconds), 0), r.ReceivedAt) // below 2^40, see above
}

// parse takes the header apart: one time, and signatures, of which there are several while a key is changed.
func parse(value string) (stamp string, macs [][]byte, ok bool) {
	times := 0
	for part := range strings.SplitSeq(value, ",") {
		key, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "t":
			stamp = text
			times++
		case "v1":
			if mac, err := hex.DecodeString(text); err == nil && len(mac) > 0 {
				macs = append(macs, mac)
			}
		}
	}
	return stamp, macs, times == 1 && len(macs) > 0
}

// Sign makes the headers with which Shippo would send the body. A token goes into the URL, so that there is none for it.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := New().CheckSecret(s.Secret); err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	if _, tokens := kinds([]string{s.Secret}); len(tokens) > 0 {
		if byToken(s.URL, tokens) != nil {
			return nil, errors.New("the account has a token: it goes into the URL, as ?token=…, and there is no header to make")
		}
		return h, nil
	}
	stamp := strconv.FormatInt(s.At.Unix(), 10)
	h.Set(header, "t="+stamp+",v1="+hex.EncodeToString(source.HMAC([]byte(s.Secret), []byte(stamp), []byte("."), body)))
	return h, nil
}
