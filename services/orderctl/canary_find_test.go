package orderctl

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// canary is a value that must not turn up where it has no business.
type canary struct{ kind, value string }

// Kinds of canaries. A card number may be nowhere in clear, a secret neither; what tells of a person may be where the
// design lets analysts read it.
const (
	card   = "card"
	secret = "secret"
	person = "person"
)

// place is what somebody could read: a log, a column, a message.
type place struct {
	name string
	data []byte
}

// forms are how a value may be written down: as it is, in JSON, in a URL, in base64 at any offset, in hexadecimal digits,
// and a card's number with spaces or hyphens.
func (c canary) forms() [][]byte {
	forms := [][]byte{[]byte(c.value), []byte(url.QueryEscape(c.value)), []byte(url.PathEscape(c.value)), []byte(hex.EncodeToString([]byte(c.value)))}
	if quoted, err := json.Marshal(c.value); err == nil {
		forms = append(forms, bytes.Trim(quoted, `"`))
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			// Characters that are made of neighbours' bits as well are left out at both ends.
			whole := encoding.EncodeToString(append(make([]byte, offset), c.value...))
			first, last := (offset*8+5)/6, (offset+len(c.value))*8/6
			forms = append(forms, []byte(whole[first:last]))
		}
	}
	if c.kind == card {
		for _, between := range []string{" ", "-"} {
			groups := slices.Collect(slices.Chunk([]byte(c.value), 4))
			forms = append(forms, bytes.Join(groups, []byte(between)))
		}
	}
	return forms
}

// leaks are the canaries in places where they are not allowed.
func leaks(canaries []canary, places []place, allowed func(canary, place) bool) []string {
	var found []string
	for _, c := range canaries {
		for _, p := range places {
			if slices.ContainsFunc(c.forms(), func(form []byte) bool { return bytes.Contains(p.data, form) }) && !allowed(c, p) {
				found = append(found, fmt.Sprintf("%s: %s %s", p.name, c.kind, c.value))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func never(canary, place) bool { return false }

// The finder is shown planted leaks, each in another guise, and has to find all of them.
func TestTheFinderFindsPlantedLeaks(t *testing.T) {
	t.Parallel()
	pan, word, name := canary{card, "4111111111111111"}, canary{secret, `p+ss/"w0rd`}, canary{person, "Cæsar Canary"}
	all := []canary{pan, word, name}
	for guise, planted := range map[string]struct {
		data string
		want canary
	}{
		"as it is":            {"order of Cæsar Canary", name},
		"a log line":          {fmt.Sprintf(`{"level":"debug","error":%s}`, must(json.Marshal("login "+word.value))), word},
		"a URL":               {"nats://orders:" + url.QueryEscape(word.value) + "@nats", word},
		"a path":              {"/webhooks/" + url.PathEscape(name.value), name},
		"hexadecimal":         {`\x` + hex.EncodeToString([]byte("{"+pan.value+"}")), pan},
		"base64":              {base64.StdEncoding.EncodeToString([]byte("user:" + word.value + "!")), word},
		"base64, one later":   {base64.StdEncoding.EncodeToString([]byte("users:" + word.value + "!")), word},
		"base64, two later":   {base64.URLEncoding.EncodeToString([]byte("usersx:" + word.value + "!")), word},
		"a card with spaces":  {"paid with 4111 1111 1111 1111", pan},
		"a card with hyphens": {"4111-1111-1111-1111", pan},
		"in binary":           {"\x0a\x10" + pan.value + "\x00\xff", pan},
	} {
		found := leaks(all, []place{{"clean", []byte("4111111111111112 password")}, {"planted", []byte(planted.data)}}, never)
		assert.Equal(t, []string{"planted: " + planted.want.kind + " " + planted.want.value}, found, guise)
	}
	assert.Empty(t, leaks(all, []place{{"allowed", []byte(pan.value)}}, func(c canary, p place) bool { return c.kind == card && p.name == "allowed" }))
}

func must(data []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(data))
}
