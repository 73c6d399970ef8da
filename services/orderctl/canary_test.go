package orderctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/testkit"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"
	"github.com/orderflow/orderflow/services/orderctl/demo"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// What the canaries are written into: cards' numbers where none belongs, and a person.
const (
	panNote, panUnknown, panTitle, panGarbage = "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117"
	personName, personStreet, personMail      = "Quillon Vexford", "99 Zorblatt Terrace", "quillon.vexford@canary.example"
	personPhone, callerToken                  = "+15005550199", "bearer-canary-7c1d"
	databasePassword                          = "dbpass-canary-91ab"
)

// allowedInClear is every place where a canary may be read, and why. There are no others.
func allowedInClear(c canary, p place) bool {
	switch {
	case c.kind == person:
		// Analysts and operators: read.orders says who ordered. PersonalDataErased takes it away.
		return strings.HasPrefix(p.name, "table read.orders.customer_") || strings.HasPrefix(p.name, "table projection.orders_g") && strings.Contains(p.name, ".customer_")
	case c.value == panGarbage:
		// A message that nobody can read is kept whole, so that it can be sent again: in DEAD, for the operator alone.
		// The bell was rung by this test, with the number in it.
		return p.name == "DEAD message" || p.name == "EVENTS body"
	}
	return false
}

// canaried is everything in one process at debug level, with a carrier that fails at first and repeats what it was told.
type canaried struct {
	running
	t        *testing.T
	canaries []canary
	places   []place
	failures atomic.Int64
	spans    *collector
}

func runCanaried(t *testing.T) *canaried {
	t.Helper()
	c := &canaried{t: t, spans: &collector{}}
	traces := httptest.NewServer(c.spans)
	t.Cleanup(traces.Close)
	var to atomic.Pointer[httputil.ReverseProxy]
	carrier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if c.failures.Add(1) <= 8 {
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": panUnknown, "message": r.Header.Get("Authorization") + " " + string(body)})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		to.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(carrier.Close)
	c.running = runAll(t, "DATABASE_URL", testkit.DSN(t)+"&password="+databasePassword, "LOG_LEVEL", "debug", "CARRIER_URL", carrier.URL, "OTEL_EXPORTER_OTLP_ENDPOINT", traces.URL, "FULFILLMENT_REQUIRE_ADDRESS", "true")
	sandbox, err := url.Parse(c.ground.URL("sandbox"))
	require.NoError(t, err)
	to.Store(httputil.NewSingleHostReverseProxy(sandbox))

	for _, pan := range []string{panNote, panUnknown, panTitle, panGarbage} {
		c.canaries = append(c.canaries, canary{card, pan})
	}
	for _, of := range []string{personName, personStreet, personMail, personPhone} {
		c.canaries = append(c.canaries, canary{person, of})
	}
	environ := c.ground.HostOptions().Environ
	for _, name := range []string{"MASTER_KEY", "CARRIER_KEY", "TWILIO_AUTH_TOKEN"} {
		c.canaries = append(c.canaries, canary{secret, environ[name]})
	}
	for _, of := range c.ground.Secrets() {
		c.canaries = append(c.canaries, canary{secret, of}, canary{secret, strings.TrimPrefix(of, "whsec_")})
	}
	broker, err := url.Parse(c.ground.NATSURL)
	require.NoError(t, err)
	password, _ := broker.User.Password()
	c.canaries = append(c.canaries, canary{secret, password}, canary{secret, callerToken}, canary{secret, databasePassword})
	for _, one := range c.canaries {
		require.Greater(t, len(one.value), 8, "a short one would be found by chance")
	}
	return c
}

// salted puts the canaries into a body: into every object a field that no provider has and a note, and into what names a
// person or an article.
func salted(t *testing.T, body []byte, mail string) []byte {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var root any
	require.NoError(t, decoder.Decode(&root))
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, each := range v {
				walk(each)
			}
		case map[string]any:
			for key, each := range v {
				walk(each)
				if text, ok := each.(string); ok {
					switch {
					case strings.HasPrefix(text, "Item "):
						v[key] = text + " " + panTitle
					case strings.Contains(text, "Robin Example"):
						v[key] = personName
					case text == "Robin":
						v[key] = strings.Fields(personName)[0]
					case text == "Example":
						v[key] = strings.Fields(personName)[1]
					case strings.HasPrefix(text, "1 Harbour"):
						v[key] = personStreet
					case strings.Contains(text, "@") && mail != "":
						v[key] = mail
					case key == "phone":
						v[key] = personPhone
					}
				}
			}
			v["note"], v["x_card"] = "please charge "+panNote, panUnknown
		}
	}
	walk(root)
	data, err := json.Marshal(root)
	require.NoError(t, err)
	return data
}

// post sends what no provider would, and keeps the answer.
func (c *canaried) post(method, path string, body []byte, headers http.Header) int {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.ground.URL("ingress")+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	request.Header = headers.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+callerToken)
	answer, err := http.DefaultClient.Do(request)
	if err != nil { // an answer may come before all was sent
		return 0
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	c.keep("answer "+method+" "+path, append(fmt.Appendf(nil, "%v", answer.Header), said...))
	return answer.StatusCode
}

func (c *canaried) keep(name string, data []byte) { c.places = append(c.places, place{name, data}) }

// badDeliveries go through every door: unsigned, changed after signing, no JSON, too large, to accounts that are none.
func (c *canaried) badDeliveries(bodies map[string][]byte) {
	for source, body := range bodies {
		door := "/webhooks/" + source
		headers := signedFor(c.t, source, c.ground.Secrets()[source], body)
		assert.GreaterOrEqual(c.t, c.post(http.MethodPost, door, body, nil), 400, source)
		assert.GreaterOrEqual(c.t, c.post(http.MethodPost, door, append(body, ' '), headers), 400, source)
		assert.GreaterOrEqual(c.t, c.post(http.MethodPost, door+"/"+panNote, body, headers), 400, source)
		assert.GreaterOrEqual(c.t, c.post(http.MethodGet, door+"?token="+callerToken, nil, nil), 400, source)
		c.post(http.MethodPost, door, append(body, make([]byte, 2<<20)...), headers)
		broken := []byte(`{"card": "` + panUnknown + `", "email": "` + personMail + `", `)
		c.post(http.MethodPost, door, broken, signedFor(c.t, source, c.ground.Secrets()[source], broken))
		zipped := headers.Clone()
		zipped.Set("Content-Encoding", "gzip")
		c.post(http.MethodPost, door, body, zipped)
	}
	assert.GreaterOrEqual(c.t, c.post(http.MethodPost, "/webhooks/"+panNote, nil, nil), 400)
}

// signedFor is what the provider would send along.
func signedFor(t *testing.T, name, secret string, body []byte) http.Header {
	t.Helper()
	headers, err := ingress.SourceByName(name).Sign(body, source.Signing{Secret: secret, At: time.Now(), Topic: "orders/create", ID: uuid.NewString()})
	require.NoError(t, err)
	return headers
}

// garbage goes to where every service takes its messages, and nobody can read it.
func (c *canaried) garbage() {
	c.t.Helper()
	require.NoError(c.t, withBroker(c.t.Context(), c.ground, func(js jetstream.JetStream) error {
		for _, subject := range []string{
			"intake.1.checkout.order.-.-.-", "events.order.1.OrderPlaced", "commands.orders.CancelOrder", "commands.payment.Refund",
		} {
			if _, err := js.PublishMsg(c.t.Context(), &nats.Msg{Subject: subject, Data: []byte("\xff\xff " + panGarbage)}); err != nil {
				return fmt.Errorf("%s: %w", subject, err)
			}
		}
		return nil
	}))
}

// quarrel makes the database refuse rows with an error whose details quote them, until it is called.
func (c *canaried) quarrel() (end func()) {
	c.t.Helper()
	exec := func(sql string) {
		_, err := c.pool.Exec(c.t.Context(), sql)
		require.NoError(c.t, err)
	}
	var table string
	require.NoError(c.t, c.pool.QueryRow(c.t.Context(), `SELECT 'projection.' || relname FROM pg_class
		WHERE relnamespace = 'projection'::regnamespace AND relname ~ '^orders_g[0-9]+$'`).Scan(&table))
	exec(`ALTER TABLE ` + table + ` ADD CONSTRAINT canary CHECK (customer_email IS DISTINCT FROM '` + personMail + `')`)
	return func() { exec(`ALTER TABLE ` + table + ` DROP CONSTRAINT canary`) }
}

// streams are what the broker holds: subjects, headers, and bodies but those of INTAKE, which carries every delivery whole.
func (c *canaried) streams() {
	c.t.Helper()
	require.NoError(c.t, withBroker(c.t.Context(), c.ground, func(js jetstream.JetStream) error {
		for _, name := range []string{bus.Intake, bus.Events, bus.Commands, bus.Dead} {
			stream, err := js.Stream(c.t.Context(), name)
			require.NoError(c.t, err)
			state := stream.CachedInfo().State
			for n := max(state.FirstSeq, 1); n <= state.LastSeq; n++ {
				m, err := stream.GetMsg(c.t.Context(), n)
				if err != nil {
					continue // it was worked off
				}
				c.keep(name+" subject and headers", fmt.Appendf(nil, "%s %v", m.Subject, m.Header))
				switch name {
				case bus.Events, bus.Commands:
					c.keep(name+" body", m.Data)
				case bus.Dead:
					var d envelopev1.Dead
					require.NoError(c.t, proto.Unmarshal(m.Data, &d))
					c.keep("DEAD message", d.GetMessage())
					c.keep("DEAD", fmt.Appendf(nil, "%s %s %s %s", d.GetService(), d.GetReason(), d.GetError(), d.GetSubject()))
				}
			}
		}
		return nil
	}))
}

// tables are all columns of all tables that can hold words or bytes, as text.
func (c *canaried) tables() {
	c.t.Helper()
	rows, err := c.pool.Query(c.t.Context(), `SELECT table_schema::text, table_name::text, column_name::text FROM information_schema.columns
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND data_type IN ('text', 'bytea', 'jsonb', 'ARRAY', 'character varying')`)
	require.NoError(c.t, err)
	columns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (at [3]string, err error) {
		return at, row.Scan(&at[0], &at[1], &at[2])
	})
	require.NoError(c.t, err)
	require.Greater(c.t, len(columns), 100)
	for _, at := range columns {
		var all []byte
		column := pgx.Identifier{at[2]}.Sanitize()
		require.NoError(c.t, c.pool.QueryRow(c.t.Context(), "SELECT convert_to(coalesce(string_agg("+column+"::text, E'\\n'), ''), 'UTF8') FROM "+
			pgx.Identifier{at[0], at[1]}.Sanitize()+" WHERE "+column+" IS NOT NULL").Scan(&all))
		c.keep("table "+strings.Join(at[:], "."), all)
	}
}

// traces are the spans that were sent. They are sent every few seconds, the last ones of an order's life last.
func (c *canaried) traces() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		return len(c.spans.named("fulfillment call")) > 8 && len(c.spans.named("notifier call")) > 0
	}, lifetime, 50*time.Millisecond)
	for _, s := range c.spans.named("") {
		data, err := proto.Marshal(s)
		require.NoError(c.t, err)
		c.keep("trace "+s.GetName(), data)
	}
}

// operator is what an operator is shown.
func (c *canaried) operator() {
	c.t.Helper()
	var orders []string
	rows, err := c.pool.Query(c.t.Context(), `SELECT order_id::text FROM read.orders ORDER BY 1 LIMIT 6`)
	require.NoError(c.t, err)
	orders, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(c.t, err)
	questions := [][]string{{"order", "list"}, {"order", "list", "--json"}, {"dead", "list"}, {"dead", "list", "--json"}, {"dead", "show", "1"}, {"webhooks", "list"}, {"stock", "show"}}
	for _, id := range orders {
		questions = append(questions, []string{"order", "show", id}, []string{"order", "show", id, "--json"}, []string{"order", "why", id}, []string{"order", "timeline", id})
	}
	for _, q := range questions {
		r := c.asked(c.t, q...)
		c.keep("orderctl "+strings.Join(q, " "), []byte(r.out+r.said))
	}
}

// outside is what is to be had from without: log, figures, probes, the arguments of the process.
func (c *canaried) outside() {
	c.t.Helper()
	log, err := os.ReadFile(c.ground.LogFile())
	require.NoError(c.t, err)
	require.Contains(c.t, string(log), `"level":"debug"`)
	c.keep("log", log)
	c.keep("arguments", []byte(strings.Join(os.Args, " ")))
	for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
		request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.ground.URL("admin")+path, http.NoBody)
		require.NoError(c.t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(c.t, err)
		said, err := io.ReadAll(answer.Body)
		require.NoError(c.t, err)
		require.NoError(c.t, answer.Body.Close())
		c.keep(path, said)
	}
}

// Everything that can go wrong goes wrong, and nothing of what was sent or is secret turns up where it has no business.
func TestNoCardNumberNoSecretAndNoPersonGetsOut(t *testing.T) {
	t.Parallel()
	c := runCanaried(t)
	require.NoError(t, fillShelves(t.Context(), c.ground, demo.Stock(20)))
	stories, bodies := demo.Tell(14, time.Now(), 7), map[string][]byte{}
	for i := range stories {
		mail := personMail
		if i%5 == 4 {
			mail = "bounce@canary.example" // the mailbox refuses it
		}
		for n, chapter := range stories[i].Chapters {
			stories[i].Chapters[n].Body = salted(t, chapter.Body, mail)
			if !chapter.Wrong && chapter.Account == "" {
				bodies[chapter.Source] = stories[i].Chapters[n].Body
			}
		}
	}
	require.Len(t, bodies, 4, "every shop has a part")
	end := c.quarrel()
	_, err := c.sender.Send(t.Context(), stories, func(int) {})
	require.NoError(t, err)
	c.badDeliveries(bodies)
	c.garbage()
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(c.ground.LogFile())
		return err == nil && bytes.Contains(log, []byte("orders_g")) // the database refused a row, and somebody said so
	}, lifetime, 50*time.Millisecond)
	end()
	require.Eventually(t, func() bool {
		return c.failures.Load() > 8 && c.count(t, `SELECT count(*) FROM read.orders WHERE status = 'completed'`) >= 3 &&
			c.count(t, `SELECT count(*) FROM read.notifications WHERE outcome = 'failed'`) >= 1
	}, lifetime, 100*time.Millisecond)
	c.settle(t)
	c.outside()
	c.tables()
	c.streams()
	c.traces()
	c.operator()
	seen := map[string]bool{}
	for _, p := range c.places {
		seen[strings.Fields(p.name)[0]] = true
	}
	for _, kind := range []string{"log", "arguments", "answer", "table", "EVENTS", "INTAKE", "DEAD", "trace", "orderctl", "/metrics"} {
		assert.True(t, seen[kind], "%s was looked at", kind)
	}
	assert.Empty(t, leaks(c.canaries, c.places, allowedInClear))
	// What was sent did arrive: where it is allowed it is found.
	assert.NotEmpty(t, leaks([]canary{{person, personMail}}, c.places, never))
	assert.NotEmpty(t, leaks([]canary{{card, panGarbage}}, c.places, never))
}
