package source_test

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

var (
	fraction = regexp.MustCompile(`^([-+]?\d+)(\.0+)?$`)
	idOf     = regexp.MustCompile(`^\d{1,40}$`)
)

// Every small reader takes any text: it reads what it is meant for, and nothing else.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456789+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-03-01t12:00:00z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
		"12", "-12.00", "9223372036854775807.0", "9223372036854775808", "1.", ".0", "+7", "0x10", "1_0", "00000000000000000000000000000000000000000", "820982911946154508", "1e3",
		"pi_3ABC", "pi_3ABC_secret_x", "ch_", "py_é", "de", " DE ", "E ", "eur", "ſſſ", "a\x00é\xff", "\u0130\u0131",
	} {
		f.Add(text, 5)
	}
	f.Fuzz(func(t *testing.T, text string, longest int) {
		if stamp := source.Time(text); stamp != nil {
			require.NoError(t, stamp.CheckValid())
			again := source.Time(stamp.AsTime().Format(time.RFC3339Nano))
			require.True(t, stamp.AsTime().Equal(again.AsTime()))
		}
		scalar := source.Scalar(text)
		if n, ok := scalar.Int(); ok {
			whole := fraction.FindStringSubmatch(strings.TrimSpace(text))
			require.NotNil(t, whole, "%q is %d", text, n)
			exact, _ := new(big.Int).SetString(whole[1], 10)
			require.Zero(t, exact.Cmp(big.NewInt(n)))
		}
		var trouble source.Trouble
		if id := trouble.ID("id", scalar); id != "" {
			require.Regexp(t, idOf, id)
			require.Equal(t, strings.TrimSpace(text), id)
		} else {
			require.NotEmpty(t, trouble.Quarantine().GetReason())
		}
		if name := source.StripeName(text); name != "" {
			require.Regexp(t, `^stripe:(pi|ch|py)_[0-9A-Za-z_]+$`, name)
			require.NotContains(t, name[len("stripe:pi_"):], "_secret") // which a client secret has behind its intent
		}
		require.Regexp(t, `^([A-Z]{2})?$`, source.Country(text))
		require.Regexp(t, `^([A-Z]{3})?$`, source.Currency(text))
		longest &= 1023
		clean := source.Clean(text, longest)
		require.LessOrEqual(t, len(clean), longest)
		require.True(t, utf8.ValidString(clean) && !strings.Contains(clean, "\x00"))
		require.Equal(t, clean, source.Clean(clean, longest))
	})
}

// What is read of a body is what stands there, digit by digit, and errors do not repeat it.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"a":"x","b":1e400,"l":[1,null,"2"],"o":{"a":true}}`, "\xef\xbb\xbf{\"a\":\"\xff\"}", `{"a":{}}{}`, `{"l":{"a":1}}`, `{"o":"zq7"}`, `{"o":12345678}`, `[]`, `"zq7"`, `{"A":-0,"a":"\ud800"}`, ``, `{"l":[[],{}]}`,
	} {
		f.Add([]byte(body))
	}
	type inner struct {
		A source.Scalar `json:"a"`
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var into struct {
			A source.Scalar   `json:"a"`
			B source.Scalar   `json:"b"`
			L []source.Scalar `json:"l"`
			O *inner          `json:"o"`
		}
		var trouble source.Trouble
		readable := trouble.Unreadable(source.Decode(body, &into))
		valid := json.Valid([]byte(strings.TrimPrefix(string(body), "\xef\xbb\xbf")))
		require.Equal(t, valid, readable)
		require.Contains(t, []string{"", source.NotJSON, source.BadValue}, trouble.Quarantine().GetReason())
		require.Regexp(t, `^((a|b|l|o|the body|o\.a) is a (number|string|bool|array|object)|the body is (empty|not JSON( at byte \d+|: .+)?)|the body ends in the middle of its JSON)?$`, trouble.Quarantine().GetDetail())
		for _, s := range append(into.L, into.A, into.B) {
			require.True(t, utf8.ValidString(string(s)))
		}
	})
}
