package ups

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

const (
	credential = "a:long credential"
	pair       = "bearer:client-1:a-long-token"
)

// request has headers: name, value, name, value.
func request(headers ...string) source.Request {
	r := source.Request{Header: http.Header{}, Body: []byte(`{}`)}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		r       source.Request
		secrets []string
		want    source.Code
	}{
		"a credential":              {request("Credential", credential), []string{credential}, ""},
		"two secrets, the second":   {request("credential", credential), []string{"another one", credential}, ""},
		"a credential as a bearer":  {request("Authorization", "Bearer "+credential), []string{credential}, ""},
		"a pair":                    {request("Authorization", "Bearer a-long-token", "X-Api-Key", "client-1"), []string{pair}, ""},
		"a pair in small letters":   {request("authorization", "bearer a-long-token", "x-api-key", "client-1"), []string{pair}, ""},
		"a pair while it changes":   {request("Authorization", "Bearer a-long-token", "X-Api-Key", "client-1"), []string{"bearer:client-1:b-long-token", pair}, ""},
		"another credential":        {request("credential", credential+"s"), []string{credential}, source.BadSignature},
		"the beginning of it":       {request("credential", credential[:10]), []string{credential}, source.BadSignature},
		"in capitals":               {request("credential", strings.ToUpper(credential)), []string{credential}, source.BadSignature},
		"a pair without its key":    {request("Authorization", "Bearer a-long-token"), []string{pair}, source.BadSignature},
		"a pair with another key":   {request("Authorization", "Bearer a-long-token", "x-api-key", "client-2"), []string{pair}, source.BadSignature},
		"a pair with another token": {request("Authorization", "Bearer b-long-token", "x-api-key", "client-1"), []string{pair}, source.BadSignature},
		"a pair as a credential":    {request("credential", "a-long-token", "x-api-key", "client-1"), []string{pair}, source.BadSignature},
		"the key of one, the token of another": {
			request("Authorization", "Bearer a-long-token", "x-api-key", "client-2"), []string{pair, "bearer:client-2:b-long-token"}, source.BadSignature,
		},
		"a wrong credential beside a good token": {request("credential", "something else", "Authorization", "Bearer a-long-token", "x-api-key", "client-1"), []string{pair}, source.BadSignature},
		"no secret":                              {request("credential", credential), nil, source.BadSignature},
		"an empty secret":                        {request("credential", " "), []string{"", " "}, source.NotSigned},
		"an empty pair":                          {request("Authorization", "Bearer x", "x-api-key", "y"), []string{"bearer::"}, source.BadSignature},
		"another scheme":                         {request("Authorization", "Basic YTpi"), []string{credential}, source.Malformed},
		"a scheme alone":                         {request("Authorization", "Bearer "), []string{credential}, source.Malformed},
		"twice":                                  {request("credential", credential, "credential", credential), []string{credential}, source.Malformed},
		"a key twice":                            {request("Authorization", "Bearer a-long-token", "x-api-key", "client-1", "x-api-key", "client-1"), []string{pair}, source.Malformed},
		"nothing":                                {request(), []string{credential}, source.NotSigned},
		"a key alone":                            {request("x-api-key", "client-1"), []string{pair}, source.NotSigned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := New().Verify(c.r, source.Account{Secrets: c.secrets})
			scantest.Refused(t, c.want, err)
			if err != nil {
				assert.NotContains(t, err.Error(), "long", "what was sent is not told")
			}
		})
	}
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{credential, pair} {
		h, err := New().Sign([]byte("{}"), source.Signing{Secret: secret})
		require.NoError(t, err)
		require.NoError(t, New().Verify(source.Request{Header: h, Body: []byte("{}")}, source.Account{Secrets: []string{secret}}))
	}
	for _, bad := range []string{"", " ", "short", "bearer:", "bearer:a-long-token", "bearer:client-1:", "bearer::a-long-token", "bearer:client-1:short"} {
		require.Error(t, New().CheckSecret(bad), bad)
		_, err := New().Sign([]byte("{}"), source.Signing{Secret: bad})
		require.Error(t, err, bad)
	}
}
