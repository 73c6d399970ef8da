package twilio

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// form is the parameters of a body, as they stand: blanks are kept, and those that came more than once.
type form url.Values

// parametersMost is more than Twilio sends, which is a few dozen.
const parametersMost = 1000

// parse reads a body as application/x-www-form-urlencoded. It comes before the signature, which is over what it reads,
// so it is bounded, and takes nothing that could be read in two ways.
func parse(body []byte) (form, error) {
	if bytes.Count(body, []byte("&")) >= parametersMost {
		return nil, errors.New("the body is a form of more than 1000 parameters")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the body is no form")
	}
	return form(values), nil
}

// signed is the form as it is signed: every name with its value, sorted by name. Of a name that came more than once,
// each value counts once, sorted too.
func (f form) signed() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(f)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(f[key]))) {
			b.WriteString(key)
			b.WriteString(value)
		}
	}
	return b.String()
}

// get is a parameter without the blanks around it; empty if it did not come.
func (f form) get(key string) string { return strings.TrimSpace(url.Values(f).Get(key)) }

// isJSON says that a body was meant as JSON.
func isJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}
