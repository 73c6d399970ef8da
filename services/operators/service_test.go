package operators

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/orderflow/orderflow/pkg/eventstore"
	"github.com/orderflow/orderflow/pkg/host"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/pkg/web"
)

const password = "correct horse battery"

func keyText(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

// desk is the service as it answers, on a clock of the test's own, with ada, who is an operator.
type desk struct {
	t       *testing.T
	h       *handler
	url     string
	environ map[string]string
	now     time.Time
	log     *safeBuffer
	calls   chan Call
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newDesk(t *testing.T, settings ...func(*Config)) *desk {
	t.Helper()
	dsn := testkit.DSN(t)
	require.NoError(t, eventstore.MigrateFS(t.Context(), dsn, "operators", migrations))
	pool, err := host.OpenPool(t.Context(), dsn, "test", 4)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	d := &desk{t: t, environ: map[string]string{keysSetting: keyText(1)}, now: time.Now().Truncate(time.Second), log: &safeBuffer{}, calls: make(chan Call, 10)}
	keys, err := newKeyring(d.environ)
	require.NoError(t, err)
	config := Config{Life: time.Hour, Timeout: time.Minute, Listen: "127.0.0.1:0"}
	for _, set := range settings {
		set(&config)
	}
	d.h = newHandler(config, keys, func(_ context.Context, c Call) int {
		c.Begun("order show", []string{"json"}, nil)
		fmt.Fprint(c.Stdout, "out")
		fmt.Fprint(c.Stderr, "err")
		d.calls <- c
		return 3
	}, host.Deps{Pool: pool, Log: zerolog.New(d.log), Registry: prometheus.NewRegistry(), Clock: func() time.Time { return d.now }})
	e, err := d.h.routes()
	require.NoError(t, err)
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	d.url = s.URL
	require.NoError(t, d.h.accounts.Add(t.Context(), "ada", Operator, password))
	return d
}

func (d *desk) post(path, token, body string, headers ...string) (status int, header http.Header, answer string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+path, strings.NewReader(body))
	require.NoError(d.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return response.StatusCode, response.Header, string(data)
}

func (d *desk) login(who, word string) int {
	d.t.Helper()
	status, _, _ := d.post(LoginPath, "", fmt.Sprintf(`{"name":%q,"password":%q}`, who, word))
	return status
}

func (d *desk) token() string {
	d.t.Helper()
	status, _, answer := d.post(LoginPath, "", fmt.Sprintf(`{"name":"ada","password":%q}`, password))
	require.Equal(d.t, http.StatusOK, status, answer)
	var s Session
	require.NoError(d.t, json.Unmarshal([]byte(answer), &s))
	assert.Equal(d.t, "ada", s.Name)
	assert.Equal(d.t, Operator, s.Role)
	return s.Token
}

func (d *desk) asks(token string) int {
	d.t.Helper()
	status, _, _ := d.post(CommandsPath, token, `{"args":["order","show","A-17"]}`)
	return status
}

func TestWhoIsLoggedInIsRunAndToldHowItEnded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	token := d.token()
	status, header, answer := d.post(CommandsPath, token, `{"args":["order","show","robin@example.com"],"stdin":"aGk="}`, RequestHeader, "forged")
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "application/x-ndjson", header.Get("Content-Type"))
	assert.Equal(t, "no-store", header.Get("Cache-Control"))
	assert.Equal(t, []string{`{"stdout":"b3V0"}`, `{"stderr":"ZXJy"}`, `{"exit":3}`, ""}, strings.Split(answer, "\n"))
	call := <-d.calls
	assert.Equal(t, "ada", call.Operator)
	assert.Equal(t, Operator, call.Role)
	assert.Equal(t, []byte("hi"), call.Stdin)
	assert.Equal(t, header.Get(RequestHeader), call.Request)
	assert.NotEqual(t, "forged", call.Request)
	log := d.log.String()
	for _, said := range []string{`"operator":"ada"`, `"role":"operator"`, `"command":"order show"`, `"exit":3`, call.Request, "command begins"} {
		assert.Contains(t, log, said)
	}
	for _, secret := range []string{token, password, "robin", "forged"} {
		assert.NotContains(t, log, secret)
	}
}

// forged is a token of our making, as whoever knows the claims but not the rules would make it.
func (d *desk) forged(method jwt.SigningMethod, key, kid any, change func(*claims)) string {
	d.t.Helper()
	now := d.now
	c := claims{RegisteredClaims: jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "ada",
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
	}, Role: Operator, Generation: 1}
	change(&c)
	token := jwt.NewWithClaims(method, c)
	if kid != nil {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	require.NoError(d.t, err)
	return text
}

func TestATokenThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ours := d.h.tokens.keys.signing()
	same := func(*claims) {}
	require.Equal(t, http.StatusOK, d.asks(d.forged(method, ours.secret, ours.id, same)), "the forger knows how it is done")
	parts := strings.Split(d.token(), ".")
	admin, err := json.Marshal(map[string]any{"iss": issuer, "aud": audience, "sub": "ada", "role": "admin", "gen": 1, "exp": d.now.Add(time.Hour).Unix()})
	require.NoError(t, err)
	for what, token := range map[string]string{
		"none at all":         "",
		"nonsense":            "a.b.c",
		"no algorithm":        d.forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ours.id, same),
		"another algorithm":   d.forged(jwt.SigningMethodHS512, ours.secret, ours.id, same),
		"another key":         d.forged(method, bytes.Repeat([]byte{9}, 32), ours.id, same),
		"a key of no name":    d.forged(method, ours.secret, nil, same),
		"a key that is a map": d.forged(method, ours.secret, map[string]string{"a": "b"}, same),
		"an unknown key":      d.forged(method, ours.secret, "../../etc/passwd", same),
		"another audience":    d.forged(method, ours.secret, ours.id, func(c *claims) { c.Audience = jwt.ClaimStrings{"orderflow-analysts"} }),
		"no audience":         d.forged(method, ours.secret, ours.id, func(c *claims) { c.Audience = nil }),
		"another issuer":      d.forged(method, ours.secret, ours.id, func(c *claims) { c.Issuer = "somebody" }),
		"expired":             d.forged(method, ours.secret, ours.id, func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(d.now.Add(-time.Minute)) }),
		"without an end":      d.forged(method, ours.secret, ours.id, func(c *claims) { c.ExpiresAt = nil }),
		"of the future":       d.forged(method, ours.secret, ours.id, func(c *claims) { c.IssuedAt = jwt.NewNumericDate(d.now.Add(time.Hour)) }),
		"of nobody":           d.forged(method, ours.secret, ours.id, func(c *claims) { c.Subject = "eve" }),
		"of another role":     d.forged(method, ours.secret, ours.id, func(c *claims) { c.Role = Admin }),
		"of a generation":     d.forged(method, ours.secret, ours.id, func(c *claims) { c.Generation = 2 }),
		"tampered":            parts[0] + "." + base64.RawURLEncoding.EncodeToString(admin) + "." + parts[2],
		"cut off":             parts[0] + "." + parts[1] + ".",
	} {
		assert.Equal(t, http.StatusUnauthorized, d.asks(token), what)
	}
	assert.Len(t, d.calls, 1, "only the one that was good was run")
	_, header, answer := d.post(CommandsPath, "a.b.c", `{"args":["version"]}`)
	assert.Contains(t, header.Get("WWW-Authenticate"), "invalid_token")
	assert.JSONEq(t, `{"error":"bad_token","message":"log in again: orderctl login NAME"}`, strings.TrimSpace(answer))
}

func TestATokenEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	token := d.token()
	d.now = d.now.Add(time.Hour - time.Second)
	assert.Equal(t, http.StatusOK, d.asks(token))
	d.now = d.now.Add(time.Second + leeway)
	assert.Equal(t, http.StatusUnauthorized, d.asks(token))
}

func TestWhatChangesAnOperatorEndsTheirTokensAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a, ctx := d.h.accounts, t.Context()
	for what, change := range map[string]func() error{
		"another password": func() error { return a.SetPassword(ctx, "ada", password) },
		"another role":     func() error { return a.SetRole(ctx, "ada", Operator) },
		"disabled":         func() error { return a.Disable(ctx, "ada") },
	} {
		require.NoError(t, a.Enable(ctx, "ada"))
		token := d.token()
		require.Equal(t, http.StatusOK, d.asks(token))
		require.NoError(t, change())
		assert.Equal(t, http.StatusUnauthorized, d.asks(token), what)
	}
	require.NoError(t, a.Disable(ctx, "ada"))
	assert.Equal(t, http.StatusUnauthorized, d.login("ada", password), "and there is no other one")
	require.NoError(t, a.Enable(ctx, "ada"))
	assert.Equal(t, http.StatusOK, d.login("ada", password))
	assert.ErrorIs(t, a.Disable(ctx, "eve"), ErrNoOperator)
}

func TestKeysAreRotatedWithoutLoggingAnybodyOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	old := d.token()
	file := filepath.Join(t.TempDir(), "keys")
	d.environ[keysSetting], d.environ[keysSetting+host.FileEnding] = "", file
	write := func(lines ...string) {
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	}
	reload := func() bool {
		changed, err := d.h.tokens.keys.reload()
		require.NoError(t, err)
		return changed
	}
	write(keyText(2), keyText(1))
	assert.True(t, reload())
	assert.False(t, reload())
	young := d.token()
	assert.Equal(t, http.StatusOK, d.asks(old))
	assert.Equal(t, http.StatusOK, d.asks(young))
	write(keyText(2))
	assert.True(t, reload())
	assert.Equal(t, http.StatusUnauthorized, d.asks(old))
	assert.Equal(t, http.StatusOK, d.asks(young), "the first one signs")

	write("not-so-secret")
	_, err := d.h.tokens.keys.reload()
	require.ErrorContains(t, err, "key 1 is not base64 of 32 bytes")
	assert.NotContains(t, err.Error(), "not-so-secret")
	assert.Equal(t, http.StatusOK, d.asks(young), "what was there before counts")
}

func TestWhoGuessesHasToWait(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range nameBurst {
		require.Equal(t, http.StatusUnauthorized, d.login("ada", "a guess of mine"))
	}
	status, header, answer := d.post(LoginPath, "", `{"name":"ada","password":"`+password+`"}`)
	assert.Equal(t, http.StatusTooManyRequests, status)
	assert.Equal(t, "6", header.Get("Retry-After"))
	assert.Contains(t, answer, "too_many")
	for i := range addressBurst - nameBurst - 1 {
		require.Equal(t, http.StatusUnauthorized, d.login(fmt.Sprintf("guess-%d", i), "another guess"))
	}
	assert.Equal(t, http.StatusTooManyRequests, d.login("bob", "another guess"), "the address has had its tries")
	d.now = d.now.Add(nameEvery)
	assert.Equal(t, http.StatusOK, d.login("ada", password))
	log := d.log.String()
	for _, secret := range []string{"guess of mine", "guess-", password, "$2a$"} {
		assert.NotContains(t, log, secret)
	}
}

// Somebody who knows a name may guess at its password for ever, and its owner still has to get in.
func TestWhoGuessesKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config) { c.Proxies = []string{"127.0.0.0/8"} })
	from := func(address, word string) int {
		status, _, _ := d.post(LoginPath, "", fmt.Sprintf(`{"name":"ada","password":%q}`, word), "X-Forwarded-For", address)
		return status
	}
	require.Equal(t, http.StatusOK, from("203.0.113.1", password))
	for range nameBurst - 1 {
		require.Equal(t, http.StatusUnauthorized, from("198.51.100.1", "a guess of mine"))
	}
	require.Equal(t, http.StatusTooManyRequests, from("198.51.100.2", "a guess of mine"), "from wherever it comes")
	assert.Equal(t, http.StatusOK, from("203.0.113.1", password), "she has logged in from there")
	assert.Equal(t, http.StatusTooManyRequests, from("203.0.113.2", password))
	for range nameBurst - 1 {
		require.Equal(t, http.StatusUnauthorized, from("203.0.113.1", "a guess of mine"))
	}
	assert.Equal(t, http.StatusTooManyRequests, from("203.0.113.1", password), "and there, too, nobody guesses without end")
}

// What cannot be anybody's name takes no room: it is counted by its address alone.
func TestWhatIsNoNameIsNotRemembered(t *testing.T) {
	t.Parallel()
	a := newAttempts()
	now := time.Now()
	for i := range 2 * nameBurst {
		require.Zero(t, a.wait(strings.Repeat("A", LargestLogin), fmt.Sprintf("203.0.113.%d", i), now))
	}
}

// A flood of tokens that are none is counted, and does not flood the log.
func TestRefusedTokensDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range addressBurst + 5 {
		require.Equal(t, http.StatusUnauthorized, d.asks("a.b.c"))
	}
	assert.Equal(t, addressBurst, strings.Count(d.log.String(), "token refused"))
	assert.InDelta(t, addressBurst+5, testutil.ToFloat64(d.h.metrics.refused), 0)
}

func TestAStrangerIsAnsweredAsSomebodyWithAWrongPassword(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var answers []string
	for _, who := range []string{"ada", "eve", "", "Robin <robin@example.com>", strings.Repeat("a", 1000)} {
		status, _, answer := d.post(LoginPath, "", fmt.Sprintf(`{"name":%q,"password":"wrong but long enough"}`, who))
		assert.Equal(t, http.StatusUnauthorized, status)
		answers = append(answers, answer)
	}
	for _, a := range answers {
		assert.Equal(t, answers[0], a)
	}
	// Both compare one hash of the same cost. Which of them it was shows in no figure but the time, and that is bcrypt's.
	assert.False(t, matches("", "x"))
	assert.Equal(t, "$2a$12$", stranger()[:7])
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	token := d.token()
	for body, want := range map[string]int{
		``: 400, `{}`: 400, `{"args":[]}`: 400, `{"args":["a\u0000b"]}`: 400, `{"args":["a"],"role":"admin"}`: 400, `{"args":["a"]} {}`: 400,
		`{"args":["a"],"by":"eve"}`: 400, `{"args":["` + strings.Repeat("a", largestArgs) + `"]}`: 413,
		`{"args":["a"],"stdin":"` + strings.Repeat("A", LargestCommand) + `"}`: 413,
	} {
		status, _, _ := d.post(CommandsPath, token, body)
		assert.Equal(t, want, status, body[:min(len(body), 40)])
	}
	status, _, _ := d.post(LoginPath, "", `{"name":"`+strings.Repeat("a", LargestLogin)+`"}`)
	assert.Equal(t, http.StatusRequestEntityTooLarge, status)
	assert.Empty(t, d.calls)
}

func TestAPasswordIsLongAndNotTooLong(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"eleven char": "fewer than 12", strings.Repeat("é", 11): "fewer than 12", strings.Repeat("a", 73): "longer than 72 bytes",
		strings.Repeat("é", 37): "longer than 72 bytes", "not \xff UTF-8 at all": "UTF-8", strings.Repeat("é", 12): "", strings.Repeat("a", 72): "",
	} {
		err := CheckPassword(password)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	hash, err := hashed(strings.Repeat("a", 72))
	require.NoError(t, err)
	assert.True(t, matches(hash, strings.Repeat("a", 72)))
	assert.False(t, matches(hash, strings.Repeat("a", 73)), "what bcrypt does not look at counts too")
}

func TestOnlyATrustedProxySaysWhoCalls(t *testing.T) {
	t.Parallel()
	for proxies, want := range map[string]int{"": http.StatusTooManyRequests, "127.0.0.0/8": http.StatusUnauthorized} {
		d := newDesk(t, func(c *Config) {
			if proxies != "" {
				c.Proxies = []string{proxies}
			}
		})
		d.h.attempts.byAddress = web.NewRates(rate.Every(time.Hour), 1, remembered)
		for i := range 2 {
			status, _, _ := d.post(LoginPath, "", `{"name":"eve","password":"x"}`, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			assert.Equal(t, []int{http.StatusUnauthorized, want}[i], status, proxies)
		}
	}
}

func TestSettingsThatWouldSendTokensInClearAreRefused(t *testing.T) {
	t.Parallel()
	for listen, good := range map[string]bool{"127.0.0.1:8081": true, "[::1]:8081": true, "localhost:1": true, ":8081": false, "0.0.0.0:1": false, "10.0.0.1:1": false} {
		c := &Config{}
		err := host.Read(map[string]string{"OPERATORS_LISTEN": listen}, c)
		assert.Equal(t, good, err == nil, "%s: %v", listen, err)
		assert.NoError(t, host.Read(map[string]string{"OPERATORS_LISTEN": listen, "OPERATORS_TRUSTED_PROXIES": "10.0.0.0/8"}, c))
		assert.NoError(t, host.Read(map[string]string{"OPERATORS_LISTEN": listen, "OPERATORS_TLS_CERT": "a", "OPERATORS_TLS_KEY": "b"}, c))
	}
	for _, wrong := range []map[string]string{
		{"TOKEN_LIFE": "14m"}, {"TOKEN_LIFE": "9h"}, {"OPERATORS_TLS_CERT": "a"}, {"OPERATORS_TRUSTED_PROXIES": "everybody"},
		{"TOKEN_KEYS": "short"}, {"TOKEN_KEYS": keyText(1) + ","}, {"OPERATORS_RELOAD": "0s"},
	} {
		assert.Error(t, host.Read(wrong, &Config{}), "%v", wrong)
	}
}

func TestRolesAllowWhatIsBelowThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have, need Role
		want       bool
	}{
		{Viewer, Viewer, true}, {Viewer, Operator, false}, {Operator, Viewer, true}, {Operator, Admin, false}, {Admin, Admin, true},
		{Admin, "", false}, {"", "", false}, {"", Viewer, false}, {"root", Viewer, false}, {Admin, "root", false},
	} {
		assert.Equal(t, c.want, c.have.Allows(c.need), "%s %s", c.have, c.need)
	}
}

// The service's role tries what it is not for.
func TestTheServicesRoleAppendsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tx, err := d.h.accounts.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	for sql, good := range map[string]bool{
		`SELECT count(*) FROM orderflow.events`:                                  true,
		`SELECT count(*) FROM operators.accounts`:                                true,
		`UPDATE operators.accounts SET role = 'viewer'`:                          true,
		`DELETE FROM operators.accounts`:                                         false,
		`UPDATE operators.accounts SET password = 'plain'`:                       false,
		`INSERT INTO orderflow.events (entity_id) VALUES (gen_random_uuid())`:    false,
		`INSERT INTO orderflow.outbox (service) VALUES ('orders')`:               false,
		`DELETE FROM orderflow.events`:                                           false,
		`UPDATE orderflow.keys SET wrapped = NULL`:                               false,
		`CREATE TABLE orderflow.mine (a int)`:                                    false,
		`CREATE TABLE operators.mine (a int)`:                                    false,
		`ALTER TABLE operators.accounts DROP CONSTRAINT accounts_password_check`: false,
	} {
		_, err := tx.Exec(t.Context(), `SAVEPOINT s; SET LOCAL ROLE orderflow_operators`)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), sql)
		assert.Equal(t, good, err == nil, "%s: %v", sql, err)
		_, err = tx.Exec(t.Context(), `ROLLBACK TO SAVEPOINT s`)
		require.NoError(t, err)
	}
	_, err = tx.Exec(t.Context(), `SET LOCAL ROLE orderflow_payment`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT password FROM operators.accounts`)
	assert.ErrorContains(t, err, "permission denied")
}
