package twilio

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Whatever stands in the header, it is taken only if it is our MAC over the URL and what the body says.
func FuzzSignature(f *testing.F) {
	parsed, err := parse([]byte(aState))
	require.NoError(f, err)
	good := signatureOf(token, hooks+parsed.signed())
	for _, h := range []string{good, good + " ", strings.ToLower(good), good[1:], good + good, "", "=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", signatureOf(other, hooks+parsed.signed())} {
		f.Add(h, hooks, aState)
	}
	for _, address := range []string{hooks + "?bodySHA256=00", "https://h.example:1/w", "http://[::1]:80", "://", "", "x?y?z", "https://h.example:443:1/w"} {
		f.Add(good, address, aState)
	}
	f.Add(good, hooks, aState+"&a=%")
	f.Fuzz(func(t *testing.T, signature, address, body string) {
		a := source.Account{Secrets: []string{token}}
		if err := New().Verify(request(address, body, signature), a); err == nil {
			ours := false
			signed := ""
			if _, hashed := hashIn(address); !hashed {
				form, err := parse([]byte(body))
				require.NoError(t, err)
				signed = form.signed()
			}
			for _, each := range addresses(address) {
				ours = ours || signature == signatureOf(token, each+signed)
			}
			require.True(t, ours, "%q is accepted", signature)
		}
		h, err := New().Sign([]byte(body), source.Signing{URL: address, Secret: token})
		if err != nil {
			return
		}
		require.NoError(t, New().Verify(source.Request{URL: address, Header: h, Body: []byte(body)}, a), "what we sign we take")
		require.Error(t, New().Verify(source.Request{URL: address, Header: h, Body: []byte(body)}, source.Account{Secrets: []string{other}}))
	})
}

// What is signed of a form follows from what it says, however it is written.
func FuzzForm(f *testing.F) {
	for _, body := range []string{aState, "a=2&a=1&a=2&b", "%zz", "a;b", "=&=&", "a=%00%ff&\xff=\xfe", "+=+"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parse([]byte(body))
		if err != nil {
			return
		}
		again, err := parse([]byte(url.Values(form).Encode()))
		require.NoError(t, err)
		require.Equal(t, form.signed(), again.signed())
	})
}
