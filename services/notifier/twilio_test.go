package notifier

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/fault"
)

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	authToken  = "a-token-of-the-tests"
	texted     = "+14155550100"
	ourNumber  = "+15005550006"
)

// exchange is Twilio as far as its wire shows: it takes texts and lists them.
type exchange struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	requests []url.Values
	texts    []map[string]any
	// answer is told instead of an answer of its own, once the text was taken or not.
	answer func(w http.ResponseWriter, r *http.Request) (took bool)
}

func openExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{t: t}
	x.server = httptest.NewServer(x)
	t.Cleanup(x.server.Close)
	return x
}

func (x *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	user, password, _ := r.BasicAuth()
	if user != accountSID || password != authToken || r.URL.Path != "/2010-04-01/Accounts/"+accountSID+"/Messages.json" {
		refuse(w, http.StatusUnauthorized, 20003)
		return
	}
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, 20001)
		return
	}
	if r.Method == http.MethodGet {
		if x.answer != nil && !x.answer(w, r) {
			return
		}
		x.list(w, r.Form.Get("To"))
		return
	}
	x.requests = append(x.requests, r.PostForm)
	if x.answer != nil && !x.answer(w, r) {
		return
	}
	taken := map[string]any{
		"sid": fmt.Sprintf("SM%032x", len(x.texts)+1), "to": r.PostForm.Get("To"), "from": r.PostForm.Get("From"), "body": r.PostForm.Get("Body"),
		"status": "queued", "direction": "outbound-api", "error_code": nil, "uri": "/2010-04-01/Accounts/" + accountSID + "/Messages/x.json",
	}
	x.texts = append(x.texts, taken)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(taken)
}

func (x *exchange) list(w http.ResponseWriter, to string) {
	found := []map[string]any{}
	for i := len(x.texts) - 1; i >= 0; i-- {
		if x.texts[i]["to"] == to {
			found = append(found, x.texts[i])
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": found, "page": 0, "page_size": 50, "next_page_uri": nil})
}

// refuse is an error as Twilio words it, the number within.
func refuse(w http.ResponseWriter, status, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%d,"message":"The 'To' number %s is not a valid phone number.","more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`, code, texted, code, status)
}

func (x *exchange) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.texts)
}

func (x *exchange) answers(with func(w http.ResponseWriter, r *http.Request) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = with
}

func texting(x *exchange) Config {
	return Config{
		TwilioAccount: accountSID, TwilioTokens: []string{authToken, "the-one-before"}, TwilioFrom: ourNumber, TwilioURL: x.server.URL + "/",
		TwilioStatusURL: "https://hooks.example.com/webhooks/twilio?x=1",
		Rules:           Rules{HeldAfter: time.Minute, SMSProvider: "twilio", SMSKinds: []string{"shipped", "delivered"}, SMSWithin: time.Hour, SMSTimeout: 5 * time.Second},
	}
}

func TestATextOnTheWire(t *testing.T) {
	t.Parallel()
	x := openExchange(t)
	c := texting(x)
	id, err := newTwilio(c, time.Now).text(t.Context(), texted, "Grüße & mehr")
	require.NoError(t, err)
	assert.Equal(t, "SM00000000000000000000000000000001", id)
	assert.Equal(t, url.Values{
		"To": {texted}, "From": {ourNumber}, "Body": {"Grüße & mehr"}, "StatusCallback": {"https://hooks.example.com/webhooks/twilio?x=1"},
	}, x.requests[0])

	c.TwilioFrom, c.TwilioStatusURL = "MG0123456789abcdef0123456789abcdef", ""
	_, err = newTwilio(c, time.Now).text(t.Context(), texted, "second")
	require.NoError(t, err)
	assert.Equal(t, url.Values{"To": {texted}, "MessagingServiceSid": {c.TwilioFrom}, "Body": {"second"}}, x.requests[1])
}

func TestATextIsFoundAgain(t *testing.T) {
	t.Parallel()
	x := openExchange(t)
	tw := newTwilio(texting(x), time.Now)
	id, err := tw.sent(t.Context(), texted, "hello")
	require.NoError(t, err)
	assert.Empty(t, id)
	first, err := tw.text(t.Context(), texted, "hello")
	require.NoError(t, err)
	_, err = tw.text(t.Context(), texted, "something else")
	require.NoError(t, err)
	id, err = tw.sent(t.Context(), texted, "hello")
	require.NoError(t, err)
	assert.Equal(t, first, id)
	id, err = tw.sent(t.Context(), "+14155550199", "hello")
	require.NoError(t, err)
	assert.Empty(t, id, "not to somebody else")

	x.texts[0]["body"] = "Sent from your Twilio trial account - hello"
	id, err = tw.sent(t.Context(), texted, "hello")
	require.NoError(t, err)
	assert.Equal(t, first, id, "with words before it")
	x.texts[0]["direction"] = "inbound"
	id, err = tw.sent(t.Context(), texted, "hello")
	require.NoError(t, err)
	assert.Empty(t, id, "what they wrote to us is none of ours")
}

func TestWhatTwilioSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, code int
		want         fault.Kind
	}{
		{400, 21211, fault.Rejected},
		{400, 21610, fault.Rejected},
		{400, 21614, fault.Rejected},
		{400, 30003, fault.Rejected},
		{400, 21212, fault.Transient}, // our number is none
		{400, 21606, fault.Transient}, // it is not ours
		{400, 0, fault.Transient},
		{401, 20003, fault.Transient},
		{403, 20005, fault.Transient},
		{404, 20404, fault.Transient},
		{429, 20429, fault.Transient},
		{500, 20500, fault.Transient},
		{503, 21211, fault.Transient}, // what comes with a 5xx is about no number
		{302, 0, fault.Transient},
	} {
		x := openExchange(t)
		x.answers(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", x.server.URL+"/elsewhere")
			refuse(w, c.status, c.code)
			return false
		})
		tw := newTwilio(texting(x), time.Now)
		_, err := tw.text(t.Context(), texted, "hello")
		require.Error(t, err, c)
		assert.Equal(t, c.want, fault.KindOf(err), c)
		assert.NotContains(t, err.Error(), "415555", "no number gets into events and logs")
		assert.NotContains(t, err.Error(), authToken)
		assert.Equal(t, c.want == fault.Transient, tw.rest.on(), "%v: who does not answer is left alone, and who says no is not", c)
	}
}

func TestAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{", "[]", "{}", `{"sid":"` + texted + `"}`, `{"sid":5}`} {
		x := openExchange(t)
		x.answers(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(body))
			return false
		})
		_, err := newTwilio(texting(x), time.Now).text(t.Context(), texted, "hello")
		require.Error(t, err, body)
		assert.Equal(t, fault.Transient, fault.KindOf(err), "nobody knows whether it was taken")
		_, err = newTwilio(texting(x), time.Now).sent(t.Context(), texted, "hello")
		require.Error(t, err, "a list that is none does not say that there is nothing: %s", body)
		assert.NotContains(t, err.Error(), "415555")
	}
	x := openExchange(t)
	x.server.Close()
	tw := newTwilio(texting(x), time.Now)
	_, err := tw.sent(t.Context(), texted, "hello")
	require.Error(t, err)
	assert.Equal(t, fault.Transient, fault.KindOf(err))
	assert.NotContains(t, err.Error(), "415555", "the URL of a list holds the number")
	_, err = tw.text(t.Context(), texted, "hello")
	require.ErrorContains(t, err, "left alone")
}

func TestHowLongItIsLeftAlone(t *testing.T) {
	t.Parallel()
	now := time.Unix(1772366400, 0)
	r := &rest{clock: func() time.Time { return now }}
	r.asked(10 * time.Second)
	now = now.Add(9 * time.Second)
	assert.True(t, r.on())
	now = now.Add(time.Second)
	assert.False(t, r.on())
	r.asked(time.Hour)
	now = now.Add(restMost)
	assert.False(t, r.on(), "within reason")
	for range 20 {
		r.served(false)
	}
	assert.True(t, r.on())
	r.served(true)
	assert.False(t, r.on())
}

func TestSettingsOfTextsAreChecked(t *testing.T) {
	t.Parallel()
	x := openExchange(t)
	good := texting(x)
	good.SMTPURL, good.From, good.SMTPTimeout, good.SMTPConnections = "smtp://localhost:25", "a@b.example", time.Second, 1
	require.NoError(t, good.Check())
	off := good
	off.SMSProvider, off.TwilioTokens, off.TwilioAccount = "none", nil, ""
	require.NoError(t, off.Check(), "nothing is asked of who sends no texts")
	for name, change := range map[string]func(*Config){
		"SMS_PROVIDER":       func(c *Config) { c.SMSProvider = "pigeon" },
		"TWILIO_ACCOUNT_SID": func(c *Config) { c.TwilioAccount = "SK0123456789abcdef0123456789abcdef" },
		"TWILIO_AUTH_TOKEN":  func(c *Config) { c.TwilioTokens = nil },
		"TWILIO_FROM":        func(c *Config) { c.TwilioFrom = "" },
		"TWILIO_API_URL":     func(c *Config) { c.TwilioURL = "api.twilio.com" },
		"TWILIO_STATUS_URL":  func(c *Config) { c.TwilioStatusURL = "https://u:p@hooks.example.com/" },
		"SMS_KINDS":          func(c *Config) { c.SMSKinds = []string{"held"} },
		"SMS_TIMEOUT":        func(c *Config) { c.SMSTimeout = 0 },
		"SMS_WITHIN":         func(c *Config) { c.SMSWithin = 0 },
	} {
		c := good
		change(&c)
		err := c.Check()
		require.ErrorContains(t, err, name)
		assert.NotContains(t, strings.ToLower(err.Error()), authToken)
	}
}
