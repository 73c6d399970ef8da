package ups

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

// Whatever stands in the headers, it is let in only with all that the account's secret says.
func FuzzHeaders(f *testing.F) {
	for _, h := range [][3]string{
		{credential, "", ""}, {"", "Bearer " + credential, ""}, {"", "Bearer a-long-token", "client-1"}, {"", "bearer  a-long-token ", " client-1"}, {"a-long-token", "", "client-1"},
		{"", "Basic a-long-token", "client-1"}, {pair, "", ""}, {"", "Bearer", ""}, {" ", " ", " "}, {"bearer:", "Bearer bearer:", "bearer:"},
	} {
		f.Add(h[0], h[1], h[2])
	}
	f.Fuzz(func(t *testing.T, given, authorization, key string) {
		r := request()
		for name, value := range map[string]string{"Credential": given, "Authorization": authorization, "X-Api-Key": key} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		err := New().Verify(r, source.Account{Secrets: []string{credential, pair}})
		if err == nil {
			one := given == credential || given == "" && strings.HasSuffix(strings.TrimSpace(authorization), credential)
			both := given == "" && strings.HasSuffix(strings.TrimSpace(authorization), "a-long-token") && strings.TrimSpace(key) == "client-1"
			require.True(t, one || both, "%q %q %q is let in", given, authorization, key)
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, "long")
	})
}

// Whatever is sent, a reading comes of it.
func FuzzRead(f *testing.F) {
	whole, err := readFile("testdata/delivered.json")
	require.NoError(f, err)
	for _, seed := range []string{
		whole, strings.Replace(whole, "+01.00", "-99.99", 1), `{"trackingNumber":1,"gmtActivityDate":20260302,"gmtActivityTime":84150,"activityStatus":{"type":"I"}}`,
		`{"trackingNumber":"1Z\u0000","localActivityDate":"00010101","localActivityTime":"000000","gmtOffset":"+14.00","activityStatus":{"code":"OT"}}`, "[]", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) { scantest.Holds(t, read(body), read(body)) })
}
