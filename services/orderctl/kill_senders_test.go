//go:build linux

package orderctl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/orderctl/demo"
)

// Stubborn senders: several at once, each sends a delivery until it is answered 2xx, as providers do, only that they do
// not wait for hours.
const (
	sendersAtOnce = 8
	sendAgain     = 40 * time.Millisecond
)

// senders tell stories to an ingress that may be away at any moment.
type senders struct {
	t        *testing.T
	client   *http.Client
	ingress  atomic.Pointer[[]string] // where it is just now; several replicas are served in turn
	secrets  map[string]string
	turn     atomic.Int64
	accepted atomic.Int64 // answered 2xx
	again    atomic.Int64 // not answered, or not with 2xx
	working  sync.WaitGroup
	pace     <-chan time.Time // when the next delivery may be sent; nil: at once
	enough   chan struct{}    // closed when no other story is to be begun; nil: all of them
	begun    atomic.Int64     // stories
	mu       sync.Mutex
	replies  []reply
}

// reply is what became of one delivery that was sent once.
type reply struct {
	began  time.Time
	took   time.Duration
	status int // 0: none
}

func (a reply) good() bool { return a.status >= 200 && a.status < 300 }

// between are the answers to what was sent in a time, without those that have to be refusals.
func (s *senders) between(from, to time.Time) []reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	var some []reply
	for _, a := range s.replies {
		if a.status != http.StatusUnauthorized && !a.began.Before(from) && a.began.Before(to) {
			some = append(some, a)
		}
	}
	return some
}

func newSenders(t *testing.T) *senders {
	t.Helper()
	s := &senders{t: t, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: sendersAtOnce}}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// at says where the ingress is from now on.
func (s *senders) at(urls ...string) { s.ingress.Store(&urls) }

// tell begins to send the stories. It ends when every delivery was accepted; what is accepted meanwhile is counted.
func (s *senders) tell(ctx context.Context, stories []demo.Story) {
	next := make(chan demo.Story)
	for range sendersAtOnce {
		s.working.Go(func() {
			for story := range next {
				for n, chapter := range story.Chapters {
					s.deliver(ctx, chapter, fmt.Sprintf("%s-%d", story.Number, n))
				}
			}
		})
	}
	s.working.Go(func() {
		defer close(next)
		for _, story := range stories {
			select {
			case <-s.enough: // looked at first: of two that are ready any may be taken
				return
			default:
			}
			select {
			case next <- story:
				s.begun.Add(1)
			case <-s.enough:
				return
			case <-ctx.Done():
				return
			}
		}
	})
}

// deliver sends a delivery until it is accepted, and then as many times more as the story wants.
func (s *senders) deliver(ctx context.Context, c demo.Chapter, id string) {
	for left := 1 + c.Again; left > 0 && ctx.Err() == nil; {
		if s.pace != nil {
			select {
			case <-ctx.Done():
			case <-s.pace:
			}
		}
		began := time.Now()
		status, err := s.post(ctx, c, id)
		s.note(reply{began, time.Since(began), status})
		switch {
		case err == nil && c.Wrong && status == http.StatusUnauthorized:
			return
		case err == nil && !c.Wrong && status >= 200 && status < 300:
			s.accepted.Add(1)
			left--
			continue
		case err == nil && status < 500 && status != http.StatusTooManyRequests:
			assert.Fail(s.t, "refused", "a %s delivery was answered %d", c.Source, status)
			return
		}
		s.again.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(sendAgain):
		}
	}
}

func (s *senders) note(a reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = append(s.replies, a)
}

// post sends it once, signed now, as providers sign anew what they send again.
func (s *senders) post(ctx context.Context, c demo.Chapter, id string) (int, error) {
	headers, err := ingress.SourceByName(c.Source).Sign(c.Body, source.Signing{Secret: s.secrets[c.Source], At: time.Now(), Topic: c.Topic, ID: id})
	if err != nil {
		return 0, err
	}
	urls := *s.ingress.Load()
	url := urls[int(s.turn.Add(1))%len(urls)] + "/webhooks/" + c.Source
	if c.Account != "" {
		url += "/" + c.Account
	}
	body := c.Body
	if c.Wrong {
		body = append(bytes.Clone(body), '\n')
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = headers
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// waitFor returns when so many deliveries were accepted, or all of them.
func (s *senders) waitFor(accepted int64, told <-chan struct{}) {
	for s.accepted.Load() < accepted {
		select {
		case <-told:
			return
		case <-time.After(5 * time.Millisecond): // nothing tells of a counter
		}
	}
}
