package orderctl

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// What people type: times, the beginning of an id, and what is printed back at them.
func FuzzTyped(f *testing.F) {
	for _, text := range []string{
		"2026-11-25T18:00:00Z", "2026-11-25T18:00:00.5+14:00", "2026-11-25", "2026-11-25 18:00", "18:00", "23:59:59", "10m", "2h", "3d", "3d12h ago", "100000d2540400h", "-1h", "-0s", "9d-1h", "1e3h",
		"0000-01-01", "9999-12-31", "0190b5a0-7c1e-7", "{", "urn:uuid:", "ffffffff", "--", "0190B5A0", "a\u202eb\x1b[31m\xff",
	} {
		f.Add(text)
	}
	at := time.Date(2026, 11, 25, 18, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parseTime(text, at); err == nil {
			require.Equal(t, time.UTC, got.Location())
			again, err := parseTime(got.Format(time.RFC3339Nano), at)
			require.NoError(t, err)
			require.True(t, got.Equal(again))
		}
		if d, err := parseAgo(text); err == nil {
			require.GreaterOrEqual(t, d, time.Duration(0), "%q ago is to come", text)
		}
		if first, last, ok := idRange(text); ok {
			digits := strings.ReplaceAll(strings.ToLower(text), "-", "")
			require.LessOrEqual(t, bytes.Compare(first[:], last[:]), 0)
			for _, id := range []string{first.String(), last.String()} {
				require.True(t, strings.HasPrefix(strings.ReplaceAll(id, "-", ""), digits), "%s does not begin with %q", id, text)
			}
		}
		shown := visible(text)
		require.True(t, utf8.ValidString(shown) && !strings.ContainsAny(shown, "\x1b\n\u202e"))
	})
}

// A stock file is taken whole or not at all, and whatever stands in it is told in lines that a terminal can show.
func FuzzStockFile(f *testing.F) {
	for _, text := range []string{
		"sku,location,quantity\nMUG,B1,3\n", "\xef\xbb\xbfquantity, SKU\r\n5,MUG\r\n5,MUG\r\n", "sku,quantity\n\"MUG,1\n", "sku,quantity\nMUG\n,1\nMUG,x\nMUG,-1\nMUG,99999999999999999999\n", "", "\n", "sku,sku,quantity\n",
		"sku,quantity\n\"a\x1b[31m\",1\n\"b\"c,2\n", "sku,quantity,\x1b\n", "sku,quantity\nM\xff,1\n", "sku,location,quantity\nM,\u202e,1\n",
	} {
		f.Add([]byte(text), false)
	}
	f.Add([]byte("sku,quantity\nMUG,1\nPOT,1\nMUG,0\n"), true)
	f.Fuzz(func(t *testing.T, file []byte, counts bool) {
		m := movement{verb: "receive", least: 1, counts: counts}
		lines, err := m.readCSV(bytes.NewReader(file), "B1")
		if err != nil {
			require.Empty(t, lines)
			told := err.Error()
			require.True(t, utf8.ValidString(told) && !strings.ContainsAny(told, "\x1b\x00\u202e"), "%q", told)
			return
		}
		require.NotEmpty(t, lines)
		for _, l := range lines {
			require.NotEmpty(t, l.SKU)
			require.Equal(t, visible(l.SKU), l.SKU)
			require.Equal(t, visible(l.Location), l.Location)
			require.GreaterOrEqual(t, l.Quantity, m.least)
			require.LessOrEqual(t, l.Quantity, int64(mostOnHand))
		}
	})
}
