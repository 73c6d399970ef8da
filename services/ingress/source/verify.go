package source

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Refuse is the error of a request that is not let in.
func Refuse(code Code, detail string) error { return &Refused{Code: code, Detail: detail} }

// headerMost is more than any signature header is long; whoever sends more is not the provider.
const headerMost = 8 << 10

// Header reads a header that verification needs: present once, and of a size. The names are tried in order, for
// providers that have two families of them.
func Header(h http.Header, names ...string) (string, error) {
	for _, name := range names {
		values := h.Values(name)
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return "", Refuse(Malformed, "the header "+name+" came more than once")
		case len(values[0]) > headerMost:
			return "", Refuse(Malformed, "the header "+name+" is longer than 8 KiB")
		case strings.TrimSpace(values[0]) == "":
			return "", Refuse(NotSigned, "the header "+name+" is empty")
		}
		return values[0], nil
	}
	return "", Refuse(NotSigned, "the header "+names[0]+" is missing")
}

// MAC reads a signature in base64, spelt in the one way in which its sender spells it: bits that stand for nothing are
// zero, and no line is broken. Otherwise a signature could be written in several ways.
func MAC(text string) ([]byte, bool) {
	mac, err := base64.StdEncoding.DecodeString(text)
	return mac, err == nil && base64.StdEncoding.EncodeToString(mac) == text
}

// HMAC is the HMAC-SHA256 over the parts, one after the other.
func HMAC(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// SignedByAny says that one of the secrets signed: that its HMAC-SHA256 over the parts is one of the given ones. It
// compares in constant time; an empty secret signs nothing.
func SignedByAny(secrets, given [][]byte, parts ...[]byte) bool {
	signed := false
	for _, secret := range secrets {
		if len(secret) == 0 {
			continue
		}
		want := HMAC(secret, parts...)
		for _, mac := range given {
			if hmac.Equal(want, mac) {
				signed = true
			}
		}
	}
	return signed
}

// Keys are secrets whose bytes are the key as they stand.
func Keys(secrets []string) [][]byte {
	keys := make([][]byte, len(secrets))
	for i, s := range secrets {
		keys[i] = []byte(s)
	}
	return keys
}

// CheckKey says what is wrong with a secret whose bytes are the key as they stand.
func CheckKey(secret string) error {
	if strings.TrimSpace(secret) == "" {
		return errors.New("it is empty")
	}
	return nil
}

// Fresh says whether a signature is of now, within the tolerance on both sides.
func Fresh(signed, now time.Time) error { return FreshFor(0, signed, now) }

// FreshFor is Fresh for somebody who comes again for so long without signing anew.
func FreshFor(again time.Duration, signed, now time.Time) error {
	switch age := now.Sub(signed); {
	case age > again+Tolerance:
		return &Refused{TooOld, "it was signed " + age.Round(time.Second).String() + " ago; at most " + (again + Tolerance).String() + " are accepted", age}
	case age < -Tolerance:
		return &Refused{FromFuture, "it was signed " + (-age).Round(time.Second).String() + " in the future; at most " + Tolerance.String() + " are accepted", age}
	}
	return nil
}

// keepMost is how much of a header is kept.
const keepMost = 512

// Keep takes the named headers that are there, to be kept with the delivery. Never name a signature.
func Keep(h http.Header, names ...string) []*intakev1.Header {
	var kept []*intakev1.Header
	for _, name := range names {
		if v := h.Get(name); v != "" {
			kept = append(kept, &intakev1.Header{Name: name, Value: Clean(v, keepMost)})
		}
	}
	return kept
}

// Clean is text that every store takes: valid UTF-8 without NUL, and not longer than so many bytes.
func Clean(s string, longest int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= longest {
		return s
	}
	s = s[:longest]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// BodyID is a delivery's id where the provider has none: the same body always comes to the same.
func BodyID(body []byte) string {
	hash := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(hash[:16])
}
