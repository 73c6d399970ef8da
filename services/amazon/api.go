package amazon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/fault"
)

// api calls the Selling Partner API (developer-docs.amazon.com/sp-api/docs/orders-api-v0-reference).
type api struct {
	base   string
	client *http.Client
	tokens *tokens
	clock  func() time.Time
	// unseen tells that addresses may not be read.
	unseen func(error)

	mu    sync.Mutex
	plans map[operation]*plan
}

func newAPI(c *Config, clock func() time.Time, log zerolog.Logger) *api {
	client := &http.Client{
		Timeout: c.Timeout,
		// A redirect is a failure: the token goes where it was meant to go, or nowhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &api{
		base: strings.TrimSuffix(c.API, "/"), client: client, clock: clock, plans: map[operation]*plan{},
		tokens: &tokens{url: c.TokenURL, clientID: c.ClientID, clientSecret: c.ClientSecret, refresh: c.RefreshToken, client: client, clock: clock},
		unseen: trouble(log, "addresses of Amazon's orders may not be read: orders that are ours to ship are kept without them"),
	}
}

// operation is one of the operations that are called. Each has a usage plan of its own.
type operation string

const (
	getOrder   operation = "getOrder"
	getItems   operation = "getOrderItems"
	getAddress operation = "getOrderAddress"
	restrict   operation = "createRestrictedDataToken"
)

// usual are the usage plans as the API's model has them, in calls a second and at once. What holds for a seller may be
// more, and is said with each answer.
var usual = map[operation]struct {
	rate  rate.Limit
	burst int
}{getOrder: {0.5, 30}, getItems: {0.5, 30}, getAddress: {0.5, 30}, restrict: {1, 10}}

// plan keeps to a usage plan.
type plan struct {
	limiter *rate.Limiter
	rest    time.Time // until then nothing is called
}

func (a *api) plan(o operation) *plan {
	p := a.plans[o]
	if p == nil {
		p = &plan{limiter: rate.NewLimiter(usual[o].rate, usual[o].burst)}
		a.plans[o] = p
	}
	return p
}

// busy is an error that passes, and says when to come again.
type busy struct {
	after time.Duration
	what  string
}

func (b *busy) Error() string { return b.what + " takes no more calls for now" }

// turn waits for the operation's turn, if that comes in time.
func (a *api) turn(ctx context.Context, o operation) error {
	a.mu.Lock()
	p := a.plan(o)
	left := p.rest.Sub(a.clock())
	a.mu.Unlock()
	if left > 0 {
		return &busy{left, string(o)}
	}
	if err := p.limiter.Wait(ctx); err != nil {
		return &busy{time.Second, string(o)}
	}
	return nil
}

// told takes over what an answer says of the usage plan. Without a word of it, a 429 is over when the plan gives another
// call.
func (a *api) told(o operation, status int, h http.Header) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.plan(o)
	if limit, err := strconv.ParseFloat(h.Get("X-Amzn-Ratelimit-Limit"), 64); err == nil && limit > 0 && limit < 1e6 {
		p.limiter.SetLimit(rate.Limit(limit))
	}
	if status != http.StatusTooManyRequests {
		return nil
	}
	after := time.Duration(float64(time.Second) / float64(p.limiter.Limit()))
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 && seconds < 3600 {
		after = time.Duration(seconds) * time.Second
	}
	p.rest = a.clock().Add(after)
	return &busy{after, string(o)}
}

// errForbidden is an answer to somebody who lacks the role for it.
var errForbidden = errors.New("it is forbidden")

// call makes one call and fills what its answer holds. An error says what the API's code is, and never what it said: its
// words may repeat an order's.
func (a *api) call(ctx context.Context, o operation, method, path, token string, body, into any) error {
	if err := a.turn(ctx, o); err != nil {
		return err
	}
	if token == "" {
		var err error
		if token, err = a.tokens.access(ctx); err != nil {
			return err
		}
	}
	var sent io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, sent)
	if err != nil {
		return fault.New(fault.Transient, "AMAZON_API_ENDPOINT cannot be called")
	}
	request.Header.Set("X-Amz-Access-Token", token)
	request.Header.Set("X-Amz-Date", a.clock().UTC().Format("20060102T150405Z"))
	request.Header.Set("User-Agent", "orderflow (Language=Go)")
	request.Header.Set("Content-Type", "application/json")
	status, header, answer, err := send(a.client, request)
	if err != nil {
		return err
	}
	if err := a.told(o, status, header); err != nil {
		return err
	}
	if status == http.StatusOK {
		if json.Unmarshal(answer, into) != nil {
			return fault.New(fault.Transient, "%s: its answer cannot be read", o)
		}
		return nil
	}
	return a.refused(o, status, token, answer)
}

// refused says what an answer other than 200 means. That the token or the application is refused passes: somebody is going
// to set it right.
func (a *api) refused(o operation, status int, token string, answer []byte) error {
	var said struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	_ = json.Unmarshal(answer, &said) // without a code the status is all that is known
	code := ""
	if len(said.Errors) > 0 {
		code = " " + word(said.Errors[0].Code)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		a.tokens.forget(token)
		return fault.Wrap(fault.Transient, errForbidden, string(o)+" "+strconv.Itoa(status)+code)
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return fault.New(fault.Rejected, "%s %d%s: it is not there", o, status, code)
	}
	return fault.New(fault.Transient, "%s %d%s", o, status, code)
}

// answerMost is more than a page of an order's items takes.
const answerMost = 4 << 20

// send sends a request and reads the whole answer.
func send(client *http.Client, r *http.Request) (status int, header http.Header, body []byte, err error) {
	response, err := client.Do(r)
	if err != nil { // its words hold the URL, and so the order
		return 0, nil, nil, fault.New(fault.Transient, "%s did not answer%s", r.URL.Host, timedOut(err))
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, answerMost+1))
	if err != nil || len(body) > answerMost {
		return 0, nil, nil, fault.New(fault.Transient, "%s did not answer in full, or too much", r.URL.Host)
	}
	return response.StatusCode, response.Header, body, nil
}

// timedOut tells a time-out apart.
func timedOut(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return " in time"
	}
	return ""
}

// word is a code, as far as it is one.
func word(s string) string {
	letters := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if len(s) > 60 || strings.IndexFunc(s, letters) >= 0 {
		return ""
	}
	return s
}
