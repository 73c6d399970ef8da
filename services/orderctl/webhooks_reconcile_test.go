package orderctl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stripeEvents stands for Stripe's events API: newest first, in pages, behind a key.
type stripeEvents struct {
	t      *testing.T
	key    string
	events []string // newest first
	failed map[int]bool
	pages  int
}

func (s *stripeEvents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/v1/events":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"type":"invalid_request_error","message":"Unrecognized request URL"}}`)
		return
	case r.Header.Get("Authorization") != "Bearer "+s.key:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: sk_test_***wron"}}`)
		return
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	assert.NoError(s.t, err)
	since, err := strconv.ParseInt(query.Get("created[gte]"), 10, 64)
	assert.NoError(s.t, err)
	until, err := strconv.ParseInt(query.Get("created[lt]"), 10, 64)
	assert.NoError(s.t, err)
	s.pages++
	page := []json.RawMessage{}
	more, after := false, query.Get("starting_after")
	for n, e := range s.events {
		var head struct {
			ID      string `json:"id"`
			Created int64  `json:"created"`
		}
		assert.NoError(s.t, json.Unmarshal([]byte(e), &head))
		switch {
		case after != "":
			if head.ID == after {
				after = ""
			}
		case head.Created < since || head.Created >= until || query.Get("delivery_success") == "false" && !s.failed[n]:
		case len(page) == limit:
			more = true
		default:
			page = append(page, json.RawMessage(e))
		}
	}
	assert.NoError(s.t, json.NewEncoder(w).Encode(map[string]any{"object": "list", "url": "/v1/events", "has_more": more, "data": page}))
}

// sent is an event that Stripe made that long ago.
func sentAgo(id, eventType, object string, ago time.Duration) string {
	return fmt.Sprintf(`{"id":%q,"object":"event","api_version":"2023-10-16","type":%q,"created":%d,"livemode":true,"pending_webhooks":1,
		"request":{"id":null,"idempotency_key":null},"data":{"object":%s}}`, id, eventType, time.Now().Add(-ago).Unix(), object)
}

func succeeded(intent, order string) string {
	return fmt.Sprintf(`{"id":%q,"object":"payment_intent","amount":900,"amount_received":900,"currency":"usd","status":"succeeded","metadata":{"order_number":%q}}`, intent, order)
}

func TestWhatStripeSentAndWeNeverGotIsNamed(t *testing.T) {
	p := newPlant(t)
	p.start()
	api := &stripeEvents{t: t, key: "sk_test_right", failed: map[int]bool{}}
	server := httptest.NewServer(api)
	defer server.Close()
	t.Setenv("STRIPE_API_KEY", "sk_test_right")
	t.Setenv("STRIPE_API_URL", server.URL)

	got := sentAgo("evt_got", "payment_intent.succeeded", succeeded("pi_got", "S-1"), time.Hour)
	p.post("stripe", "", got)
	lost := sentAgo("evt_lost", "payment_intent.succeeded", succeeded("pi_lost", "S-2"), 2*time.Hour)
	api.events = []string{
		sentAgo("evt_now", "payment_intent.succeeded", succeeded("pi_now", "S-3"), time.Second), // may be on its way
		got, lost,
		sentAgo("evt_balance", "balance.available", `{"object":"balance"}`, 3*time.Hour),
		sentAgo("evt_wrong", "payment_intent.succeeded", `{"id":"pi_wrong","object":"payment_intent","amount":"much","currency":"usd"}`, 4*time.Hour),
		sentAgo("evt_old", "payment_intent.succeeded", succeeded("pi_old", "S-4"), 48*time.Hour),
	}
	api.failed[2] = true
	for n := range 230 { // more than fit on two pages
		api.events = append(api.events, sentAgo("evt_many_"+strconv.Itoa(n), "balance.available", `{"object":"balance"}`, 5*time.Hour))
	}

	found := p.reconciled(1, "--source", "stripe")
	assert.Equal(t, 234, found.Sent)
	assert.Equal(t, 3, api.pages)
	assert.Equal(t, 1, found.Kept)
	assert.Equal(t, 231, found.Nothing)
	require.Len(t, found.Missing, 2)
	assert.Equal(t, "evt_lost", found.Missing[0].ID)
	assert.Contains(t, strings.Join(found.Missing[0].Says, "; "), "a payment captured: USD 9.00 (stripe:pi_lost)")
	assert.Equal(t, outcomeQuarantined, found.Missing[1].Outcome)
	assert.Len(t, p.reconciled(1, "--source", "stripe", "--since", "3d").Missing, 3)
	found = p.reconciled(1, "--source", "stripe", "--failed")
	assert.Equal(t, 1, found.Sent)
	assert.Len(t, p.reconciled(0, "--source", "stripe", "--all", "--until", "150m", "--since", "210m").Missing, 1, "nothing for us")
	out := p.call("webhooks", "reconcile", "--source", "stripe")
	assert.Equal(t, 1, out.code)
	assert.Contains(t, out.out, "We have 1 of them.\n231 of those that we have not mean nothing for us.\n")
	assert.Contains(t, out.out, "2 are missing; --fetch takes them in.")
	assert.Contains(t, out.out, "quarantined (bad_value)")

	// What is missing is taken in, and has its effect, once; and the webhook that comes after all changes nothing.
	assert.Equal(t, 2, p.reconciled(0, "--source", "stripe", "--fetch").Fetched)
	p.handled()
	require.Eventually(t, func() bool {
		return p.count(t, `SELECT count(*) FROM journal.deliveries WHERE provider_delivery_id IN ('evt_lost', 'evt_wrong') AND headers->>'Fetched-From' = $1`, server.URL+"/v1/events") == 2
	}, lifetime, 50*time.Millisecond)
	again := p.reconciled(0, "--source", "stripe")
	assert.Equal(t, 3, again.Kept)
	assert.Empty(t, again.Missing)
	p.post("stripe", "", strings.Replace(lost, `"pending_webhooks":1`, `"pending_webhooks":0`, 1))
	p.handled()
	p.quiet()
	assert.Equal(t, 900, p.count(t, `SELECT coalesce(sum(captured_minor), 0) FROM read.payments WHERE 'stripe:pi_lost' = ANY(names)`))
	assert.Contains(t, p.ok("webhooks", "reconcile", "--source", "stripe"), "Nothing is missing.")

	t.Setenv("STRIPE_API_KEY", "sk_test_wrong_one")
	out = p.call("webhooks", "reconcile", "--source", "stripe")
	assert.Equal(t, 1, out.code)
	assert.Contains(t, out.said, "stripe does not take STRIPE_API_KEY")
	assert.NotContains(t, out.said, "wron")
	require.NoError(t, os.Unsetenv("STRIPE_API_KEY"))
	for said, args := range map[string][]string{"only stripe can be asked": {"--source", "shopify"}, "Set STRIPE_API_KEY": {"--source", "stripe"}} {
		r := p.call(append([]string{"webhooks", "reconcile"}, args...)...)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.said, said)
	}
}

func (p *plant) reconciled(code int, args ...string) reconciled {
	p.t.Helper()
	r := p.call(append(append([]string{"webhooks", "reconcile"}, args...), "--json")...)
	require.Equal(p.t, code, r.code, r.said)
	var found reconciled
	require.NoError(p.t, json.Unmarshal([]byte(r.out), &found), r.out)
	return found
}
