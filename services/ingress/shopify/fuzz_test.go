package shopify_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Whatever stands in the header, it is taken only if it is our MAC over the body, spelt as its sender spells it.
func FuzzHeader(f *testing.F) {
	for _, value := range []string{
		vectorMAC, " " + vectorMAC + "\t", strings.Replace(vectorMAC, "s=", "t=", 1), strings.TrimRight(vectorMAC, "="), strings.Repeat("A", 43) + "=", "=", "\n", "",
		strings.NewReplacer("+", "-", "/", "_").Replace(vectorMAC), vectorMAC[:20] + "\r\n" + vectorMAC[20:],
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		err := verify(signed("X-Shopify-Hmac-Sha256", value), vectorBody, vectorSecret)
		if err == nil {
			require.Equal(t, vectorMAC, strings.TrimSpace(value))
			return
		}
		var refused *source.Refused
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Detail, vectorMAC)
	})
}
