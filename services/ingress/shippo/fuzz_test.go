package shippo

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

// Whatever stands in the header, it is taken only if it has one time, of now, and our MAC over that time and the body.
func FuzzHeader(f *testing.F) {
	stamp := fmt.Sprint(now.Unix())
	good := "t=" + stamp + ",v1=" + mac(stamp, secret, body)
	for _, h := range []string{good, " " + good, "t=1," + good, good + ",t=1", good + ",v1=00", strings.ReplaceAll(good, ",", ", "), "t=+" + good[2:], "t=,v1=", "v1", "=", ""} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := New().Verify(request(hook, body, value), source.Account{Secrets: []string{secret}})
		if err != nil {
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, refused.Detail, mac(stamp, secret, body))
			return
		}
		var times []string
		signed := false
		for part := range strings.SplitSeq(value, ",") {
			key, text, _ := strings.Cut(strings.TrimSpace(part), "=")
			if key == "t" {
				times = append(times, text)
			}
			signed = signed || key == "v1" && len(times) <= 1
		}
		require.True(t, signed)
		require.Len(t, times, 1)
		require.Contains(t, strings.ToLower(value), "v1="+mac(times[0], secret, body))
	})
}

// Whatever is called, it is let in only with our token.
func FuzzToken(f *testing.F) {
	for _, called := range []string{hook + "?token=a-long-token", hook + "?token=a%2dlong-token&x", "?token=a-long-token;", "/webhooks/shippo?token=", "%", "https://[::1]:x/?token=a-long-token", ""} {
		f.Add(called)
	}
	f.Fuzz(func(t *testing.T, called string) {
		err := New().Verify(request(called, body), source.Account{Secrets: []string{token}})
		if err == nil {
			plain, err := url.QueryUnescape(called)
			require.NoError(t, err)
			require.Contains(t, plain, "token=a-long-token")
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, "a-long-token")
	})
}

// Whatever is signed, a reading comes of it.
func FuzzRead(f *testing.F) {
	whole, err := readFile("testdata/track_updated.json")
	require.NoError(f, err)
	for _, seed := range []string{
		whole, strings.ReplaceAll(whole, "TRANSIT", "FAILURE"), `{"carrier":"usps","tracking_number":1,"tracking_status":{"status":"RETURNED","status_date":"2026"}}`,
		`{"rate":"r"}`, `{"event":"batch_created","data":[]}`, `{"event":"track_updated","data":{"carrier":"\u0000","tracking_number":"\ud800"}}`, "{", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) { scantest.Holds(t, read(body), read(body)) })
}
