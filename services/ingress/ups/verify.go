package ups

import (
	"errors"
	"net/http"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	headerCredential    = "credential"
	headerAuthorization = "Authorization"
	headerKey           = "x-api-key"
)

// Verify returns nil if the request brings what one of the account's secrets says.
func (Source) Verify(r source.Request, a source.Account) error {
	token, err := source.Header(r.Header, headerCredential)
	bearer := false
	if len(r.Header.Values(headerCredential)) == 0 {
		if token, err = source.Header(r.Header, headerAuthorization); err == nil {
			token, err = bearerOf(token)
		}
		bearer = true
	}
	if err != nil {
		var refused *source.Refused
		if errors.As(err, &refused) && refused.Code == source.NotSigned {
			return source.Refuse(source.NotSigned, "neither the header credential nor Authorization is there")
		}
		return err
	}
	key := ""
	if len(r.Header.Values(headerKey)) > 0 {
		if key, err = source.Header(r.Header, headerKey); err != nil {
			return err
		}
	}
	proved := false
	for _, secret := range a.Secrets {
		wantKey, wantToken, pair := parse(secret)
		good := source.SameAsAny([]string{wantToken}, token)
		if pair {
			good = source.SameAsAny([]string{wantKey}, strings.TrimSpace(key)) && good && bearer
		}
		proved = proved || good
	}
	if !proved {
		return source.Refuse(source.BadSignature, "the credential is another one")
	}
	return nil
}

// bearerOf is the token of an Authorization header.
func bearerOf(value string) (string, error) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", source.Refuse(source.Malformed, "the header "+headerAuthorization+" does not look like Bearer <token>")
	}
	return token, nil
}

// Sign makes the headers with which UPS would send the body.
func (Source) Sign(_ []byte, s source.Signing) (http.Header, error) {
	if err := New().CheckSecret(s.Secret); err != nil {
		return nil, err
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "UPSPubSubTrackingService")
	if key, token, pair := parse(s.Secret); pair {
		h.Set(headerAuthorization, "Bearer "+token)
		h.Set(headerKey, key)
		return h, nil
	}
	h.Set(headerCredential, s.Secret)
	return h, nil
}
