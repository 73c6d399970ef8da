package standard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/ingress/standard"
)

// The vector that the libraries of Standard Webhooks publish with their tests.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorStamp     = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	otherSecret = "whsec_b3JkZXJmbG93LXRlc3Qtc2VjcmV0LW51bWJlci10d28="
)

var vectorTime = time.Unix(1614265330, 0)

func delivery(change ...func(*source.Request)) source.Request {
	h := http.Header{}
	h.Set(standard.HeaderID, vectorID)
	h.Set(standard.HeaderTimestamp, vectorStamp)
	h.Set(standard.HeaderSignature, vectorSignature)
	r := source.Request{Header: h, Body: []byte(vectorBody), ReceivedAt: vectorTime}
	for _, c := range change {
		c(&r)
	}
	return r
}

func set(name string, values ...string) func(*source.Request) {
	return func(r *source.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func body(b string) func(*source.Request)    { return func(r *source.Request) { r.Body = []byte(b) } }
func drop(name string) func(*source.Request) { return func(r *source.Request) { r.Header.Del(name) } }
func at(after time.Duration) func(*source.Request) {
	return func(r *source.Request) { r.ReceivedAt = vectorTime.Add(after) }
}

func svix(r *source.Request) {
	for _, name := range []string{"id", "timestamp", "signature"} {
		r.Header.Set("svix-"+name, r.Header.Get("webhook-"+name))
		r.Header.Del("webhook-" + name)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	good := []string{vectorSecret}
	for name, c := range map[string]struct {
		request source.Request
		secrets []string
		want    source.Code
	}{
		"the published vector":        {delivery(), good, ""},
		"under Svix's names":          {delivery(svix), good, ""},
		"two secrets, the second":     {delivery(), []string{otherSecret, vectorSecret}, ""},
		"two secrets, the first":      {delivery(), []string{vectorSecret, otherSecret}, ""},
		"a bad and a good signature":  {delivery(set("webhook-signature", "v1,AAAA "+vectorSignature)), good, ""},
		"another version before it":   {delivery(set("webhook-signature", "v1a,AAAA v2,BBBB "+vectorSignature)), good, ""},
		"bad base64 before it":        {delivery(set("webhook-signature", "v1,!!! "+vectorSignature)), good, ""},
		"exactly five minutes old":    {delivery(at(source.Tolerance)), good, ""},
		"exactly five minutes early":  {delivery(at(-source.Tolerance)), good, ""},
		"too old":                     {delivery(at(source.Tolerance + time.Second)), good, source.TooOld},
		"from the future":             {delivery(at(-source.Tolerance - time.Second)), good, source.FromFuture},
		"old and forged":              {delivery(at(time.Hour), body("{}")), good, source.BadSignature},
		"a byte changed":              {delivery(body(`{"test": 2432232315}`)), good, source.BadSignature},
		"a byte appended":             {delivery(body(vectorBody + "\n")), good, source.BadSignature},
		"truncated":                   {delivery(body(vectorBody[:len(vectorBody)-1])), good, source.BadSignature},
		"another secret":              {delivery(), []string{otherSecret}, source.BadSignature},
		"no secret":                   {delivery(), nil, source.BadSignature},
		"an empty secret":             {delivery(), []string{""}, source.BadSignature},
		"another id":                  {delivery(set("webhook-id", "msg_other")), good, source.BadSignature},
		"another time":                {delivery(set("webhook-timestamp", "1614265331")), good, source.BadSignature},
		"the hex of it":               {delivery(set("webhook-signature", "v1,8348")), good, source.BadSignature},
		"no signature":                {delivery(drop("webhook-signature")), good, source.NotSigned},
		"no id":                       {delivery(drop("webhook-id")), good, source.NotSigned},
		"no time":                     {delivery(drop("webhook-timestamp")), good, source.NotSigned},
		"an empty signature":          {delivery(set("webhook-signature", " ")), good, source.NotSigned},
		"only other versions":         {delivery(set("webhook-signature", "v2,AAAA v1b,AAAA v1a,AAAA")), good, source.Malformed},
		"signed twice":                {delivery(set("webhook-signature", vectorSignature, vectorSignature)), good, source.Malformed},
		"a signature of 9 KiB":        {delivery(set("webhook-signature", strings.Repeat("x", 9<<10))), good, source.Malformed},
		"a time in words":             {delivery(set("webhook-timestamp", "today")), good, source.Malformed},
		"a time before 1970":          {delivery(set("webhook-timestamp", "-1614265330")), good, source.Malformed},
		"a time with a plus":          {delivery(set("webhook-timestamp", "+1614265330")), good, source.Malformed},
		"a time beyond every number":  {delivery(set("webhook-timestamp", "9223372036854775808")), good, source.Malformed},
		"an id that is no text":       {delivery(set("webhook-id", "msg_\xff")), good, source.Malformed},
		"a time in milliseconds":      {delivery(set("webhook-timestamp", vectorStamp+"000")), good, source.Malformed},
		"a time with a leading zero":  {delivery(set("webhook-timestamp", "0"+vectorStamp)), good, source.BadSignature},
		"commas between signatures":   {delivery(set("webhook-signature", vectorSignature+","+vectorSignature)), good, source.Malformed},
		"base64 for use in addresses": {delivery(set("webhook-signature", strings.NewReplacer("+", "-", "/", "_").Replace(vectorSignature))), good, source.Malformed},
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

func TestSignMakesThePublishedVector(t *testing.T) {
	t.Parallel()
	h, err := standard.Sign([]byte(vectorBody), source.Signing{Secret: vectorSecret, At: vectorTime, ID: vectorID})
	require.NoError(t, err)
	require.Equal(t, vectorSignature, h.Get("webhook-signature"))
	require.Equal(t, vectorStamp, h.Get("webhook-timestamp"))
}

func TestTheSameBodyGetsTheSameID(t *testing.T) {
	t.Parallel()
	a, err := standard.Sign([]byte(vectorBody), source.Signing{Secret: vectorSecret, At: vectorTime})
	require.NoError(t, err)
	b, err := standard.Sign([]byte(vectorBody), source.Signing{Secret: vectorSecret, At: vectorTime.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, a.Get("webhook-id"), b.Get("webhook-id"))
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	require.NoError(t, standard.CheckSecret(vectorSecret))
	require.NoError(t, standard.CheckSecret(otherSecret))
	for name, secret := range map[string]string{
		"empty": "", "only the prefix": "whsec_", "no prefix": vectorSecret[6:], "too short": "whsec_c2hvcnQ=",
		"not base64": "whsec_" + strings.Repeat("!", 32), "too long": "whsec_" + strings.Repeat("QUJD", 22), "a blank": vectorSecret + " ",
	} {
		require.Error(t, standard.CheckSecret(secret), name)
	}
}
