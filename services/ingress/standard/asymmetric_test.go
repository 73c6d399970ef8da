package standard_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// The vector that the library of Standard Webhooks for Go publishes with its tests, and the public key that belongs to
// its seed.
const (
	vectorPrivate    = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
	vectorPublic     = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
	vectorAsymmetric = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
	mixed            = vectorSignature + " " + vectorAsymmetric
)

// pair are the keys of a seed.
func pair(seed string) (public, private string) {
	key := ed25519.NewKeyFromSeed([]byte(seed))
	encode := base64.StdEncoding.EncodeToString
	return "whpk_" + encode(key[32:]), "whsk_" + encode(key[:32])
}

var otherPublic, otherPrivate = pair("a seed of thirty-two plain bytes")

func signature(s string) func(*source.Request) { return set("webhook-signature", s) }

func TestVerifyAsymmetric(t *testing.T) {
	t.Parallel()
	public, both := []string{vectorPublic}, []string{vectorSecret, vectorPublic}
	asymmetric := func(change ...func(*source.Request)) source.Request {
		return delivery(append([]func(*source.Request){signature(vectorAsymmetric)}, change...)...)
	}
	for name, c := range map[string]struct {
		request source.Request
		secrets []string
		want    source.Code
	}{
		"the published vector":              {asymmetric(), public, ""},
		"under Svix's names":                {asymmetric(svix), public, ""},
		"two keys, the second":              {asymmetric(), []string{otherPublic, vectorPublic}, ""},
		"two keys, the first":               {asymmetric(), []string{vectorPublic, otherPublic}, ""},
		"beside a secret":                   {asymmetric(), both, ""},
		"a secret beside a key":             {delivery(), both, ""},
		"both versions, both known":         {delivery(signature(mixed)), both, ""},
		"both versions, one known":          {delivery(signature(mixed)), []string{vectorSecret}, ""},
		"both versions, the other known":    {delivery(signature(mixed)), public, ""},
		"a bad one of each before":          {asymmetric(signature("v1,AAAA v1a,AAAA v2,x v1a " + vectorAsymmetric)), public, ""},
		"the wrong version's words":         {asymmetric(signature("v1" + vectorAsymmetric[3:])), both, source.BadSignature},
		"a secret's signature as v1a":       {asymmetric(signature("v1a" + vectorSignature[2:])), both, source.Malformed},
		"a key's signature, only a secret":  {asymmetric(), []string{vectorSecret}, source.BadSignature},
		"a secret's signature, only a key":  {delivery(), public, source.BadSignature},
		"another key":                       {asymmetric(), []string{otherPublic}, source.BadSignature},
		"a private key that verifies":       {asymmetric(), []string{vectorPrivate}, source.BadSignature},
		"a byte changed":                    {asymmetric(body(`{"test": 2432232315}`)), public, source.BadSignature},
		"another id":                        {asymmetric(set("webhook-id", "msg_other")), public, source.BadSignature},
		"another time":                      {asymmetric(set("webhook-timestamp", "1614265331")), public, source.BadSignature},
		"too old":                           {asymmetric(at(source.Tolerance + 1e9)), public, source.TooOld},
		"from the future":                   {asymmetric(at(-source.Tolerance - 1e9)), public, source.FromFuture},
		"without padding":                   {asymmetric(signature(strings.TrimRight(vectorAsymmetric, "="))), public, source.Malformed},
		"in upper-case hex":                 {asymmetric(signature("v1a," + strings.ToUpper(hex.EncodeToString(make([]byte, 64))))), public, source.Malformed},
		"its version in upper case":         {asymmetric(signature("V1A" + vectorAsymmetric[3:])), public, source.Malformed},
		"for use in addresses":              {asymmetric(signature(strings.NewReplacer("+", "-", "/", "_").Replace(vectorAsymmetric))), public, source.Malformed},
		"another spelling of it":            {asymmetric(signature(strings.Replace(vectorAsymmetric, "Ag==", "Ah==", 1))), public, source.Malformed},
		"its number beyond the group order": {asymmetric(signature(beyond(vectorAsymmetric))), public, source.BadSignature},
		"zeros":                             {asymmetric(signature("v1a," + base64.StdEncoding.EncodeToString(make([]byte, 64)))), public, source.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := standard.Verify(c.request, c.secrets)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			var refused *source.Refused
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.want, refused.Code, refused.Detail)
		})
	}
}

// beyond adds the order of the group to a signature's number: the same to whoever reckons without looking at its size.
func beyond(signature string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1a,"))
	if err != nil {
		panic(err)
	}
	order, err := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	if err != nil {
		panic(err)
	}
	carry := 0
	for i, b := range order {
		carry += int(raw[32+i]) + int(b)
		raw[32+i] = byte(carry)
		carry >>= 8
	}
	return "v1a," + base64.StdEncoding.EncodeToString(raw)
}

func TestSignMakesThePublishedAsymmetricVector(t *testing.T) {
	t.Parallel()
	seed, err := base64.StdEncoding.DecodeString(vectorPrivate[5:])
	require.NoError(t, err)
	whole := "whsk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed)) // as Svix writes it
	for _, secret := range []string{vectorPrivate, whole} {
		h, err := standard.Sign([]byte(vectorBody), source.Signing{Secret: secret, At: vectorTime, ID: vectorID})
		require.NoError(t, err)
		require.Equal(t, vectorAsymmetric, h.Get("webhook-signature"))
	}
	public, private := pair(string(seed))
	require.Equal(t, vectorPublic, public)
	require.Equal(t, vectorPrivate, private)
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, good := range []string{vectorPublic, otherPublic} {
		require.NoError(t, standard.CheckSecret(good))
	}
	zeros := func(prefix string, n int) string { return prefix + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for name, c := range map[string]struct{ secret, why string }{
		"the sender's key":     {vectorPrivate, "private key"},
		"a broken private key": {"whsk_x", "private key"},
		"no key":               {"whpk_", "32 bytes"},
		"too short":            {zeros("whpk_", 31), "32 bytes"},
		"too long":             {zeros("whpk_", 33), "32 bytes"},
		"no base64":            {"whpk_" + strings.Repeat("!", 44), "32 bytes"},
		"a key for anybody":    {zeros("whpk_", 32), "32 bytes"},
		"a blank behind it":    {vectorPublic + " ", "32 bytes"},
		"a prefix of nobody":   {"whxx_" + vectorPublic[5:], "whpk_"},
	} {
		err := standard.CheckSecret(c.secret)
		require.ErrorContains(t, err, c.why, name)
		if len(c.secret) > 10 {
			require.NotContains(t, err.Error(), c.secret[5:], name)
		}
	}
	torn := []byte(base64.StdEncoding.EncodeToString(append([]byte("a seed of thirty-two plain bytes"), make([]byte, 32)...)))
	for name, secret := range map[string]string{
		"a public key": vectorPublic, "no key": "whsk_", "of 31 bytes": zeros("whsk_", 31), "of 63 bytes": zeros("whsk_", 63), "halves of two keys": "whsk_" + string(torn), "nothing": "",
	} {
		_, err := standard.Sign([]byte("x"), source.Signing{Secret: secret, At: vectorTime})
		require.Error(t, err, name)
	}
}

// Under a key of small order signatures that nobody made are good for some messages: none of these keys is taken.
func TestKeysUnderWhichAnybodySigns(t *testing.T) {
	t.Parallel()
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(y)
		require.NoError(t, err)
		for _, sign := range []byte{0, 0x80} {
			key[31] = key[31]&0x7f | sign
			secret := "whpk_" + base64.StdEncoding.EncodeToString(key)
			require.Error(t, standard.CheckSecret(secret), y)
			forged := make([]byte, 64)
			forged[0] = 1 // the neutral point, and no number
			for n := range 64 {
				r := delivery(body(fmt.Sprint(n)), signature("v1a,"+base64.StdEncoding.EncodeToString(forged)))
				require.Error(t, standard.Verify(r, []string{secret}), y)
			}
		}
	}
}

// What was signed with any key is good for its other half alone, whatever other signatures stand beside it.
func TestAnyOneSignatureSuffices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		signers := []struct{ private, verifies string }{{vectorSecret, vectorSecret}, {otherSecret, otherSecret}, {vectorPrivate, vectorPublic}, {otherPrivate, otherPublic}}
		used := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4).Draw(t, "signers")
		junk := rapid.SliceOf(rapid.SampledFrom([]string{"v1,AAAA", "v1a,AAAA", "v9,AAAA", "v1", "v1a,", ",", "v1,!"})).Draw(t, "junk")
		var all []string
		h := http.Header{}
		for _, n := range used {
			one, err := standard.Sign(payload, source.Signing{Secret: signers[n].private, At: vectorTime, ID: "msg_1"})
			require.NoError(t, err)
			all, h = append(all, one.Get("webhook-signature")), one
		}
		h.Set("webhook-signature", strings.Join(rapid.Permutation(append(all, junk...)).Draw(t, "list"), " "))
		r := source.Request{Header: h, Body: payload, ReceivedAt: vectorTime}
		for n, s := range signers {
			err := standard.Verify(r, []string{s.verifies})
			assert.Equal(t, slices.Contains(used, n), err == nil, "%v %v", used, n)
		}
	})
}
