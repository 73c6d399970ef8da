package events_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/stripe/events"
)

const (
	first  = `{"id":"evt_2","type":"charge.refunded","created":1772366460,"data":{"object":{"amount":12345678901234567}}}`
	second = `{"id":"evt_1","type":"charge.succeeded","created":1772366400}`
)

func listed(t *testing.T, answer http.HandlerFunc, each func(*events.Event) error) error {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	return events.List(context.Background(), events.Query{
		URL: server.URL, Key: "rk_test_secret", Since: time.Unix(1772366400, 0), Until: time.Unix(1772366500, 0), Undelivered: true,
	}, each)
}

func TestEveryEventIsHandedOverAsItStands(t *testing.T) {
	t.Parallel()
	var asked, got []string
	require.NoError(t, listed(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		assert.Equal(t, "Bearer rk_test_secret", r.Header.Get("Authorization"))
		page := `{"object":"list","has_more":true,"data":[` + first + `]}`
		if r.URL.Query().Get("starting_after") == "evt_2" {
			page = `{"object":"list","has_more":false,"data":[` + second + `]}`
		}
		_, _ = w.Write([]byte(page))
	}, func(e *events.Event) error {
		got = append(got, e.ID+" "+e.Type+" "+string(e.Body))
		return nil
	}))
	assert.Equal(t, []string{"evt_2 charge.refunded " + first, "evt_1 charge.succeeded " + second}, got)
	require.Len(t, asked, 2)
	for _, want := range []string{"/v1/events?", "limit=100", "created[gte]=1772366400", "created[lt]=1772366500", "delivery_success=false"} {
		assert.Contains(t, asked[0], want)
	}
}

func TestWhatGoesWrongIsSaidWithoutTheKey(t *testing.T) {
	t.Parallel()
	nothing := func(*events.Event) error { return nil }
	for status, want := range map[int]string{http.StatusUnauthorized: "does not take", http.StatusForbidden: "does not let", http.StatusBadRequest: "answered 400"} {
		err := listed(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: rk_test_secret"}}`))
		}, nothing)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "rk_test_secret")
	}
	enough := errors.New("enough")
	require.ErrorIs(t, listed(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"object":"list","has_more":true,"data":[` + first + `]}`))
	}, func(*events.Event) error { return enough }), enough)
}
