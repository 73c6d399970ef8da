// Package ups reads UPS Track Alert (https://developer.ups.com/api/reference/trackalert): one activity of one parcel.
//
// UPS signs nothing. It sends what the account chose, in one of two ways, and the account's secret is that:
//
//	<credential>              comes as the header credential: <credential>, or as Authorization: Bearer <credential>
//	bearer:<key>:<token>      comes as x-api-key: <key> and Authorization: Bearer <token>; both have to be right
//
// It is compared in constant time and proves who sends, not what is sent: it has to be long, used for nothing else,
// and only ever travel under TLS. No time is told either; what is sent again does no harm, since a scan that was told
// is known (source.Parcel).
//
// What an activity means is looked up by its code, then by its description's code, then by its type. The type D alone
// means nothing: it is also of parcels that are out for delivery. Times are those of gmtActivityDate and
// gmtActivityTime; else the local ones with gmtOffset, which is written -04.00; else the local ones as they stand.
// Fields that say nothing are blank or missing. deliveryPhoto makes bodies large and never gets into facts.
package ups

import (
	"errors"
	"strings"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const name = "ups"

// Source is UPS.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Carrier }

// Habits are of who sends: UPS sends the photograph of a delivery along, as base64.
func (Source) Habits() source.Habits { return source.Habits{Body: 4 << 20} }

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error {
	key, token, pair := parse(secret)
	if pair && (key == "" || token == "") {
		return errors.New("it does not look like bearer:<key>:<token>")
	}
	return source.CheckCredential(token)
}

// parse takes a secret apart: a pair of a key and a token, or a credential, which is the token.
func parse(secret string) (key, token string, pair bool) {
	rest, pair := strings.CutPrefix(secret, "bearer:")
	if !pair {
		return "", secret, false
	}
	key, token, _ = strings.Cut(rest, ":")
	return key, token, true
}
