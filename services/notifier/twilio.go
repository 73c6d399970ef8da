package notifier

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/orderflow/orderflow/pkg/fault"
)

// twilio hands texts to Twilio's Messages API (twilio.com/docs/messaging/api/message-resource).
//
// It has no key by which Twilio would know a repeat: asked twice, it sends two texts. So what it was asked is looked up
// by number and wording before it is asked again.
type twilio struct {
	messages string // the URL of the account's messages
	account  string
	token    string
	from     string
	status   string // where Twilio reports to; empty: nowhere
	client   *http.Client
	rest     *rest
}

// twilioProvider is the word for it in settings and events.
const twilioProvider = "twilio"

func newTwilio(c Config, clock func() time.Time) *twilio {
	return &twilio{
		messages: strings.TrimSuffix(c.TwilioURL, "/") + "/2010-04-01/Accounts/" + c.TwilioAccount + "/Messages.json",
		account:  c.TwilioAccount, token: c.TwilioTokens[0], from: c.TwilioFrom, status: c.TwilioStatusURL, rest: &rest{clock: clock},
		client: &http.Client{
			Timeout: c.SMSTimeout,
			// A redirect is a failure: the token goes where it was meant to go, or nowhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// twilioService is how the id of a messaging service looks, which chooses the number that it sends from.
var twilioService = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)

// text hands a text over and returns Twilio's id of it.
func (t *twilio) text(ctx context.Context, to, body string) (string, error) {
	form := url.Values{"To": {to}, "Body": {body}}
	if twilioService.MatchString(t.from) {
		form.Set("MessagingServiceSid", t.from)
	} else {
		form.Set("From", t.from)
	}
	if t.status != "" {
		form.Set("StatusCallback", t.status)
	}
	var taken twilioMessage
	if err := t.call(ctx, http.MethodPost, t.messages, form.Encode(), &taken); err != nil {
		return "", err
	}
	if !twilioID.MatchString(taken.SID) {
		return "", fault.New(fault.Transient, "twilio took a text and did not say which")
	}
	return taken.SID, nil
}

// sent finds a text that Twilio took, by whom it is for and how it ends; empty if it took none. An account on trial has
// words put before each text.
func (t *twilio) sent(ctx context.Context, to, body string) (string, error) {
	var list struct {
		Messages *[]twilioMessage `json:"messages"`
	}
	query := url.Values{"To": {to}, "PageSize": {"50"}}
	if err := t.call(ctx, http.MethodGet, t.messages+"?"+query.Encode(), "", &list); err != nil {
		return "", err
	}
	if list.Messages == nil {
		return "", fault.New(fault.Transient, "twilio did not say which texts it took")
	}
	for _, m := range *list.Messages { // newest first
		if m.Direction != "inbound" && m.To == to && strings.HasSuffix(m.Body, body) && twilioID.MatchString(m.SID) {
			return m.SID, nil
		}
	}
	return "", nil
}

// twilioMessage is what is read of a message.
type twilioMessage struct {
	SID       string `json:"sid"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Direction string `json:"direction"`
}

// twilioID is the form of a message's id.
var twilioID = regexp.MustCompile(`^[A-Z]{2}[0-9a-fA-F]{32}$`)

// answerLongest is more than a page of messages takes.
const answerLongest = 1 << 20

// call makes one call. An error says what Twilio's code is and never what it said: its words repeat the number.
func (t *twilio) call(ctx context.Context, method, address, form string, into any) error {
	if t.rest.on() {
		return fault.New(fault.Transient, "twilio did not answer a moment ago and is left alone for now")
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form))
	if err != nil {
		return fault.New(fault.Transient, "twilio cannot be called: TWILIO_API_URL is no address")
	}
	request.SetBasicAuth(t.account, t.token)
	request.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := t.client.Do(request)
	if err != nil {
		t.rest.served(false)
		return fault.New(fault.Transient, "twilio did not answer%s", timedOut(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLongest))
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		if err == nil {
			err = json.Unmarshal(body, into)
		}
		if err != nil {
			t.rest.served(false)
			return fault.New(fault.Transient, "twilio's answer cannot be read")
		}
		t.rest.served(true)
		return nil
	}
	return t.refused(response, body)
}

// timedOut tells a time-out apart; the error itself holds the URL, and so the number.
func timedOut(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return " in time"
	}
	return ""
}

// refused says what an answer other than 2xx means. What Twilio has against the number or the text, for good, ends the
// text; what it has against us, or against this moment, passes.
func (t *twilio) refused(response *http.Response, body []byte) error {
	var said struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(body, &said) // without a code the status is all that is known
	what := "twilio " + strconv.Itoa(response.StatusCode)
	if said.Code != 0 {
		what = "twilio " + strconv.Itoa(said.Code)
	}
	switch status := response.StatusCode; {
	case status == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 where there is none, or a date
		t.rest.asked(max(time.Duration(seconds)*time.Second, time.Second))
		return fault.New(fault.Transient, "%s: too many at once", what)
	case status >= 400 && status < 500 && final[said.Code]:
		t.rest.served(true)
		return fault.New(fault.Rejected, "%s", what)
	}
	t.rest.served(false)
	return fault.New(fault.Transient, "%s: it takes nothing from us", what)
}

// final are the codes that are about this number or this text, and stay true (twilio.com/docs/api/errors).
var final = map[int]bool{
	21211: true, // the number is none
	21214: true, // it cannot be reached
	21217: true, // it is none
	21219: true, // it is not one of those that an account on trial may text
	21265: true, // it is a short code
	21408: true, // texts to its region are not allowed to this account
	21421: true, // it is none
	21602: true, // the text is empty
	21604: true, // no number was given
	21610: true, // its owner has unsubscribed
	21612: true, // it cannot be reached from our number
	21614: true, // it is no mobile
	21617: true, // the text is too long
	21635: true, // it is a landline
	30003: true, // the handset is unreachable
	30004: true, // it is blocked
	30005: true, // it is unknown
	30006: true, // it is a landline, or its carrier cannot be reached
	30007: true, // its carrier filters the text
	30008: true, // it could not be delivered
}
