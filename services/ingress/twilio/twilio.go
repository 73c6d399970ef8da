// Package twilio reads what Twilio tells of texts that it took: the status callbacks of Programmable Messaging, as forms
// or, from Event Streams and others who send JSON, as CloudEvents.
//
// A callback is signed with the account's auth token (twilio.com/docs/usage/security): HMAC-SHA1 over the public URL
// and, for a form, its parameters. No time is signed, so an old callback can be sent again; it is the same delivery
// then. Twilio signs with the primary token alone: while tokens are changed, name both.
//
// Texts that customers write back come to the same URL if it is set so. They are nothing that we read.
package twilio

import (
	"errors"
	"regexp"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const name = "twilio"

// Source is Twilio.
type Source struct{}

var (
	_ source.Source = Source{}
	_ source.Keyed  = Source{}
)

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Messages }

// Habits are of who sends: Twilio waits 15 s, and sends small forms.
func (Source) Habits() source.Habits { return source.Habits{Answer: 12 * time.Second, Body: 256 << 10} }

// Setting is the name of the setting that holds the auth token: the notifier sends texts with the same.
func (Source) Setting() string { return "TWILIO_AUTH_TOKEN" }

// CheckSecret says what is wrong with an auth token.
func (Source) CheckSecret(secret string) error {
	if apiKey.MatchString(secret) {
		return errors.New("it is the SID of an account or an API key; callbacks are signed with the auth token")
	}
	return source.CheckKey(secret)
}

// apiKey is what people take for an auth token by mistake.
var apiKey = regexp.MustCompile(`^(AC|SK)[0-9a-fA-F]{32}$`)
