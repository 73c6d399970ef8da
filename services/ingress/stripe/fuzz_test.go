package stripe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Whatever stands in the header, it is taken only if it has one time, of now, and our MAC over that time and the body.
func FuzzHeader(f *testing.F) {
	stamp := fmt.Sprint(now.Unix())
	good := "t=" + stamp + ",v1=" + mac(stamp, secret, body)
	for _, header := range []string{
		good, good + ",v0=00", "v1=" + strings.Repeat("0", 64) + "," + good, "t=" + stamp + "," + good, " " + good, strings.ToUpper(good), good + ",v1", good + ",",
		"t=+" + stamp + good[len("t=")+len(stamp):], "t=0" + stamp + good[len("t=")+len(stamp):], "t=1,v1=00", "t=,v1=,=,,v1", "t=1772366400,v1=" + strings.Repeat("0", 64), "t=1099511627776,v1=",
		"t=" + stamp + ",v1=" + mac(stamp, secret, body+" "), "t=1,v1=" + mac("1", secret, body), "",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := source.Request{Header: http.Header{"Stripe-Signature": {header}}, Body: []byte(body), ReceivedAt: now}
		err := New().Verify(r, source.Account{Secrets: []string{secret}})
		if err != nil {
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, refused.Detail, mac(stamp, secret, body))
			return
		}
		times, signed := "", false
		for part := range strings.SplitSeq(header, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch key {
			case "t":
				times += value
			case "v1":
				signed = signed || strings.EqualFold(value, mac(times, secret, body))
			}
		}
		require.True(t, signed, "%q is accepted", header)
		var seconds int64
		_, err = fmt.Sscanf(times, "%d", &seconds)
		require.NoError(t, err)
		require.InDelta(t, now.Unix(), seconds, source.Tolerance.Seconds())
	})
}
