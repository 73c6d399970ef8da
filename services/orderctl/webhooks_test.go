package orderctl

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/pkg/bus"
	"github.com/orderflow/orderflow/pkg/ident"
	"github.com/orderflow/orderflow/services/ingress"
	"github.com/orderflow/orderflow/services/ingress/source"

	envelopev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/envelope/v1"
)

// post sends a signed delivery, is answered 200, and waits for it in the journal. It returns our id of it.
func (p *plant) post(sourceName, providerID, body string) string {
	p.t.Helper()
	s := ingress.SourceByName(sourceName)
	header, err := s.Sign([]byte(body), source.Signing{Secret: p.ground.Secrets()[sourceName], At: time.Now(), ID: providerID})
	require.NoError(p.t, err)
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.ground.URL("ingress")+"/webhooks/"+sourceName, bytes.NewReader([]byte(body)))
	require.NoError(p.t, err)
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	require.NoError(p.t, answer.Body.Close())
	require.Equal(p.t, http.StatusOK, answer.StatusCode)
	var id uuid.UUID
	require.Eventually(p.t, func() bool {
		return p.pool.QueryRow(p.t.Context(), `SELECT id FROM journal.deliveries WHERE source = $1 AND body_sha256 = sha256($2)`, sourceName, []byte(body)).Scan(&id) == nil
	}, lifetime, 50*time.Millisecond)
	return id.String()
}

// theSystem opens the plant as a command does.
func (p *plant) theSystem() *system {
	p.t.Helper()
	c, _, err := Root().Find([]string{"replay"})
	require.NoError(p.t, err)
	c.SetContext(p.t.Context())
	require.NoError(p.t, c.ParseFlags([]string{"--data", p.dir}))
	s, err := open(c)
	require.NoError(p.t, err)
	p.t.Cleanup(s.close)
	return s
}

func (p *plant) erase(id string) {
	p.t.Helper()
	require.NoError(p.t, p.theSystem().vault.Erase(p.t.Context(), ident.Entity(uuid.MustParse(id))))
}

func (p *plant) parsed(value any, args ...string) {
	p.t.Helper()
	out := p.ok(append(args, "--json")...)
	require.NoError(p.t, json.Unmarshal([]byte(out), value), out)
}

// shown is a delivery once the first of its facts has come to an end.
func (p *plant) shown(id, state string) deliveryView {
	p.t.Helper()
	var v deliveryView
	require.Eventually(p.t, func() bool {
		v = deliveryView{}
		p.parsed(&v, "webhooks", "show", id)
		return len(v.Parts) > 0 && v.Parts[0].State == state
	}, lifetime, 100*time.Millisecond, "%s is %s", id, state)
	return v
}

const (
	checkoutPaid = `{"type":"order.paid","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"W-1","currency":"USD","total":"9.00",
		"customer":{"email":"ada@example.com"},
		"items":[{"sku":"MUG","quantity":2,"price":"4.50"}],"payment":{"provider":"card","id":"pay_w1"}}}`
	unreadable = `{"type":"order.paid","timestamp":"2026-01-02T15:04:05Z","data":{"order_number":"W-2","currency":"USD","total":"9.00",
		"items":[{"sku":"MUG","quantity":"two","price":"4.50"}],"payment":{"provider":"card","id":"pay_w2"}}}`
	refundByName = `{"id":"evt_w1","object":"event","type":"charge.refunded","created":1767366300,"livemode":false,"data":{"object":{"id":"ch_w1",
		"object":"charge","amount":900,"amount_captured":900,"amount_refunded":900,"captured":true,"currency":"usd","paid":true,"payment_intent":"pi_w1",
		"status":"succeeded","metadata":{}}}}`
	unknownParcel = `{"type":"tracking.updated","timestamp":"2026-01-02T16:00:00Z","data":{"tracking_number":"SB-NOBODYS","scan_id":"s1","status":"in_transit",
		"location":"Springfield","occurred_at":"2026-01-02T16:00:00Z"}}`
	stockCount = `{"type":"stock.updated","timestamp":"2026-01-02T16:00:00Z","data":{"sku":"CUP","on_hand":7}}`
)

func TestWebhooksSayWhatCameAndWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	order := p.post("checkout", "msg_w1", checkoutPaid)
	other := p.post("checkout", "msg_w1", strings.Replace(checkoutPaid, "9.00", "9.01", 1))
	quarantined := p.post("checkout", "msg_w2", unreadable)
	refund := p.post("stripe", "", refundByName)
	scan := p.post("sandbox", "msg_w4", unknownParcel)

	// What an order's delivery led to.
	v := p.shown(order, stateRecorded)
	assert.Equal(t, "accepted", v.Outcome)
	assert.Equal(t, "msg_w1", v.ProviderID)
	require.Len(t, v.Others, 1)
	assert.Equal(t, other, v.Others[0].ID, "another body under the same id is told")
	assert.Equal(t, map[string]string{ident.Order("checkout", "default", "W-1").String(): "checkout/W-1"}, v.Named)
	require.NotEmpty(t, v.Parts[0].Events)
	assert.Equal(t, "checkout/W-1", v.Parts[0].Events[0].Name)
	assert.Equal(t, "OrderPlaced", v.Parts[0].Events[0].Type)
	assert.Contains(t, v.Parts[0].Says, "W-1")
	assert.Empty(t, v.Body, "nobody asked for it")
	page := p.ok("webhooks", "show", order[:8])
	assert.Contains(t, page, "recorded as OrderPlaced (order 1)")
	assert.Contains(t, page, "another body came under the same id: "+other)
	assert.NotContains(t, page, "ada@example.com")
	assert.Equal(t, checkoutPaid, p.ok("webhooks", "show", order, "--body")) //nolint:testifylint // every byte counts, not what the JSON says

	// What waits for a name, under which; and the provider's own id is one.
	v = p.shown("evt_w1", stateWaiting)
	assert.Equal(t, refund, v.ID)
	assert.Contains(t, v.Parts[0].Waits[0].Names, "stripe:ch_w1")
	assert.Contains(t, p.ok("webhooks", "show", "evt_w1"), "waits, with payment, since ")
	assert.Equal(t, []string{"tracking:sandbox:SB-NOBODYS"}, p.shown(scan, stateWaiting).Parts[0].Waits[0].Names)

	p.listed(order, other, quarantined)
	p.lostAndErased(order, quarantined, scan)
}

// listed asks for the list in every way.
func (p *plant) listed(order, other, quarantined string) {
	p.t.Helper()
	ids := func(args ...string) (ids []string) {
		var views []webhookView
		p.parsed(&views, append([]string{"webhooks", "list"}, args...)...)
		for _, v := range views {
			ids = append(ids, v.ID)
		}
		return ids
	}
	assert.Len(p.t, ids(), 5)
	assert.Equal(p.t, []string{quarantined}, ids("--outcome", "quarantined", "--since", "1h"))
	assert.Equal(p.t, []string{quarantined}, ids("--reason", "bad_value"))
	assert.Len(p.t, ids("--source", "stripe"), 1)
	assert.Empty(p.t, ids("--until", "1h"))
	assert.Len(p.t, ids("--limit", "2"), 2)
	assert.ElementsMatch(p.t, []string{order, other}, ids("--order", "checkout/W-1"))
	assert.Equal(p.t, []string{quarantined}, ids("--order", ident.Order("checkout", "default", "W-2").String()), "an order of which nothing is recorded")
	out := p.ok("webhooks", "list", "--limit", "2")
	assert.Contains(p.t, out, "There are more than 2")
	assert.Contains(p.t, p.ok("webhooks", "list", "--source", "shopify"), "No such delivery")

	for said, args := range map[string][]string{
		"is no outcome":            {"webhooks", "list", "--outcome", "lost"},
		"has to be before":         {"webhooks", "list", "--since", "1h", "--until", "2h"},
		"--limit is 1 or more":     {"webhooks", "list", "--limit", "0"},
		"only what is quarantined": {"webhooks", "list", "--outcome", "accepted", "--reason", "bad_value"},
	} {
		r := p.call(args...)
		assert.Equal(p.t, 2, r.code)
		assert.Contains(p.t, r.said, said)
	}
	p.namedLikeOurs(order)
	r := p.call("webhooks", "show", "evt_of_nobody")
	assert.Equal(p.t, 1, r.code)
	assert.Contains(p.t, r.said, "no delivery is known as evt_of_nobody; 'orderctl webhooks list'")
	r = p.call("webhooks", "show", "msg_w1")
	assert.Equal(p.t, 1, r.code)
	assert.Contains(p.t, r.said, "several deliveries are known as msg_w1; name one of them:")
	assert.Contains(p.t, r.said, order)
	assert.Contains(p.t, r.said, other)
}

// namedLikeOurs has a provider call a delivery what another one's id begins with: neither hides the other.
func (p *plant) namedLikeOurs(order string) {
	p.t.Helper()
	short := strings.ReplaceAll(order, "-", "")[:9]
	like := p.post("checkout", short, strings.Replace(checkoutPaid, "9.00", "9.02", 1))
	r := p.call("replay", "--dry-run", "--id", short)
	assert.Equal(p.t, 1, r.code, "nothing is replayed by mistake")
	assert.Contains(p.t, r.said, "several deliveries are known as "+short)
	assert.Contains(p.t, r.said, order)
	assert.Contains(p.t, r.said, like)
}

// lostAndErased is about deliveries that were given up, or erased, or that nobody could read.
func (p *plant) lostAndErased(order, quarantined, scan string) {
	p.t.Helper()
	t := p.t
	v := deliveryView{}
	p.parsed(&v, "webhooks", "show", quarantined)
	assert.Equal(t, "bad_value", v.Reason)
	assert.Contains(t, v.Detail, "quantity")

	cause := ident.Fact(ident.Delivery(uuid.MustParse(scan)), 0, 0)
	require.NoError(t, withBroker(t.Context(), p.ground, func(js jetstream.JetStream) error {
		return bus.NewPublisher(js).Bury(context.Background(), &envelopev1.Dead{Service: "fulfillment", Reason: "rejected", Error: "no", CauseId: cause[:]})
	}))
	v = deliveryView{}
	p.parsed(&v, "webhooks", "show", scan)
	require.Len(t, v.Dead, 1)
	assert.Equal(t, []uint64{v.Dead[0].Number}, v.Parts[0].Dead)
	assert.Contains(t, p.ok("webhooks", "show", scan), "given up: dead message 1")

	p.erase(order)
	v = deliveryView{}
	p.parsed(&v, "webhooks", "show", order, "--body")
	assert.True(t, v.Erased)
	assert.Empty(t, v.Body)
	assert.Equal(t, stateRecorded, v.Parts[0].State, "what it led to in the order that it names can be told all the same")
	assert.Empty(t, v.Parts[0].Says)
	r := p.call("webhooks", "show", order, "--body")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "nobody can read it again")
}

// Every kind of delivery is counted as what it is, and only what can be sent is.
func TestAReplayCountsWhatItDoesNotSend(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.start()
	order := p.post("checkout", "msg_w1", checkoutPaid)
	p.post("checkout", "msg_w2", unreadable)
	p.post("stripe", "", refundByName)
	p.post("stripe", "", `{"id":"evt_w9","object":"event","type":"checkout.session.expired","created":1767366300,"livemode":false,"data":{"object":{}}}`)
	p.post("checkout", "msg_w5", stockCount)
	p.post("checkout", "msg_w6", `{"type":"nobody.knows","data":{}}`)
	p.handled()
	p.erase(order)
	p.otherwise("stripe", "evt_w10")
	p.quiet()
	before := p.picture()

	r := p.call("replay", "--all", "--json")
	require.Equal(t, 1, r.code, "one could not be sent: %s", r.said)
	var done replayed
	require.NoError(t, json.Unmarshal([]byte(r.out), &done), r.out)
	assert.Equal(t, 7, done.Deliveries)
	assert.Equal(t, 3, done.Sent, "the refund, the count, and the payment of the order that could not be read")
	assert.Equal(t, 2, done.Quarantined)
	assert.Equal(t, 1, done.SentInPart)
	assert.Equal(t, 1, done.Nothing)
	assert.Equal(t, 1, done.Erased)
	assert.Equal(t, 1, done.NotSent)
	require.Len(t, done.Examples, 1)
	assert.Contains(t, done.Examples[0].Why, "read otherwise today: it had 2 facts and would have 1 fact")
	p.handled()
	p.quiet()
	assert.Equal(t, before, p.picture(), "what is counted, parked or in quarantine stays as it is")

	assert.Contains(t, p.ok("replay", "--id", "evt_w1", "--id", "msg_w5", "--id", "evt_w1"), "Sent 2 of 2 deliveries, with 2 facts.")
	assert.Contains(t, p.ok("replay", "--id", "msg_w2"), "1 is in quarantine and stays so (1 understood in part: that part was sent)")
	assert.Contains(t, p.ok("replay", "--id", "msg_w6"), "Sent 0 of 1 delivery")
	assert.Contains(t, p.ok("replay", "--until", "1d"), "The journal holds no such delivery")
	assert.Contains(t, p.ok("replay", "--source", "checkout"), "1 is erased")
	for said, args := range map[string][]string{
		"which deliveries?":     {},
		"which deliveries? ":    {"--all", "--since", "1h"},
		"which deliveries? Say": {"--id", "x", "--source", "stripe"},
		"it is one of":          {"--source", "nobody"},
	} {
		r := p.call(append([]string{"replay"}, args...)...)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.said, said)
	}
	r = p.call("replay", "--id", "evt_w1", "--id", "evt_of_nobody")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.said, "no delivery is known as evt_of_nobody")
}

// otherwise puts a delivery into the journal of which another program read more than this one does.
func (p *plant) otherwise(sourceName, providerID string) {
	p.t.Helper()
	s := p.theSystem()
	body := []byte(strings.Replace(refundByName, "evt_w1", providerID, 1))
	id := ident.Entity(uuid.New())
	require.NoError(p.t, s.vault.Make(p.t.Context(), []ident.Entity{id}))
	sealed, err := s.vault.SealBytes(p.t.Context(), id, body)
	require.NoError(p.t, err)
	_, err = p.pool.Exec(p.t.Context(), `INSERT INTO journal.deliveries SELECT $1, revision, source, account, topic, $2, received_at, test, outcome,
		quarantine_reason, quarantine_detail, 2, order_ids, headers, $3, $4, sha256($5), conflicting
		FROM journal.deliveries WHERE source = $6 AND provider_delivery_id = 'evt_w1'`,
		uuid.UUID(id), providerID, sealed.GetNonce(), sealed.GetCiphertext(), body, sourceName)
	require.NoError(p.t, err)
}
