package adyen

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

const (
	// The vectors that Adyen's libraries are tested with.
	vectorKey   = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00"
	vectorMAC   = "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc="
	vectorItem  = `"pspReference":"pspReference","originalReference":"originalReference","merchantAccountCode":"merchantAccount","merchantReference":"reference","amount":{"value":1000,"currency":"EUR"},"eventCode":"EVENT","success":"true"`
	vectorWhole = "yitBTPnDGtbAMG9rTxUa1e6lFGpa4PnrD6rErOmEhJ8="

	otherKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// vectorBody is no JSON (a quote is missing in it), and signed as it stands.
const vectorBody = `{
    "type": "merchant.created",
    "environment": "test",
    "createdAt": "01-01-2024",
    "data": {
        "capabilities": {
            "sendToTransferInstrument": {
                "requested": true,
                "requestedLevel": "notApplicable"
            }
        },
        "companyId": "YOUR_COMPANY_ID",
        "merchantId": YOUR_MERCHANT_ACCOUNT",
        "status": "PreActive"
    }
}`

// items is a standard webhook of items, each with its signature.
func items(all ...string) string {
	wrapped := make([]string, len(all))
	for n, i := range all {
		wrapped[n] = `{"NotificationRequestItem":{` + i + `}}`
	}
	return `{"live":"false","notificationItems":[` + strings.Join(wrapped, ",") + `]}`
}

func signedBy(mac, item string) string {
	return item + `,"additionalData":{"hmacSignature":"` + mac + `"}`
}

// mac is a signature, worked out with no code of the package.
func mac(key string, fields ...string) string {
	raw, err := hex.DecodeString(key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(source.HMAC(raw, []byte(strings.Join(fields, ":"))))
}

func TestVerifyItems(t *testing.T) {
	t.Parallel()
	good := signedBy(vectorMAC, vectorItem)
	const bare = `"pspReference":"p","merchantAccountCode":"m","eventCode":"REPORT_AVAILABLE","success":"true"`
	const colons = `"pspReference":"p","originalReference":"o","merchantAccountCode":"m","merchantReference":"a:b\\c:","amount":{"value":1,"currency":"EUR"},"eventCode":"E","success":"true"`
	for name, c := range map[string]struct {
		body    string
		secrets []string
		want    source.Code
	}{
		"the published vector":            {items(good), []string{vectorKey}, ""},
		"the key in small letters":        {items(good), []string{strings.ToLower(vectorKey)}, ""},
		"two keys, the second":            {items(good), []string{otherKey, vectorKey}, ""},
		"two keys, the first":             {items(good), []string{vectorKey, otherKey}, ""},
		"two items":                       {items(good, signedBy(mac(vectorKey, "p", "", "m", "", "", "", "REPORT_AVAILABLE", "true"), bare)), []string{vectorKey}, ""},
		"two items under two keys":        {items(good, signedBy(mac(otherKey, "p", "", "m", "", "", "", "REPORT_AVAILABLE", "true"), bare)), []string{vectorKey, otherKey}, ""},
		"fields that are missing":         {items(signedBy(mac(vectorKey, "p", "", "m", "", "", "", "REPORT_AVAILABLE", "true"), bare)), []string{vectorKey}, ""},
		"success without quotes":          {items(strings.Replace(good, `"success":"true"`, `"success":true`, 1)), []string{vectorKey}, ""},
		"the value as text":               {items(strings.Replace(good, `1000`, `"1000"`, 1)), []string{vectorKey}, ""},
		"what is not signed is changed":   {items(good + `,"reason":"x","eventDate":"2026-03-01T12:00:00Z"`), []string{vectorKey}, ""},
		"colons in the reference":         {items(signedBy(mac(vectorKey, "p", "o", "m", `a:b\c:`, "1", "EUR", "E", "true"), colons)), []string{vectorKey}, ""},
		"the fields told apart otherwise": {items(signedBy(mac(vectorKey, "p", "o", "m", `a:b\c:`, "1", "EUR", "E", "true"), strings.NewReplacer(`"m"`, `"m:a"`, `a:b`, `b`).Replace(colons))), []string{vectorKey}, source.Malformed},
		"a reference with escapes":        {items(signedBy(mac(vectorKey, "p", "o", "m", `a\:b\\c\:`, "1", "EUR", "E", "true"), colons)), []string{vectorKey}, source.BadSignature},
		"the second item is forged":       {items(good, signedBy(vectorMAC, bare)), []string{vectorKey}, source.BadSignature},
		"the second item is not signed":   {items(good, bare), []string{vectorKey}, source.NotSigned},
		"the first item is not signed":    {items(bare, good), []string{vectorKey}, source.NotSigned},
		"another amount":                  {items(strings.Replace(good, "1000", "1001", 1)), []string{vectorKey}, source.BadSignature},
		"another currency":                {items(strings.Replace(good, "EUR", "USD", 1)), []string{vectorKey}, source.BadSignature},
		"another event":                   {items(strings.Replace(good, `"EVENT"`, `"CAPTURE"`, 1)), []string{vectorKey}, source.BadSignature},
		"another outcome":                 {items(strings.Replace(good, `"true"`, `"false"`, 1)), []string{vectorKey}, source.BadSignature},
		"another order":                   {items(strings.Replace(good, `"reference"`, `"reference2"`, 1)), []string{vectorKey}, source.BadSignature},
		"a field told twice":              {items(good + `,"merchantReference":"another"`), []string{vectorKey}, source.BadSignature},
		"another key":                     {items(good), []string{otherKey}, source.BadSignature},
		"the key as text":                 {items(signedBy(base64.StdEncoding.EncodeToString(source.HMAC([]byte(vectorKey), []byte("pspReference:originalReference:merchantAccount:reference:1000:EUR:EVENT:true"))), vectorItem)), []string{vectorKey}, source.BadSignature},
		"no key":                          {items(good), nil, source.BadSignature},
		"an empty key":                    {items(signedBy(mac("", "pspReference", "originalReference", "merchantAccount", "reference", "1000", "EUR", "EVENT", "true"), vectorItem)), []string{""}, source.BadSignature},
		"hex instead of base64":           {items(signedBy("8a99f1", vectorItem)), []string{vectorKey}, source.Malformed},
		"spelt otherwise":                 {items(signedBy(strings.Replace(vectorMAC, "Ic=", "Id=", 1), vectorItem)), []string{vectorKey}, source.Malformed},
		"an empty signature":              {items(signedBy("", vectorItem)), []string{vectorKey}, source.NotSigned},
		"no items":                        {items(), []string{vectorKey}, source.NotSigned},
		"more items than there are":       {items(strings.Split(strings.Repeat(good+"|", 101), "|")[:101]...), []string{vectorKey}, source.Malformed},
		"another webhook, unsigned":       {`{"type":"balancePlatform.transfer.created"}`, []string{vectorKey}, source.NotSigned},
		"no JSON":                         {"live=false&pspReference=p", []string{vectorKey}, source.NotSigned},
		"nothing":                         {"", []string{vectorKey}, source.NotSigned},
		"an amount that is none":          {items(strings.Replace(good, `{"value":1000,"currency":"EUR"}`, `[1000]`, 1)), []string{vectorKey}, source.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireCode(t, c.want, New().Verify(source.Request{Header: http.Header{}, Body: []byte(c.body)}, source.Account{Secrets: c.secrets}))
		})
	}
}

func TestVerifyTheWhole(t *testing.T) {
	t.Parallel()
	good := []string{vectorMAC}
	for name, c := range map[string]struct {
		header  []string
		body    string
		secrets []string
		want    source.Code
	}{
		"the published vector":        {[]string{vectorWhole}, vectorBody, []string{vectorKey}, ""},
		"two keys, the second":        {[]string{vectorWhole}, vectorBody, []string{otherKey, vectorKey}, ""},
		"a byte changed":              {[]string{vectorWhole}, vectorBody + "\n", []string{vectorKey}, source.BadSignature},
		"another key":                 {[]string{vectorWhole}, vectorBody, []string{otherKey}, source.BadSignature},
		"no key":                      {[]string{vectorWhole}, vectorBody, nil, source.BadSignature},
		"twice":                       {[]string{vectorWhole, vectorWhole}, vectorBody, []string{vectorKey}, source.Malformed},
		"empty":                       {[]string{""}, vectorBody, []string{vectorKey}, source.NotSigned},
		"no base64":                   {[]string{"signed"}, vectorBody, []string{vectorKey}, source.Malformed},
		"bad, above items that are":   {[]string{vectorWhole}, items(signedBy(vectorMAC, vectorItem)), []string{vectorKey}, source.BadSignature},
		"an item's for what it signs": {good, "pspReference:originalReference:merchantAccount:reference:1000:EUR:EVENT:true", []string{vectorKey}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{http.CanonicalHeaderKey("HmacSignature"): c.header}
			requireCode(t, c.want, New().Verify(source.Request{Header: h, Body: []byte(c.body)}, source.Account{Secrets: c.secrets}))
		})
	}
}

// What an item's signature covers is a text that is no webhook: sent as one it says nothing.
func TestAnItemsSignatureOverItsTextTellsNothing(t *testing.T) {
	t.Parallel()
	got := read("pspReference:originalReference:merchantAccount:reference:1000:EUR:CAPTURE:true")
	require.Equal(t, source.NotJSON, got.Quarantine.GetReason())
	require.Empty(t, got.Facts)
}

func TestSignIsVerified(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		h, err := New().Sign(body, source.Signing{Secret: vectorKey})
		require.NoError(t, err)
		require.NoError(t, New().Verify(source.Request{Header: h, Body: body}, source.Account{Secrets: []string{vectorKey}}))
	}
	_, err = New().Sign(nil, source.Signing{Secret: "whsec_none"})
	require.Error(t, err)
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	require.NoError(t, New().CheckSecret(vectorKey))
	require.NoError(t, New().CheckSecret(otherKey))
	for name, secret := range map[string]string{"empty": "", "short": "00112233", "odd": vectorKey[1:], "no hex": strings.Repeat("xy", 32), "a blank": vectorKey + " "} {
		require.Error(t, New().CheckSecret(secret), name)
	}
}

func requireCode(t *testing.T, want source.Code, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Code, refused.Detail)
}

// Whatever an item says, it is taken only if its signature is ours over its fields, of which one alone may hold colons.
func FuzzItem(f *testing.F) {
	f.Add("p", "o", "m", "a:b", "10", "EUR", "CAPTURE", "true", "")
	f.Add("p:o", "", "m", "r", "10", "EUR", "CAPTURE", "true", "p:o::m:r:10:EUR:CAPTURE:true")
	f.Add("", "", "", "", "", "", "", "", ":::::::")
	f.Add("p", "o", "m", "\u2028\\:", "-1e3", "é", "\x00", "false", "x")
	f.Fuzz(func(t *testing.T, psp, original, merchant, reference, value, currency, code, success, signed string) {
		if signed == "" {
			signed = strings.Join([]string{psp, original, merchant, reference, value, currency, code, success}, ":")
		}
		body, err := json.Marshal(map[string]any{"notificationItems": []any{map[string]any{"NotificationRequestItem": map[string]any{
			"pspReference": psp, "originalReference": original, "merchantAccountCode": merchant, "merchantReference": reference,
			"amount": map[string]any{"value": value, "currency": currency}, "eventCode": code, "success": success,
			"additionalData": map[string]any{"hmacSignature": mac(vectorKey, signed)},
		}}}})
		require.NoError(t, err)
		err = New().Verify(source.Request{Header: http.Header{}, Body: body}, source.Account{Secrets: []string{vectorKey}})
		if err != nil {
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, refused.Detail, mac(vectorKey, signed))
			return
		}
		require.Equal(t, signed, strings.Join([]string{psp, original, merchant, reference, value, currency, code, success}, ":"))
		for _, field := range []string{psp, original, merchant, value, currency, code, success} {
			require.NotContains(t, field, ":")
		}
	})
}

// Items are read before it is known who sent them: a body that is nothing but many of them costs little.
func TestItemsWithoutNumberAreRefusedWithoutBeingRead(t *testing.T) {
	const many = 300_000
	body := []byte(`{"live":"false","notificationItems":[` + strings.Repeat(`{},`, many) + `{}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := New().Verify(source.Request{Header: http.Header{}, Body: body}, source.Account{Secrets: []string{vectorKey}})
	runtime.ReadMemStats(&after)
	var refused *source.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, source.Malformed, refused.Code)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*len(body)))
}
