// Package standard signs and verifies as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com), for every
// source that speaks it. Svix sends the same under names of its own; both are taken.
//
//	webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W      the same on every retry
//	webhook-timestamp: 1674087231                    of this attempt
//	webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//
// Signed is id.timestamp.body with HMAC-SHA256; the key is what the base64 after "whsec_" stands for. The signature
// header may hold several, separated by blanks: one good one suffices, other versions than v1 are passed over.
package standard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Names of the headers; the second family is Svix's.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"

	svixID        = "svix-id"
	svixTimestamp = "svix-timestamp"
	svixSignature = "svix-signature"
)

// The size of a key, by the specification.
const (
	shortestKey = 24
	longestKey  = 64
	prefix      = "whsec_"
)

// key is the key that a secret stands for.
func key(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, prefix)
	k, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(k) < shortestKey || len(k) > longestKey {
		return nil, errors.New("it has to be whsec_ and the base64 of 24 to 64 random bytes: make one with echo whsec_$(openssl rand -base64 32)")
	}
	return k, nil
}

// CheckSecret says what is wrong with a secret; nil if it can be used.
func CheckSecret(secret string) error {
	_, err := key(secret)
	return err
}

// Verify returns nil if one of the secrets signed the request, and now.
func Verify(r source.Request, secrets []string) error {
	id, stamp, signature, err := headers(r.Header)
	if err != nil {
		return err
	}
	signedAt, err := seconds(stamp)
	if err != nil {
		return err
	}
	given := signatures(signature)
	if len(given) == 0 {
		return source.Refuse(source.Malformed, "the header "+HeaderSignature+" holds no signature of the form v1,<base64>")
	}
	var keys [][]byte
	for _, s := range secrets {
		if k, err := key(s); err == nil {
			keys = append(keys, k)
		}
	}
	if !source.SignedByAny(keys, given, []byte(id), []byte("."), []byte(stamp), []byte("."), r.Body) {
		return source.Refuse(source.BadSignature, "the body or the id or the timestamp was changed after signing, or the secret is another one")
	}
	return source.Fresh(signedAt, r.ReceivedAt)
}

// headers reads one family of the three headers.
func headers(h http.Header) (id, stamp, signature string, err error) {
	names := [3]string{HeaderID, HeaderTimestamp, HeaderSignature}
	if len(h.Values(HeaderSignature)) == 0 && len(h.Values(svixSignature)) > 0 {
		names = [3]string{svixID, svixTimestamp, svixSignature}
	}
	if signature, err = source.Header(h, names[2]); err != nil {
		return "", "", "", err
	}
	if id, err = source.Header(h, names[0]); err != nil {
		return "", "", "", err
	}
	if !source.IsName(id) || source.Clean(id, len(id)) != id {
		return "", "", "", source.Refuse(source.Malformed, "the header "+names[0]+" is no id")
	}
	stamp, err = source.Header(h, names[1])
	return id, stamp, signature, err
}

// seconds reads a timestamp. Only digits are one, so that nothing else than what was signed can be read as the time.
func seconds(stamp string) (time.Time, error) {
	n, err := strconv.ParseUint(stamp, 10, 40)
	if err != nil || strings.HasPrefix(stamp, "+") {
		return time.Time{}, source.Refuse(source.Malformed, "the header "+HeaderTimestamp+" is not a time in seconds since 1970")
	}
	return time.Unix(int64(n), 0), nil // below 2^40, see above
}

// signatures are the decoded v1 signatures of a header.
func signatures(header string) [][]byte {
	var given [][]byte
	for part := range strings.FieldsSeq(header) {
		encoded, ok := strings.CutPrefix(part, "v1,")
		if !ok {
			continue
		}
		if mac, ok := source.MAC(encoded); ok {
			given = append(given, mac)
		}
	}
	return given
}

// Sign makes the headers of a delivery.
func Sign(body []byte, s source.Signing) (http.Header, error) {
	k, err := key(s.Secret)
	if err != nil {
		return nil, err
	}
	id, stamp := s.ID, strconv.FormatInt(s.At.Unix(), 10)
	if id == "" {
		hash := sha256.Sum256(body)
		id = "msg_" + hex.EncodeToString(hash[:12])
	}
	mac := source.HMAC(k, []byte(id), []byte("."), []byte(stamp), []byte("."), body)
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac))
	h.Set("Content-Type", "application/json")
	return h, nil
}

// DeliveryID is the id that the sender gave the delivery; of a body without one, something that the same body always
// comes to.
func DeliveryID(r source.Request) string {
	for _, name := range []string{HeaderID, svixID} {
		if id := r.Header.Get(name); id != "" {
			return source.Clean(id, 255)
		}
	}
	return source.BodyID(r.Body)
}
