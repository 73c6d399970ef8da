package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/host"
)

const (
	key     = "carrier-key-for-tests"
	wait    = 10 * time.Second
	soon    = 5 * time.Millisecond
	aSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	another = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
)

// world is a sandbox that runs, over real sockets.
type world struct {
	t          *testing.T
	http, smtp string
	stop       func()
}

// quick are settings under which nothing waits and, without more, nothing is scanned.
func quick() Config {
	return Config{CarrierKey: key, WebhookSecret: aSecret, MailsMost: 100, ScanAfter: time.Hour, ScanEvery: time.Millisecond, Slow: time.Hour, Seed: 1, Scans: scansAll}
}

func run(t *testing.T, config Config) *world {
	t.Helper()
	require.NoError(t, config.Check())
	w := &world{t: t}
	tasks, err := start(config, host.Deps{Log: zerolog.Nop(), Clock: time.Now, Listen: func(name, _ string) (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if name == "smtp" {
			w.smtp = l.Addr().String()
		} else {
			w.http = "http://" + l.Addr().String()
		}
		return l, err
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- tasks[0].Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(w.stop)
	return w
}

// call sends a request with the key and returns the status and what the JSON of the answer says.
func (w *world) call(method, path, idempotency, body string) (int, map[string]any) {
	w.t.Helper()
	request, err := http.NewRequest(method, w.http+path, bytes.NewBufferString(body))
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	if idempotency != "" {
		request.Header.Set("Idempotency-Key", idempotency)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	said := map[string]any{}
	if len(raw) > 0 {
		require.NoError(w.t, json.Unmarshal(raw, &said), string(raw))
	}
	return response.StatusCode, said
}

func (w *world) counts() Counts {
	w.t.Helper()
	response, err := http.Get(w.http + "/books")
	require.NoError(w.t, err)
	defer response.Body.Close()
	var c Counts
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&c))
	return c
}

func orderOf(reference, line2 string) string {
	return `{"reference":` + strconv.Quote(reference) + `,"to":{"name":"A. Person","line1":"1 Road","line2":` + strconv.Quote(line2) +
		`,"city":"Town","country":"US"},"items":[{"sku":"MUG","quantity":2}]}`
}

func TestALabelIsBoughtOnce(t *testing.T) {
	t.Parallel()
	w := run(t, quick())

	status, label := w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	require.Equal(t, http.StatusCreated, status)
	assert.Equal(t, "o/1", label["reference"])
	assert.Equal(t, map[string]any{"minor_units": 499.0, "currency": "USD"}, label["cost"])
	assert.Equal(t, false, label["voided"])

	status, again := w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	assert.Equal(t, http.StatusOK, status, "the same key is the same label")
	assert.Equal(t, label, again)

	reordered := `{"items":[{"quantity":2,"sku":"MUG"}],"to":{"country":"US","city":"Town","line1":"1 Road","name":"A. Person"},"reference":"o/1"}`
	status, again = w.call("POST", "/v1/labels", "k1", reordered)
	assert.Equal(t, http.StatusOK, status, "what it says counts, not how it is written")
	assert.Equal(t, label, again)

	status, said := w.call("POST", "/v1/labels", "k1", orderOf("o/2", ""))
	assert.Equal(t, http.StatusConflict, status)
	assert.Equal(t, "idempotency_mismatch", said["error"])

	status, second := w.call("POST", "/v1/labels", "k2", orderOf("o/1", ""))
	assert.Equal(t, http.StatusCreated, status, "another key is another label: that is the buyer's mistake")
	assert.Equal(t, map[string]int{"o/1": 2}, w.counts().LabelsAboveOne)

	_, list := w.call("GET", "/v1/labels?reference=o/1", "", "")
	assert.Equal(t, map[string]any{"labels": []any{second, label}}, list, "newest first")
	tracking, _ := label["tracking_number"].(string)
	status, shown := w.call("GET", "/v1/labels/"+tracking, "", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, label, shown)

	address, ok := label["label_url"].(string)
	require.True(t, ok)
	response, err := http.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Contains(t, string(text), tracking)
	assert.Contains(t, string(text), "2 x MUG")
}

func TestOneLabelForManyAtOnce(t *testing.T) {
	t.Parallel()
	config := quick()
	config.Dir = t.TempDir()
	w := run(t, config)
	var mu sync.Mutex
	statuses, numbers := map[int]int{}, map[any]bool{}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			status, label := w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			numbers[label["tracking_number"]] = true
		})
	}
	all.Wait()
	assert.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusOK: 31}, statuses)
	assert.Len(t, numbers, 1)
	assert.Equal(t, 1, w.counts().Labels)
}

func TestWhatTheCarrierRefuses(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	for name, c := range map[string]struct {
		key, body string
		status    int
		code      string
	}{
		"no key":             {"", orderOf("r", ""), 400, "bad_idempotency_key"},
		"no JSON":            {"a", "{", 422, "invalid"},
		"no reference":       {"b", `{"items":[{"sku":"MUG","quantity":1}]}`, 422, "invalid"},
		"no items":           {"c", `{"reference":"r"}`, 422, "invalid"},
		"nothing of an item": {"d", `{"reference":"r","items":[{"sku":"MUG","quantity":0}]}`, 422, "invalid"},
		"a country's name":   {"e", `{"reference":"r","to":{"country":"France"},"items":[{"sku":"MUG","quantity":1}]}`, 422, "invalid"},
		"told to refuse":     {"f", orderOf("r", "sandbox:refuse"), 422, "undeliverable"},
		"an unknown wish":    {"g", orderOf("r", "sandbox:explode"), 422, "unknown_trouble"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, said := w.call("POST", "/v1/labels", c.key, c.body)
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.code, said["error"])
			assert.NotEmpty(t, said["message"])
		})
	}
	t.Cleanup(func() { assert.Zero(t, w.counts().Labels) })

	for _, path := range []string{"/v1/labels", "/v1/labels/void"} {
		response, err := http.Post(w.http+path, "application/json", bytes.NewBufferString(orderOf("r", "")))
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	}
}

func TestTroubleOnRequest(t *testing.T) {
	t.Parallel()
	for wish, want := range map[string][]int{
		"sandbox:fail-once":    {500, 201, 200},
		"sandbox:fail-twice":   {500, 500, 201},
		"sandbox:fail-always":  {500, 500, 500, 500},
		"sandbox:refuse":       {422, 422},
		"sandbox:no-scan":      {201, 200},
		"Flat 2, sandbox:lost": {201},
	} {
		t.Run(wish, func(t *testing.T) {
			t.Parallel()
			w := run(t, quick())
			for _, status := range want {
				got, _ := w.call("POST", "/v1/labels", "k1", orderOf("o/1", wish))
				assert.Equal(t, status, got)
			}
		})
	}
}

func TestACarrierThatIsDown(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	for range 3 {
		request, err := http.NewRequest(http.MethodPost, w.http+"/v1/labels", bytes.NewBufferString(orderOf("o/1", "sandbox:down")))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Idempotency-Key", "k1")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		assert.Contains(t, []int{429, 503}, response.StatusCode)
		assert.Equal(t, "1", response.Header.Get("Retry-After"))
	}
	status, _ := w.call("POST", "/v1/labels", "k1", orderOf("o/1", "sandbox:down"))
	assert.Equal(t, http.StatusCreated, status)
}

func TestASlowAnswerHasBoughtItsLabel(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	ctx, hangUp := context.WithCancel(context.WithoutCancel(t.Context()))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.http+"/v1/labels", bytes.NewBufferString(orderOf("o/1", "sandbox:slow")))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Idempotency-Key", "k1")
	failed := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(request)
		failed <- err
	}()
	require.Eventually(t, func() bool { return w.counts().Labels == 1 }, wait, soon)
	hangUp()
	require.ErrorIs(t, <-failed, context.Canceled, "nobody was answered")
	status, _ := w.call("POST", "/v1/labels", "k1", orderOf("o/1", "sandbox:slow"))
	assert.Equal(t, http.StatusOK, status, "whoever asks again gets the label at once")
	_, list := w.call("GET", "/v1/labels?reference=o/1", "", "")
	assert.Len(t, list["labels"], 1)
}

func TestVoiding(t *testing.T) {
	t.Parallel()
	w := run(t, quick())
	w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	for _, want := range []int{1, 0} {
		status, said := w.call("POST", "/v1/labels/void", "", `{"reference":"o/1"}`)
		assert.Equal(t, http.StatusOK, status)
		assert.EqualValues(t, want, said["voided"])
	}
	_, label := w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	assert.Equal(t, true, label["voided"], "the key still leads to its label")
	status, said := w.call("POST", "/v1/labels/void", "", `{"reference":"never heard of"}`)
	assert.Equal(t, http.StatusOK, status)
	assert.EqualValues(t, 0, said["voided"])
	c := w.counts()
	assert.Equal(t, []int{1, 1}, []int{c.Labels, c.Voided})
}

func TestAScannedParcelIsNotVoided(t *testing.T) {
	t.Parallel()
	config := quick()
	config.ScanAfter = 0
	w := run(t, config)
	w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	require.Eventually(t, func() bool { return w.counts().Scans == 3 }, wait, soon)
	status, said := w.call("POST", "/v1/labels/void", "", `{"reference":"o/1"}`)
	assert.Equal(t, http.StatusConflict, status)
	assert.Equal(t, "already_scanned", said["error"])
}

func TestAParcelMayBeScannedOnceOnly(t *testing.T) {
	t.Parallel()
	r := receive(t, 0)
	config := quick()
	config.ScanAfter, config.Scans, config.TrackingURL = 0, scansDelivered, r.url
	w := run(t, config)
	w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	w.call("POST", "/v1/labels", "k2", orderOf("o/2", "sandbox:lost"))
	require.Eventually(t, func() bool { return len(r.statuses("o/1")) == 1 && len(r.statuses("o/2")) == 2 }, wait, soon)
	assert.Equal(t, []string{"delivered"}, r.statuses("o/1"))
	assert.ElementsMatch(t, []string{"in_transit", "lost"}, r.statuses("o/2"), "a wish of the address goes before")
	assert.Equal(t, 3, w.counts().Scans, "and nothing comes after")
}

// receiver is whoever takes tracking webhooks: it refuses each scan a few times first.
type receiver struct {
	url     string
	refusal int
	mu      sync.Mutex
	tries   map[string]int
	taken   []update
	wrong   []error
}

func receive(t *testing.T, refusals int) *receiver {
	t.Helper()
	r := &receiver{tries: map[string]int{}, refusal: refusals}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL + "/webhooks/sandbox"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(request.Body)
	id := request.Header.Get("webhook-id")
	if err := verify(request.Header, body); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.tries[id]++
	if r.tries[id] <= r.refusal {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var u update
	if err := json.Unmarshal(body, &u); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.taken = append(r.taken, u)
}

// verify does what the specification tells a receiver to do, with nothing of the sender's code.
func verify(h http.Header, body []byte) error {
	secret, err := base64.StdEncoding.DecodeString(aSecret[len("whsec_"):])
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return errors.New("the time is not now")
	}
	want := hmacOf(secret, h.Get("webhook-id")+"."+h.Get("webhook-timestamp")+"."+string(body))
	if !slices.Contains(strings.Fields(h.Get("webhook-signature")), "v1,"+want) {
		return errors.New("the signature is wrong")
	}
	return nil
}

func (r *receiver) statuses(reference string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var statuses []string
	for _, u := range r.taken {
		if u.Data.Reference == reference {
			statuses = append(statuses, u.Data.Status)
		}
	}
	return statuses
}

func TestScansArePostedUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	r := receive(t, 1)
	config := quick()
	config.ScanAfter, config.TrackingURL, config.WebhookSecret = 0, r.url, another+", "+aSecret // the secret is being changed
	w := run(t, config)
	_, label := w.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	require.Eventually(t, func() bool { return w.counts().ScansUnposted == 0 && w.counts().Scans == 3 }, wait, soon)
	assert.ElementsMatch(t, []string{"in_transit", "out_for_delivery", "delivered"}, r.statuses("o/1"))
	r.mu.Lock()
	defer r.mu.Unlock()
	assert.Empty(t, r.wrong)
	assert.Len(t, r.tries, 3, "each scan has one id, on every attempt")
	for _, u := range r.taken {
		assert.Equal(t, "tracking.updated", u.Type)
		assert.Equal(t, label["tracking_number"], u.Data.Tracking)
		assert.NotEmpty(t, u.Data.ID)
		assert.Equal(t, u.Timestamp, u.Data.OccurredAt)
	}
}

func TestCoursesOfScans(t *testing.T) {
	t.Parallel()
	r := receive(t, 0)
	config := quick()
	config.ScanAfter, config.TrackingURL = 0, r.url
	w := run(t, config)
	for wish, want := range map[string][]string{
		"sandbox:lost":      {"in_transit", "lost"},
		"sandbox:return":    {"in_transit", "out_for_delivery", "returned"},
		"sandbox:exception": {"in_transit", "exception", "out_for_delivery", "delivered"},
	} {
		t.Run(wish, func(t *testing.T) {
			t.Parallel()
			w.call("POST", "/v1/labels", wish, orderOf(wish, wish))
			require.Eventually(t, func() bool { return len(r.statuses(wish)) == len(want) }, wait, soon)
			assert.ElementsMatch(t, want, r.statuses(wish))
		})
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	deaf := receive(t, 1<<30)
	config := quick()
	config.Dir, config.ScanAfter, config.ScanEvery, config.TrackingURL = t.TempDir(), 0, time.Millisecond, deaf.url
	before := run(t, config)
	_, sold := before.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	before.call("POST", "/v1/labels", "k2", orderOf("o/2", "sandbox:no-scan"))
	before.call("POST", "/v1/labels/void", "", `{"reference":"o/2"}`)
	status, _ := before.call("POST", "/v1/labels", "k3", orderOf("o/3", "sandbox:fail-once"))
	require.Equal(t, http.StatusInternalServerError, status)
	send(t, before.smtp, "someone@example.org", "<m1@shop.example>", "Hello", "text")
	require.Eventually(t, func() bool { return before.counts().Scans == 3 }, wait, soon)
	was := before.counts()
	require.Equal(t, 3, was.ScansUnposted)
	before.stop()

	r := receive(t, 0)
	config.TrackingURL = r.url
	after := run(t, config)
	require.Eventually(t, func() bool { return len(r.statuses("o/1")) == 3 }, wait, soon, "what was not taken is posted now")
	require.Eventually(t, func() bool { return after.counts().ScansUnposted == 0 }, wait, soon)
	was.ScansUnposted = 0
	assert.Equal(t, was, after.counts())
	status, again := after.call("POST", "/v1/labels", "k1", orderOf("o/1", ""))
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, sold, again)
	status, _ = after.call("POST", "/v1/labels", "k3", orderOf("o/3", "sandbox:fail-once"))
	assert.Equal(t, http.StatusCreated, status, "it has failed once")
	mails := after.mails("")
	require.Len(t, mails, 1)
	assert.Equal(t, "text", mails[0].Text)
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no key":                 func(c *Config) { c.CarrierKey = "" },
		"a secret that is none":  func(c *Config) { c.TrackingURL, c.WebhookSecret = "http://x", "whsec_short" },
		"a secret without words": func(c *Config) { c.TrackingURL, c.WebhookSecret = "http://x", aSecret[6:] },
		"more than all":          func(c *Config) { c.FailRate = 1.5 },
		"no mails":               func(c *Config) { c.MailsMost = 0 },
		"a time before":          func(c *Config) { c.Slow = -1 },
	} {
		c := quick()
		require.NoError(t, c.Check())
		change(&c)
		assert.Error(t, c.Check(), name)
	}
}

func TestFailingNowAndThen(t *testing.T) {
	t.Parallel()
	config := quick()
	config.FailRate = 0.5
	statuses := func() []int {
		w := run(t, config)
		var all []int
		for n := range 20 {
			status, _ := w.call("POST", "/v1/labels", strconv.Itoa(n), orderOf("o", ""))
			all = append(all, status)
		}
		return all
	}
	first := statuses()
	assert.Contains(t, first, 500)
	assert.Contains(t, first, 201)
	assert.Equal(t, first, statuses(), "the same seed fails the same calls")
}
