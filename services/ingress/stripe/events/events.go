// Package events asks Stripe what it has sent: its events API (https://docs.stripe.com/api/events/list) keeps every event
// for 30 days, as the webhooks held it.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
)

// URL is where Stripe's API is.
const URL = stripe.APIURL

// Event is an event as Stripe returns it, which is what a webhook holds.
type Event struct {
	ID      string
	Type    string
	Created int64
	Body    []byte
}

// UnmarshalJSON keeps the event as it stands: that is what a webhook holds.
func (e *Event) UnmarshalJSON(data []byte) error {
	var head struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Created int64  `json:"created"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	*e = Event{head.ID, head.Type, head.Created, append([]byte{}, data...)}
	return nil
}

// page is a page of them.
type page struct {
	stripe.APIResource
	stripe.ListMeta

	Data []*Event `json:"data"`
}

// GetListMeta is what stripe-go turns pages by.
func (p *page) GetListMeta() *stripe.ListMeta { return &p.ListMeta }

// PageMost is the most that Stripe puts on a page, and so what List asks for at a time.
const PageMost = 100

// Query says which events are wanted.
type Query struct {
	// URL is where the API is; package events has Stripe's own.
	URL string
	// Key is the account's: a restricted one that may read events will do.
	Key string
	// Since and Until are when they were made, to the second: Since included, Until not.
	Since, Until time.Time
	// Undelivered leaves out events which, by Stripe's word, every endpoint has got.
	Undelivered bool
}

// List hands over every event that is wanted, newest first, as Stripe does, and ends with the first error. No
// error repeats the key.
func List(ctx context.Context, q Query, each func(*Event) error) error {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(q.URL), HTTPClient: &http.Client{Timeout: 30 * time.Second}, LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		EnableTelemetry: stripe.Bool(false),
	})
	params := &stripe.EventListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: q.Since.Unix(), LesserThan: q.Until.Unix()}}
	params.Context, params.Limit = ctx, stripe.Int64(PageMost)
	if q.Undelivered {
		params.DeliverySuccess = stripe.Bool(false)
	}
	events := stripe.GetIter(params, func(p *stripe.Params, query *form.Values) ([]any, stripe.ListContainer, error) {
		got := &page{}
		err := backend.CallRaw(http.MethodGet, "/v1/events", q.Key, query, p, got)
		items := make([]any, len(got.Data))
		for i, e := range got.Data {
			items[i] = e
		}
		return items, got, err
	})
	for events.Next() {
		e, ok := events.Current().(*Event)
		if !ok {
			return errors.New("stripe returned something that is no event")
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return explained(events.Err())
}

// explained says it in our words: Stripe's own may repeat a part of the key.
func explained(err error) error {
	var told *stripe.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &told):
		return fmt.Errorf("ask Stripe what it has sent: %w", err)
	case told.HTTPStatusCode == http.StatusUnauthorized:
		return errors.New("stripe does not take STRIPE_API_KEY")
	case told.HTTPStatusCode == http.StatusForbidden:
		return errors.New("stripe does not let STRIPE_API_KEY read events")
	}
	return fmt.Errorf("stripe answered %d %s (request %s)", told.HTTPStatusCode, told.Code, told.RequestID)
}
