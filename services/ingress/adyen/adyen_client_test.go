package adyen

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What Adyen's own library makes (@adyen/api-library 32.1.0, hmacValidator.calculateHmac) under otherKey: of a payment, of
// a refund that failed, and of a body that is signed as a whole.
const (
	clientPayment = `"amount":{"currency":"EUR","value":1050},"eventCode":"AUTHORISATION","merchantAccountCode":"Acme","merchantReference":"Zoë 🥐:1:2","pspReference":"NC6HT9CRT65ZGN82","success":"true"`
	clientRefund  = `"amount":{"currency":"JPY","value":0},"eventCode":"REFUND","merchantAccountCode":"Acme","merchantReference":"Zoë 🥐:1:2","originalReference":"NC6HT9CRT65ZGN82","pspReference":"P2","success":"false"`
	clientWhole   = `{"type":"merchant.updated","data":{"name":"Zoë 🥐"}}`

	paymentMark = "pjjL9Lw19rg4Xf2JsUFwmKWwdaw1ELzmFARhr9JzWhI="
	refundMark  = "2xwGPFhs/3/CojcsfCUiN+FFxYGIQv9Rhrr4vnP5GQM="
	wholeMark   = "3r44Pymz72rB9Z8/Q8twDS3ckDPoqHpweRuT4ZHC0t4="
)

func TestWhatTheLibrarySigns(t *testing.T) {
	t.Parallel()
	ours := source.Account{Secrets: []string{vectorKey, otherKey}}
	take := func(body string, header http.Header) error {
		return New().Verify(source.Request{Header: header, Body: []byte(body)}, ours)
	}
	both := items(signedBy(paymentMark, clientPayment), signedBy(refundMark, clientRefund))
	require.NoError(t, take(both, nil))
	require.Error(t, take(strings.Replace(both, `"value":1050`, `"value":105`, 1), nil))
	require.Error(t, take(strings.Replace(both, `"success":"false"`, `"success":"true"`, 1), nil))
	require.Error(t, take(strings.Replace(both, "ë", "e", 1), nil))

	whole := http.Header{}
	whole.Set(header, wholeMark)
	require.NoError(t, take(clientWhole, whole))
	require.Error(t, take(clientWhole+" ", whole))

	made, err := New().Sign([]byte(clientWhole), source.Signing{Secret: otherKey})
	require.NoError(t, err)
	require.Equal(t, wholeMark, made.Get(header))
}
