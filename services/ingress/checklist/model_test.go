package checklist_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// model is a small receiver of its own making, which does everything right but for its fault. What the ingress does is
// nowhere in it.
type model struct {
	setup
	fault fault

	server *httptest.Server
	mu     sync.Mutex
	// active are the secrets by path.
	active  map[string][]string
	bodies  []string
	seen    map[string]bool
	log     bytes.Buffer
	came    int
	hanging bool
	gone    bool
}

// models makes receivers with a fault.
func models(t *testing.T, f fault) maker {
	t.Helper()
	return func(s setup) (*receiver, error) {
		m := &model{setup: s, fault: f, active: map[string][]string{}, seen: map[string]bool{}}
		for _, one := range schemes {
			m.active["/webhooks/"+one.name], m.active["/webhooks/"+one.name+"/second"] = []string{one.secret}, []string{one.other}
		}
		if s.secrets != nil {
			m.active["/webhooks/"+s.scheme.name] = s.secrets
		}
		for _, secret := range s.secrets {
			if strings.TrimSpace(secret) == "" && f != takesEmptySecret {
				return nil, errors.New("an empty secret")
			}
		}
		m.server = httptest.NewServer(m)
		return &receiver{
			url: m.server.URL, kept: m.kept, says: m.says, stop: m.stop, rotate: m.rotate,
			hang: func() { m.set(&m.hanging, true) }, heal: func() { m.set(&m.hanging, false) }, lose: func() { m.set(&m.gone, true) },
			restart: func() string {
				if f == forgetsAtRestart {
					m.mu.Lock()
					m.seen = map[string]bool{}
					m.mu.Unlock()
				}
				return m.server.URL
			},
		}, nil
	}
}

func (m *model) set(what *bool, to bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*what = to
}

func (m *model) kept() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.bodies...)
}

func (m *model) says() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

func (m *model) stop() {
	m.server.CloseClientConnections()
	m.server.Close()
}

func (m *model) rotate(secrets ...string) {
	if m.fault == readsSecretsOnce {
		return
	}
	var active []string
	for _, s := range secrets {
		if s != "" {
			active = append(active, s)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active["/webhooks/"+m.scheme.name] = active
}

func (m *model) secretsOf(path string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == anyAccountsSecret {
		return append(append([]string(nil), m.active[path]...), m.scheme.secret, m.scheme.other)
	}
	return m.active[path]
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, words string) {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, words)
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	name := strings.Split(strings.TrimPrefix(r.URL.Path, "/webhooks/"), "/")[0]
	of := -1
	for n, s := range schemes {
		if s.name == name && m.secretsOf(r.URL.Path) != nil {
			of = n
		}
	}
	switch {
	case of < 0 && m.fault == tellsPaths:
		fail(w, http.StatusNotFound, "there is no "+r.URL.Path)
		return
	case of < 0:
		fail(w, http.StatusNotFound, "not_found")
		return
	case r.Method != http.MethodPost:
		fail(w, http.StatusMethodNotAllowed, "method")
		return
	}
	s := schemes[of]
	if m.tooMany() {
		fail(w, http.StatusTooManyRequests, "too_often")
		return
	}
	body, status := m.read(w, r, began)
	if status != 0 {
		fail(w, status, "body")
		return
	}
	if m.fault == brokerFirst && m.isGone() {
		fail(w, http.StatusServiceUnavailable, "unavailable")
		return
	}
	key := m.identity(s, r, body)
	if m.fault == dedupeFirst && m.saw(key) {
		return
	}
	if s.pings && len(r.Header.Values(s.header)) == 0 && ping.Match(body) {
		return
	}
	if why := m.verify(s, r, body); why != "" {
		m.refuse(w, why, body)
		return
	}
	if status := m.judge(body); status != 0 {
		fail(w, status, "body")
		return
	}
	m.keep(w, key, string(body), began)
}

var ping = regexp.MustCompile(`^webhook_id=\d{1,20}$`)

func (m *model) refuse(w http.ResponseWriter, why string, body []byte) {
	status := http.StatusUnauthorized
	words := "not_verified"
	switch m.fault {
	case tellsWhy:
		words = why
	case stumblesOverHeaders:
		if why == "malformed" {
			status = http.StatusInternalServerError
		}
	case logsBodies:
		m.mu.Lock()
		m.log.Write(body)
		m.mu.Unlock()
	default: // the others answer as they should
	}
	fail(w, status, words)
}

// tooMany counts down to the limit.
func (m *model) tooMany() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.came++
	return m.rate > 0 && m.came > m.rate && m.fault != hasNoLimit
}

func (m *model) isGone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone
}

// read is the body, or the status of what is wrong with it.
func (m *model) read(w http.ResponseWriter, r *http.Request, began time.Time) (body []byte, status int) {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") && m.fault != inflates {
		return nil, http.StatusUnsupportedMediaType
	}
	if r.ContentLength > limit {
		return nil, http.StatusRequestEntityTooLarge
	}
	due := began.Add(5 * time.Second)
	if m.answer > 0 {
		due = began.Add(m.answer)
	}
	if m.fault != waitsForBodies {
		_ = http.NewResponseController(w).SetReadDeadline(due)
	}
	from := io.Reader(http.MaxBytesReader(w, r.Body, limit))
	switch m.fault {
	case cutsBodies:
		from = io.LimitReader(r.Body, limit)
	case believesLengths:
		from = r.Body
	default: // the others look at every byte
	}
	body, err := io.ReadAll(from)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, http.StatusRequestTimeout
	case err != nil && m.fault != takesHalves:
		return nil, http.StatusBadRequest
	}
	return m.altered(r, body), 0
}

// altered is the body as faults see it.
func (m *model) altered(r *http.Request, body []byte) []byte {
	switch m.fault {
	case trimsBodies:
		return bytes.TrimSpace(body)
	case rewritesJSON:
		var value any
		if json.Unmarshal(body, &value) == nil {
			if again, err := json.Marshal(value); err == nil {
				return again
			}
		}
	case parsesForms:
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form") {
			return nil
		}
	case inflates:
		if zip, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			if all, err := io.ReadAll(zip); err == nil {
				return all
			}
		}
	default: // the others leave it alone
	}
	return body
}

// judge is what a receiver thinks of a signed body that should not.
func (m *model) judge(body []byte) int {
	if m.fault == refusesUnusable && !json.Valid(body) {
		return http.StatusUnprocessableEntity
	}
	return 0
}

// verify is why a request is not let in; empty if it is.
func (m *model) verify(s scheme, r *http.Request, body []byte) string {
	names := []string{s.header}
	if s.ided {
		names = append(names, "Webhook-Id", "Webhook-Timestamp")
	}
	for _, name := range names {
		values := r.Header.Values(name)
		if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
			return "missing"
		}
		if len(values) > 1 && m.fault != firstHeaderWins {
			return "malformed"
		}
	}
	if s.read == nil {
		return "not tried"
	}
	id, stamp, signatures := s.read(r.Header)
	if s.timed {
		n, err := strconv.ParseInt(stamp, 10, 64)
		switch {
		case m.fault == printsTimesAnew && err == nil:
			stamp = strconv.FormatInt(n, 10)
		case err != nil || strconv.FormatInt(n, 10) != stamp:
			return "malformed"
		}
	}
	if !m.anySigned(s, r.URL.Path, signatures, s.message(id, stamp, string(body))) {
		return "forged"
	}
	if s.timed && !m.fresh(stamp) {
		return "old"
	}
	return ""
}

func (m *model) fresh(stamp string) bool {
	n, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return false
	}
	at := time.Unix(n, 0)
	if m.fault == takesMilliseconds && n > 1e12 {
		at = time.UnixMilli(n)
	}
	age := now.Sub(at)
	switch m.fault {
	case hasNoClock:
		return true
	case takesTheFuture:
		return age <= tolerance
	case isASecondShort:
		return age < tolerance && age > -tolerance
	default:
		return age <= tolerance && age >= -tolerance
	}
}

// anySigned says that one of the secrets made one of the signatures.
func (m *model) anySigned(s scheme, path string, signatures []string, message string) bool {
	secrets := m.secretsOf(path)
	switch {
	case m.fault == triesFirstSignature && len(signatures) > 0:
		signatures = signatures[:1]
	case m.fault == triesLastSignature && len(signatures) > 0:
		signatures = signatures[len(signatures)-1:]
	case m.fault == triesFirstSecret:
		secrets = secrets[:1]
	}
	good := 0
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, s.key(secret))
		mac.Write([]byte(message))
		for _, text := range signatures {
			if m.same(s, text, mac.Sum(nil)) {
				good++
				break
			}
		}
	}
	if m.fault == wantsAllSecrets {
		return good == len(secrets)
	}
	return good > 0
}

// same compares a signature as it was sent with the one that it should be.
func (m *model) same(s scheme, text string, want []byte) bool {
	spelt := s.spell(want)
	switch m.fault {
	case comparesPrefix:
		return strings.HasPrefix(spelt, strings.TrimRight(text, "="))
	case readsAnySpelling:
		plain := strings.NewReplacer("-", "+", "_", "/", "=", "", " ", "", "\t", "").Replace(text)
		raw, err := base64.RawStdEncoding.DecodeString(plain)
		if err != nil || len(raw) != len(want) {
			raw, err = hex.DecodeString(plain)
		}
		return err == nil && hmac.Equal(raw, want)
	default:
		return hmac.Equal([]byte(text), []byte(spelt))
	}
}

// identity is what a delivery is known by.
func (m *model) identity(s scheme, r *http.Request, body []byte) string {
	id := r.Header.Get("Webhook-Id")
	hash := sha256.Sum256(body)
	switch m.fault {
	case knowsByIDAlone:
		if id == "" {
			id = numbers.FindString(string(body))
		}
		return r.URL.Path + id
	case knowsByBodyAlone:
		return r.URL.Path + string(hash[:])
	case knowsAcrossAccounts:
		return s.name + id + string(hash[:])
	default:
		return r.URL.Path + " " + id + string(hash[:])
	}
}

var numbers = regexp.MustCompile(`\d{10,}`)

func (m *model) saw(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[key]
}

// keep stores a body, and says so once it is there.
func (m *model) keep(w http.ResponseWriter, key, body string, began time.Time) {
	m.mu.Lock()
	hanging, gone := m.hanging, m.gone
	m.mu.Unlock()
	if hanging && m.fault != answersFirst {
		wait := m.answer - time.Since(began)
		if m.fault == waitsForEver {
			wait = 5 * time.Second
		}
		time.Sleep(wait)
		fail(w, http.StatusServiceUnavailable, "unavailable")
		return
	}
	if gone && m.fault == blamesTheSender {
		fail(w, http.StatusBadRequest, "unavailable")
		return
	}
	if gone && m.fault != answersFirst {
		fail(w, http.StatusServiceUnavailable, "unavailable")
		return
	}
	if gone || hanging {
		return // 200, and it is nowhere
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen[key] && m.fault != keepsTwice {
		return
	}
	m.seen[key] = true
	m.bodies = append(m.bodies, body)
}
