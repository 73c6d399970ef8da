package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's scheme
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// teller posts what becomes of texts to where the sender wants to know it, signed as Twilio signs
// (twilio.com/docs/usage/security). As at Twilio, a callback is tried once more if nobody answers the call, and then it
// is lost.
type teller struct {
	config Config
	books  *books
	client *http.Client
	log    zerolog.Logger

	mu    sync.Mutex
	queue []string // SIDs of texts whose course has not ended
	wake  chan struct{}
}

func newTeller(config Config, b *books, log zerolog.Logger) *teller {
	t := &teller{config: config, books: b, log: log, wake: make(chan struct{}, 1), client: &http.Client{
		Timeout:       postTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, text := range b.textsWhere(len(b.texts), func(t Text) bool { return len(ahead(t)) > 0 }) {
		t.queue = append(t.queue, text.SID)
	}
	return t
}

func (t *teller) tell(sid string) {
	t.mu.Lock()
	t.queue = append(t.queue, sid)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // it is awake already
	}
}

// run tells until ctx ends. What was not told by then is told after the next start.
func (t *teller) run(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(postersMost)
	for ctx.Err() == nil {
		t.mu.Lock()
		due := t.queue
		t.queue = nil
		t.mu.Unlock()
		for _, sid := range due {
			group.Go(func() error {
				t.follow(ctx, sid)
				return nil
			})
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
		}
	}
	return group.Wait()
}

// state is one state of a text.
type state struct {
	word string
	code int
}

// ahead are the states that a text has yet to come to.
func ahead(t Text) []state {
	end := state{"delivered", 0}
	if t.To == unreachable {
		end = state{"undelivered", 30003}
	}
	states := []state{{"sent", 0}, end}
	if i := slices.IndexFunc(states, func(s state) bool { return s.word == t.Status }); i >= 0 {
		return states[i+1:]
	}
	return states
}

func (t *teller) follow(ctx context.Context, sid string) {
	text, found := t.books.text(sid)
	if !found {
		return
	}
	for _, s := range ahead(text) {
		if ctx.Err() != nil {
			return
		}
		if err := t.books.textIs(sid, s.word, s.code); err != nil {
			return
		}
		if text.Callback == "" {
			continue
		}
		text.Status, text.ErrorCode = s.word, s.code
		err := t.post(ctx, text)
		if err != nil && ctx.Err() == nil {
			err = t.post(ctx, text)
		}
		if err != nil {
			t.log.Debug().Err(err).Str("sid", sid).Str("status", s.word).Msg("status callback not taken")
		}
	}
}

// post posts a callback once. The error is that nobody answered; whoever answers with an error is not asked again.
func (t *teller) post(ctx context.Context, text Text) error {
	form := url.Values{
		"AccountSid": {t.config.TwilioAccount}, "ApiVersion": {"2010-04-01"}, "MessageSid": {text.SID}, "SmsSid": {text.SID},
		"MessageStatus": {text.Status}, "SmsStatus": {text.Status}, "To": {text.To},
	}
	if text.From != "" {
		form.Set("From", text.From)
	}
	if text.Service != "" {
		form.Set("MessagingServiceSid", text.Service)
	}
	if text.ErrorCode != 0 {
		form.Set("ErrorCode", strconv.Itoa(text.ErrorCode))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, text.Callback, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("post a status callback: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	request.Header.Set("User-Agent", "orderflow-sandbox-phone")
	request.Header.Set("I-Twilio-Idempotency-Token", text.SID+"-"+text.Status)
	request.Header.Set("X-Twilio-Signature", signedURL(t.config.TwilioTokens[0], text.Callback, form))
	response, err := t.client.Do(request)
	if err != nil {
		return fmt.Errorf("post a status callback: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, bodyLongest)) // so that the connection can be used again
	if response.StatusCode >= 300 {
		t.log.Debug().Int("status", response.StatusCode).Msg("status callback refused")
	}
	return nil
}

// signedURL is the value of X-Twilio-Signature: over the URL and, by name, each parameter with its value.
func signedURL(token, address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, address) // a hash never fails
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = io.WriteString(mac, name+form.Get(name))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
