package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	aAccount = "AC0123456789abcdef0123456789abcdef"
	aToken   = "a-token-of-the-tests"
)

func withPhone() Config {
	c := quick()
	c.TwilioAccount, c.TwilioTokens = aAccount, []string{aToken, "the-one-before"}
	return c
}

// twilio calls the phone as a client of Twilio does.
func (w *world) twilio(token, method, query string, form url.Values) (int, map[string]any) {
	w.t.Helper()
	request, err := http.NewRequest(method, w.http+"/2010-04-01/Accounts/"+aAccount+"/Messages.json"+query, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	request.SetBasicAuth(aAccount, token)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	said := map[string]any{}
	require.NoError(w.t, json.Unmarshal(raw, &said), string(raw))
	return response.StatusCode, said
}

// hooks takes status callbacks.
type hooks struct {
	server *httptest.Server
	mu     sync.Mutex
	told   []url.Values
	marks  []string
}

func openHooks(t *testing.T) *hooks {
	t.Helper()
	r := &hooks{}
	r.server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		if assert.NoError(t, request.ParseForm()) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told, r.marks = append(r.told, request.PostForm), append(r.marks, request.Header.Get("X-Twilio-Signature"))
		}
	}))
	t.Cleanup(r.server.Close)
	return r
}

func (r *hooks) words() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var words []string
	for _, f := range r.told {
		words = append(words, f.Get("MessageStatus"))
	}
	return words
}

func TestATextIsTakenShownAndReported(t *testing.T) {
	t.Parallel()
	w, r := run(t, withPhone()), openHooks(t)
	callback := r.server.URL + "/webhooks/twilio?x=1"
	status, text := w.twilio(aToken, "POST", "", url.Values{"To": {"+14155550100"}, "From": {"+15005550006"}, "Body": {"Grüße"}, "StatusCallback": {callback}})
	require.Equal(t, http.StatusCreated, status)
	assert.Regexp(t, "^SM[0-9a-f]{32}$", text["sid"])
	assert.Equal(t, "queued", text["status"])
	assert.Nil(t, text["error_code"])

	require.Eventually(t, func() bool { return len(r.words()) == 2 }, wait, soon)
	assert.Equal(t, []string{"sent", "delivered"}, r.words())
	// The signature, worked out by hand: the URL, then each parameter with its value by name.
	sid, ok := text["sid"].(string)
	require.True(t, ok)
	signed := callback + "AccountSid" + aAccount + "ApiVersion2010-04-01From+15005550006MessageSid" + sid + "MessageStatussentSmsSid" + sid + "SmsStatussentTo+14155550100"
	assert.Equal(t, signedURL(aToken, signed, nil), r.marks[0])

	_, list := w.twilio("the-one-before", "GET", "?To=%2B14155550100&PageSize=5", nil)
	messages, ok := list["messages"].([]any)
	require.True(t, ok)
	require.Len(t, messages, 1)
	shown, ok := messages[0].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "delivered", shown["status"])
	assert.Equal(t, sid, shown["sid"])
	_, none := w.twilio(aToken, "GET", "?To=%2B14155550199", nil)
	assert.Empty(t, none["messages"])

	_, page, _ := w.get("/?q=gr%C3%BC")
	assert.Contains(t, page, "Grüße")
	_, texts, _ := w.get("/texts?to=%2B14155550100")
	assert.Contains(t, texts, sid)
	w.twilio(aToken, "POST", "", url.Values{"To": {"+14155550100"}, "From": {"+15005550006"}, "Body": {"Grüße"}})
	assert.EqualValues(t, 2, w.counts().Texts)
	assert.Equal(t, 1, w.counts().TextRepeats)
}

// The example that Twilio publishes.
func TestTheSignatureIsTwilios(t *testing.T) {
	t.Parallel()
	form, err := url.ParseQuery("CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212")
	require.NoError(t, err)
	assert.Equal(t, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", signedURL("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form))
}

func TestNumbersThatMakeTrouble(t *testing.T) {
	t.Parallel()
	w, r := run(t, withPhone()), openHooks(t)
	for code, form := range map[float64]url.Values{
		21211: {"To": {"+15005550001"}}, 21610: {"To": {"+15005550004"}}, 21614: {"To": {"+15005550009"}}, 21212: {"To": {"+14155550100"}, "From": {"+15005550001"}},
		21604: {"From": {"+15005550006"}}, 21602: {"To": {"+14155550100"}, "Body": {""}}, 21617: {"To": {"+14155550100"}, "Body": {strings.Repeat("x", 1601)}},
		21603: {"To": {"+14155550100"}, "From": {""}},
	} {
		for name, value := range map[string]string{"From": "+15005550006", "Body": "hello"} {
			if !form.Has(name) {
				form.Set(name, value)
			}
		}
		status, said := w.twilio(aToken, "POST", "", form)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.InDelta(t, code, said["code"], 0)
	}
	status, said := w.twilio("wrong", "POST", "", nil)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.InDelta(t, 20003, said["code"], 0)
	assert.Zero(t, w.counts().Texts)

	w.twilio(aToken, "POST", "", url.Values{"To": {unreachable}, "MessagingServiceSid": {"MG0123456789abcdef0123456789abcdef"}, "Body": {"hello"}, "StatusCallback": {r.server.URL}})
	require.Eventually(t, func() bool { return len(r.words()) == 2 }, wait, soon)
	assert.Equal(t, "undelivered", r.words()[1])
	assert.Equal(t, "30003", r.told[1].Get("ErrorCode"))
}

func TestAPhoneWithoutAnAccountTakesNothing(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	status, _ := w.twilio(aToken, "POST", "", url.Values{"To": {"+14155550100"}, "From": {"+15005550006"}, "Body": {"hello"}})
	assert.Equal(t, http.StatusUnauthorized, status)
}

// What was taken is not forgotten, and what was not told yet is told after the next start.
func TestTextsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), openHooks(t)
	b, err := openBooks(dir, 100)
	require.NoError(t, err)
	require.NoError(t, b.takeText(Text{SID: "SM1", To: "+14155550100", Body: "hello", Status: "queued", Callback: r.server.URL}))
	require.NoError(t, b.textIs("SM1", "sent", 0))
	require.NoError(t, b.journal.close())

	config := withPhone()
	config.Dir = dir
	w := run(t, config)
	require.Eventually(t, func() bool { return len(r.words()) == 1 }, wait, soon)
	assert.Equal(t, []string{"delivered"}, r.words(), "it goes on where it was")
	assert.EqualValues(t, 1, w.counts().Texts)
	w.stop()
	again := run(t, config)
	_, texts, _ := again.get("/texts")
	assert.Contains(t, texts, `"status":"delivered"`)
}
