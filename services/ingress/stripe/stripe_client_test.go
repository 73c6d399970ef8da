package stripe

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What Stripe's own library makes (stripe-node 23.1.0, webhooks.generateTestHeaderString) of this body, these secrets and
// this time. stripe-go 84.4.1 makes the same.
const (
	clientBody = "{\n  \"id\": \"evt_1Zoë\",\n  \"object\": \"event\",\n  \"note\": \"🥐 \\u2028 <&>\"\n}\n"
	clientOne  = "whsec_one"
	clientTwo  = "whsec_two"

	byOne      = "t=1772366400,v1=24432db6af3f041956f5ec01ccf1a4fc3349fa4849e9ab0639581fa57230af8e"
	byTwo      = "t=1772366400,v1=50a6af863c1dcb549d34ec3d304da09606db1175ff92863c9351a1977942ef0e"
	anHourOn   = "t=1772370000,v1=36ab846e6da3b439b96cda6d76b481c6e8797ba0dc1f29ca7a7b8883a405f6fd"
	asTestMode = "t=1772366400,v0=24432db6af3f041956f5ec01ccf1a4fc3349fa4849e9ab0639581fa57230af8e"
)

var clientTime = time.Unix(1772366400, 0)

func TestWhatTheLibrarySigns(t *testing.T) {
	t.Parallel()
	both := byOne + byTwo[len("t=1772366400"):] // while an endpoint's secret is rolled
	for name, c := range map[string]struct {
		header, body, secret string
		at                   time.Time
		want                 source.Code
	}{
		"signed":                       {byOne, clientBody, clientOne, clientTime, ""},
		"by both, the old one is ours": {both, clientBody, clientOne, clientTime, ""},
		"by both, the new one is ours": {both, clientBody, clientTwo, clientTime, ""},
		"sent again an hour later":     {anHourOn, clientBody, clientOne, clientTime.Add(time.Hour), ""},
		"replayed an hour later":       {byOne, clientBody, clientOne, clientTime.Add(time.Hour), source.TooOld},
		"by another":                   {byTwo, clientBody, clientOne, clientTime, source.BadSignature},
		"under another scheme":         {asTestMode, clientBody, clientOne, clientTime, source.Malformed},
		"a byte changed":               {byOne, clientBody[:len(clientBody)-1], clientOne, clientTime, source.BadSignature},
	} {
		r := source.Request{Header: http.Header{header: {c.header}}, Body: []byte(c.body), ReceivedAt: c.at}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireCode(t, c.want, New().Verify(r, source.Account{Secrets: []string{c.secret}}))
		})
	}
	made, err := New().Sign([]byte(clientBody), source.Signing{Secret: clientOne, At: clientTime})
	require.NoError(t, err)
	require.Equal(t, byOne, made.Get(header))
}
