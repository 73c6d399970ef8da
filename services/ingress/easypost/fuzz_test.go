package easypost

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

// Whatever stands in the header, it is taken only if it is our MAC over the body.
func FuzzHeader(f *testing.F) {
	for _, h := range []string{scheme + macOfBody, scheme + macOfBody + " ", macOfBody, scheme, scheme + "00", "hmac-sha256-base64=AA==", scheme + macOfBody[1:], "=", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := New().Verify(request(body, value), source.Account{Secrets: []string{secret}})
		if err == nil {
			require.True(t, strings.EqualFold(scheme+macOfBody, strings.TrimSpace(value)), "%q is accepted", value)
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, macOfBody)
	})
}

// Whatever is signed, a reading comes of it: the same each time, of scans that are some, each once.
func FuzzRead(f *testing.F) {
	whole, err := readFile("testdata/tracker.updated.json")
	require.NoError(f, err)
	for _, seed := range []string{
		whole, strings.Replace(whole, "delivered", "failure", 3), `{"description":"batch.updated","result":[]}`, `{"object":"Tracker","status":"error","carrier":"USPS","tracking_code":9007199254740993}`,
		`{"description":"tracker.updated","result":{"tracking_code":"1","carrier":"\u0000","tracking_details":[{"status":"delivered","datetime":"0001-01-01"},null]}}`, "{", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		scantest.Holds(t, read(body), read(body))
	})
}
