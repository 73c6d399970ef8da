package standard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// Whatever stands in the headers, they are taken only if they are those that were signed, and the signature is spelt as
// its sender spells it.
func FuzzHeaders(f *testing.F) {
	f.Add(vectorID, vectorStamp, vectorSignature)
	f.Add(vectorID, vectorStamp, "v1a,x v1,AAAA "+vectorSignature+" v2,x")
	f.Add(vectorID, vectorStamp, strings.Replace(vectorSignature, "E=", "F=", 1))
	f.Add(vectorID, vectorStamp, vectorSignature+","+vectorSignature)
	f.Add(vectorID, "+"+vectorStamp, vectorSignature)
	f.Add(vectorID+".", vectorStamp, vectorSignature)
	f.Add("", "-0", "v1, v1,= v1a,x")
	f.Add("msg.1", "99999999999999999999", "v1,"+strings.Repeat("=", 100))
	f.Add("\x00", "1614265330 ", "v1,\n")
	f.Fuzz(func(t *testing.T, id, stamp, signature string) {
		r := delivery(set("webhook-id", id), set("webhook-timestamp", stamp), set("webhook-signature", signature))
		if err := standard.Verify(r, []string{vectorSecret}); err != nil {
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, refused.Detail, vectorSignature)
			return
		}
		require.Equal(t, vectorID, id)
		require.Equal(t, vectorStamp, stamp)
		require.Contains(t, strings.Fields(signature), vectorSignature)
	})
}
