package twilio

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	token  = "0123456789abcdef0123456789abcdef"
	other  = "fedcba9876543210fedcba9876543210"
	hooks  = "https://hooks.example.com/webhooks/twilio"
	sm     = "SM0123456789abcdef0123456789abcdef"
	aState = "AccountSid=AC0123456789abcdef0123456789abcdef&ApiVersion=2010-04-01&From=%2B15005550006&MessageSid=" + sm +
		"&MessageStatus=delivered&SmsSid=" + sm + "&SmsStatus=delivered&To=%2B14155550100"
)

func request(address, body, signature string) source.Request {
	h := http.Header{}
	if signature != "" {
		h.Set(header, signature)
	}
	return source.Request{URL: address, Header: h, Body: []byte(body)}
}

func signatureOf(token, signed string) string {
	return base64.StdEncoding.EncodeToString(mac(token, signed))
}

func codeOf(t *testing.T, err error) source.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	return refused.Code
}

// The example that Twilio publishes on its page about the security of webhooks, and with its libraries.
func TestThePublishedExamples(t *testing.T) {
	t.Parallel()
	const (
		address = "https://mycompany.com/myapp.php?foo=1&bar=2"
		form    = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
		mark    = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
		json    = `{"property": "value", "boolean": true}`
		hashed  = address + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
		marked  = "a9nBmqA0ju/hNViExpshrM61xv4="
	)
	a := source.Account{Secrets: []string{"12345"}}
	require.NoError(t, New().Verify(request(address, form, mark), a))
	require.NoError(t, New().Verify(request(hashed, json, marked), a))
	assert.Equal(t, source.BadSignature, codeOf(t, New().Verify(request(address, form+"&Digits=12345", mark), a)))
	assert.Equal(t, source.BadSignature, codeOf(t, New().Verify(request(hashed, json+" ", marked), a)))

	made, err := New().Sign([]byte(form), source.Signing{URL: address, Secret: "12345"})
	require.NoError(t, err)
	assert.Equal(t, mark, made.Get(header))
	made, err = New().Sign([]byte(json), source.Signing{URL: hashed, Secret: "12345"})
	require.NoError(t, err)
	assert.Equal(t, marked, made.Get(header))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	parsed, err := parse([]byte(aState))
	require.NoError(t, err)
	good := signatureOf(token, hooks+parsed.signed())
	for name, c := range map[string]struct {
		url, body, signature string
		secrets              []string
		want                 source.Code
	}{
		"good":                      {hooks, aState, good, []string{token}, ""},
		"the new token beside":      {hooks, aState, good, []string{other, token}, ""},
		"an empty token beside":     {hooks, aState, good, []string{"", token}, ""},
		"in another order":          {hooks, "MessageStatus=delivered&" + strings.Replace(aState, "&MessageStatus=delivered", "", 1), good, []string{token}, ""},
		"otherwise escaped":         {hooks, strings.Replace(aState, "delivered", "%64elivered", 1), good, []string{token}, ""},
		"another token":             {hooks, aState, good, []string{other}, source.BadSignature},
		"no token":                  {hooks, aState, good, nil, source.BadSignature},
		"an empty token":            {hooks, aState, signatureOf("", hooks+parsed.signed()), []string{""}, source.BadSignature},
		"another path":              {hooks + "/other", aState, good, []string{token}, source.BadSignature},
		"another scheme":            {strings.Replace(hooks, "https", "http", 1), aState, good, []string{token}, source.BadSignature},
		"a query that is not ours":  {hooks + "?x=1", aState, good, []string{token}, source.BadSignature},
		"a byte changed":            {hooks, strings.Replace(aState, "delivered", "deliveree", 1), good, []string{token}, source.BadSignature},
		"a parameter more":          {hooks, aState + "&More=1", good, []string{token}, source.BadSignature},
		"a blank parameter more":    {hooks, aState + "&More=", good, []string{token}, source.BadSignature},
		"a parameter less":          {hooks, strings.Replace(aState, "&ApiVersion=2010-04-01", "", 1), good, []string{token}, source.BadSignature},
		"the body alone is signed":  {hooks, aState, signatureOf(token, aState), []string{token}, source.BadSignature},
		"not signed":                {hooks, aState, "", []string{token}, source.NotSigned},
		"blank":                     {hooks, aState, "  ", []string{token}, source.NotSigned},
		"no base64":                 {hooks, aState, "%%%", []string{token}, source.Malformed},
		"too short":                 {hooks, aState, "AAAA", []string{token}, source.Malformed},
		"SHA-256":                   {hooks, aState, base64.StdEncoding.EncodeToString(source.HMAC([]byte(token), []byte(hooks+parsed.signed()))), []string{token}, source.Malformed},
		"spelt in another way":      {hooks, aState, strings.TrimRight(good, "="), []string{token}, source.Malformed},
		"a line end within":         {hooks, aState, good[:4] + "\n" + good[4:], []string{token}, source.Malformed},
		"no form":                   {hooks, "%zz", good, []string{token}, source.Malformed},
		"a semicolon between":       {hooks, "a=1;b=2", signatureOf(token, hooks+"a1b2"), []string{token}, source.Malformed},
		"endless parameters":        {hooks, strings.Repeat("a&", 1001), good, []string{token}, source.Malformed},
		"longer than any signature": {hooks, aState, strings.Repeat("A", 9<<10), []string{token}, source.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := New().Verify(request(c.url, c.body, c.signature), source.Account{Secrets: c.secrets})
			assert.Equal(t, c.want, codeOf(t, err))
			if err != nil {
				assert.NotContains(t, err.Error(), token)
				assert.NotContains(t, err.Error(), "4155550100")
			}
		})
	}
	twice := request(hooks, aState, good)
	twice.Header.Add(header, good)
	assert.Equal(t, source.Malformed, codeOf(t, New().Verify(twice, source.Account{Secrets: []string{token}})))
}

// Twilio leaves the port out of some URLs that it signs, and puts it into others.
func TestPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		called, signed string
		good           bool
	}{
		{"https://h.example:8443/w?x=1", "https://h.example/w?x=1", true},
		{"https://h.example:8443/w?x=1", "https://h.example:8443/w?x=1", true},
		{"https://h.example/w?x=:1", "https://h.example:443/w?x=:1", true},
		{"http://h.example", "http://h.example:80", true},
		{"http://h.example?x", "http://h.example:80?x", true},
		{"https://[2001:db8::1]/w", "https://[2001:db8::1]:443/w", true},
		{"https://[2001:db8::1]:9/w", "https://[2001:db8::1]/w", true},
		{"https://h.example:8443/w", "https://h.example:443/w", false},
		{"https://h.example/w", "https://h.example:80/w", false},
		{"https://h.example/w", "https://h.example/", false},
	} {
		err := New().Verify(request(c.called, "a=1", signatureOf(token, c.signed+"a1")), source.Account{Secrets: []string{token}})
		assert.Equal(t, c.good, err == nil, "%s for %s", c.signed, c.called)
	}
}

// Names are sorted as bytes; blanks stay, and a value that came twice counts once.
func TestWhatOfAFormIsSigned(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"b=2&a=1":                 "a1b2",
		"a=2&a=1&a=2":             "a1a2",
		"a=&b=+x+&c":              "ab x c",
		"a=%2B1&Z=%C3%BC&b=%26":   "Z\u00fca+1b&",
		"":                        "",
		"a=1&&b=2":                "a1b2",
		"=x":                      "x",
		"Body=%00&Body=%F0%9F%A5": "Body\x00Body\xf0\x9f\xa5",
	} {
		f, err := parse([]byte(body))
		require.NoError(t, err)
		assert.Equal(t, want, f.signed(), body)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	require.NoError(t, New().CheckSecret(token))
	for _, wrong := range []string{"", "  ", "AC" + token, "SK" + token} {
		err := New().CheckSecret(wrong)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
	}
	assert.Equal(t, "TWILIO_AUTH_TOKEN", source.Setting(New()))
}

func TestWhatCannotBeSigned(t *testing.T) {
	t.Parallel()
	for body, s := range map[string]source.Signing{
		"a=1": {Secret: token},
		"a=2": {URL: hooks},
		`{}`:  {URL: hooks, Secret: token},
		`[]`:  {URL: hooks + "?bodySHA256=00", Secret: token},
		"%":   {URL: hooks, Secret: token},
	} {
		_, err := New().Sign([]byte(body), s)
		require.Error(t, err, body)
		assert.NotContains(t, err.Error(), token)
	}
}

// What is signed is verified, and nothing else is: not with another token, URL or parameter.
func TestSignedIsVerified(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := url.Values(rapid.MapOf(rapid.String(), rapid.SliceOfN(rapid.String(), 1, 3)).Draw(t, "form"))
		body := []byte(values.Encode())
		address := "https://h.example" + rapid.SampledFrom([]string{"", ":8443", ":443"}).Draw(t, "port") + "/webhooks/twilio" +
			rapid.SampledFrom([]string{"", "?x=1", "?x=%2B&y"}).Draw(t, "query")
		if rapid.Bool().Draw(t, "json") {
			sum := sha256.Sum256(body)
			address = "https://h.example/w?bodySHA256=" + hex.EncodeToString(sum[:])
		} else if isJSON(body) {
			return
		}
		h, err := New().Sign(body, source.Signing{URL: address, Secret: token})
		if err != nil {
			t.Fatal(err)
		}
		r := source.Request{URL: address, Header: h, Body: body}
		check := func(want bool, r source.Request, secret, what string) {
			if err := New().Verify(r, source.Account{Secrets: []string{secret}}); (err == nil) != want {
				t.Fatalf("%s: %v", what, err)
			}
		}
		check(true, r, token, "as it was signed")
		check(false, r, other, "another token")
		elsewhere := r
		elsewhere.URL += "x"
		check(false, elsewhere, token, "another URL")
		more := r
		more.Body = append([]byte("More=1&"), body...)
		if values.Get("More") == "" {
			check(false, more, token, "another body")
		}
	})
}
