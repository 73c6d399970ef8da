package easypost

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// What EasyPost's own library takes for signed (@easypost/api 8.9.0, Utils.validateWebhook, which signs nothing itself). The
// secret is another one once it is decomposed: a letter with an accent, a ligature, a Roman numeral.
const (
	clientSecret = "sécret ﬁ Ⅷ"
	clientBody   = `{"id":"evt_1","object":"Event","description":"tracker.updated","result":{"weight":614.0,"public_url":"https://track.easypost.com/Zoë🥐"}}`
	clientMark   = "hmac-sha256-hex=6824d8f2306346738578157e42eb07940313fb4b950d7d6965108c4f0215495f"
)

func TestWhatTheLibraryTakes(t *testing.T) {
	t.Parallel()
	ours := source.Account{Secrets: []string{"other", clientSecret}}
	require.NoError(t, New().Verify(request(clientBody, clientMark), ours))
	require.Error(t, New().Verify(request(strings.Replace(clientBody, "614.0", "614", 1), clientMark), ours))
	require.Error(t, New().Verify(request(clientBody, clientMark), source.Account{Secrets: []string{"secret fi VIII"}}))

	made, err := New().Sign([]byte(clientBody), source.Signing{Secret: clientSecret})
	require.NoError(t, err)
	require.Equal(t, clientMark, made.Get(header))
}
