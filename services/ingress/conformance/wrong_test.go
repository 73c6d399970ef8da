package conformance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
)

// wrong is a source with a fault that others have had.
type wrong struct {
	source.Source

	verify func(right source.Source, r source.Request, a source.Account) error
	read   func(right source.Source, r source.Request, a source.Account) source.Reading
	check  func(secret string) error
}

func (w wrong) Verify(r source.Request, a source.Account) error {
	if w.verify == nil {
		return w.Source.Verify(r, a)
	}
	return w.verify(w.Source, r, a)
}

func (w wrong) Read(r source.Request, a source.Account) source.Reading {
	if w.read == nil {
		return w.Source.Read(r, a)
	}
	return w.read(w.Source, r, a)
}

func (w wrong) CheckSecret(secret string) error {
	if w.check == nil {
		return w.Source.CheckSecret(secret)
	}
	return w.check(secret)
}

// watcher remembers whether a test would have failed.
type watcher struct{ failed bool }

func (w *watcher) Errorf(string, ...any) { w.failed = true }
func (w *watcher) Helper()               {}
func (w *watcher) FailNow() {
	w.failed = true
	runtime.Goexit()
}

// catches says that a case finds something.
func catches(check func(tester, subject), s subject) bool {
	w := &watcher{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(w, s)
	}()
	<-done
	return w.failed
}

// Every fault is found by the case that is there for it, so that the cases are worth something.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	var right subject
	for _, s := range subjects(t) {
		if s.Name() == "checkout" {
			right = s
		}
	}
	require.NotNil(t, right.Source)
	for _, c := range cases {
		require.False(t, catches(c.check, right), c.name)
	}
	for name, fault := range faults(right.Source) {
		found := false
		for _, c := range cases {
			if c.name == fault.foundBy {
				found = true
				assert.True(t, catches(c.check, subject{fault.wrong, right.sample}), name)
			}
		}
		assert.True(t, found, "no case is called %s", fault.foundBy)
	}
}

type fault struct {
	wrong   wrong
	foundBy string
}

func faults(right source.Source) map[string]fault {
	verifies := func(f func(source.Source, source.Request, source.Account) error) wrong {
		return wrong{Source: right, verify: f}
	}
	reads := func(f func(*source.Reading, source.Request)) wrong {
		return wrong{Source: right, read: func(right source.Source, r source.Request, a source.Account) source.Reading {
			out := right.Read(r, a)
			f(&out, r)
			return out
		}}
	}
	before := func(change func(*source.Request)) wrong {
		return verifies(func(right source.Source, r source.Request, a source.Account) error {
			r.Header = r.Header.Clone()
			change(&r)
			return right.Verify(r, a)
		})
	}
	return map[string]fault{
		"lets everybody in":              {verifies(func(source.Source, source.Request, source.Account) error { return nil }), "no other secret is"},
		"lets in who has no secret":      {verifies(lenient), "no other secret is"},
		"takes an empty secret":          {wrong{Source: right, check: func(string) error { return nil }}, "no other secret is"},
		"tries one secret":               {verifies(firstSecret), "every secret of a rotation is good"},
		"wants all secrets to sign":      {verifies(everySecret), "every secret of a rotation is good"},
		"tells the secret":               {verifies(talkative), "no other secret is"},
		"trims the body":                 {before(func(r *source.Request) { r.Body = bytes.TrimSpace(r.Body) }), "a changed body is refused"},
		"takes off a byte order mark":    {before(func(r *source.Request) { r.Body = bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf")) }), "a changed body is refused"},
		"looks at the first header":      {before(firstHeaders), "headers come once"},
		"reads any base64":               {before(anyBase64), "signatures are spelt one way"},
		"has no clock":                   {before(noClock), "signatures grow old"},
		"lets the future in":             {before(noFuture), "signatures grow old"},
		"keeps the signature":            {reads(keepsSignature), "the sample becomes facts"},
		"has a new id for every attempt": {reads(func(out *source.Reading, r source.Request) { out.DeliveryID += r.ReceivedAt.String() }), "the same delivery has the same id"},
		"signs another id every time":    {reads(func(out *source.Reading, r source.Request) { out.DeliveryID += r.Header.Get(standard.HeaderTimestamp) }), "the same delivery has the same id"},
		"reads numbers as floats":        {wrong{Source: right, read: floats}, "ids and words are kept"},
		"says nothing of what it lacks":  {reads(func(out *source.Reading, _ source.Request) { out.Quarantine = nil }), "what is no message is quarantined"},
		"panics at what is no JSON":      {reads(panics), "what is no message is quarantined"},
	}
}

func lenient(right source.Source, r source.Request, a source.Account) error {
	if len(a.Secrets) == 0 || a.Secrets[0] == "" {
		return nil
	}
	return right.Verify(r, a)
}

func firstSecret(right source.Source, r source.Request, a source.Account) error {
	if len(a.Secrets) > 1 {
		a.Secrets = a.Secrets[:1]
	}
	return right.Verify(r, a)
}

func everySecret(right source.Source, r source.Request, a source.Account) error {
	for _, secret := range a.Secrets {
		one := a
		one.Secrets = []string{secret}
		if err := right.Verify(r, one); err != nil {
			return err
		}
	}
	return right.Verify(r, a)
}

func talkative(right source.Source, r source.Request, a source.Account) error {
	if err := right.Verify(r, a); err != nil {
		return source.Refuse(source.BadSignature, "it is none of "+strings.Join(a.Secrets, ", "))
	}
	return nil
}

func firstHeaders(r *source.Request) {
	for name, values := range r.Header {
		r.Header[name] = values[:min(1, len(values))]
	}
}

// anyBase64 takes whatever a lenient decoder takes.
func anyBase64(r *source.Request) {
	version, text, _ := strings.Cut(r.Header.Get(standard.HeaderSignature), ",")
	plain := strings.NewReplacer("-", "+", "_", "/", "=", "", "\n", "", " ", "").Replace(text)
	if raw, err := base64.RawStdEncoding.DecodeString(plain); err == nil {
		r.Header.Set(standard.HeaderSignature, version+","+base64.StdEncoding.EncodeToString(raw))
	}
}

func noClock(r *source.Request) {
	if n, err := strconv.ParseInt(r.Header.Get(standard.HeaderTimestamp), 10, 64); err == nil {
		r.ReceivedAt = time.Unix(n, 0)
	}
}

func noFuture(r *source.Request) {
	if n, err := strconv.ParseInt(r.Header.Get(standard.HeaderTimestamp), 10, 64); err == nil && r.ReceivedAt.Before(time.Unix(n, 0)) {
		r.ReceivedAt = time.Unix(n, 0)
	}
}

func keepsSignature(out *source.Reading, r source.Request) {
	out.Headers = append(out.Headers, &intakev1.Header{Name: http.CanonicalHeaderKey(standard.HeaderSignature), Value: r.Header.Get(standard.HeaderSignature)})
}

// floats decodes numbers as most languages do.
func floats(right source.Source, r source.Request, a source.Account) source.Reading {
	var body any
	text := strings.NewReplacer(`"9007199254740993"`, "9007199254740993", `"820982911946154508"`, "820982911946154508").Replace(string(r.Body))
	if json.Unmarshal([]byte(text), &body) == nil {
		if anew, err := json.Marshal(body); err == nil {
			r.Body = anew
		}
	}
	return right.Read(r, a)
}

func panics(out *source.Reading, _ source.Request) {
	if out.Quarantine.GetReason() == source.NotJSON {
		panic("no JSON")
	}
}
