package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's scheme; as an HMAC, SHA-1 is not broken
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	header = "X-Twilio-Signature"
	// bodyHash is the parameter of the URL that holds the hash of a body that is no form.
	bodyHash = "bodySHA256"
)

// Verify returns nil if one of the account's tokens signed the URL and the body.
func (Source) Verify(r source.Request, a source.Account) error {
	value, err := source.Header(r.Header, header)
	if err != nil {
		return err
	}
	given, ok := source.MAC(value)
	if !ok || len(given) != sha1.Size {
		return source.Refuse(source.Malformed, "the header "+header+" is not base64 of 20 bytes")
	}
	signed, err := signedOf(r)
	if err != nil {
		return err
	}
	for _, token := range a.Secrets {
		if token == "" {
			continue // an empty key would be everybody's
		}
		for _, address := range addresses(r.URL) {
			if hmac.Equal(given, mac(token, address+signed)) {
				return nil
			}
		}
	}
	return source.Refuse(source.BadSignature,
		"the body was changed after signing, the token is not the primary one, or Twilio called another URL than "+told(r.URL))
}

// signedOf is what is signed behind the URL: a form's parameters, or nothing if the URL holds the body's hash.
func signedOf(r source.Request) (string, error) {
	if hash, ok := hashIn(r.URL); ok {
		if !sameHash(hash, r.Body) {
			return "", source.Refuse(source.BadSignature, "the body is not the one whose hash stands in the URL")
		}
		return "", nil
	}
	form, err := parse(r.Body)
	if err != nil {
		return "", source.Refuse(source.Malformed, err.Error())
	}
	return form.signed(), nil
}

// hashIn is the body's hash in a URL, if there is one.
func hashIn(address string) (string, bool) {
	_, query, _ := strings.Cut(address, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has(bodyHash) {
		return "", false
	}
	return values.Get(bodyHash), true
}

func sameHash(text string, body []byte) bool {
	given, err := hex.DecodeString(text)
	want := sha256.Sum256(body)
	return err == nil && hmac.Equal(given, want[:])
}

func mac(token, signed string) []byte {
	m := hmac.New(sha1.New, []byte(token))
	m.Write([]byte(signed))
	return m.Sum(nil)
}

// addresses are the ways to write a URL that Twilio may have signed: as it was called, and with or without its port,
// which Twilio leaves out of some callbacks and puts into others.
func addresses(address string) []string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return []string{address}
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	colon := strings.LastIndexByte(host, ':')
	if colon > strings.LastIndexByte(host, ']') {
		return []string{address, scheme + "://" + host[:colon] + path}
	}
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return []string{address, scheme + "://" + host + port + path}
}

// told is a URL for whoever looks for what is wrong: its query may hold anything.
func told(address string) string {
	address, _, _ = strings.Cut(address, "?")
	if address == "" {
		return "none, which was told here"
	}
	return address
}

// Sign makes the headers with which Twilio would send the body to the URL. A form is signed with its parameters; for
// JSON the URL has to hold the body's hash.
func (Source) Sign(body []byte, s source.Signing) (http.Header, error) {
	if err := source.CheckKey(s.Secret); err != nil {
		return nil, err
	}
	if s.URL == "" {
		return nil, errors.New("the URL that Twilio calls is signed too: give it")
	}
	h := http.Header{}
	h.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	if _, hashed := hashIn(s.URL); hashed {
		h.Set("Content-Type", "application/json")
	} else if isJSON(body) {
		sum := sha256.Sum256(body)
		return nil, errors.New("the URL of a JSON body ends in ?" + bodyHash + "=" + hex.EncodeToString(sum[:]))
	}
	signed, err := signedOf(source.Request{URL: s.URL, Body: body})
	if err != nil {
		return nil, err
	}
	h.Set(header, base64.StdEncoding.EncodeToString(mac(s.Secret, s.URL+signed)))
	return h, nil
}
