package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
)

// Sender posts chapters to an ingress as their providers would.
type Sender struct {
	IngressURL string
	// Secrets are the webhook secrets by source.
	Secrets map[string]string
}

// sending is a Sender that is at it.
type sending struct {
	*Sender
	client *http.Client
}

// senders is how many stories are told at once.
const senders = 16

// Sent is what was sent of one story and how it was answered.
type Sent struct {
	Story Story
	// First is when the story's first delivery was sent.
	First    time.Time
	Webhooks int
	Accepted int
	Refused  int
	// Answers are how long each one took.
	Answers []time.Duration
	// Wrong says which answer was not what it had to be; empty if all were.
	Wrong string
}

// Send tells all stories, several at once, and returns when every delivery was answered. The first delivery that cannot
// be sent ends it: the others would fail for the same reason.
func (s *Sender) Send(ctx context.Context, stories []Story, told func(done int)) ([]Sent, error) {
	run := sending{s, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders, MaxConnsPerHost: senders}}}
	defer run.client.CloseIdleConnections()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	sent := make([]Sent, len(stories))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range senders {
		workers.Go(func() {
			for i := range next {
				var err error
				if sent[i], err = run.tell(ctx, stories[i]); err != nil {
					fail(err)
					continue
				}
				mu.Lock()
				done++
				told(done)
				mu.Unlock()
			}
		})
	}
	for i := range stories {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return sent, context.Cause(ctx)
}

func (s sending) tell(ctx context.Context, story Story) (Sent, error) {
	sent := Sent{Story: story, First: time.Now()}
	for n, chapter := range story.Chapters {
		headers, err := s.sign(chapter, fmt.Sprintf("%s-%d", story.Number, n))
		if err != nil {
			return sent, err
		}
		for range 1 + chapter.Again {
			if err := s.post(ctx, chapter, headers, &sent); err != nil {
				return sent, err
			}
		}
	}
	return sent, nil
}

func (s sending) sign(c Chapter, id string) (http.Header, error) {
	provider := ingress.SourceByName(c.Source)
	if provider == nil {
		return nil, fmt.Errorf("the ingress has no source %q", c.Source)
	}
	headers, err := provider.Sign(c.Body, source.Signing{Secret: s.Secrets[c.Source], At: time.Now(), Topic: c.Topic, ID: id})
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w", c.Source, err)
	}
	return headers, nil
}

func (s sending) post(ctx context.Context, c Chapter, headers http.Header, sent *Sent) error {
	url := s.IngressURL + "/webhooks/" + c.Source
	if c.Account != "" {
		url += "/" + c.Account
	}
	content := c.Body
	if c.Wrong { // signed, and changed afterwards
		content = append(bytes.Clone(content), '\n')
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header = headers.Clone()
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("post to the ingress: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	sent.count(c, answer.StatusCode, time.Since(began))
	return nil
}

func (s *Sent) count(c Chapter, status int, took time.Duration) {
	s.Webhooks++
	s.Answers = append(s.Answers, took)
	want := http.StatusOK
	switch {
	case c.Wrong:
		want = http.StatusUnauthorized
		s.Refused++
	case status == http.StatusOK:
		s.Accepted++
	}
	if status != want && s.Wrong == "" {
		s.Wrong = fmt.Sprintf("a %s delivery was answered %d, not %d", c.Source, status, want)
	}
}
