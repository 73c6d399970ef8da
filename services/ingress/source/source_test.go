package source_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

func TestScalarsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`820982911946154508`: "820982911946154508", `"19.90"`: "19.90", `19.90`: "19.90", `1e2`: "1e2", `true`: "true", `null`: "", `{}`: "", `[1]`: "",
		`" x "`: "x", `"\u00e9\/"`: "é/",
	} {
		var s source.Scalar
		require.NoError(t, json.Unmarshal([]byte(text), &s), text)
		assert.Equal(t, want, s.String(), text)
	}
}

func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[source.Scalar]int64{"2": 2, "2.0": 2, "-3": -3, "9223372036854775807": 9223372036854775807, "0": 0} {
		n, ok := text.Int()
		assert.True(t, ok, text)
		assert.Equal(t, want, n)
	}
	for _, text := range []source.Scalar{"", "2.5", "2.", "9223372036854775808", "1e2", "two", "0x10", "1_000"} {
		_, ok := text.Int()
		assert.False(t, ok, text)
	}
}

func TestDecodeFillsWhatFits(t *testing.T) {
	t.Parallel()
	var v struct {
		A source.Scalar
		B struct{ C source.Scalar }
		D source.Scalar
	}
	var trouble source.Trouble
	require.True(t, trouble.Unreadable(source.Decode([]byte(`{"a":1,"b":"text","d":2}`), &v)))
	assert.Equal(t, source.Scalar("1"), v.A)
	assert.Equal(t, source.Scalar("2"), v.D)
	assert.Equal(t, source.BadValue, trouble.Quarantine().GetReason())
	for body, want := range map[string]string{
		"": "the body is empty", `{"a":`: "the body ends in the middle of its JSON", "{} {}": "the body is not JSON: there is something behind its JSON value",
		"{}x": "the body is not JSON: there is something behind its JSON value", "\x00": "the body is not JSON at byte 1", `{"a":1,}`: "the body is not JSON at byte 8",
	} {
		trouble = source.Trouble{}
		assert.False(t, trouble.Unreadable(source.Decode([]byte(body), &v)), body)
		assert.Equal(t, source.NotJSON, trouble.Quarantine().GetReason())
		assert.Equal(t, want, trouble.Quarantine().GetDetail(), body)
	}
}

func TestTroubleTellsEverythingOnce(t *testing.T) {
	t.Parallel()
	var trouble source.Trouble
	assert.Nil(t, trouble.Quarantine())
	trouble.Missing("a")
	trouble.Bad("b", "is wrong")
	trouble.Missing("a")
	assert.Equal(t, source.MissingField, trouble.Quarantine().GetReason())
	assert.Equal(t, "a is missing; b is wrong", trouble.Quarantine().GetDetail())
	for range 1000 {
		trouble.Bad(strings.Repeat("x", 90), "is wrong")
	}
	assert.Less(t, len(trouble.Quarantine().GetDetail()), 1100)
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"de": "DE", " US ": "US", "XK": "XK", "Germany": "", "D ": "", "ZZ": "", "": "", "E A": ""} {
		assert.Equal(t, want, source.Country(in), in)
	}
	for in, want := range map[string]string{"eur": "EUR", "XTS": "XTS", "EURO": "", "E1R": "", "": ""} {
		assert.Equal(t, want, source.Currency(in), in)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, source.Time("2026-03-01T12:00:00.123+02:00"))
	for _, s := range []string{"", "2026-03-01", "0000-01-01T00:00:00Z", "yesterday"} {
		assert.Nil(t, source.Time(s), s)
	}
	assert.Nil(t, source.Unix(0))
	assert.Nil(t, source.Unix(1<<60))
}

func TestClean(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a\uFFFDb\uFFFD", source.Clean("a\x00b\xff", 100))
	assert.Equal(t, "é", source.Clean("éé", 3))
}
