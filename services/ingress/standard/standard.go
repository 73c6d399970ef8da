// Package standard signs and verifies as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com), for every
// source that speaks it. Svix sends the same under names of its own; both are taken.
//
//	webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W      the same on every retry
//	webhook-timestamp: 1674087231                    of this attempt
//	webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//
// Signed is id.timestamp.body, in one of two ways:
//
//	v1    HMAC-SHA256; both sides share a secret: whsec_ and the base64 of 24 to 64 random bytes
//	v1a   ed25519; the sender keeps whsk_ and its private key, the receiver has whpk_ and the public key of 32 bytes,
//	      with which nobody can sign
//
// The signature header may hold several of both, separated by blanks, and an account several secrets of both kinds: one
// signature that is good for one of them suffices. Versions that nobody knows are passed over. A secret verifies its own
// version only.
package standard

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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

// Versions of signatures.
const (
	version1 = "v1"
	versionA = "v1a"
)

// CheckSecret says what is wrong with a secret of the ingress's settings (whsec_ or whpk_); nil if it can be used. A
// private key is refused: whoever only verifies must not be able to sign.
func CheckSecret(secret string) error {
	_, err := verifierOf(secret)
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
	given := signaturesIn(signature)
	if len(given.v1)+len(given.v1a) == 0 {
		return source.Refuse(source.Malformed, "the header "+HeaderSignature+" holds no signature of the form v1,<base64> or v1a,<base64>")
	}
	signed := false
	for _, s := range secrets {
		v, err := verifierOf(s)
		if err == nil && v.signed(given, []byte(id), []byte("."), []byte(stamp), []byte("."), r.Body) {
			signed = true
		}
	}
	if !signed {
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

// signatures are the decoded signatures of a header, by version.
type signatures struct{ v1, v1a [][]byte }

// mostSignatures is more than any sender has keys: each one of v1a costs a verification.
const mostSignatures = 16

func signaturesIn(header string) signatures {
	var given signatures
	for part := range strings.FieldsSeq(header) {
		version, encoded, _ := strings.Cut(part, ",")
		signature, ok := source.MAC(encoded)
		switch {
		case !ok:
		case version == version1 && len(given.v1) < mostSignatures:
			given.v1 = append(given.v1, signature)
		case version == versionA && len(signature) == ed25519.SignatureSize && len(given.v1a) < mostSignatures:
			given.v1a = append(given.v1a, signature)
		}
	}
	return given
}

// Sign makes the headers of a delivery: with a shared secret (whsec_) in v1, with a private key (whsk_) in v1a.
func Sign(body []byte, s source.Signing) (http.Header, error) {
	by, err := signerOf(s.Secret)
	if err != nil {
		return nil, err
	}
	id, stamp := s.ID, strconv.FormatInt(s.At.Unix(), 10)
	if id == "" {
		hash := sha256.Sum256(body)
		id = "msg_" + hex.EncodeToString(hash[:12])
	}
	signature := by.sign([]byte(id), []byte("."), []byte(stamp), []byte("."), body)
	h := http.Header{}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, by.version+","+base64.StdEncoding.EncodeToString(signature))
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
