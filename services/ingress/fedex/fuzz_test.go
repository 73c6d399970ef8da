package fedex

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

// Whatever stands in the header, it is taken only if it is our MAC over the body, in one of its two spellings.
func FuzzHeader(f *testing.F) {
	for _, h := range []string{inHex, inBase64(), " " + inHex, strings.ToUpper(inHex), inHex[1:], inBase64()[1:], inBase64() + "=", "=", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := New().Verify(request(body, value), source.Account{Secrets: []string{secret}})
		if err == nil {
			plain := strings.TrimSpace(value)
			require.True(t, plain == inBase64() || strings.EqualFold(plain, inHex), "%q is accepted", value)
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, inHex)
	})
}

// Whatever is signed, a reading comes of it.
func FuzzRead(f *testing.F) {
	whole, err := readFile("testdata/tracking.json")
	require.NoError(f, err)
	for _, seed := range []string{
		whole, strings.ReplaceAll(whole, "OD", "RS"), `{"trackResults":[{"trackingNumberInfo":{"trackingNumber":"\u0000"},"latestStatusDetail":{"code":"DL"},"dateAndTimes":[{"type":"ACTUAL_DELIVERY"}]}]}`,
		`{"output":{"output":{"trackResults":[{},null]}}}`, "[]", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) { scantest.Holds(t, read(body), read(body)) })
}
