package fulfillment

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

const apiKey = "key-of-the-tests"

// standIn is a carrier as its API describes it, with books that tests look into.
type standIn struct {
	mu     sync.Mutex
	next   []http.HandlerFunc // answers instead, once each; nil answers as usual
	books  []wireLabel        // oldest first
	byKey  map[string]string  // tracking number by idempotency key
	bought []wireLabelRequest // every request to buy, also those that failed
	asked  []string           // method and path of every request
	url    string
}

func newStandIn(t *testing.T, next ...http.HandlerFunc) *standIn {
	t.Helper()
	s := &standIn{next: next, byKey: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/labels", s.buy)
	mux.HandleFunc("GET /v1/labels", s.list)
	mux.HandleFunc("POST /v1/labels/void", s.void)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		if r.Header.Get("Authorization") != "Bearer "+apiKey {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
			return
		}
		if len(s.next) > 0 {
			instead := s.next[0]
			s.next = s.next[1:]
			if instead != nil {
				instead(w, r)
				return
			}
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *standIn) buy(w http.ResponseWriter, r *http.Request) {
	var request wireLabelRequest
	key := r.Header.Get("Idempotency-Key")
	if json.NewDecoder(r.Body).Decode(&request) != nil || key == "" || request.Reference == "" || len(request.Items) == 0 {
		answer(w, http.StatusUnprocessableEntity, map[string]string{"error": "incomplete"})
		return
	}
	s.bought = append(s.bought, request)
	for _, l := range s.books {
		if l.TrackingNumber == s.byKey[key] {
			if l.Reference != request.Reference {
				answer(w, http.StatusConflict, map[string]string{"error": "idempotency_mismatch"})
				return
			}
			answer(w, http.StatusOK, l)
			return
		}
	}
	tracking := fmt.Sprintf("SB%d", len(s.books)+1)
	l := wireLabel{TrackingNumber: tracking, LabelURL: "https://labels.example/" + tracking, Reference: request.Reference, Cost: &wireMoney{700, "USD"}}
	s.books, s.byKey[key] = append(s.books, l), tracking
	answer(w, http.StatusCreated, l)
}

func (s *standIn) list(w http.ResponseWriter, r *http.Request) {
	found := []wireLabel{}
	for _, l := range s.books {
		if l.Reference == r.URL.Query().Get("reference") {
			found = append([]wireLabel{l}, found...)
		}
	}
	answer(w, http.StatusOK, map[string]any{"labels": found})
}

func (s *standIn) void(w http.ResponseWriter, r *http.Request) {
	var request struct{ Reference string }
	if json.NewDecoder(r.Body).Decode(&request) != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "unreadable"})
		return
	}
	n := 0
	for i := range s.books {
		if l := &s.books[i]; l.Reference == request.Reference && !l.Voided {
			l.Voided = true
			n++
		}
	}
	answer(w, http.StatusOK, map[string]int{"voided": n})
}

// look reads the books.
func (s *standIn) look() (labels []wireLabel, purchases []wireLabelRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wireLabel(nil), s.books...), append([]wireLabelRequest(nil), s.bought...)
}

func (s *standIn) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// says answers with a status and a body.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangsUp closes the connection without an answer, after the request was read.
func hangsUp(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// silent never answers, until whoever asked has gone.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

var parcel = Parcel{
	Reference: "order/1", Key: "order/1/1", Priority: true,
	To:    &typev1.Address{Name: "A. Nybody", Company: "Co", Line1: "1 Street", Line2: "Back", City: "Kiel", Region: "SH", PostalCode: "24103", Country: "DE", Phone: "+49"},
	Lines: []*orderv1.LineQuantity{{LineId: "1", Sku: "MUG", Quantity: 2}},
}

func adapter(url string) *sandboxCarrier {
	return newSandboxCarrier(url+"/", apiKey, 5*time.Second, time.Now)
}

func TestALabelIsBoughtFoundAndVoided(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	c := adapter(s.url)
	label, err := c.Buy(t.Context(), parcel)
	require.NoError(t, err)
	require.Equal(t, "SB1", label.Tracking)
	require.Equal(t, "https://labels.example/SB1", label.URL)
	require.EqualValues(t, 700, label.Cost.GetMinorUnits())
	require.Equal(t, "USD", label.Cost.GetCurrency())

	again, err := c.Buy(t.Context(), parcel)
	require.NoError(t, err)
	require.Equal(t, label.Tracking, again.Tracking, "the same key buys once")
	books, purchases := s.look()
	require.Len(t, books, 1)
	require.Equal(t, wireLabelRequest{
		Reference: "order/1", Priority: true, Items: []wireItem{{"MUG", 2}},
		To: wireAddress{"A. Nybody", "Co", "1 Street", "Back", "Kiel", "SH", "24103", "DE", "+49"},
	}, purchases[0])

	found, err := c.Lookup(t.Context(), "order/1")
	require.NoError(t, err)
	require.Equal(t, label.Tracking, found.Tracking)
	require.NoError(t, c.Void(t.Context(), "order/1"))
	require.NoError(t, c.Void(t.Context(), "order/1"), "none to void is as good as one")
	_, err = c.Lookup(t.Context(), "order/1")
	require.Equal(t, no(NotFound, "no_label"), err)
	_, err = c.Buy(t.Context(), parcel)
	require.Equal(t, no(Failed, "already_void"), err, "a void label is none")
}

func TestAnswersAreSorted(t *testing.T) {
	t.Parallel()
	const good = `{"tracking_number":"SB1","label_url":"u","reference":"order/1","cost":{"minor_units":1,"currency":"USD"},"voided":false}`
	tooLong := `{"reference":"order/1","tracking_number":"` + strings.Repeat("9", answerMost) + `"}`
	for name, c := range map[string]struct {
		answers http.HandlerFunc
		want    error
	}{
		"sold":                   {says(200, good), nil},
		"sold just now":          {says(201, good), nil},
		"refused":                {says(422, `{"error":"bad_address"}`), no(Refused, "bad_address")},
		"refused without a word": {says(400, ``), no(Refused, "http_400")},
		"refused with words, maybe of an address": {says(422, `{"error":"1 Street, Kiel is unknown"}`), no(Refused, "http_422")},
		"refused with a very long word":           {says(422, `{"error":"`+strings.Repeat("a", 41)+`"}`), no(Refused, "http_422")},
		"the key was used for something else":     {says(409, `{"error":"idempotency_mismatch"}`), no(Unknown, "idempotency_mismatch")},
		"another conflict":                        {says(409, `{"error":"conflict"}`), no(Refused, "conflict")},
		"our key is wrong: no parcel's fault":     {says(401, `{"error":"unauthorized"}`), no(Down, "unauthorized")},
		"forbidden":                               {says(403, ``), no(Down, "http_403")},
		"the address of the API is wrong":         {says(404, `404 page not found`), no(Down, "http_404")},
		"too many requests":                       {says(429, ``, "Retry-After", "7"), no(Down, "http_429")},
		"closed for a while":                      {says(503, `{"error":"maintenance"}`), no(Down, "maintenance")},
		"certainly nothing done":                  {says(500, `{"error":"failed"}`), no(Failed, "failed")},
		"a server's error":                        {says(500, `{"error":"oops"}`), no(Unknown, "oops")},
		"failed, but by somebody in between":      {says(502, `{"error":"failed"}`), no(Unknown, "failed")},
		"no answer in time by somebody between":   {says(504, ``), no(Unknown, "http_504")},
		"it waited for the request too long":      {says(408, ``), no(Unknown, "http_408")},
		"a redirect, which is not followed":       {says(307, ``, "Location", "http://127.0.0.1:1/"), no(Unknown, "http_307")},
		"sold, but not readable":                  {says(200, `{"tracking_`), no(Unknown, "unreadable_answer")},
		"sold without a number":                   {says(200, `{"reference":"order/1"}`), no(Unknown, "unreadable_answer")},
		"sold under another reference":            {says(200, `{"tracking_number":"SB1","reference":"order/2"}`), no(Unknown, "unreadable_answer")},
		"an answer without an end":                {says(200, tooLong), no(Unknown, "unreadable_answer")},
		"the connection is lost":                  {hangsUp, no(Unknown, "connection_lost")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := adapter(newStandIn(t, c.answers).url).Buy(t.Context(), parcel)
			require.Equal(t, c.want, err)
		})
	}
}

func TestAWrongKeyIsNoParcelsFault(t *testing.T) {
	t.Parallel()
	c := newSandboxCarrier(newStandIn(t).url, "another", time.Second, time.Now)
	_, err := c.Buy(t.Context(), parcel)
	require.Equal(t, no(Down, "unauthorized"), err)
	require.NotContains(t, err.Error(), "another")
}

func TestSilence(t *testing.T) {
	t.Parallel()
	c := newSandboxCarrier(newStandIn(t, silent).url, apiKey, 100*time.Millisecond, time.Now)
	_, err := c.Buy(t.Context(), parcel)
	require.Equal(t, no(Unknown, "timeout"), err, "it was sent: nobody knows")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = adapter(newStandIn(t).url).Buy(ctx, parcel)
	require.Equal(t, no(Down, "no_connection"), err, "it was not sent")
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	c := adapter(url)
	_, err = c.Buy(t.Context(), parcel)
	require.Equal(t, no(Down, "no_connection"), err)
	_, err = c.Lookup(t.Context(), "order/1")
	require.Equal(t, no(Down, "paused"), err, "left alone for a moment")
}

func TestACarrierThatIsDownIsLeftAlone(t *testing.T) {
	t.Parallel()
	at := noon
	for name, c := range map[string]struct {
		retryAfter string
		pause      time.Duration
	}{
		"a moment":                 {"", time.Second},
		"as long as it asks":       {"7", 7 * time.Second},
		"until it says":            {at.Add(30 * time.Second).Format(http.TimeFormat), 30 * time.Second},
		"within reason":            {"86400", 5 * time.Minute},
		"at least a moment":        {"-5", time.Second},
		"what it asks is no time":  {"soon", time.Second},
		"what it asks is no end":   {"1e300", time.Second},
		"a time that is long past": {at.Add(-time.Hour).Format(http.TimeFormat), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := at
			s := newStandIn(t, says(503, ``, "Retry-After", c.retryAfter))
			carrier := newSandboxCarrier(s.url, apiKey, time.Second, func() time.Time { return now })
			_, err := carrier.Buy(t.Context(), parcel)
			require.Equal(t, no(Down, "http_503"), err)
			now = at.Add(c.pause - time.Millisecond)
			require.Equal(t, no(Down, "paused"), carrier.Void(t.Context(), "order/1"))
			require.Equal(t, 1, s.requests())
			now = at.Add(c.pause)
			require.NoError(t, carrier.Void(t.Context(), "order/1"))
		})
	}
}

func TestALookupSaysNoneOnlyWhereThereIsNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers http.HandlerFunc
		want    error
	}{
		"none":                {says(200, `{"labels":[]}`), no(NotFound, "no_label")},
		"only void ones":      {says(200, `{"labels":[{"tracking_number":"SB1","reference":"order/1","voided":true}]}`), no(NotFound, "no_label")},
		"a newer one is void": {says(200, `{"labels":[{"tracking_number":"SB2","reference":"order/1","voided":true},{"tracking_number":"SB1","reference":"order/1"}]}`), nil},
		"an empty answer":     {says(200, `{}`), no(Unknown, "unreadable_answer")},
		"somebody else's":     {says(200, `{"labels":[{"tracking_number":"SB1","reference":"order/2"}]}`), no(Unknown, "unreadable_answer")},
		"no such page":        {says(404, ``), no(Down, "http_404")},
		"refused":             {says(400, ``), no(Refused, "http_400")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			label, err := adapter(newStandIn(t, c.answers).url).Lookup(t.Context(), "order/1")
			require.Equal(t, c.want, err)
			require.Equal(t, c.want == nil, label.Tracking == "SB1")
		})
	}
}

func TestAVoidIsAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers http.HandlerFunc
		want    error
	}{
		"void":            {says(200, `{"voided":2}`), nil},
		"none":            {says(200, `{"voided":0}`), nil},
		"scanned":         {says(409, `{"error":"already_scanned"}`), no(Refused, "already_scanned")},
		"an empty answer": {says(200, `{}`), no(Unknown, "unreadable_answer")},
		"lost":            {hangsUp, no(Unknown, "connection_lost")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, adapter(newStandIn(t, c.answers).url).Void(t.Context(), "order/1"))
		})
	}
}
