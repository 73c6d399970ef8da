package ingress

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Whatever a provider signs, there is a message for it that says what came.
func FuzzEveryDeliveryIsKept(f *testing.F) {
	for n := range Sources() {
		for _, body := range []string{anIntent, anOrder, aScan, `{"id":1,"line_items":[{"id":1,"price":"1\u0000"}]}`, "\xff", ""} {
			f.Add(n, "orders/create", body)
		}
	}
	f.Fuzz(func(t *testing.T, n int, topic, body string) {
		all := Sources()
		s := all[uint(n)%uint(len(all))]
		h, err := s.Sign([]byte(body), source.Signing{Secret: checkoutSecret, At: time.Unix(1772366400, 0), Topic: topic})
		if err != nil {
			return
		}
		r := source.Request{Header: h, Body: []byte(body), ReceivedAt: time.Unix(1772366400, 0)}
		a := source.Account{Name: defaultAccount, Secrets: []string{checkoutSecret}, Mode: source.Live, Shop: source.Shop{Source: "checkout", Account: "default"}}
		require.NoError(t, s.Verify(r, a))
		reading, failure := Read(s, r, a)
		require.NoError(t, failure, "a normaliser panicked")
		d, id := NewDelivery(s, r, a, reading)
		data, err := encode(d, 8<<20)
		require.NoError(t, err)
		kept := decode(t, data)
		require.Equal(t, id[:], kept.GetId())
		require.Equal(t, body, string(kept.GetBody()))
		if len(kept.GetFacts()) == 0 && kept.GetQuarantine().GetDetail() == "it holds a text that is none" {
			t.Fatal("a source let text through that is none")
		}
	})
}
