package conformance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// read is what the ingress makes of a body that was let in.
func (s subject) read(t require.TestingT, body string) source.Reading {
	r := source.Request{URL: s.url, Header: s.kept(), Body: []byte(body), ReceivedAt: now}
	reading, failure := ingress.Read(s.Source, r, s.account(s.secret))
	require.NoError(t, failure, "the normaliser panicked")
	return reading
}

// kept are the headers with which the sample comes.
func (s subject) kept() map[string][]string {
	h, err := s.Sign([]byte(s.body), source.Signing{Secret: s.signs, At: now, Topic: s.topic, URL: s.url})
	if err != nil {
		return nil
	}
	return h
}

func tellsFacts(t tester, s subject) {
	got := s.read(t, s.body)
	require.Nil(t, got.Quarantine)
	require.NotEmpty(t, got.Facts)
	for _, f := range got.Facts {
		assert.NotNil(t, f.GetBody())
		assert.NotNil(t, f.GetOccurredAt())
	}
	for _, h := range got.Headers {
		assert.NotContains(t, strings.ToLower(h.GetName()), "sig", "a signature is kept")
		assert.NotEqual(t, strings.ToLower(s.signature), strings.ToLower(h.GetName()), "a signature is kept")
	}
}

// A delivery that comes again, signed again or as it was, is the same one; another body is another one.
func knowsAgain(t tester, s subject) {
	id := func(r source.Request) [16]byte {
		reading, failure := ingress.Read(s.Source, r, s.account(s.secret))
		require.NoError(t, failure)
		_, id := ingress.NewDelivery(s.Source, r, s.account(s.secret), reading)
		return id
	}
	first := s.request(t)
	again := first
	again.ReceivedAt = now.Add(time.Hour)
	require.Equal(t, id(first), id(again))
	if s.made == nil {
		require.Equal(t, id(first), id(s.signed(t, s.body, now.Add(time.Minute))), "signed anew")
		require.NotEqual(t, id(first), id(s.signed(t, s.body+" ", now)), "another body")
	}
}

// texts are all texts in the facts.
func texts(t tester, facts []*intakev1.Fact) string {
	t.Helper()
	var all strings.Builder
	for _, f := range facts {
		require.NoError(t, protorange.Range(f.ProtoReflect(), func(p protopath.Values) error {
			if text, ok := p.Index(-1).Value.Interface().(string); ok {
				all.WriteString(text + "\n")
			}
			return nil
		}))
	}
	return all.String()
}

// Ids keep every digit, also those that no float holds, and letters of every language stay what they are.
func keepsIDsAndWords(t tester, s subject) {
	if s.id == "" {
		return // its ids are no numbers
	}
	require.Equal(t, 1, strings.Count(s.body, s.id), "the sample's id has to stand in its body once: %s", s.id)
	for _, id := range []string{"9007199254740993", "820982911946154508", "18446744073709551615"} {
		written := id
		if strings.HasPrefix(s.id, `"`) {
			written = `"` + id + `"`
		}
		assert.Contains(t, texts(t, s.read(t, strings.Replace(s.body, s.id, written, 1)).Facts), id)
	}
	if s.text == "" {
		return
	}
	for _, text := range []string{"Zoë Ñandú", "東京 😀", "נועה", "e\u0301"} {
		assert.Contains(t, texts(t, s.read(t, strings.Replace(s.body, s.text, text, 1)).Facts), text)
	}
	assert.Contains(t, texts(t, s.read(t, strings.Replace(s.body, s.text, `\u6771\u4eac`, 1)).Facts), "東京")
}

// value is any JSON value.
func value(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e30, 1e30).AsAny(),
		rapid.SampledFrom([]any{json.Number("1e400"), json.Number("-0"), json.Number("18446744073709551616"), "\u0000", ""}),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := value(depth - 1)
	return rapid.OneOf(append(leaves, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.SampledFrom([]string{"id", "type", "data", "items", "status", "amount"}), inner, 0, 4).AsAny())...)
}

// replaced is a JSON value with one of its parts, chosen by chance, replaced by any other.
func replaced(t *rapid.T, v any) any {
	if rapid.IntRange(0, 3).Draw(t, "deeper") == 0 {
		return value(2).Draw(t, "value")
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return v
		}
		k := rapid.SampledFrom(slices.Sorted(maps.Keys(v))).Draw(t, "key")
		v[k] = replaced(t, v[k])
		return v
	case []any:
		if len(v) == 0 {
			return v
		}
		n := rapid.IntRange(0, len(v)-1).Draw(t, "n")
		v[n] = replaced(t, v[n])
		return v
	}
	return value(2).Draw(t, "value")
}

// Whatever JSON is signed, a source reads it without panicking, twice the same, and what it does not use it says.
func TestAnyJSONIsRead(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			var own any
			isJSON := json.Unmarshal([]byte(s.body), &own) == nil
			rapid.Check(t, func(t *rapid.T) {
				var body any
				if isJSON && rapid.Bool().Draw(t, "the sample, changed") {
					require.NoError(t, json.Unmarshal([]byte(s.body), &body))
					body = replaced(t, body)
				} else {
					body = value(4).Draw(t, "body")
				}
				data, err := json.Marshal(body)
				require.NoError(t, err)
				first, again := s.read(t, string(data)), s.read(t, string(data))
				require.NotEmpty(t, first.DeliveryID)
				require.True(t, first.Quarantine != nil || first.Topic != "" || len(first.Facts) > 0, "nothing was said at all")
				require.True(t, utf8.ValidString(first.Topic) && utf8.ValidString(first.DeliveryID))
				require.Len(t, again.Facts, len(first.Facts))
				for n, f := range first.Facts {
					require.True(t, proto.Equal(f, again.Facts[n]), "%s", prototext.Format(f))
					_, err := proto.Marshal(f)
					require.NoError(t, err)
				}
			})
		})
	}
}

func quarantines(t tester, s subject) {
	for _, body := range []string{"", "hello", "{", "[]", "null", "\xff\xfe", "{}{}", "\x00", "1", `"x"`} {
		got := s.read(t, body)
		assert.Empty(t, got.Facts, body)
		require.NotNil(t, got.Quarantine, body)
		assert.NotEmpty(t, got.Quarantine.GetDetail(), body)
		assert.NotEmpty(t, got.DeliveryID, body)
	}
}
