package conformance_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// now is when every sample is sent.
var now = time.Unix(1772366400, 0).UTC()

// sample is what a source is tried with. Nothing in it protects anything.
type sample struct {
	// body becomes at least one fact, and no quarantine.
	body string
	// secret is what the account verifies with, other one of the same kind that did not sign. No two sources share one.
	secret, other string
	// signs is what the provider signs with, where that is another half of the secret.
	signs string
	// topic and url are told to Sign, and url is what was called.
	topic, url string
	// certificate is what the request names, for a source.Certified.
	certificate *x509.Certificate
	// signature is the header with the signature, needs are the other headers that verification needs.
	signature string
	needs     []string
	// spelling is how the signature is written: base64 or hexadecimal.
	spelling spelling
	// bearer says that the header is a password, and the body not signed.
	bearer bool
	// fields are replacements in the body that break its signature, where that is not over every byte.
	fields [][2]string
	// lasts is how old a signature may be; 0 where no time is signed.
	lasts time.Duration
	// id stands in the body, once, for what becomes an id of an order, a payment or a parcel, with its quotes if it has
	// some. It is replaced by numbers that no float holds; empty where ids are never numbers.
	id string
	// text stands in the body for what a person wrote and a fact repeats; empty where facts repeat none.
	text string
	// made makes the whole request, where Sign alone cannot: signatures that stand in the body.
	made func(t tester, s source.Signing) source.Request
}

type spelling string

const (
	base64Spelt spelling = "base64"
	hexSpelt    spelling = "hex"
	bothSpelt   spelling = "base64 or hex"
)

// subject is a source with its sample.
type subject struct {
	source.Source
	sample
}

// subjects are all registered sources, each with its sample.
func subjects(t *testing.T) []subject {
	t.Helper()
	all := samples(t)
	var out []subject
	for _, s := range ingress.Sources() {
		one, ok := all[s.Name()]
		require.True(t, ok, "source %q has no sample: add one to samples in services/ingress/conformance/samples_test.go (a body, two secrets, "+
			"the headers of the signature and what in the body is an id), so that it is run through what is true of every source", s.Name())
		if one.signs == "" {
			one.signs = one.secret
		}
		out = append(out, subject{s, one})
	}
	return out
}

// request is the sample as its provider sends it now.
func (s subject) request(t tester) source.Request {
	t.Helper()
	return s.signed(t, s.body, now)
}

func (s subject) signed(t tester, body string, at time.Time) source.Request {
	t.Helper()
	signing := source.Signing{Secret: s.signs, At: at, Topic: s.topic, URL: s.url}
	if s.made != nil {
		return s.made(t, signing)
	}
	h, err := s.Sign([]byte(body), signing)
	require.NoError(t, err)
	return source.Request{URL: s.url, Header: h, Body: []byte(body), ReceivedAt: at, Certificate: s.certificate}
}

func (s subject) account(secrets ...string) source.Account {
	return source.Account{Name: "default", Secrets: secrets, Mode: source.Both, Shop: source.ShopKey{Source: "checkout", Account: "default"}}
}

// headers are all that verification needs.
func (s subject) headers() []string {
	if s.signature == "" {
		return s.needs
	}
	return append([]string{s.signature}, s.needs...)
}

// with is the request with a header that has these values.
func with(r source.Request, name string, values ...string) source.Request {
	h := http.Header{}
	for key, v := range r.Header {
		if !strings.EqualFold(key, name) {
			h[key] = v
		}
	}
	if len(values) > 0 {
		h[http.CanonicalHeaderKey(name)] = values
	}
	r.Header = h
	return r
}
