// Package source says what a provider is to the ingress. Each provider is one package beside this one; the list of
// them is in the ingress package.
//
// A source verifies (is this request signed, and of now?) and reads (what does it say, in our words?). Both are
// functions of what they are given: no clock, no network, no log. Reading drops nothing: what cannot be used is told
// as a quarantine with its reason.
package source

import (
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Request is one HTTP request of a provider, its body as the bytes that were signed.
type Request struct {
	// URL is what the provider called, with scheme, host and query, for those who sign it or put a token into it.
	URL        string
	Header     http.Header
	Body       []byte
	ReceivedAt time.Time
	// Certificate is what the URL of a Certified source led to, with its chain verified; nil for the others.
	Certificate *x509.Certificate
}

// Role is what a source is in the life of an order.
type Role string

// The roles.
const (
	Shop     Role = "shop"     // has orders of its own
	Payments Role = "payments" // tells of payments for the orders of a shop
	Carrier  Role = "carrier"  // tells of parcels
	Messages Role = "messages" // tells what became of mails and texts
)

// Mode says which deliveries an account takes.
type Mode string

// The modes of an account. A delivery of the other kind is quarantined.
const (
	Live Mode = "live"
	Test Mode = "test"
	Both Mode = "both"
)

// Takes says whether an account of that mode takes a delivery that is a test, or is not.
func (m Mode) Takes(test bool) bool { return m == Both || (m == Test) == test }

// ShopKey names a shop's account: source and account of an order's key.
type ShopKey struct{ Source, Account string }

// Account is one account at a provider, as its path and its secret say. Nothing of it comes from an unsigned header.
type Account struct {
	Name string
	// Secrets are all that are valid now: during a rotation there are several.
	Secrets []string
	Mode    Mode
	// Shop is where an order number in a payment's metadata names an order. Shops have no use for it.
	Shop ShopKey
	// AutoCapture says that what is authorised is captured without a word of it, at a provider that can be set so.
	AutoCapture bool
}

// Source is one provider.
type Source interface {
	// Name is the word in paths, ids and settings: stripe.
	Name() string
	// Role is what it is in the life of an order.
	Role() Role
	// CheckSecret says what is wrong with a secret; nil if it can be used.
	CheckSecret(secret string) error
	// Verify returns nil if one of the account's secrets signed the request and its time, where the scheme has one, is
	// now. Otherwise it returns a *Refused.
	Verify(r Request, a Account) error
	// Read says what a verified request tells. It never fails: what cannot be used is in Reading.Quarantine.
	Read(r Request, a Account) Reading
	// Sign makes the headers with which the provider would send the body: for trying things out.
	Sign(body []byte, s Signing) (http.Header, error)
}

// Greeter is a source that sends something unsigned which has to be answered 200 and means nothing.
type Greeter interface {
	// Greets says that the request is one of these.
	Greets(r Request) bool
}

// Certified is a source that signs with a certificate which each request names.
type Certified interface {
	// CertificateURL is where the request says that its certificate is, at a host which is the provider's own: that is
	// looked at before anything is fetched. Otherwise the error is a *Refused.
	CertificateURL(r Request, a Account) (string, error)
}

// Keyed is a source whose accounts are told apart by something else than a webhook secret.
type Keyed interface {
	// Setting is the name of the setting that holds it: PAYPAL_WEBHOOK_ID.
	Setting() string
}

// Sender is a source of whose sender's habits something is known.
type Sender interface {
	Habits() Habits
}

// Habits are what is known of a sender; what is zero is as the settings for all sources say. It goes before these, and a
// setting for the one source goes before it.
type Habits struct {
	// Answer is a little less than the sender waits: what is answered later is sent again, or never.
	Answer time.Duration
	// Body is more bytes than the sender ever sends.
	Body int64
}

// Setting is the name of the setting that holds what the account "default" is verified with; further accounts add
// _<ACCOUNT>.
func Setting(s Source) string {
	if k, ok := s.(Keyed); ok {
		return k.Setting()
	}
	return strings.ToUpper(s.Name()) + "_WEBHOOK_SECRET"
}

// Signing is what a signature is made with.
type Signing struct {
	// URL is where the request goes, for sources that sign it.
	URL    string
	Secret string
	At     time.Time
	// Topic and ID are sent along where the provider has headers for them; empty means a plausible one.
	Topic, ID string
}

// Reading is what a verified request tells.
type Reading struct {
	Topic string
	// DeliveryID is the provider's own id of the delivery or event; derived where it has none, so that the same thing
	// told again has the same id.
	DeliveryID string
	// Test says that the provider calls it test data.
	Test  bool
	Facts []*intakev1.Fact
	// Quarantine is set if nothing, or not everything, could be used.
	Quarantine *intakev1.Quarantine
	// Confirm is a URL of the provider, checked by the source, that has to be fetched before the delivery is answered
	// 2xx: with that a subscription begins.
	Confirm string
	// Headers are kept with the delivery; never a signature.
	Headers []*intakev1.Header
}

// Refused says why a request was not let in. The code is for answers and metrics, the detail for whoever holds the
// secret (orderctl check): it is never sent to the caller.
type Refused struct { //nolint:errname // it reads as what it is: source.Refused
	Code   Code
	Detail string
	// Skew is how much later it is here than the signature says; 0 where no time was looked at.
	Skew time.Duration
}

func (r *Refused) Error() string { return string(r.Code) + ": " + r.Detail }

// Code is why, in one word.
type Code string

// The codes.
const (
	NotSigned    Code = "not_signed"
	Malformed    Code = "malformed_signature"
	BadSignature Code = "bad_signature"
	TooOld       Code = "too_old"
	FromFuture   Code = "from_the_future"
)

// Tolerance is how far the time of a signature may be from ours, both ways, where the scheme signs a time.
const Tolerance = 5 * time.Minute
