package standard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// What the libraries make of this body: the reference library (standardwebhooks 1.1.1 for JavaScript) and Svix's (svix
// 1.99.1) the same in v1, and OpenSSL 3.0.19 in v1a, for which neither has code. The keys are otherSecret and otherPrivate.
const (
	clientID   = "msg_2Zoe"
	clientBody = `{"type":"order.paid","data":{"order_number":"1001","title":"Tasse für Zoë 🥐"}}`
	byLibrary  = "v1,uq9INiwG00ULQCNDV7DtepjHwTvuxSAH1ixfBy6eV6w="
	byOpenSSL  = "v1a,aUlsHkt6pbo3Fqi0bxSGxCaxNnX2/vWNpGoVuSFImnty3waRmX4NM/GeQFb5YLUyVG0wSsKacD75ijMh+pNGAg=="
)

var clientTime = time.Unix(1772366400, 0)

func client(signature string, change ...func(*source.Request)) source.Request {
	all := []func(*source.Request){
		set("webhook-id", clientID), set("webhook-timestamp", "1772366400"), set("webhook-signature", signature), body(clientBody),
		func(r *source.Request) { r.ReceivedAt = clientTime },
	}
	return delivery(append(all, change...)...)
}

func TestWhatTheLibrariesSign(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ signature, secret, signs string }{
		{byLibrary, otherSecret, otherSecret}, {byOpenSSL, otherPublic, otherPrivate},
	} {
		ours := []string{vectorSecret, c.secret}
		require.NoError(t, standard.Verify(client(c.signature), ours))
		require.NoError(t, standard.Verify(client(c.signature, svix), ours))
		require.NoError(t, standard.Verify(client("v1,AAAA "+c.signature+" v2,x"), ours))
		require.Error(t, standard.Verify(client(c.signature, body(clientBody+" ")), ours))
		require.Error(t, standard.Verify(client(c.signature), []string{vectorSecret, vectorPublic}))
		require.Error(t, standard.Verify(client(c.signature, set("webhook-timestamp", "1772366401")), ours))
		require.Error(t, standard.Verify(client(c.signature, set("webhook-id", "msg_3Zoe")), ours))

		made, err := standard.Sign([]byte(clientBody), source.Signing{Secret: c.signs, At: clientTime, ID: clientID})
		require.NoError(t, err)
		require.Equal(t, c.signature, made.Get("webhook-signature"))
	}
}
