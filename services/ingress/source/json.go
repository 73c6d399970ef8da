package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// Decode reads a body as one JSON value, numbers digit by digit. What does not fit a field leaves that field empty, the
// rest is filled: so the error may come with something to go on with. Trouble.Unreadable says what it means.
func Decode(body []byte, into any) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // some senders put a byte order mark before their JSON
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err := d.Decode(into)
	var misfit *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &misfit) {
		return err
	}
	if _, end := d.Token(); !errors.Is(end, io.EOF) {
		return errTwo
	}
	return err
}

var errTwo = errors.New("there is something behind its JSON value")

// notJSON says where a body stops to be JSON, without a word of it.
func notJSON(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return "the body is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body ends in the middle of its JSON"
	case errors.As(err, &syntax):
		return "the body is not JSON at byte " + strconv.FormatInt(syntax.Offset, 10)
	case errors.Is(err, errTwo):
		return "the body is not JSON: " + err.Error()
	}
	return "the body is not JSON"
}

// Scalar is a JSON string, number or truth value as the text that stands there, so that 820982911946154508 and "19.90"
// keep every digit. It is empty for null, and for what is no scalar.
type Scalar string

// UnmarshalJSON keeps the text of a scalar.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	*s = ""
	if len(data) == 0 {
		return nil
	}
	switch data[0] {
	case 'n', '{', '[':
		return nil
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*s = Scalar(text)
		return nil
	}
	*s = Scalar(data)
	return nil
}

// String is the text without blanks around it.
func (s Scalar) String() string { return strings.TrimSpace(string(s)) }

// Int reads a whole number. A fraction of zeros is none: 2.0 is 2.
func (s Scalar) Int() (int64, bool) {
	text := s.String()
	whole, fraction, found := strings.Cut(text, ".")
	if found && strings.Trim(fraction, "0") == "" && fraction != "" {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// The reasons of a quarantine.
const (
	NotJSON         = "not_json"
	UnknownTopic    = "unknown_topic"
	MissingField    = "missing_field"
	BadValue        = "bad_value"
	TestMode        = "test_mode"
	NoReference     = "no_reference"
	AccountMismatch = "account_mismatch"
)

// Quarantine is a quarantine with its reason. The detail names fields and rules, never a person's datum.
func Quarantine(reason, detail string) *intakev1.Quarantine {
	return &intakev1.Quarantine{Reason: reason, Detail: detail}
}

// Trouble collects what is wrong with a delivery. The first reason stands, the details are all told.
type Trouble struct{ first *intakev1.Quarantine }

// most is how long a quarantine's detail gets: it is for people.
const most = 1000

// Add notes one more thing that is wrong.
func (t *Trouble) Add(reason, detail string) {
	switch {
	case t.first == nil:
		t.first = Quarantine(reason, detail)
	case strings.Contains(t.first.GetDetail(), detail):
	case len(t.first.GetDetail())+len(detail) < most:
		t.first.Detail += "; " + detail
	}
}

// Missing notes that a field is missing that is needed.
func (t *Trouble) Missing(field string) { t.Add(MissingField, field+" is missing") }

// Bad notes that a field cannot be used.
func (t *Trouble) Bad(field, why string) { t.Add(BadValue, field+" "+why) }

// Unreadable notes what Decode said, and says whether anything was read: false means that it is no JSON at all.
func (t *Trouble) Unreadable(err error) bool {
	var misfit *json.UnmarshalTypeError
	switch {
	case err == nil:
		return true
	case errors.As(err, &misfit):
		field := misfit.Field
		if field == "" {
			field = "the body"
		}
		t.Bad(field, "is a "+misfit.Value)
		return true
	}
	t.Add(NotJSON, notJSON(err))
	return false
}

// Quarantine is what was noted; nil if nothing was.
func (t *Trouble) Quarantine() *intakev1.Quarantine { return t.first }
