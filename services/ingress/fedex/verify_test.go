package fedex

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/source/scantest"
)

const (
	secret = "a security token"
	body   = `{"trackResults":[]}`
	// What openssl dgst -sha256 -hmac "a security token" says.
	inHex = "dcdbbd63b5980126a2efe431a8e0bb13ec9cea93d5ed4d1bb6cd17807f2a9da5"
)

func inBase64() string {
	raw, err := hex.DecodeString(inHex)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func request(body string, signatures ...string) source.Request {
	r := source.Request{Header: http.Header{}, Body: []byte(body)}
	for _, s := range signatures {
		r.Header.Add("FDX-Signature", s)
	}
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	good := inBase64()
	for name, c := range map[string]struct {
		r       source.Request
		secrets []string
		want    source.Code
	}{
		"base64":                  {request(body, good), []string{secret}, ""},
		"hex":                     {request(body, inHex), []string{secret}, ""},
		"hex in upper case":       {request(body, strings.ToUpper(inHex)), []string{secret}, ""},
		"blanks around it":        {request(body, " "+good+" "), []string{secret}, ""},
		"two secrets, the second": {request(body, good), []string{"other", secret}, ""},
		"another secret":          {request(body, good), []string{"other"}, source.BadSignature},
		"no secret":               {request(body, good), nil, source.BadSignature},
		"an empty secret":         {request(body, hex.EncodeToString(source.HMAC(nil, []byte(body)))), []string{""}, source.BadSignature},
		"a line end appended":     {request(body+"\n", good), []string{secret}, source.BadSignature},
		"truncated":               {request(body[1:], inHex), []string{secret}, source.BadSignature},
		"base64 without padding":  {request(body, strings.TrimRight(good, "=")), []string{secret}, source.Malformed},
		"half of it":              {request(body, inHex[:32]), []string{secret}, source.Malformed},
		"hex in base64":           {request(body, base64.StdEncoding.EncodeToString([]byte(inHex))), []string{secret}, source.Malformed},
		"64 letters":              {request(body, strings.Repeat("z", 64)), []string{secret}, source.Malformed},
		"with a scheme":           {request(body, "sha256="+inHex), []string{secret}, source.Malformed},
		"twice":                   {request(body, good, good), []string{secret}, source.Malformed},
		"nothing":                 {request(body), []string{secret}, source.NotSigned},
		"an empty header":         {request(body, ""), []string{secret}, source.NotSigned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scantest.Refused(t, c.want, New().Verify(c.r, source.Account{Secrets: c.secrets}))
		})
	}
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	h, err := New().Sign([]byte(body), source.Signing{Secret: secret})
	require.NoError(t, err)
	assert.Equal(t, inBase64(), h.Get(header))
	require.NoError(t, New().Verify(source.Request{Header: h, Body: []byte(body)}, source.Account{Secrets: []string{secret}}))
	_, err = New().Sign([]byte(body), source.Signing{Secret: " "})
	require.Error(t, err)
	require.Error(t, New().CheckSecret(""))
}
