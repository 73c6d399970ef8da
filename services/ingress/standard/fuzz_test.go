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
	f.Add(vectorID, vectorStamp, mixed)
	f.Add(vectorID, vectorStamp, "v2,x v1a,"+strings.Repeat("A", 86)+"== "+vectorAsymmetric)
	f.Add(vectorID, vectorStamp, strings.Replace(vectorAsymmetric, "Ag==", "Aw==", 1))
	f.Fuzz(func(t *testing.T, id, stamp, signature string) {
		r := delivery(set("webhook-id", id), set("webhook-timestamp", stamp), set("webhook-signature", signature))
		for secret, good := range map[string]string{vectorSecret: vectorSignature, vectorPublic: vectorAsymmetric} {
			if err := standard.Verify(r, []string{secret}); err != nil {
				var refused *source.Refused
				require.ErrorAs(t, err, &refused)
				require.NotContains(t, refused.Detail, good)
				continue
			}
			require.Equal(t, vectorID, id)
			require.Equal(t, vectorStamp, stamp)
			require.Contains(t, strings.Fields(signature), good)
		}
	})
}

// No secret makes a check or a signature panic, and what signs is verified by its other half alone.
func FuzzSecret(f *testing.F) {
	for _, secret := range []string{vectorSecret, vectorPublic, vectorPrivate, otherPublic, "whsk_", "whpk_" + strings.Repeat("A", 43) + "=", "whsec_\x00", ""} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		verifies := standard.CheckSecret(secret) == nil
		h, err := standard.Sign([]byte(vectorBody), source.Signing{Secret: secret, At: vectorTime})
		require.False(t, verifies && strings.HasPrefix(secret, "whsk_"))
		require.False(t, err == nil && strings.HasPrefix(secret, "whpk_"))
		if err != nil {
			return
		}
		r := source.Request{Header: h, Body: []byte(vectorBody), ReceivedAt: vectorTime}
		require.Equal(t, verifies, standard.Verify(r, []string{secret}) == nil)
	})
}
