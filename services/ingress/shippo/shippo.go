// Package shippo reads Shippo's webhooks (https://docs.goshippo.com/docs/tracking/webhooksecurity): what became of a
// parcel, whoever carries it. Shippo proves itself in one of two ways, and the account's secret says in which:
//
//	token:<token>    the token that we put into the webhook's URL ourselves: https://…/webhooks/shippo?token=<token>
//	anything else    the key that Shippo gives out on request, for the header
//	                 Shippo-Auth-Signature: t=<seconds since 1970>,v1=<hex>
//
// The header has HMAC-SHA256 over t.body, and is good for five minutes; Shippo sends again within seconds. A token stands
// in the logs of every proxy between Shippo and us, so the header is better. Shippo keeps URLs below 200 characters.
//
//	{"event": "track_updated", "test": false, "carrier": "usps", "data": {…}}
//
//	track_updated                        the parcel: tracking_status, which may be null, and tracking_history, all of it each time
//	transaction_created, .._updated      nothing that an order needs: the label is bought by whoever bought it
//	batch_created, .._purchased          neither
//
// Nothing names a delivery, and Shippo says that the same may come twice; scans that were told are known
// (source.Parcel). What stands in data is read without its event too, as the API answers it.
package shippo

import (
	"strings"
	"time"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const name = "shippo"

// Source is Shippo.
type Source struct{}

var _ source.Source = Source{}

// New makes the source.
func New() Source { return Source{} }

// Name is the word in paths, ids and settings.
func (Source) Name() string { return name }

// Role is what it is in the life of an order.
func (Source) Role() source.Role { return source.Carrier }

// Habits are of who sends: Shippo waits 3 s.
func (Source) Habits() source.Habits { return source.Habits{Answer: 2500 * time.Millisecond} }

// tokenPrefix begins a secret that is the token of the URL.
const tokenPrefix = "token:"

// CheckSecret says what is wrong with a secret.
func (Source) CheckSecret(secret string) error {
	if token, isToken := strings.CutPrefix(secret, tokenPrefix); isToken {
		return source.CheckCredential(token)
	}
	return source.CheckKey(secret)
}

// kinds are an account's secrets, by what they prove.
func kinds(secrets []string) (keys, tokens []string) {
	for _, s := range secrets {
		if token, isToken := strings.CutPrefix(s, tokenPrefix); isToken {
			tokens = append(tokens, token)
		} else {
			keys = append(keys, s)
		}
	}
	return keys, tokens
}
